"""Whether each permission test says who does what and what is expected, as far as no database is needed to tell.

Rule: like the other checks it reads the plain values, and ignores what has the wrong shape, which is told already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reflector.access.rule_faults import faults_of
from reflector.access.rules_parse import parse_rule
from reflector.errors import ReflectorError, RuleError, suggestion
from server.config.complaints import Path
from server.config.database_checks import decided_by_database
from server.config.document import Document
from server.config.plain import Fault, mapping
from server.config.rules import read_rule
from server.config.trials import AGGREGATED, ANONYMOUS, ROLES, VERBS, VERDICTS

ANYWHERE: Final = ("name", "as", "given", "headers", *VERDICTS)
POSTGRESQL: Final = ("postgresql:", "postgres:")
EMPTY: Final = ("hidden", "sees", "sets", *AGGREGATED)
"""What is expected of each thing that it names."""
SHARED: Final = ("name", "as", "given", "headers", "tests")


def check_trials(document: Document) -> None:
    """Add what is wrong with the tests to the document's complaints."""
    for path, message, hint in _of_testing(document.data):
        if path in document.broken:
            continue
        document.complain(document.place(path).key, path, message, hint)
    for path, message, hint in _of_headers(document.data):
        document.complain(document.place(path).key, path, message, hint)
    for path, given in _groups(document.data):
        for below, message, hint in _of_group(given):
            document.complain(document.place((*path, *below)).key, (*path, *below), message, hint)
    for path, given, callers in _tests(document.data):
        for below, message, hint in (*_of_test(given), *_of_callers(document.data, callers)):
            document.complain(document.place((*path, *below)).key, (*path, *below), message, hint)
        _check_where(document, (*path, "where"), given.get("where"))


