"""What a config says over the reflected database: which tables to show, other names, relationships that no key declares.

Rule: an overlay is written against the names that `inspect` lists. Whatever in it does not fit becomes a complaint,
and all complaints are told at once, each with the nearest name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from reflector.catalog.facts import TableFact
from reflector.catalog.model import Relationship, Table
from reflector.catalog.relationships import unique_in
from reflector.datatypes import DataType, Kind
from reflector.errors import suggestion

Named = MutableMapping[Table, dict[str, Relationship]]


@dataclass(frozen=True, slots=True)
class RelationshipRule:
    """`path` is `table.name`, the table by its label in the database.

    With `rename`, the reflected relationship of that name takes the other one. With `to` and `join` (column of the
    table → column of `to`) a relationship is added; `many` None means: to many unless a key of `to` is joined.
    """

    path: str
    rename: str | None = None
    to: str | None = None
    join: Mapping[str, str] = field(default_factory=dict)
    many: bool | None = None


@dataclass(frozen=True, slots=True)
class Overlay:
    """`schemas` None means every schema that is not the system's; the first listed is the main one.

    `exclude` are globs over `name` and `schema.name`. `names` maps a table's label in the database to its public one.
    """

    schemas: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    relationships: tuple[RelationshipRule, ...] = ()


NO_OVERLAY = Overlay()


OWN_PREFIX = "_reflector_"
"""How the names of tables begin that we made ourselves. None of them is ever served."""


def excluded(fact: TableFact, patterns: Iterable[str]) -> bool:
    spellings = (fact.name, f"{fact.schema}.{fact.name}")
    return any(fnmatchcase(spelling, pattern) for pattern in patterns for spelling in spellings)


def check_names(names: Mapping[str, str], labels: Sequence[str]) -> list[str]:
    """What is wrong with renaming the labelled tables; nothing when the list is empty."""
    known = set(labels)
    complaints = [
        _told(f"tables.{label}: there is no table {label!r}", label, labels) for label in names if label not in known
    ]
    public: dict[str, str] = {}
    for label in labels:
        name = names.get(label, label)
        if name in public:
            complaints.append(f"tables.{label}: {name!r} is already the name of {public[name]!r}")
        public.setdefault(name, label)
    return complaints


def apply_rules(rules: Sequence[RelationshipRule], tables: Mapping[str, Table], relationships: Named) -> list[str]:
    """Rename and add relationships in place; `tables` by label in the database. Returns the complaints."""
    complaints: list[str] = []
    renames: dict[str, dict[str, str]] = {}
    for rule in rules:
        label, _, name = rule.path.rpartition(".")
        table = tables.get(label)
        if table is None:
            found = [_told(f"there is no table {label!r}", label, tables)]
        elif rule.rename is None:
            found = _add(rule, label, name, tables, relationships)
        else:
            found = _unknown(name, relationships[table])
            renames.setdefault(label, {})[name] = rule.rename
        complaints += [f"relationships.{rule.path}: {complaint}" for complaint in found]
    for label, wanted in renames.items():
        complaints += _rename(label, tables[label], wanted, relationships)
    return complaints


def _unknown(name: str, known: Mapping[str, Relationship]) -> list[str]:
    return [] if name in known else [_told(f"there is no relationship {name!r}", name, known)]


def _rename(label: str, table: Table, wanted: Mapping[str, str], relationships: Named) -> list[str]:
    """All renames of one table at once, so that two relationships may exchange their names."""
    complaints = []
    renamed: dict[str, Relationship] = {}
    for old, relationship in relationships[table].items():
        name = wanted.get(old, old)
        if name != old and name in table.by_name:
            complaints.append(f"relationships.{label}.{old}: {label} has a column {name!r}")
        if name in renamed:
            complaints.append(f"relationships.{label}.{old}: {label} has another relationship {name!r}")
        renamed[name] = replace(relationship, name=name)
    relationships[table] = dict(sorted(renamed.items()))
    return complaints


def _add(rule: RelationshipRule, label: str, name: str, tables: Mapping[str, Table], relationships: Named) -> list[str]:
    if rule.to is None or not rule.join:
        return ["a relationship is added with `to` and `join`, or renamed with `rename`"]
    table, target = tables[label], tables.get(rule.to)
    if target is None:
        return [_told(f"there is no table {rule.to!r}", rule.to, tables)]
    complaints = _unfit_join(rule.join, (label, table), (rule.to, target))
    if name in table.by_name:
        complaints.append(f"{label} has a column {name!r}")
    if name in relationships[table]:
        complaints.append(f"{label} has a relationship {name!r} already")
    if not complaints:
        added = {**relationships[table], name: _declared(rule, name, table, target)}
        relationships[table] = dict(sorted(added.items()))
    return complaints


def _declared(rule: RelationshipRule, name: str, table: Table, target: Table) -> Relationship:
    pairs = tuple((table.by_name[ours], target.by_name[theirs]) for ours, theirs in rule.join.items())
    many = not unique_in(target, [theirs for _, theirs in pairs]) if rule.many is None else rule.many
    return Relationship(name, table, target, many, pairs)


def _unfit_join(join: Mapping[str, str], near: tuple[str, Table], far: tuple[str, Table]) -> list[str]:
    complaints = []
    (_, table), (_, target) = near, far
    for ours, theirs in join.items():
        missing = [
            _told(f"{label} has no column {column!r}", column, side.by_name)
            for (label, side), column in ((near, ours), (far, theirs))
            if column not in side.by_name
        ]
        if not missing and not _comparable(table.by_name[ours].type, target.by_name[theirs].type):
            types = f"{table.by_name[ours].type.native} with {target.by_name[theirs].type.native}"
            missing = [f"{ours} = {theirs} compares {types}"]
        complaints += missing
    return complaints


_NUMBERS = frozenset((Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT))


def _comparable(ours: DataType, theirs: DataType) -> bool:
    alike = ours.kind is theirs.kind or {ours.kind, theirs.kind} <= _NUMBERS
    return alike and ours.facts.comparable and theirs.facts.comparable


def _told(complaint: str, name: str, known: Iterable[str]) -> str:
    hint = suggestion(name, known)
    return complaint if hint is None else f"{complaint} ({hint})"
