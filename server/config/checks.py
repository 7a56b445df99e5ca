"""What settings must have to do with one another, as far as no database is needed to tell.

Rule: a check reads the plain values, not the models, so that it also speaks when something else is wrong; it ignores
what has the wrong shape, which is a complaint already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from reflector.errors import suggestion
from server.config import cache_checks, credential_checks, database_checks, traces, webhooks
from server.config.auth_checks import issuers, issuers_keys
from server.config.complaints import Path
from server.config.database_checks import decided_by_database
from server.config.document import Document
from server.config.plain import Check, Fault, mapping
from server.config.values import is_loopback

LONGEST_SHOWN: Final = 32
PUBLISHED: Final = "everybody-knows-this-key-of-the-bookshop"
"""What signs tokens in the `config.yaml` that Reflector comes with."""
GLOB: Final = frozenset("*?[")
SWITCHES: Final = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""What YAML 1.2 reads as text, and older files as a switch."""
EXTENSION_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
SERVED_NAME: Final = re.compile(r"\w[\w-]*")


def check(document: Document) -> None:
    """Add the complaints of every check to the document."""
    for each in CHECKS:
        for path, message, hint in each(document.data):
            document.complain(document.place(path).key, path, message, hint)


def parents(role: Any) -> list[tuple[Path, str]]:
    """The roles that a role extends, each with its path below the role."""
    given = mapping(role).get("extends")
    if isinstance(given, str):
        return [(("extends",), given)]
    named = enumerate(given) if isinstance(given, list) else ()
    return [(("extends", index), name) for index, name in named if isinstance(name, str)]


def allowances(data: Mapping[str, Any]) -> Iterator[tuple[Path, str, Any]]:
    """Every `allow` of every table: path, role, what it allows."""
    for table in mapping(data, "tables"):
        for role, allowed in mapping(data, "tables", table, "allow").items():
            yield ("tables", table, "allow", role), role, allowed


