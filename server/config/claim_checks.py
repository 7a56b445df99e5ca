"""Whether rules and tests ask for claims that callers can be expected to carry, as far as no database is needed to tell.

A rule that asks for a claim which nobody has refuses everybody, and one that was misspelt is found out by its callers. So what
is not known (`known_claims`) is told before anything is served, wherever a rule may stand.

Rule: like the other checks it reads the plain values. Where the names of claims themselves cannot be read, that is told, and
nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from reflector.access.rule_claims import Asked, claim_set, claims_asked
from reflector.errors import RuleError
from server.config.complaints import Path, Position
from server.config.database_checks import decided_by_database
from server.config.document import Document
from server.config.known_claims import KnownClaims, known_claims, readings
from server.config.models import Config
from server.config.plain import Fault, mapping
from server.config.rule_checks import written_presets, written_rules
from server.config.rules import read_rule
from server.config.trial_checks import written_callers, written_wheres
from server.config.webhooks import written_claims

SETTING: Final[Path] = ("auth", "claims")


def check_claims(document: Document) -> None:
    """Add what is asked for and nobody has to the document's complaints."""
    for path, message, hint in _named_twice(document.data):
        document.complain(document.place(path).key, path, message, hint)
    if not _judged(document):
        return
    known = known_claims(document.data)
    for path, rule in (*written_rules(document.data), *written_wheres(document.data)):
        _check(document, known, path, rule, claims_asked(rule))
    for path, preset in written_presets(document.data):
        _check(document, known, path, preset, claim_set(preset))
    for path, caller in (*written_callers(document.data), *written_claims(document.data)):
        for below in _strange(caller, known):
            message, hint = known.unknown(below)
            document.complain(document.place((*path, *below)).key, (*path, *below), message, hint)


def _named_twice(data: Mapping[str, Any]) -> Iterator[Fault]:
    """A claim is named once."""
    named = mapping(data, "auth").get("claims")
    seen: set[tuple[str, ...]] = set()
    for index, name in enumerate(named if isinstance(named, list) else ()):
        if isinstance(name, str):
            if readings(name) <= seen:
                yield (*SETTING, index), "names a claim a second time", None
            seen |= readings(name)


def strange_claim(config: Config, claims: Mapping[str, Any]) -> tuple[str, str] | None:
    """What to say of the first of a caller's claims that is not known, a message and a hint; None where they all are."""
    auth = {} if config.auth is None else config.auth.model_dump(mode="json")
    if config.decided_by_database and not auth["claims"]:
        return None
    known = known_claims({"auth": auth})
    return next((known.unknown(path) for path in _strange(claims, known)), None)


def _judged(document: Document) -> bool:
    """Whether it can be told which claims are known: PostgreSQL's own policies may read any, unless the file names them."""
    auth = document.data.get("auth")
    if "auth" in document.data and not isinstance(auth, Mapping):
        return False
    if decided_by_database(document.data) and "claims" not in mapping(auth):
        return False
    named = mapping(auth).get("claims", [])
    return isinstance(named, str) or (isinstance(named, list) and all(isinstance(each, str) for each in named))


def _check(document: Document, known: KnownClaims, path: Path, written: Any, asked: Iterator[Asked]) -> None:
    for steps, claim in _readable(asked):
        if known.knows(claim.parts):
            continue
        message, hint = known.unknown(claim.parts)
        place = document.place((*path, *steps)).value
        document.complain(place if steps else _inside(written, claim.offset) or place, path, message, hint)


def _readable(asked: Iterator[Asked]) -> Iterable[Asked]:
    """What is asked for; nothing of what is no rule, which is told already."""
    try:
        return [*asked]
    except RuleError:
        return ()


def _inside(written: Any, offset: int) -> Position | None:
    """Where a letter of a rule's text stands."""
    return read_rule(written).at(offset)


def _strange(caller: Mapping[str, Any], known: KnownClaims, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Claims that nothing knows, those within documents too."""
    for name, value in caller.items():
        path = (*above, str(name))
        if not known.leads(path):
            yield path
        elif isinstance(value, Mapping):
            yield from _strange(value, known, path)
