"""Rows made, changed and removed, and what clients prefer of it."""

from __future__ import annotations

from typing import Any, Final

from tests.apis.postgrest.compliance.case import Ask, Case, Gives, Step, ask, delete, fails, get, gives, patch, post

OBJECT: Final = "application/vnd.pgrst.object+json"
ROWS: Final = "return=representation"
MERGE: Final = "resolution=merge-duplicates"
IGNORE: Final = "resolution=ignore-duplicates"
NO_FORM: Final = "Content-Type not acceptable: text/xml"


def then(address: str, *rows: Any) -> tuple[Step, ...]:
    """What is read afterwards."""
    return ((get(address), gives(list(rows))),)


def writes(feature: str, name: str, asked: Ask, wanted: Gives, after: tuple[Step, ...] = ()) -> Case:
    return Case(name, feature, asked, wanted, at="yard", then=after)


ALL_LEFT: Final = then("thing?select=id&order=id", {"id": 1}, {"id": 2}, {"id": 3})
NAMES: Final = "thing?select=name&order=id"
# fmt: off
CASES: Final = (
    writes("one row", "silently", post("thing", {"code": "d", "amount": 4}), gives(b"", 201, Content_Range="*/*", Location=None),
           then("thing?select=code,amount,name&id=gt.3", {"code": "d", "amount": 4, "name": None})),
    writes("one row", "shown", post("thing?select=code,doubled", {"code": "d", "amount": 4}, Prefer=ROWS), gives([{"code": "d", "doubled": 8}], 201)),
    writes("one row", "texts for numbers", post("thing?select=code,amount", {"code": 12, "amount": "5"}, Prefer=ROWS), gives([{"code": "12", "amount": 5}], 201)),
    writes("one row", "a document", post("thing?select=facts", {"code": "d", "facts": {"a": [1, None, "ü"]}}, Prefer=ROWS),
           gives([{"facts": {"a": [1, None, "ü"]}}], 201)),
    writes("one row", "unicode", post("thing?select=code", {"code": "📚 é"}, Prefer=ROWS), gives([{"code": "📚 é"}], 201)),
    writes("several rows", "an array", post("thing?select=code", [{"code": "d"}, {"code": "e"}], Prefer=ROWS), gives([{"code": "d"}, {"code": "e"}], 201)),
    writes("several rows", "other keys", post("plain", [{"x": 1}, {"y": "b"}]), fails(400, "PGRST102", "All object keys must match"), then("plain")),
    writes("several rows", "one of them is wrong", post("thing", [{"code": "d"}, {"code": "a"}]), fails(409, "23505"), ALL_LEFT),
    writes("rows of defaults", "an empty object", post("counter?select=name", {}, Prefer=ROWS), gives([{"name": "unnamed"}], 201)),
    writes("rows of defaults", "two", post("counter?select=name", [{}, {}], Prefer=ROWS), gives([{"name": "unnamed"}] * 2, 201)),
    writes("rows of defaults", "an empty array", post("counter", [], Prefer=f"{ROWS},count=exact"), gives([], 201, Content_Range="*/0"), then("counter")),
    writes("a bad body", "no JSON", post("plain", b'{"x":'), fails(400, "PGRST102", "Empty or invalid json"), then("plain")),
    writes("a bad body", "blank", post("plain", b""), fails(400, "PGRST102", "Empty or invalid json"), then("plain")),
    writes("a bad body", "a scalar", post("plain", b"7", Prefer=ROWS), gives([], 201), then("plain")),
    writes("a bad body", "an unknown column", post("plain", {"nope": 1}), fails(
        400, "PGRST204", "Could not find the 'nope' column of 'plain' in the schema cache"), then("plain")),
    writes("a bad body", "of PATCH", patch("plain?x=eq.1", b"{"), fails(400, "PGRST102", "Empty or invalid json")),
    writes("columns of a body", "some", post("plain?columns=x&select=x,y", [{"x": 1, "y": "b", "z": 9}, {"y": "c"}], Prefer=ROWS),
           gives([{"x": 1, "y": "none"}, {"x": None, "y": "none"}], 201)),
    writes("columns of a body", "unknown", post("plain?columns=x,nope", {"x": 1}), fails(400, "PGRST204"), then("plain")),
    writes("columns of a body", "of PATCH", patch("thing?id=eq.1&columns=name", {"name": "n", "code": "ignored"}), gives(b"", 204),
           then("thing?select=code,name&id=eq.1", {"code": "a", "name": "n"})),
    writes("CSV bodies", "lines", post("thing?select=code,name", b"code,name\nd,NULL\ne,\n", Content_Type="text/csv", Prefer=ROWS),
           gives([{"code": "d", "name": None}, {"code": "e", "name": ""}], 201)),
    writes("CSV bodies", "quotes", post("thing?select=code", b'code,name\n"d, ""x""",q', Content_Type="text/csv", Prefer=ROWS),
           gives([{"code": 'd, "x"'}], 201)),
    writes("CSV bodies", "uneven", post("thing", b"code,name\nd", Content_Type="text/csv"), fails(
        400, "PGRST102", "All lines must have same number of fields"), ALL_LEFT),
    writes("form bodies", "a row", post("thing?select=code,name,amount", b"code=d+e&name=%C3%A9&amount=3",
                                        Content_Type="application/x-www-form-urlencoded", Prefer=ROWS),
           gives([{"code": "d e", "name": "é", "amount": 3}], 201)),
    writes("other bodies", "refused", post("plain", b"<x/>", Content_Type="text/xml"), fails(400, "PGRST102", NO_FORM), then("plain")),
    writes("other bodies", "a charset", post("plain?select=x", b'{"x":1}', Content_Type="application/json; charset=utf-8", Prefer=ROWS), gives([{"x": 1}], 201)),
    writes("generated columns", "given", post("thing", {"code": "d", "doubled": 1}), fails(400, "428C9"), ALL_LEFT),
    writes("generated columns", "changed", patch("thing?id=eq.1", {"doubled": 1}), fails(400, "428C9")),
    writes("generated columns", "follow", patch("thing?id=eq.1&select=doubled", {"amount": 21}, Prefer=ROWS), gives([{"doubled": 42}])),
    writes("merged duplicates", "some are new", post("line", [{"a": 1, "b": "x", "note": "m"}, {"a": 2, "b": "y", "note": "n"}], Prefer=f"{MERGE},{ROWS}"),
           gives([{"a": 1, "b": "x", "note": "m"}, {"a": 2, "b": "y", "note": "n"}], 201, Preference_Applied=f"{MERGE}, {ROWS}")),
    writes("merged duplicates", "none is new", post("line", [{"a": 1, "b": "x", "note": "m"}], Prefer=MERGE), gives(b"", 200),
           then("line", {"a": 1, "b": "x", "note": "m"})),
    writes("merged duplicates", "only what is given", post("thing?select=code,name,amount", {"id": 1, "code": "a", "amount": 9}, Prefer=f"{MERGE},{ROWS}"),
           gives([{"code": "a", "name": "one", "amount": 9}])),
    writes("merged duplicates", "a key alone", post("tag", [{"name": "red"}, {"name": "blue"}], Prefer=MERGE), gives(b"", 201),
           then("tag?order=name", {"name": "blue"}, {"name": "red"})),
    writes("ignored duplicates", "only new ones are shown", post("line", [{"a": 1, "b": "x", "note": "m"}, {"a": 2, "b": "y", "note": "n"}],
                                                                  Prefer=f"{IGNORE},{ROWS}"),
           gives([{"a": 2, "b": "y", "note": "n"}], 201), then("line?select=note&a=eq.1", {"note": "first"})),
    writes("ignored duplicates", "none is new", post("line", {"a": 1, "b": "x"}, Prefer=f"{IGNORE},{ROWS}"), gives([], 201)),
    writes("on_conflict", "another key", post("thing?on_conflict=code&select=id,amount", {"code": "a", "amount": 50}, Prefer=f"{MERGE},{ROWS}"),
           gives([{"id": 1, "amount": 50}])),
    writes("on_conflict", "no key", post("thing?on_conflict=name", {"code": "a"}, Prefer=MERGE), fails(400, "42P10"), ALL_LEFT),
    writes("on_conflict", "an unknown column", post("thing?on_conflict=nope", {"code": "a"}, Prefer=MERGE), fails(400, "42703"), ALL_LEFT),
    writes("PUT", "made", ask("PUT", "line?a=eq.4&b=eq.w", {"a": 4, "b": "w"}, Prefer=ROWS), gives([{"a": 4, "b": "w", "note": "none"}], 201)),
    writes("PUT", "changed", ask("PUT", "line?a=eq.1&b=eq.x", {"a": 1, "b": "x", "note": "put"}, Prefer=ROWS), gives([{"a": 1, "b": "x", "note": "put"}])),
    writes("PUT", "silently", ask("PUT", "line?a=eq.4&b=eq.w", {"a": 4, "b": "w"}), gives(b"", 204)),
    writes("PUT", "another filter", ask("PUT", "line?a=eq.1", {"a": 1, "b": "x"}), fails(405, "PGRST105")),
    writes("PUT", "another operator", ask("PUT", "tag?name=neq.red", {"name": "red"}), fails(405, "PGRST105")),
    writes("PUT", "a limit", ask("PUT", "tag?name=eq.red&limit=1", {"name": "red"}), fails(400, "PGRST114")),
    writes("PUT", "another key", ask("PUT", "tag?name=eq.red", {"name": "blue"}), fails(400, "PGRST115"), then("tag", {"name": "red"})),
    writes("PUT", "the first of several", ask("PUT", "tag?name=eq.blue", [{"name": "blue"}, {"name": "green"}]), gives(b"", 204),
           then("tag?order=name", {"name": "blue"}, {"name": "red"})),
    writes("PATCH", "silently", patch("thing?id=gt.1", {"name": "n"}), gives(b"", 204, Content_Range="0-1/*"),
           then(NAMES, {"name": "one"}, {"name": "n"}, {"name": "n"})),
    writes("PATCH", "shown", patch("thing?id=eq.2&select=name", {"name": "n"}, Prefer=ROWS), gives([{"name": "n"}], Content_Range="0-0/*")),
    writes("PATCH", "no row", patch("thing?id=eq.99", {"name": "n"}), gives(b"", 204, Content_Range="*/*")),
    writes("PATCH", "no row shown", patch("thing?id=eq.99", {"name": "n"}, Prefer=ROWS), gives([], 200)),
    writes("PATCH", "nothing given", patch("thing?id=eq.1", {}), gives(b"", 204, Content_Range="*/*")),
    writes("PATCH", "nothing given and shown", patch("thing?id=eq.1", [], Prefer=ROWS), gives([], 200)),
    writes("PATCH", "the first of several", patch("thing?id=eq.1", [{"name": "first"}, {"name": "second"}]), gives(b"", 204),
           then("thing?select=name&id=eq.1", {"name": "first"})),
    writes("PATCH", "a tree of filters", patch("thing?or=(id.eq.1,name.eq.two)&select=id&order=id", {"amount": 1}, Prefer=ROWS), gives([{"id": 1}, {"id": 2}])),
    writes("PATCH", "its key", patch("tag?name=eq.red", {"name": "blue"}, Prefer=ROWS), gives([{"name": "blue"}])),
    writes("PATCH", "null", patch("thing?id=eq.1&select=name,owner_id", {"name": None, "owner_id": None}, Prefer=ROWS), gives([{"name": None, "owner_id": None}])),
    writes("DELETE", "silently", delete("thing?id=eq.1"), gives(b"", 204, Content_Range="*/*"), then("thing?select=id&order=id", {"id": 2}, {"id": 3})),
    writes("DELETE", "shown", delete("thing?id=gt.1&select=code&order=code.desc", Prefer=f"{ROWS},count=exact"),
           gives([{"code": "c"}, {"code": "b"}], Content_Range="*/2")),
    writes("DELETE", "no row", delete("thing?id=eq.99"), gives(b"", 204)),
    writes("DELETE", "what others refer to", delete("owner?id=eq.1"), fails(409, "23503")),
    writes("what a write answers", "columns and aliases", post("thing?select=c:code,n:amount", {"code": "d"}, Prefer=ROWS), gives([{"c": "d", "n": 7}], 201)),
    writes("what a write answers", "casts and paths", post("thing?select=amount::text,facts->a", {"code": "d", "facts": {"a": 1}}, Prefer=ROWS),
           gives([{"amount": "7", "a": 1}], 201)),
    Case("aggregates of written rows", "what a write answers", post("berth?select=count()", {"id": 1}, Prefer=ROWS),
         fails(400, "PGRST127", ..., "Aggregates of written rows are not answered"), at="berths"),
    writes("what a write answers", "an unknown column", post("thing?select=nope", {"code": "d"}, Prefer=ROWS), fails(400, "42703"), ALL_LEFT),
    writes("what a write answers", "CSV", post("thing?select=code,name", {"code": "d"}, Prefer=ROWS, Accept="text/csv"), gives(b"code,name\nd,", 201)),
    writes("one object of a write", "one", post("thing?select=code", {"code": "d"}, Prefer=ROWS, Accept=OBJECT), gives({"code": "d"}, 201)),
    writes("one object of a write", "two", post("thing", [{"code": "d"}, {"code": "e"}], Accept=OBJECT), fails(
        406, "PGRST116", details="The result contains 2 rows"), ALL_LEFT),
    writes("one object of a write", "two changed silently", patch("thing?id=gt.1", {"name": "n"}, Prefer="return=minimal", Accept=OBJECT),
           fails(406, "PGRST116"), then(NAMES, {"name": "one"}, {"name": "two"}, {"name": None})),
    writes("one object of a write", "none removed", delete("thing?id=eq.99", Accept=OBJECT), fails(406, "PGRST116", details="The result contains 0 rows")),
    writes("writes through views", "what only reads", post("totals", {"total": 1}), fails(405, "25006")),
    writes("limits of a write", "PATCH", patch("thing?id=gt.0&order=id.desc&limit=1&select=id", {"name": "n"}, Prefer=ROWS), gives([{"id": 3}]),
           then(NAMES, {"name": "n"}, {"name": "n"}, {"name": "n"})),
    writes("limits of a write", "DELETE", delete("thing?id=gt.1&limit=1&order=id&select=id", Prefer=ROWS), gives([{"id": 2}]), then("thing?select=id", {"id": 1})),
    writes("related rows of a write", "POST", post("thing?select=code,owner(name)", {"code": "d", "owner_id": 2}, Prefer=ROWS),
           gives([{"code": "d", "owner": {"name": "Bo"}}], 201)),
    writes("related rows of a write", "PATCH", patch("owner?id=eq.1&select=name,thing(code)&thing.order=code", {"name": "Eve"}, Prefer=ROWS),
           gives([{"name": "Eve", "thing": [{"code": "a"}, {"code": "b"}]}])),
    writes("related rows of a write", "a filter of them spares no row", patch("thing?id=gt.0&select=id,owner!inner(name)&owner.name=eq.Bo", {"amount": 1}, Prefer=ROWS),
           gives([]), then("thing?select=amount", {"amount": 1}, {"amount": 1}, {"amount": 1})),
    writes("related rows of a write", "DELETE", delete("thing?id=eq.1&select=id,owner(name)", Prefer=ROWS), gives([{"id": 1, "owner": {"name": "Ada"}}])),
    # ── preferences ──
    writes("several Prefer headers", "commas and blanks", post("thing?select=code", {"code": "d"}, Prefer="return=representation ,count=exact"),
           gives([{"code": "d"}], 201, Content_Range="*/1")),
    writes("several Prefer headers", "the first holds", post("thing", {"code": "d"}, Prefer=f"return=minimal,{ROWS}"),
           gives(b"", 201, Preference_Applied="return=minimal")),
    writes("several Prefer headers", "unknown ones are nothing", post("thing", {"code": "d"}, Prefer="respond-async, wait=10"), gives(b"", 201, Preference_Applied=None)),
    writes("Preference-Applied", "in its order", post("thing?select=code", {"code": "d"}, Prefer=f"count=exact,handling=lenient,{ROWS},missing=null"),
           gives([{"code": "d"}], 201, Preference_Applied=f"missing=null, {ROWS}, count=exact, handling=lenient")),
    writes("Preference-Applied", "nothing preferred", post("thing", {"code": "d"}), gives(b"", 201, Preference_Applied=None)),
    writes("Preference-Applied", "what means nothing here", get("thing?limit=0", Prefer=f"{ROWS},{MERGE},max-affected=1"), gives([], Preference_Applied=None)),
    writes("return", "minimal", post("thing", {"code": "d"}, Prefer="return=minimal"), gives(b"", 201, Preference_Applied="return=minimal", Location=None)),
    writes("return", "headers-only", post("thing", {"code": "d"}, Prefer="return=headers-only"), gives(b"", 201, Preference_Applied="return=headers-only")),
    writes("return", "representation", post("thing?select=code", {"code": "d"}, Prefer=ROWS), gives([{"code": "d"}], 201, Preference_Applied=ROWS)),
    writes("Location", "a key of two", post("line", {"a": 5, "b": "ü &"}, Prefer="return=headers-only"), gives(b"", 201, Location="/line?a=eq.5&b=eq.%C3%BC%20%26")),
    writes("Location", "no key", post("plain", {"x": 1}, Prefer="return=headers-only"), gives(b"", 201, Location=None)),
    writes("Location", "representation has none", post("line", {"a": 5, "b": "x"}, Prefer=ROWS), gives(..., 201, Location=None)),
    writes("count of writes", "POST", post("thing", [{"code": "d"}, {"code": "e"}], Prefer="count=exact"), gives(b"", 201, Content_Range="*/2")),
    writes("count of writes", "PATCH", patch("thing?id=gt.1", {"name": "n"}, Prefer="count=exact"), gives(b"", 204, Content_Range="0-1/2")),
    writes("count of writes", "DELETE", delete("thing?id=gt.1", Prefer="count=exact"), gives(b"", 204, Content_Range="*/2")),
    writes("resolution", "merged", post("line", {"a": 1, "b": "x"}, Prefer=MERGE), gives(b"", 200, Preference_Applied=MERGE)),
    writes("resolution", "no key", post("plain", {"x": 1}, Prefer=MERGE), gives(b"", 201, Preference_Applied=None)),
    writes("resolution", "of PATCH", patch("line?a=eq.1", {"note": "n"}, Prefer=MERGE), gives(b"", 204, Preference_Applied=None)),
    writes("missing", "defaults", post("plain?columns=x,y", [{"x": 1}, {"y": "b"}], Prefer=f"missing=default,{ROWS}"),
           gives([{"x": 1, "y": "none"}, {"x": None, "y": "b"}], 201, Preference_Applied=f"missing=default, {ROWS}")),
    writes("missing", "nulls", post("plain?columns=x,y", [{"x": 1}, {"y": "b"}], Prefer=ROWS), gives([{"x": 1, "y": None}, {"x": None, "y": "b"}], 201)),
    writes("missing", "of PATCH", patch("thing?id=eq.2&columns=name,amount&select=name,amount", {"name": "x"}, Prefer=f"missing=default,{ROWS}"),
           gives([{"name": "x", "amount": 7}])),
    writes("handling", "strict", post("thing", {"code": "d"}, Prefer="handling=strict, anything=1, count=none"), fails(
        400, "PGRST122", "Invalid preferences given with handling=strict", "Invalid preferences: anything=1, count=none"), ALL_LEFT),
    writes("handling", "lenient", post("thing", {"code": "d"}, Prefer="handling=lenient, anything=1"), gives(b"", 201, Preference_Applied="handling=lenient")),
    writes("handling", "strict and right", get("thing?limit=0", Prefer="handling=strict, count=exact"), gives(
        [], 206, Preference_Applied="count=exact, handling=strict")),
    writes("max-affected", "PATCH", patch("thing?id=gt.0", {"name": "n"}, Prefer="handling=strict,max-affected=2"), fails(400, "PGRST124"),
           then(NAMES, {"name": "one"}, {"name": "two"}, {"name": None})),
    writes("max-affected", "DELETE", delete("thing?id=gt.0", Prefer="handling=strict,max-affected=2"), fails(400, "PGRST124"), ALL_LEFT),
    writes("max-affected", "not more", delete("thing?id=gt.1", Prefer="handling=strict,max-affected=2"),
           gives(b"", 204, Preference_Applied="handling=strict, max-affected=2")),
    writes("max-affected", "lenient", delete("thing?id=gt.0", Prefer="max-affected=1"), gives(b"", 204, Preference_Applied=None), then("thing")),
    writes("tx", "not allowed", post("thing", {"code": "d"}, Prefer="tx=rollback"), gives(b"", 201, Preference_Applied=None),
           then("thing?select=code&id=gt.3", {"code": "d"})),
    writes("what was a preference once", "params=single-object", post("thing", {"code": "d"}, Prefer="params=single-object"), gives(b"", 201, Preference_Applied=None)),
    writes("what was a preference once", "under strict", post("thing", {"code": "d"}, Prefer="params=single-object,handling=strict"), fails(
        400, "PGRST122", details="Invalid preferences: params=single-object"), ALL_LEFT),
    Case("tried", "tx", post("thing?select=code", {"code": "d"}, Prefer=f"tx=rollback,{ROWS}"), gives(
        [{"code": "d"}], 201, Preference_Applied=f"{ROWS}, tx=rollback"), at="trial", then=ALL_LEFT),
    Case("kept", "tx", delete("thing?id=gt.1", Prefer="tx=commit"), gives(b"", 204, Preference_Applied="tx=commit"), at="trial",
         then=then("thing?select=id", {"id": 1})),
    writes("changes of every row", "PATCH", patch("thing", {"name": "n"}), fails(400, "21000", "UPDATE requires a WHERE clause"),
           then(NAMES, {"name": "one"}, {"name": "two"}, {"name": None})),
    writes("changes of every row", "DELETE", delete("thing?limit=1"), fails(400, "21000", "DELETE requires a WHERE clause"), ALL_LEFT),
    Case("allowed", "changes of every row", delete("thing"), gives(b"", 204), at="trial", then=then("thing")),
    # ── what the database refuses ──
    writes("statuses of the database's codes", "unique", post("thing", {"code": "a"}), fails(409, "23505"), ALL_LEFT),
    writes("statuses of the database's codes", "foreign key", post("thing", {"code": "d", "owner_id": 99}), fails(409, "23503"), ALL_LEFT),
    writes("statuses of the database's codes", "not null", post("thing", {"code": None}), fails(400, "23502"), ALL_LEFT),
    writes("statuses of the database's codes", "check", post("thing", {"code": "d", "amount": -1}), fails(400, "23514"), ALL_LEFT),
    writes("statuses of the database's codes", "a value of another type", post("thing", {"code": "d", "amount": "x"}), fails(400, "22P02"), ALL_LEFT),
    writes("statuses of the database's codes", "a number too large", post("thing", {"code": "d", "amount": 10**20}), fails(400, "22003"), ALL_LEFT),
)
# fmt: on
