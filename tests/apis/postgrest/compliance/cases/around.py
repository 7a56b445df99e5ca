"""Schemas, callers, errors, and what a server is told to add."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Final

from tests.apis.postgrest.compliance.case import (
    MARIADB,
    POSTGRESQL,
    SQLITE,
    Ask,
    Case,
    Gives,
    ask,
    fails,
    get,
    gives,
    post,
)
from tests.apis.postgrest.compliance.servers import SECRET
from tests.apis.postgrest.native import bearer
from tests.server.test_jwt import token

TWO: Final = (POSTGRESQL, MARIADB)
SAID: Final = 'Bearer error="invalid_token", error_description='
APP: Final = "https://app.example"
YES: Final = gives([{"id": 1}])


def known(role: str | None = "sailor", **claims: Any) -> Mapping[str, str]:
    """The header of a caller."""
    said = {"exp": time.time() + 86_400, "aud": "api", "role": role, "sub": "1", **claims}
    return {
        "Authorization": f"Bearer {token({name: value for name, value in said.items() if value is not None}, key=SECRET)}"
    }


def guarded(
    feature: str, name: str, wanted: Gives, headers: Mapping[str, str], asked: str = "port?select=id&id=eq.1"
) -> Case:
    return Case(name, feature, Ask("GET", asked, headers=headers), wanted, at="guarded")


def native(feature: str, name: str, asked: Ask, wanted: Gives) -> Case:
    return Case(name, feature, asked, wanted, on=(POSTGRESQL,), at="native")


def as_author(address: str, **headers: str) -> Ask:
    return Ask(
        "GET",
        address,
        headers={**bearer(sub="ann"), **{name.replace("_", "-"): text for name, text in headers.items()}},
    )


def bad(code: str) -> Gives:
    return fails(401, code, WWW_Authenticate=...)


# fmt: off
CASES: Final = (
    # ── schemas ──
    Case("the first is the default", "several schemas", get("good?select=id&id=eq.1"), YES, on=TWO, at="two schemas"),
    Case("another", "several schemas", get("ship", Accept_Profile="second"), gives([{"id": 1, "second_only": "here"}], Content_Profile=...),
         {SQLITE: fails(406, "PGRST106")}, at="two schemas"),
    Case("the same name in each", "several schemas", get("ship?select=second_only"), fails(400, "42703"), on=TWO, at="two schemas"),
    Case("written to", "several schemas", post("ship", {"id": 1}, Content_Profile="second"), fails(405, "25006"), on=TWO, at="two schemas"),
    Case("of no use where one is served", "several schemas", get("good?select=id&id=eq.1"), gives([{"id": 1}], Content_Profile=None)),
    Case("told where there are several", "Content-Profile", get("good?limit=0"), gives([], Content_Profile=...), on=TWO, at="two schemas"),
    Case("not told where there is one", "Content-Profile", get("good?limit=0"), gives([], Content_Profile=None)),
    Case("of a read", "an unknown schema", get("good", Accept_Profile="nowhere"), fails(406, "PGRST106", "Invalid schema: nowhere")),
    Case("of a write", "an unknown schema", post("good", {"id": 9}, Content_Profile="nowhere"), fails(406, "PGRST106")),
    Case("a write looks at its own header", "an unknown schema", post("blank", {"id": 9}, Accept_Profile="nowhere"), fails(405, "25006")),
    # ── callers ──
    guarded("a token", "holds", YES, known()),
    guarded("a token", "its scheme in small letters", YES, {"Authorization": known()["Authorization"].replace("Bearer", "bearer")}),
    guarded("a token", "of another key", bad("PGRST301"), {"Authorization": f"Bearer {token(key='another-signing-key-of-forty-letters')}"}),
    guarded("a token", "no token", bad("PGRST301"), {"Authorization": "Bearer x.y.z"}),
    guarded("a token", "two parts", bad("PGRST301"), {"Authorization": "Bearer x.y"}),
    guarded("an empty token", "is refused", bad("PGRST301"), {"Authorization": "Bearer "}),
    guarded("claims of time", "expired", bad("PGRST303"), known(exp=time.time() - 300)),
    guarded("claims of time", "not yet", bad("PGRST303"), known(nbf=time.time() + 86_400)),
    guarded("claims of time", "within the leeway", YES, known(nbf=time.time() + 5)),
    guarded("claims of time", "another audience", bad("PGRST303"), known(aud="other")),
    guarded("a role", "that nobody declared", fails(401, "22023"), known("pirate")),
    guarded("a role", "sees its rows", gives([{"id": 1}, {"id": 2}]), known(), "port?select=id&order=id"),
    guarded("a role", "sees its columns", fails(400, "42703"), known(), "port?select=country"),
    guarded("no token", "the anonymous role", gives([{"id": 1}, {"id": 2}, {"id": 3}]), {}, "good?select=id&order=id"),
    Case("nobody is anonymous", "no token", get("good"), fails(401, "PGRST302", WWW_Authenticate="Bearer"), at="locked"),
    guarded("WWW-Authenticate", "where a right is missing", fails(401, "42501", WWW_Authenticate="Bearer"), {}, "blank"),
    guarded("WWW-Authenticate", "where a token does not hold", bad("PGRST301"), {"Authorization": "Bearer x.y.z"}),
    guarded("WWW-Authenticate", "not for those who are known", fails(403, "42501", WWW_Authenticate=None), known("cook"), "blank"),
    guarded("privileges", "of a table", fails(403, "42501", "permission denied for table blank"), known("cook"), "blank"),
    guarded("privileges", "of a table that is closed to all", fails(404, "PGRST205"), known(), "captain"),
    guarded("privileges", "of related rows", fails(400, "PGRST200"), known(), "port?select=id,voyage!from_port(id)"),
    Case("of a write", "privileges", Ask("POST", "port", {"id": 9, "name": "x"}, known()), fails(403, "42501"), at="guarded"),
    # ── the database decides ──
    native("the database decides", "rows", as_author("note?select=id&order=id"), gives([{"id": 1}, {"id": 3}])),
    native("the database decides", "a role without a grant", Ask("GET", "note", headers=bearer("careful")), fails(403, "42501")),
    native("the database decides", "nobody", get("note"), fails(401, "42501", WWW_Authenticate="Bearer")),
    native("the database decides", "columns", Ask("GET", "note?select=secret", headers=bearer("reader")), fails(403, "42501")),
    native("the database decides", "a role that nobody made", Ask("GET", "note", headers=bearer("nobody_made_it")), fails(401, "22023")),
    native("a function before the request", "raises", as_author("note", X_Raise="plain"), fails(400, "P0001", "not today", "some detail", "some hint")),
    native("a function before the request", "sets headers", as_author("note?select=id", X_Set='[{"X-Own": "yes"}]'), gives(..., X_Own="yes")),
    native("settings of a request", "method and path", as_author("told?select=method,path"), gives([{"method": "GET", "path": "/told"}])),
    native("settings of a request", "headers and cookies", as_author("told?select=headers->>x-own,cookies->>a", X_Own="Q", Cookie="a=1"),
           gives([{"x-own": "Q", "a": "1"}])),
    native("settings of a request", "claims", as_author("told?select=role,s:claims->>sub,r:claims->>role"), gives([{"role": "author", "s": "ann", "r": "author"}])),
    native("settings of a request", "of the file", as_author("told?select=flavour,read_only"), gives([{"flavour": "vanilla", "read_only": "on"}])),
    native("settings of a request", "the search path", as_author("told?select=search_path"), gives(...)),
    native("settings of an answer", "a status", as_author("note?select=id", X_Status="418"), gives(..., 418)),
    native("settings of an answer", "no headers", as_author("note", X_Set="no json"), fails(500, "PGRST111")),
    native("settings of an answer", "no status", as_author("note", X_Status="many"), fails(500, "PGRST112")),
    native("settings of a role", "isolation", Ask("GET", "told?select=isolation,statement_timeout", headers=bearer("careful")),
           gives([{"isolation": "serializable", "statement_timeout": "3s"}])),
    native("constraints at the end", "are errors", Ask("POST", "child", {"id": 1, "parent": 99}, bearer(sub="ann")), fails(409, "23503")),
    Case("is told", "timezone", Ask("GET", "ship?select=id&limit=1", headers={"Prefer": "handling=strict, timezone=+05:30"}),
         gives(..., Preference_Applied="handling=strict, timezone=+05:30")),
    Case("that there is not", "timezone", Ask("GET", "ship?select=id", headers={"Prefer": "timezone=Nowhere/Land"}),
         fails(400, "22023", 'invalid value for parameter "TimeZone": "Nowhere/Land"', Preference_Applied=None)),
    native("timezone", "is the transaction's", as_author("told?select=timezone", Prefer="timezone=Europe/Lisbon"),
           gives([{"timezone": "Europe/Lisbon"}], Preference_Applied="timezone=Europe/Lisbon")),
    native("errors with a status of their own", "raised", as_author("note", X_Raise="status"), fails(402, "PT402", "pay first", hint="a card")),
    native("errors that are whole answers", "raised", as_author("note", X_Raise="full"), gives(
        {"code": "123", "message": "Full", "details": "D", "hint": "H"}, 418, X_Kettle="on")),
    native("errors that are whole answers", "no JSON", as_author("note", X_Raise="broken"), fails(500, "PGRST121")),
    # ── errors ──
    Case("all members", "the body of an error", get("ship?zzzzzz=eq.1"), Gives(400, {
        "code": "42703", "message": "column ship.zzzzzz does not exist", "details": None, "hint": None})),
    Case("told without a body", "the body of an error", ask("HEAD", "ship?nope=eq.1"), gives(b"", 400, Proxy_Status="PostgREST; error=42703")),
    Case("a caller's own text", "the body of an error", get('ship?id=eq."<ü📚'), fails(400, "22P02")),
    Case("no octets that are no text", "the body of an error", get("ship?name=eq.%FF"), fails(400, "PGRST100")),
    Case("code and message", "few words", get("ship?nope=eq.1"), Gives(400, {"code": "42703", "message": "column ship.nope does not exist"}), at="strict"),
    Case("an unknown column", "statuses of the database's codes", get("ship?order=nope"), fails(400, "42703")),
    Case("an unknown operator", "statuses of the database's codes", get("ship?id=like.1"), fails(404, "42883")),
    Case("of a column", "the nearest name", get("ship?select=tonage"), fails(400, "42703", hint='Perhaps you meant to reference the column "ship.tonnage".')),
    Case("of a table", "the nearest name", get("shipp"), fails(404, "PGRST205", hint=re.compile(r"Perhaps you meant the table '\w+\.ship'"))),
    Case("of a relationship", "the nearest name", get("ship?select=id,capitan(*)"), fails(400, "PGRST200", hint="Perhaps you meant 'captain' instead of 'capitan'.")),
    # ── operation ──
    Case("asked before", "pages of other origins", ask("OPTIONS", "ship", Origin=APP, Access_Control_Request_Method="GET"),
         gives(b"", Access_Control_Allow_Origin="*"), at="strict"),
    Case("may read", "pages of other origins", get("ship?limit=0", Origin=APP), gives([], Access_Control_Allow_Origin="*"), at="strict"),
    Case("may not where nobody allowed it", "pages of other origins", get("ship?limit=0", Origin=APP), gives([], Access_Control_Allow_Origin=None)),
    Case("told", "Server-Timing", get("ship?limit=0"), gives([], Server_Timing=...), at="strict"),
    Case("of an error", "Server-Timing", get("ship?nope=eq.1"), gives(..., 400, Server_Timing=...), at="strict"),
    Case("not told", "Server-Timing", get("ship?limit=0"), gives([], Server_Timing=None)),
    Case("repeated", "a header to trace by", get("ship?limit=0", X_Trace="abc-1"), gives([], X_Trace="abc-1"), at="strict"),
    Case("of an error", "a header to trace by", get("ship?nope=eq.1", X_Trace="abc-1"), gives(..., 400, X_Trace="abc-1"), at="strict"),
    Case("none given", "a header to trace by", get("ship?limit=0"), gives([], X_Trace=None), at="strict"),
    Case("tables and values", "unicode", get('Ümläute-1?select=ü:"select"&"select"=eq.yes'), gives([{"ü": "yes"}])),
    Case("beyond the first plane", "unicode", get("phrase?select=words&words=like.*📚"), gives([{"words": "snow ☃ 📚"}])),
    Case("percent-encoded", "unicode", get("odd%20things?select=gr%C3%B6%C3%9Fe&gr%C3%B6%C3%9Fe=eq.r"), gives([{"größe": "r"}])),
)
# fmt: on