def masks(data: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """How each column is masked, where it is."""
    for path, _, allowed in allowances(data):
        for below, said in (((), mapping(allowed)), (("read",), mapping(allowed, "read"))):
            for column, given in mapping(said, "mask").items():
                yield (*path, *below, "mask", column), given


def hash_without_key(data: Mapping[str, Any]) -> Iterator[Fault]:
    """A hash is made with a key that outlives the process: otherwise it is another one after each start."""
    if not mapping(data, "server").get("secret"):
        for path, given in masks(data):
            if "hash" in (given, mapping(given).get("mask")):
                yield path, "needs server.secret, which the hashes are made with", None


def unknown_roles(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Roles are declared under `roles` before anything names them."""
    roles = mapping(data, "roles")
    if "roles" in data and roles is not data["roles"]:
        return  # nobody knows which there are
    for path, name in _named_roles(data):
        if name not in roles:
            # Something long is no role but perhaps a secret in the wrong place.
            shown = f" {name!r}" if len(name) < LONGEST_SHOWN else " of that name"
            meant = SWITCHES.get(name.lower()) if path == ("graphql", "introspection") else None
            hint = f"did you mean {meant}?" if meant else suggestion(name, roles) or "declare it under roles"
            yield path, f"there is no role{shown}", hint


def _named_roles(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    if decided_by_database(data):
        return  # roles are the database's own
    for role, said in mapping(data, "roles").items():
        for below, parent in parents(said):
            yield ("roles", role, *below), parent
    for name in ("anonymous_role", "admin_role"):
        yield from _named(("auth", name), mapping(data, "auth").get(name))
    for path, issuer in issuers(data):
        yield from _named((*path, "default_role"), issuer.get("default_role"))
    yield from credential_checks.named_roles(data)
    yield from webhooks.named_roles(data)
    for where, role, _ in allowances(data):
        yield where, role
    yield from _allowed_by_name(data)
    told = mapping(data, "graphql").get("introspection")
    if told not in ("true", "false"):
        for below, role in _one_or_many(told.split(",") if isinstance(told, str) and "," in told else told):
            if role.strip():
                yield ("graphql", "introspection", *below), role.strip()


def _allowed_by_name(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The roles that may call functions, and those that may ask for addresses of extensions."""
    for section in ("functions", "extensions"):
        for name, said in mapping(data, section).items():
            for below, role in _one_or_many(mapping(said).get("allow")):
                yield (section, name, "allow", *below), role


def _named(path: Path, role: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(role, str):
        yield path, role


def _one_or_many(given: Any) -> Iterator[tuple[Path, str]]:
    """The roles of a list, or the one that stands alone, with their places."""
    if isinstance(given, str):
        yield (), given
    for index, role in enumerate(given if isinstance(given, list) else ()):
        if isinstance(role, str):
            yield (index,), role


def circular_roles(data: Mapping[str, Any]) -> Iterator[Fault]:
    """No role extends itself, also not through others; each circle is told once."""
    roles = mapping(data, "roles")
    told: set[str] = set()
    for start in roles:
        circle = None if start in told else _circle(roles, start)
        if circle:
            told.update(circle)
            yield ("roles", start, "extends"), f"extends itself: {' → '.join([*circle, start])}", None


def _circle(roles: Mapping[str, Any], start: str) -> list[str] | None:
    """The way from a role back to itself, found without recursion; None where there is none."""
    waiting, seen = [[start]], {start}
    while waiting:
        way = waiting.pop()
        for _, parent in parents(roles.get(way[-1])):
            if parent == start:
                return way
            if parent not in seen:
                seen.add(parent)
                waiting.append([*way, parent])
    return None


ROLE_LETTERS: Final = "letters, digits and _ - . :"


def is_role_name(role: str) -> bool:
    return bool(role) and all(letter.isalnum() or letter in "_-.:" for letter in role)


def role_names(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Roles travel in a claim and in a header, where commas and spaces separate."""
    for role in mapping(data, "roles"):
        if not is_role_name(role):
            yield ("roles", role), f"a role's name is made of {ROLE_LETTERS}", None


def policy_names(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Rules name policies as words."""
    for policy in mapping(data, "policies"):
        if not policy.isidentifier():
            yield ("policies", policy), "a policy's name is one word: letters, digits and _", None


def nobody_calls(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Somebody must be able to have a role, where roles are allowed something."""
    auth = data.get("auth")
    if isinstance(auth, Mapping) and not auth.keys() - {"enforce"} and not decided_by_database(data):
        yield (
            ("auth",),
            "says nothing of who calls",
            "name a way of proving it, such as jwt or api_keys, or anonymous_role",
        )
    first = next(allowances(data), None)
    if "auth" not in data and first is not None:
        yield (
            first[0][:3],
            "allows roles something, and nobody can have a role",
            "configure auth.jwt or auth.anonymous_role",
        )


def idle_token(data: Mapping[str, Any]) -> Iterator[Fault]:
    """A token beside auth would be one more key that opens nothing."""
    token = mapping(data, "server").get("token")
    if isinstance(data.get("auth"), Mapping) and isinstance(token, str) and token.strip():
        yield ("server", "token"), "is for a server without auth", "with auth, callers carry credentials"


def published_secret(data: Mapping[str, Any]) -> Iterator[Fault]:
    """The key of our own sample file is everybody's: it is for trying things out on one machine."""
    server, jwt = mapping(data, "server"), mapping(data, "auth").get("jwt")
    host = server.get("host", "127.0.0.1")
    alone = isinstance(host, str) and is_loopback(host.strip("[]")) and not server.get("trusted_proxies")
    for index, each in enumerate(jwt if isinstance(jwt, list) else [jwt]):
        given = mapping(each).get("secret")
        below: Path = ("auth", "jwt", *((index,) if isinstance(jwt, list) else ()), "secret")
        for number, secret in enumerate(given if isinstance(given, list) else [given]):
            if secret == PUBLISHED and not alone:
                yield (
                    (*below, number) if isinstance(given, list) else below,
                    "is the published key of the sample, which everybody can sign with",
                    "set JWT_SECRET, or serve this machine alone",
                )


def everybody_administers(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Who brings no credential is no administrator, not by way of other roles either."""
    roles, waiting = mapping(data, "roles"), [mapping(data, "auth").get("anonymous_role")]
    admin, seen = mapping(data, "auth").get("admin_role"), set[str]()
    while waiting:
        role = waiting.pop()
        if isinstance(role, str) and role not in seen:
            seen.add(role)
            waiting += [parent for _, parent in parents(roles.get(role))]
    if isinstance(admin, str) and admin in seen:
        yield (
            ("auth", "admin_role"),
            "is a role of callers without a credential",
            "give administrators a role of their own",
        )


def changes_of_several(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Changes are kept in the memory of one process; several would each know a part of what was told."""
    workers = mapping(data, "server").get("workers", 1)
    said = (mapping(data, "tables", table).get("changes", False) for table in mapping(data, "tables"))
    if str(workers) != "1" and any(each is not False for each in said):
        yield ("server", "workers"), "must be 1 where changes of a table are told", None


def table_names(data: Mapping[str, Any]) -> Iterator[Fault]:
    """A new name belongs to one table."""
    taken: dict[str, str] = {}
    for table, said in mapping(data, "tables").items():
        name, path = mapping(said).get("name"), ("tables", table, "name")
        if not isinstance(name, str):
            continue
        yield from _served(path, name)
        if GLOB & set(table):
            yield path, "one name cannot stand for all tables of a pattern", None
        elif name in taken:
            yield path, f"the table {taken[name]!r} has this name already", None
        taken.setdefault(name, table)


def _served(path: Path, name: str) -> Iterator[Fault]:
    """A name of ours stands in addresses and lists, where dots, slashes, commas and colons separate."""
    if name and not SERVED_NAME.fullmatch(name):
        yield path, "a served name is one word: letters, digits, _ and -", None


def columns(data: Mapping[str, Any]) -> Iterator[Fault]:
    """A list names each column once, and what is preset is not a caller's to give."""
    for path, _, allowed in allowances(data):
        yield from _twice((*path, "columns"), mapping(allowed).get("columns"))
        for action in ("read", "create", "update"):
            said = mapping(allowed, action)
            yield from _twice((*path, action, "columns"), said.get("columns"))
            listed = said.get("columns")
            for column in mapping(said, "presets"):
                if isinstance(listed, list) and column in listed:
                    yield (*path, action, "presets", column), "is preset, and among the columns a caller may give", None


def _twice(path: Path, listed: Any) -> Iterator[Fault]:
    names = listed if isinstance(listed, list) else []
    for index, name in enumerate(names):
        if isinstance(name, str) and name in names[:index]:
            yield (*path, index), "names a column a second time", None


def relationships(data: Mapping[str, Any]) -> Iterator[Fault]:
    """A relationship is `table.name`; it is either made (`to` and `join`) or renamed."""
    for name, said in mapping(data, "relationships").items():
        path = ("relationships", name)
        renamed = mapping(said).get("rename")
        if not all(name.rpartition(".")):
            yield path, "must be written as table.name", None
        elif "rename" not in mapping(said):
            yield from _served(path, name.rpartition(".")[2])
        if isinstance(renamed, str):
            yield from _served((*path, "rename"), renamed)
        made = {"to", "join"} & set(mapping(said))
        if isinstance(said, Mapping) and bool(made) == ("rename" in said):
            yield path, "needs either to and join, or rename", None
        elif made and (len(made) < 2 or said["join"] == {}):
            yield path, "needs both to and join, and join at least one pair of columns", None


def extension_names(data: Mapping[str, Any]) -> Iterator[Fault]:
    """The name of an extension stands in the addresses of its routes."""
    for name in mapping(data, "extensions"):
        if not EXTENSION_NAME.fullmatch(name):
            yield ("extensions", name), "the name of an extension is one word: small letters, digits, _ and -", None


CHECKS: Final[tuple[Check, ...]] = (
    published_secret,
    unknown_roles,
    circular_roles,
    role_names,
    policy_names,
    nobody_calls,
    issuers_keys,
    idle_token,
    everybody_administers,
    changes_of_several,
    table_names,
    columns,
    hash_without_key,
    relationships,
    extension_names,
    *database_checks.CHECKS,
    *cache_checks.CHECKS,
    *credential_checks.CHECKS,
    *webhooks.CHECKS,
    *traces.CHECKS,
)
