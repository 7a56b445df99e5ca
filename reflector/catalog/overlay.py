"""What a config says over the reflected database: which tables to show, other names, relationships that no key declares.

Rule: an overlay is written against the names that `inspect` lists. Whatever in it does not fit becomes a `Misfit`, all
of them at once, each with the nearest name; what it would have made is left out, and everything else stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from reflector.catalog.facts import TableFact
from reflector.catalog.model import Misfit, Relationship, Table
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
    `roles`: the database's own roles, and what they may do, are read as well (PostgreSQL). `search_path` are schemas in
    which functions of rows are looked for besides, which are not served for that (PostgreSQL).
    """

    schemas: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    relationships: tuple[RelationshipRule, ...] = ()
    roles: bool = False
    search_path: tuple[str, ...] = ()


NO_OVERLAY = Overlay()


OWN_PREFIX = "_reflector_"
"""How the names of tables begin that we made ourselves. None of them is ever served."""


def excluded(fact: TableFact, patterns: Iterable[str]) -> bool:
    spellings = (fact.name, f"{fact.schema}.{fact.name}")
    return any(fnmatchcase(spelling, pattern) for pattern in patterns for spelling in spellings)


def fitting_names(names: Mapping[str, str], labels: Sequence[str]) -> tuple[dict[str, str], list[Misfit]]:
    """The new names that can be given to the labelled tables, and what is wrong with the others."""
    fitting = {label: name for label, name in names.items() if label in set(labels)}
    misfits = [Misfit(_named(label), *_no_table(label, labels)) for label in names if label not in fitting]
    while clashing := _clashing(fitting, labels):
        for label, others in clashing.items():
            message = f"{fitting.pop(label)!r} is the name of the table {' and '.join(map(repr, others))} too"
            misfits.append(Misfit(_named(label), message, fatal=True))
    return fitting, misfits


def _clashing(names: Mapping[str, str], labels: Sequence[str]) -> dict[str, list[str]]:
    """The renamed tables whose name is not theirs alone, each with the others of that name."""
    public: dict[str, list[str]] = {}
    for label in labels:
        public.setdefault(names.get(label, label), []).append(label)
    several = [each for each in public.values() if len(each) > 1]
    return {label: [other for other in each if other != label] for each in several for label in each if label in names}


def _named(label: str) -> tuple[str, ...]:
    return ("tables", label, "name")


def apply_rules(rules: Sequence[RelationshipRule], tables: Mapping[str, Table], relationships: Named) -> list[Misfit]:
    """Rename and add relationships in place; `tables` by label in the database. What does not fit is left out.

    Renames come first, so that what is added may have the name that another one gives up.
    """
    misfits: dict[int, list[Misfit]] = {}
    renames: dict[str, dict[str, str]] = {}
    for at, rule in enumerate(rules):
        label, _, name = rule.path.rpartition(".")
        if label not in tables:
            misfits[at] = _misfits(rule, [((), *_no_table(label, tables))])
        elif rule.rename is not None and name in relationships[tables[label]]:
            renames.setdefault(label, {})[name] = rule.rename
        elif rule.rename is not None:
            hint = suggestion(name, relationships[tables[label]])
            misfits[at] = _misfits(rule, [((), f"there is no relationship {name!r}", hint)])
    renamed = [
        each for label, wanted in renames.items() for each in _rename(label, tables[label], wanted, relationships)
    ]
    for at, rule in enumerate(rules):
        label, _, name = rule.path.rpartition(".")
        if rule.rename is None and label in tables:
            misfits[at] = _misfits(rule, _add(rule, label, name, tables, relationships))
    return [each for at in sorted(misfits) for each in misfits[at]] + renamed


def _misfits(rule: RelationshipRule, found: Iterable[Fault]) -> list[Misfit]:
    return [Misfit(("relationships", rule.path, *below), said, hint) for below, said, hint in found]


Fault = tuple[tuple[str, ...], str, str | None]
"""Where below the relationship, what is wrong, and what may be meant."""


def _no_table(label: str, known: Iterable[str]) -> tuple[str, str | None]:
    return f"there is no table {label!r}", suggestion(label, known)


def _rename(label: str, table: Table, wanted: Mapping[str, str], relationships: Named) -> list[Misfit]:
    """All renames of one table at once, so that two relationships may exchange their names."""
    misfits = []
    renamed = {name: each for name, each in relationships[table].items() if name not in wanted}
    for old, name in sorted(wanted.items()):
        taken = "a column" if name in table.by_name else "another relationship" if name in renamed else None
        if taken is None or name == old:
            renamed[name] = replace(relationships[table][old], name=name)
        else:
            path = ("relationships", f"{label}.{old}", "rename")
            misfits.append(Misfit(path, f"{label} has {taken} {name!r}"))
    relationships[table] = dict(sorted(renamed.items()))
    return misfits


def _add(
    rule: RelationshipRule, label: str, name: str, tables: Mapping[str, Table], relationships: Named
) -> list[Fault]:
    if rule.to is None or not rule.join:
        return [((), "a relationship is added with `to` and `join`, or renamed with `rename`", None)]
    table, target = tables[label], tables.get(rule.to)
    if target is None:
        return [(("to",), *_no_table(rule.to, tables))]
    complaints = _unfit_join(rule.join, (label, table), (rule.to, target))
    if name in table.by_name:
        complaints.append(((), f"{label} has a column {name!r}", None))
    if name in relationships[table]:
        complaints.append(((), f"{label} has a relationship {name!r} already", None))
    if not complaints:
        added = {**relationships[table], name: _declared(rule, name, table, target)}
        relationships[table] = dict(sorted(added.items()))
    return complaints


def _declared(rule: RelationshipRule, name: str, table: Table, target: Table) -> Relationship:
    pairs = tuple((table.by_name[ours], target.by_name[theirs]) for ours, theirs in rule.join.items())
    many = not unique_in(target, [theirs for _, theirs in pairs]) if rule.many is None else rule.many
    return Relationship(name, table, target, many, pairs)


def _unfit_join(join: Mapping[str, str], near: tuple[str, Table], far: tuple[str, Table]) -> list[Fault]:
    complaints: list[Fault] = []
    (_, table), (_, target) = near, far
    for ours, theirs in join.items():
        missing: list[Fault] = [
            (("join", ours), f"{label} has no column {column!r}", suggestion(column, side.by_name))
            for (label, side), column in ((near, ours), (far, theirs))
            if column not in side.by_name
        ]
        if not missing and not _comparable(table.by_name[ours].type, target.by_name[theirs].type):
            types = f"{table.by_name[ours].type.native} with {target.by_name[theirs].type.native}"
            missing = [(("join", ours), f"{ours} = {theirs} compares {types}", None)]
        complaints += missing
    return complaints


_NUMBERS = frozenset((Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT))


def _comparable(ours: DataType, theirs: DataType) -> bool:
    alike = ours.kind is theirs.kind or {ours.kind, theirs.kind} <= _NUMBERS
    return alike and ours.facts.comparable and theirs.facts.comparable
