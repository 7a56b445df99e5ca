"""What only a database that decides for itself can be asked; and what callers bring to it."""

from __future__ import annotations

from typing import Final

from tests.apis.postgrest.compliance.case import POSTGRESQL, Ask, Case, Gives, fails, get, gives, post
from tests.apis.postgrest.compliance.cases.around import YES, bad, guarded, known
from tests.apis.postgrest.compliance.lighthouse import FIRST, SECOND, signed
from tests.apis.postgrest.native import bearer

HERE: Final = (POSTGRESQL,)
CODES: Final = "statuses of the database's codes"
STATUSES: Final = {
    "09000": 500, "0L000": 403, "0P000": 403, "21000": 500, "22023": 400, "23503": 409, "23505": 409, "25000": 500, "28000": 403, "2D000": 500, "38000": 500,
    "39000": 500, "3B000": 500, "42501": 403, "42883": 404, "42P01": 404, "42P17": 500, "53000": 503, "53400": 500, "54000": 500, "55000": 500, "58000": 500,
    "F0000": 500, "HV000": 500, "P0001": 400, "P0002": 500, "XX000": 500, "22000": 400, "PT418": 418,
}  # fmt: skip


def native(feature: str, name: str, asked: Ask, wanted: Gives, at: str = "native") -> Case:
    return Case(name, feature, asked, wanted, on=HERE, at=at)


def calls(name: str, body: object = None) -> Ask:
    return Ask("POST", f"rpc/{name}", {} if body is None else body, bearer())


def keyed(name: str, wanted: Gives, headers: dict[str, str]) -> Case:
    return native("keys", name, Ask("GET", "told?select=role", headers=headers), wanted, "keyed")


AUTHOR: Final = gives([{"role": "author"}])
# fmt: off
CASES: Final = (
    *(native(CODES, f"{code} is {status}", calls("raised", {"code": code}), fails(status, code, "as it was said")) for code, status in STATUSES.items()),
    native(CODES, "42501 of nobody in particular", post("rpc/raised", {"code": "42501"}), fails(401, "42501", WWW_Authenticate="Bearer")),
    native("settings of a function", "are its transaction's", calls("isolated"), gives("serializable")),
    native("the search path", "is used by what is called", calls("helped"), gives("from beside")),
    native("the search path", "is not served", calls("helper"), fails(404, "PGRST202")),
    native("a transaction for each request", "GET only reads", Ask("GET", "told?select=read_only", headers=bearer()), gives([{"read_only": "on"}])),
    native("a transaction for each request", "POST writes", calls("level"), gives("off")),
    native("a transaction for each request", "its level is the role's", Ask("GET", "told?select=isolation", headers=bearer("careful")),
           gives([{"isolation": "serializable"}])),
    keyed("the one that the token names", AUTHOR, signed(SECOND, "two")),
    keyed("another than the one that it names", fails(401, "PGRST301"), signed(FIRST, "two")),
    keyed("each, where it names none", AUTHOR, signed(SECOND)),
    keyed("one that is not there", fails(401, "PGRST301"), signed(FIRST, "three")),
    keyed("a role in a list", gives([{"role": "careful"}]), signed(FIRST, "one", realm={"roles": ["careful", "author"]})),
    keyed("no role", gives([{"role": "web_anon"}]), signed(FIRST, "one", realm={})),
    native("no key", "a token", Ask("GET", "told", headers=bearer()), fails(500, "PGRST300"), "keyless"),
    native("no key", "no token", get("told?select=role"), gives([{"role": "web_anon"}]), "keyless"),
    guarded("claims of time", "one audience of several", YES, known(aud=["other", "api"])),
    guarded("claims of time", "no audience", bad("PGRST303"), known(aud=None)),
    guarded("claims of time", "no end", bad("PGRST303"), known(exp=None)),
    guarded("claims of time", "an end that is no number", bad("PGRST303"), known(exp="soon")),
    Case("what is written", "ends that take back", post("thing?select=code", {"code": "d"}, Prefer="return=representation"),
         gives([{"code": "d"}], 201), at="taken back", then=((get("thing?select=id&id=gt.3"), gives([])),)),
    Case("no other end", "ends that take back", post("thing", {"code": "d"}, Prefer="tx=commit"), gives(b"", 201, Preference_Applied=None),
         at="taken back", then=((get("thing?select=id&id=gt.3"), gives([])),)),
    native("prepared statements", "are left out", Ask("GET", "told?select=role", headers=bearer()), AUTHOR, "native root"),
)
# fmt: on
