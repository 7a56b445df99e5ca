"""Paths, methods, and the headers around every answer."""

from __future__ import annotations

import re
from typing import Final

from tests.apis.postgrest.compliance.case import Case, ask, fails, get, gives, ids, post

ANA: Final = [{"id": 1, "name": "Ana"}]
# fmt: off
CASES: Final = (
    Case("a table", "tables by their names", get("captain?select=id,name&id=eq.1"), gives(ANA)),
    Case("a view", "tables by their names", get("heavy?select=id&order=id"), ids(1, 2)),
    Case("letters count", "tables by their names", get("Captain"), fails(404, "PGRST205")),
    Case("percent-encoded letters", "tables by their names", get("c%61ptain?select=id,name&id=eq.1"), gives(ANA)),
    Case("blanks", "names of any letters", get('odd things?select="a.b"&"a.b"=eq.1'), gives([{"a.b": 1}])),
    Case("umlauts", "names of any letters", get("Ümläute-1"), gives([{"id": 1, "select": "yes"}])),
    Case("a column called like a parameter", "names of any letters", get('Ümläute-1?select="select"'), gives([{"select": "yes"}])),
    Case("a slash in a name", "names of any letters", get("captain%2F1"), fails(404, "PGRST205")),
    Case("behind a table", "deeper paths", get("captain/1"), fails(404, "PGRST125", "Invalid path specified in request URL")),
    Case("behind a function", "deeper paths", get("rpc/a/b"), fails(404, "PGRST125")),
    Case("a slash at the end", "deeper paths", get("captain/"), fails(404, "PGRST125")),
    Case("another verb", "methods of a table", ask("PROPFIND", "captain"), fails(405, "PGRST117", "Unsupported HTTP method: PROPFIND")),
    Case("TRACE", "methods of a table", ask("TRACE", "captain"), fails(405, "PGRST117")),
    *(Case(f"{verb} of a function", "methods of a function", ask(verb, "rpc/none"),
           fails(405, "PGRST101", f"Cannot use the {verb} method on RPC")) for verb in ("PUT", "PATCH", "DELETE")),
    Case("no body", "HEAD", ask("HEAD", "captain?select=id&order=id"),
         gives(b"", Content_Range="0-2/*", Content_Length=None, Content_Type="application/json; charset=utf-8")),
    Case("no range", "HEAD", ask("HEAD", "captain?select=id", Range="1-1"), gives(b"", Content_Range="0-2/*")),
    Case("a count", "HEAD", ask("HEAD", "captain?limit=1", Prefer="count=exact"),
         gives(b"", 206, Content_Range="0-0/3", Preference_Applied="count=exact")),
    Case("nothing there", "HEAD", ask("HEAD", "blank"), gives(b"", Content_Range="*/*")),
    Case("an error has no body", "HEAD", ask("HEAD", "captain?id=eq.x"), gives(b"", 400, Proxy_Status="PostgREST; error=22P02")),
    Case("CSV", "HEAD", ask("HEAD", "captain", Accept="text/csv"), gives(b"", Content_Type="text/csv; charset=utf-8")),
    Case("a table with a key", "OPTIONS", ask("OPTIONS", "captain"), gives(b"", Allow="OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE")),
    Case("an unknown table", "OPTIONS", ask("OPTIONS", "captian"), fails(404, "PGRST205")),
    Case("sorted and encoded anew", "Content-Location", get("captain?select=id,name&name=eq.Ana&id=lt.9"),
         gives(ANA, Content_Location="/captain?id=lt.9&name=eq.Ana&select=id%2Cname")),
    Case("nothing asked", "Content-Location", get("blank"), gives([], Content_Location="/blank")),
    Case("a question mark alone", "Content-Location", get("blank?"), gives([], Content_Location="/blank")),
    Case("a name with blanks", "Content-Location", get("odd things?limit=0"), gives([], Content_Location="/odd%20things?limit=0")),
    Case("of a body", "Content-Length", get("blank"), gives(b"[]", Content_Length="2")),
    Case("of several bytes a letter", "Content-Length", get("ship?select=name&id=eq.4", Accept="text/csv"),
         gives("name\nÄrger".encode(), Content_Length="11")),
    Case("of an answer", "Server", get("blank"), gives([], Server="postgrest/16.1 (reflector)")),
    Case("of an error", "Server", get("captian"), fails(404, "PGRST205", Server="postgrest/16.1 (reflector)")),
    Case("of no path", "Server", get("captain/1/2"), fails(404, "PGRST125", Server="postgrest/16.1 (reflector)")),
    Case("what an answer depends on", "Vary", get("blank"), gives([], Vary="Accept, Prefer, Range")),
    Case("no type of the body", "JSON unless said otherwise", get("blank"), gives(b"[]", Content_Type="application/json; charset=utf-8")),
    Case("any type is accepted", "JSON unless said otherwise", get("blank", Accept="*/*"),
         gives(b"[]", Content_Type="application/json; charset=utf-8")),
    Case("the nearest name", "a table that is not there", get("captian"), fails(
        404, "PGRST205", details=None, hint=re.compile(r"Perhaps you meant the table '\w+\.captain'"))),
    Case("written to", "a table that is not there", post("captian", {"id": 1}), fails(404, "PGRST205")),
    Case("nothing near", "a table that is not there", get("zzzzzzzz"), fails(404, "PGRST205", hint=None)),
)
# fmt: on
