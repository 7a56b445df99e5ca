"""Versions and what a write reaches: by themselves, without a database."""

from __future__ import annotations

from reflector.catalog.build import build
from reflector.catalog.facts import ColumnFact, Facts, ForeignKeyFact, KeyFact, TableFact
from reflector.catalog.model import Catalog, DatabaseKind, Deed, TableKind
from reflector.catalog.overlay import Overlay
from reflector.datatypes import DataType, Kind
from reflector.versions import Reach, TableName, Versions

NUMBER = DataType(Kind.INTEGER, "integer")
BOOK, REVIEW, AUTHOR = ("main", "book"), ("main", "review"), ("main", "author")


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_version_moves_with_its_table_alone() -> None:
    versions = Versions(Time())
    before = versions.read([BOOK, REVIEW])
    versions.bump([BOOK])
    after = versions.read([BOOK, REVIEW])
    assert (after[0] != before[0], after[1] == before[1]) == (True, True)


def test_no_version_ever_comes_back() -> None:
    versions, seen = Versions(Time()), set()
    for number in range(50):
        versions.bump(None if number % 7 == 0 else [BOOK])
        [version] = versions.read([BOOK])
        assert version not in seen
        seen.add(version)


def test_whatever_may_have_changed_moves_every_version() -> None:
    versions = Versions(Time())
    before = versions.read([BOOK, AUTHOR])
    versions.bump(None)
    assert all(old != new for old, new in zip(before, versions.read([BOOK, AUTHOR]), strict=True))


def test_doubt_lasts_for_as_long_as_was_said_and_for_its_tables() -> None:
    time = Time()
    versions = Versions(time)
    before = versions.read([BOOK])
    versions.doubt([BOOK], 5)
    assert versions.read([BOOK]) != before
    assert (versions.in_doubt([BOOK]), versions.in_doubt([REVIEW])) == (True, False)
    time.now += 4.9
    assert versions.in_doubt([REVIEW, BOOK])
    time.now += 0.2
    assert not versions.in_doubt([BOOK])


def test_a_longer_doubt_is_not_ended_by_a_shorter_one() -> None:
    time = Time()
    versions = Versions(time)
    versions.doubt(None, 10)
    versions.doubt([BOOK], 1)
    versions.doubt(None, 2)
    time.now += 5
    assert versions.in_doubt([REVIEW])
    time.now += 6
    assert not versions.in_doubt([REVIEW, BOOK])


# ── what a write reaches ─────────────────────────────────────────────────────────────────────


def chain(*links: tuple[str, str, str, str], exclude: tuple[str, ...] = ()) -> Catalog:
    """Tables a, b, c, d; each link is (referring, referred to, on update, on delete)."""

    def table(name: str) -> TableFact:
        columns = tuple(ColumnFact(each, NUMBER, each != "id") for each in ("id", "other"))
        return TableFact("main", name, TableKind.TABLE, columns, KeyFact(None, ("id",)))

    keys = tuple(
        ForeignKeyFact(None, "main", source, ("other",), "main", target, ("id",), update, delete)
        for source, target, update, delete in links
    )
    tables = (*map(table, "abcd"), TableFact("main", "v", TableKind.VIEW, (ColumnFact("id", NUMBER, True),)))
    return build(Facts(DatabaseKind.SQLITE, (3,), ("main",), tables, keys), Overlay(exclude=exclude))


def reached(catalog: Catalog, table: str, deed: Deed) -> set[str]:
    found = Reach(catalog).of(catalog.tables[table], deed)
    assert found is not None
    return {name for _, name in found}


def test_an_insert_reaches_its_own_table() -> None:
    assert reached(chain(("b", "a", "CASCADE", "CASCADE")), "a", Deed.INSERT) == {"a"}


def test_a_delete_cascades_as_far_as_rows_go() -> None:
    catalog = chain(
        ("b", "a", "NO ACTION", "CASCADE"), ("c", "b", "NO ACTION", "SET NULL"), ("d", "c", "NO ACTION", "CASCADE")
    )
    assert reached(catalog, "a", Deed.DELETE) == {"a", "b", "c"}  # c is updated, and no row of it goes
    assert reached(catalog, "a", Deed.UPDATE) == {"a"}


def test_an_update_of_a_key_cascades_by_the_actions_of_updates() -> None:
    catalog = chain(("b", "a", "CASCADE", "NO ACTION"), ("c", "b", "SET DEFAULT", "NO ACTION"))
    assert reached(catalog, "a", Deed.UPDATE) == {"a", "b", "c"}
    assert reached(catalog, "a", Deed.DELETE) == {"a"}


def test_a_cascade_passes_through_tables_that_are_not_served() -> None:
    catalog = chain(("b", "a", "NO ACTION", "CASCADE"), ("c", "b", "NO ACTION", "CASCADE"), exclude=("b",))
    assert "b" not in catalog.tables
    assert reached(catalog, "a", Deed.DELETE) == {"a", "b", "c"}


def test_circles_end() -> None:
    catalog = chain(
        ("b", "a", "CASCADE", "CASCADE"), ("a", "b", "CASCADE", "CASCADE"), ("a", "a", "CASCADE", "CASCADE")
    )
    assert reached(catalog, "a", Deed.DELETE) == {"a", "b"}


def test_a_write_to_a_view_reaches_anything() -> None:
    catalog = chain()
    found: frozenset[TableName] | None = Reach(catalog).of(catalog.tables["v"], Deed.UPDATE)
    assert found is None