def written_callers(data: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """What is claimed of whoever makes tests, and where that is written: the claims of each `as`."""
    written = (*_groups(data), *((path, test) for path, test, _ in _tests(data)))
    for path, each in written:
        named = each.get("as")
        callers = enumerate(named) if isinstance(named, list) else [(None, named)]
        for index, caller in callers:
            if isinstance(caller, Mapping):
                claims = {name: value for name, value in caller.items() if name not in ROLES}
                yield (*path, "as") if index is None else (*path, "as", index), claims


def written_wheres(data: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """The rules that pick the rows of tests, and where they are written."""
    yield from (((*path, "where"), test["where"]) for path, test, _ in _tests(data) if "where" in test)


def _of_testing(data: Mapping[str, Any]) -> Iterator[Fault]:
    testing = mapping(data, "testing")
    if "testing" in data and not decided_by_database(data):
        yield (
            ("testing",),
            "is for auth.enforce: database; elsewhere rows of tests are made and picked whoever asks",
            None,
        )
    elif "url" in testing and not str(testing["url"]).startswith(POSTGRESQL):
        yield ("testing", "url"), "must lead to the database of database.url, by another login", None


def _of_headers(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Rules of the file ask about rows and claims, and about nothing else of a request."""
    written = (*_groups(data), *((path, test) for path, test, _ in _tests(data)))
    for path, each in written if not decided_by_database(data) else ():
        if "headers" in each:
            yield (*path, "headers"), "is for auth.enforce: database: no rule of the file reads a header", None


def _items(given: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, each in enumerate(given if isinstance(given, list) else ()):
        if isinstance(each, Mapping):
            yield index, each


def _groups(data: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    yield from ((("tests", index), each) for index, each in _items(data.get("tests")) if "tests" in each)


def _tests(data: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any], Any]]:
    """Every test with its path, and who makes it: None where nothing says so."""
    for index, each in _items(data.get("tests")):
        if "tests" not in each:
            yield ("tests", index), each, each.get("as")
        for inner, test in _items(each.get("tests")):
            yield ("tests", index, "tests", inner), test, test.get("as", each.get("as"))


def _of_group(given: Mapping[str, Any]) -> Iterator[Fault]:
    for name in given:
        if name not in SHARED and name in _words():
            yield (name,), "stands beside tests: it belongs into one of them", None
    if isinstance(given["tests"], list) and not given["tests"]:
        yield ("tests",), "holds no test", None


def _of_test(given: Mapping[str, Any]) -> Iterator[Fault]:
    verbs = [verb for verb in VERBS if verb in given]
    if len(verbs) != 1:
        what = "does nothing" if not verbs else f"does several things: {', '.join(verbs)}"
        yield (), what, f"a test says one of {', '.join(VERBS)}"
        return
    verb = VERBS[verbs[0]]
    fitting = (*ANYWHERE, verbs[0], *verb.takes, *verb.expects)
    for name in given:
        if name not in fitting and name in _words():
            yield (
                (name,),
                f"has no meaning for {verbs[0]}",
                f"{verbs[0]} takes {', '.join(fitting[len(ANYWHERE) + 1 :])}",
            )
    yield from _of_expected(given, verbs[0])


def _of_expected(given: Mapping[str, Any], name: str) -> Iterator[Fault]:
    verb = VERBS[name]
    expected = [each for each in (*VERDICTS, *verb.expects) if each in given]
    verdict = next((each for each in expected if each in VERDICTS), None)
    if verdict and len(expected) > 1:
        others = [each for each in expected if each != verdict]
        yield (others[0],), f"contradicts {verdict}, or says it twice: keep one", None
    # A write without another word is one that is allowed; of the others nobody could say what was to be seen.
    if not expected and not verb.writes:
        yield (), "expects nothing", f"say one of {', '.join((*verb.expects, *VERDICTS))}"
    code = given.get("denied")
    if isinstance(code, str) and code not in codes():
        yield ("denied",), "is no code of an error", suggestion(code, codes())
    if ("by" in given) is not ("groups" in given) and not verdict:
        yield ("by" if "by" in given else "groups",), "by and groups go together: by these columns, these groups", None
    yield from _of_values(given, name)
    # What names nothing holds of everything; `rows`, `keys`, `columns` and `groups` say that there is nothing.
    for each in (word for word in verb.expects if word in EMPTY and given.get(word) in ({}, [])):
        yield (each,), "is empty and expects nothing", "name what is to be seen, or leave it out"
    if name == "update" and "sets" in given and "values" not in given:
        yield ("sets",), "says what becomes of values, and there are none", None


def _of_values(given: Mapping[str, Any], name: str) -> Iterator[Fault]:
    """A write that writes nothing is one that nobody is refused."""
    if name == "create" and "values" not in given:
        yield (), "creates nothing: values is missing", None
    elif name == "create" and given["values"] == []:
        yield ("values",), "creates nothing: values is empty", None
    elif name == "update" and given.get("values") in ({}, [], [{}]):
        hint = "say what is written; without values every right to update is tried, and nothing changes"
        yield ("values",), "updates nothing: values is empty", hint
    elif name == "update" and isinstance(given.get("values"), list) and len(given["values"]) > 1:
        yield ("values",), "are one row, which every row that is picked becomes", None


def _of_callers(data: Mapping[str, Any], callers: Any) -> Iterator[Fault]:
    named = callers if isinstance(callers, list) else [callers]
    theirs = decided_by_database(data) or mapping(data, "auth").get("anonymous_role") == ANONYMOUS
    if ANONYMOUS in named and ANONYMOUS in mapping(data, "roles") and not theirs:
        hint = "{role: anonymous} is the role; leave as out for callers without a credential"
        yield ("as",), "means callers without a credential, and there is a role of this name", hint
    if callers is None:
        callers = ANONYMOUS
    for each in callers if isinstance(callers, list) else [callers]:
        yield from _as_granted(data, each) if decided_by_database(data) else _as_declared(data, each)


def _as_declared(data: Mapping[str, Any], caller: Any) -> Iterator[Fault]:
    """Roles are those of the file."""
    if caller == ANONYMOUS and "auth" in data and not mapping(data, "auth").get("anonymous_role"):
        yield ("as",), "nobody comes without a credential here", "auth.anonymous_role says who they are"
    for role in _roles(caller):
        if role not in mapping(data, "roles"):
            yield ("as",), f"there is no role {role!r}", suggestion(role, mapping(data, "roles"))


def _as_granted(data: Mapping[str, Any], caller: Any) -> Iterator[Fault]:
    """Roles are those of the database, of which nothing is known here but that everybody has one."""
    said = mapping(data, "postgrest")
    unnamed = caller == ANONYMOUS or (isinstance(caller, Mapping) and not any(name in caller for name in ROLES))
    known = mapping(data, "auth").get("anonymous_role") or said.get("db_anon_role") or said.get("db_config")
    if unnamed and not known:
        yield ("as",), "nobody comes without a role here", "postgrest.db_anon_role says who they are"
    if len(set(_roles(caller))) > 1:
        yield ("as",), "names several roles, and where the database decides a credential has one", None


def _roles(caller: Any) -> Iterator[str]:
    if isinstance(caller, str) and caller != ANONYMOUS:
        yield caller
    for name in ROLES:
        named = mapping(caller).get(name)
        yield from (each for each in (named if isinstance(named, list) else [named]) if isinstance(each, str))


def _check_where(document: Document, path: Path, given: Any) -> None:
    if not isinstance(given, str) or not given.strip():
        return
    try:
        parse_rule(given)
    except RuleError as error:
        source = read_rule(given)
        for fault in faults_of(error):
            place = source.at(fault.offset) or document.place(path).value
            document.complain(place, path, fault.message, fault.hint)


def _words() -> frozenset[str]:
    """Every word that some test has a use for; what is none is told of as unknown."""
    return frozenset(
        (*ANYWHERE, "tests", *VERBS, *(each for verb in VERBS.values() for each in (*verb.takes, *verb.expects)))
    )


def codes() -> frozenset[str]:
    """The codes that an error of the library can have."""
    found, waiting = set[str](), [ReflectorError]
    while waiting:
        kind = waiting.pop()
        found.add(kind.code)
        waiting += kind.__subclasses__()
    return frozenset(found)
