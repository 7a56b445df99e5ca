"""A set of rows may do what each of its rows might do alone, on three databases, down to the rows that must not change."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from reflector.access.bind import bind_permissions
from reflector.access.description import (
    AccessDescription,
    AllowRules,
    ColumnList,
    CreateRules,
    DeleteRules,
    PresetText,
    ReadRules,
    RoleRules,
    RuleText,
    TableRules,
    UpdateRules,
)
from reflector.access.permissions import Permissions
from reflector.access.principal import Principal
from reflector.catalog.model import Catalog, Column, DatabaseKind
from reflector.datatypes import Value
from reflector.engine import Engine
from reflector.errors import (
    CheckRefused,
    Forbidden,
    InternalError,
    MissingClaim,
    ReflectorError,
    UniqueViolation,
    UnknownColumn,
)
from reflector.query.nodes import TRUE, Field, Filter, Literal, Order, Output, Read
from reflector.query.sets import AnyQuery, Change, DeleteMany, InsertMany, UpdateMany, conflict_on, given_rows
from reflector.snapshot import Snapshot
from reflector.sql.plan import Answer
from reflector.written import Written
from tests.bookshops import Databases, serving
from tests.core.questions import NOBODY, outputs, where

SCRIPT = """
CREATE TABLE note (
    id integer NOT NULL PRIMARY KEY,
    code varchar(20) UNIQUE,
    owner integer NOT NULL,
    status varchar(20) NOT NULL DEFAULT 'open',
    rating integer,
    body varchar(100),
    stamp varchar(20)
);
CREATE TABLE remark (
    id integer NOT NULL PRIMARY KEY, note_id integer NOT NULL, body varchar(20),
    CONSTRAINT of_note FOREIGN KEY (note_id) REFERENCES note (id) ON DELETE CASCADE
);
"""
STORED = (
    (1, "mine", 7, "open", 3, "b1", None),
    (2, "mine-out", 7, "out", 3, "b2", None),
    (3, "theirs", 8, "open", 3, "secret", None),
    (4, "theirs-out", 8, "out", 3, "b4", None),
)
ROLES = ("author", "maker", "editor", "stamper", "single", "changer", "clerk", "proof", "blind", "mute", "put", "patch")
NAMES = ("id", "code", "owner", "status", "rating", "body", "stamp")


def reads(rule: str, *columns: str) -> ReadRules:
    return ReadRules(RuleText(rule), ColumnList(columns) if columns else None)


DESCRIPTION = AccessDescription(
    roles={name: RoleRules() for name in ROLES},
    policies={"own": RuleText("owner == claims.sub")},
    tables=(
        TableRules(
            "note",
            {
                "author": AllowRules(
                    reads("own"),
                    CreateRules(
                        RuleText("status != 'shut'"),
                        ColumnList(("id", "code", "status", "rating", "body")),
                        {"owner": PresetText("claims.sub")},
                    ),
                    UpdateRules(RuleText("own"), None, ColumnList(("code", "status", "rating", "body", "owner"))),
                    DeleteRules(RuleText("own and status == 'open'")),
                ),
                "maker": AllowRules(
                    reads("own"), CreateRules(RuleText("True"), ColumnList(("id", "code", "owner", "body")))
                ),
                "editor": AllowRules(
                    reads("status == 'out'", "id", "owner", "status", "rating"),
                    update=UpdateRules(RuleText("status == 'out'"), RuleText("rating >= 3"), ColumnList(("rating",))),
                ),
                "stamper": AllowRules(
                    reads("True", "id", "stamp"),
                    update=UpdateRules(
                        RuleText("status == 'open'"),
                        RuleText("True"),
                        ColumnList(("rating",)),
                        {"stamp": PresetText("'stamped'")},
                    ),
                ),
                "single": AllowRules(
                    reads("True"),
                    CreateRules(
                        RuleText("not exists(note, owner == row.owner and id != row.id)"),
                        ColumnList(("id", "owner")),
                    ),
                    UpdateRules(
                        RuleText("True"),
                        RuleText("not exists(note, rating == row.rating and id != row.id)"),
                        ColumnList(("rating",)),
                    ),
                    DeleteRules(RuleText("not exists(remark, note_id == row.id)")),
                ),
                "proof": AllowRules(
                    reads("owner == 8"),
                    update=UpdateRules(RuleText("owner == 8"), RuleText("rating >= 3"), ColumnList(("rating",))),
                ),
                "blind": AllowRules(
                    reads("own"),
                    CreateRules(RuleText("True"), ColumnList(("id", "owner", "rating"))),
                    UpdateRules(RuleText("True"), RuleText("True"), ColumnList(("rating",))),
                    DeleteRules(RuleText("True")),
                ),
                "mute": AllowRules(update=UpdateRules(RuleText("True"), RuleText("True"), ColumnList(("rating",)))),
                "put": AllowRules(
                    reads("True"),
                    CreateRules(
                        RuleText("True"),
                        ColumnList(("id", "owner", "rating", "body")),
                        {"code": PresetText("'preset'")},
                    ),
                    UpdateRules(RuleText("True"), RuleText("True"), ColumnList(("code", "rating", "body", "stamp"))),
                ),
                "patch": AllowRules(
                    update=UpdateRules(RuleText("True"), RuleText("True"), ColumnList(("rating", "stamp"))),
                ),
                "changer": AllowRules(
                    reads("True"),
                    CreateRules(RuleText("rating < 5"), ColumnList(("id", "code", "owner", "rating", "body"))),
                    UpdateRules(
                        RuleText("own"),
                        RuleText("rating > 5"),
                        ColumnList(("rating", "body")),
                        {"stamp": PresetText("'changed'")},
                    ),
                ),
            },
        ),
        TableRules("remark", {"single": AllowRules(reads("True"))}),
    ),
)


def bind(catalog: Catalog) -> Permissions:
    permissions, complaints = bind_permissions(DESCRIPTION, catalog)
    # A library's caller may write rows that nobody reads; by an API no such write is asked for, which is what is warned of.
    assert {each.code for each in complaints} == {"unread_right"}
    return permissions


@pytest.fixture
async def engine(databases: Databases, kind: DatabaseKind) -> AsyncIterator[Engine]:
    async with serving(databases.database(kind, SCRIPT), bind=bind) as served:
        await free(served, given(served, *(dict(zip(NAMES, row, strict=True)) for row in STORED)))
        yield served


def caller(*roles: str, sub: int | None = 7) -> Principal:
    return Principal(roles, {} if sub is None else {"sub": str(sub)})


async def run(engine: Engine, query: AnyQuery, who: Principal) -> Answer:
    snapshot = engine.snapshot
    return await engine.answer(snapshot, snapshot.access(who), query, who)


async def free(engine: Engine, query: AnyQuery) -> Answer:
    """Without any rule."""
    snapshot = Snapshot(engine.snapshot.number, engine.snapshot.catalog, None, True)
    return await engine.answer(snapshot, snapshot.access(NOBODY), query, NOBODY)


async def stored(engine: Engine) -> list[tuple[Any, ...]]:
    note = engine.snapshot.catalog.tables["note"]
    order = (Order(Field(note.by_name["id"])),)
    answer = await free(engine, Read(note, outputs(note), order=order, limit=5000))
    return [tuple(row[name] for name in NAMES) for row in json.loads(answer.body or b"")]


def given(engine: Engine, *rows: dict[str, Value], **more: Any) -> InsertMany:
    note = engine.snapshot.catalog.tables["note"]
    columns: list[dict[Column, Value]] = [{note.by_name[name]: value for name, value in row.items()} for row in rows]
    return InsertMany(note, given_rows(columns, defaults=True), **more)


def merged(engine: Engine, *rows: dict[str, Value], update: tuple[str, ...] | None, on: str = "id") -> InsertMany:
    note = engine.snapshot.catalog.tables["note"]
    taken = None if update is None else [note.by_name[name] for name in update]
    return given(engine, *rows, conflict=conflict_on(note, [note.by_name[on]], update=taken))


def changed(engine: Engine, rows: Filter = TRUE, returning: bool = False, **values: Value) -> UpdateMany:
    note = engine.snapshot.catalog.tables["note"]
    changes = tuple(
        Change(note.by_name[name], Literal(value, note.by_name[name].type)) for name, value in values.items()
    )
    return UpdateMany(note, rows, changes, returning=shown(engine, "id") if returning else None)


def shown(engine: Engine, *names: str) -> Read:
    note = engine.snapshot.catalog.tables["note"]
    order = (Order(Field(note.by_name["id"])),)
    return Read(note, tuple(Output(name, Field(note.by_name[name])) for name in names), order=order)


async def test_presets_are_on_every_row_and_each_row_is_checked(engine: Engine) -> None:
    returning = shown(engine, "id", "owner", "status")
    query = given(engine, {"id": 11, "body": "a"}, {"id": 10, "status": "out"}, returning=returning)
    answer = await run(engine, query, caller("author"))
    assert json.loads(answer.body or b"") == [
        {"id": 10, "owner": 7, "status": "out"},
        {"id": 11, "owner": 7, "status": "open"},
    ]
    before = await stored(engine)
    with pytest.raises(CheckRefused):
        await run(engine, given(engine, {"id": 20}, {"id": 21, "status": "shut"}), caller("author"))
    with pytest.raises(UnknownColumn):
        await run(engine, given(engine, {"id": 20}, {"id": 21, "owner": 8}), caller("author"))
    with pytest.raises(MissingClaim):
        await run(engine, given(engine, {"id": 20}), caller("author", sub=None))
    with pytest.raises(Forbidden):
        await run(engine, given(engine, {"id": 20}), caller("editor"))
    assert await stored(engine) == before


async def test_a_check_that_reads_the_written_table_sees_all_rows_of_the_set(engine: Engine) -> None:
    await run(engine, given(engine, {"id": 10, "owner": 1}, {"id": 11, "owner": 2}), caller("single"))
    before = await stored(engine)
    with pytest.raises(CheckRefused):
        await run(engine, given(engine, {"id": 12, "owner": 3}, {"id": 13, "owner": 3}), caller("single"))
    with pytest.raises(CheckRefused):
        await run(engine, changed(engine, where(note_of(engine), id__in="10,11"), rating=1), caller("single"))
    assert await stored(engine) == before
    assert (
        await run(engine, changed(engine, where(note_of(engine), id="10"), rating=1), caller("single"))
    ).affected == 1


def note_of(engine: Engine) -> Any:
    return engine.snapshot.catalog.tables["note"]


async def test_an_update_takes_the_rows_of_its_rule_and_checks_each(engine: Engine) -> None:
    answer = await run(engine, changed(engine, returning=True, body="new"), caller("author"))
    assert (answer.affected, json.loads(answer.body or b"")) == (2, [{"id": 1}, {"id": 2}])
    assert [row[5] for row in await stored(engine)] == ["new", "new", "secret", "b4"]
    before = await stored(engine)
    with pytest.raises(CheckRefused):
        await run(engine, changed(engine, owner=8), caller("author"))
    assert await stored(engine) == before


async def test_each_row_needs_one_right_that_found_it_and_approves_of_it(engine: Engine) -> None:
    """The author may change own notes in any way, the editor those that are out to a rating of three and more."""
    both = caller("author", "editor")
    answer = await run(engine, changed(engine, returning=True, rating=4), both)
    assert (answer.affected, json.loads(answer.body or b"")) == (3, [{"id": 1}, {"id": 2}, {"id": 4}])
    before = await stored(engine)
    with pytest.raises(CheckRefused):  # of note 4, found by the editor's right alone
        await run(engine, changed(engine, rating=1), both)
    assert await stored(engine) == before
    answer = await run(engine, changed(engine, where(note_of(engine), id__in="1,2"), rating=1), both)
    assert answer.affected == 2  # note 2 is found by both, and the author's right approves
    assert [row[4] for row in await stored(engine)] == [1, 1, 3, 4]


async def test_rights_with_presets_of_their_own_write_rows_of_their_own(engine: Engine) -> None:
    answer = await run(engine, changed(engine, returning=True, rating=5), caller("author", "stamper", "editor"))
    assert (answer.affected, len(json.loads(answer.body or b""))) == (4, 4)
    kept = {row[0]: (row[4], row[6]) for row in await stored(engine)}
    assert kept == {1: (5, None), 2: (5, None), 3: (5, "stamped"), 4: (5, None)}


async def test_a_delete_takes_the_rows_of_any_right(engine: Engine) -> None:
    note = note_of(engine)
    answer = await run(engine, DeleteMany(note, TRUE, shown(engine, "id", "body")), caller("author"))
    assert (answer.affected, json.loads(answer.body or b"")) == (1, [{"id": 1, "body": "b1"}])
    with pytest.raises(Forbidden):
        await run(engine, DeleteMany(note, TRUE), caller("editor"))
    assert [row[0] for row in await stored(engine)] == [2, 3, 4]
    assert (await run(engine, DeleteMany(note, TRUE), caller("single"))).affected == 3


async def test_what_is_answered_is_what_may_be_read(engine: Engine) -> None:
    """The maker writes rows of others and reads own ones; the stamper reads two columns of all."""
    query = given(engine, {"id": 10, "owner": 7}, {"id": 11, "owner": 8}, returning=shown(engine, "id", "body"))
    answer = await run(engine, query, caller("maker"))
    assert (answer.affected, json.loads(answer.body or b"")) == (2, [{"id": 10, "body": None}])
    several = caller("author", "stamper")
    query_ = UpdateMany(
        note_of(engine), TRUE, changed(engine, rating=2).changes, returning=shown(engine, "id", "body", "stamp")
    )
    answer = await run(engine, query_, several)
    assert json.loads(answer.body or b"")[2] == {"id": 3, "body": None, "stamp": "stamped"}
    found = await run(engine, changed(engine, where(note_of(engine), body="secret"), rating=1), several)
    assert found.affected == 0  # a column that is hidden on a row finds nothing there


async def test_a_new_row_needs_one_of_the_rights_that_set_the_same(engine: Engine) -> None:
    """The changer's check is of a rating that is not given; the maker's lets every row in."""
    await run(engine, given(engine, {"id": 10, "owner": 9}, {"id": 11, "owner": 9}), caller("maker", "changer"))
    assert len(await stored(engine)) == 6


async def test_rows_that_several_rights_find_are_those_of_any(engine: Engine) -> None:
    """The editor changes what is out, the proof-reader what is of another, both to a rating of three and more."""
    answer = await run(engine, changed(engine, returning=True, rating=4), caller("editor", "proof"))
    assert json.loads(answer.body or b"") == [{"id": 2}, {"id": 3}, {"id": 4}]
    note = note_of(engine)
    assert (await run(engine, DeleteMany(note, TRUE), caller("author", "single"))).affected == 4


async def test_a_write_finds_rows_in_sight_though_its_right_knows_no_others(engine: Engine) -> None:
    await run(engine, changed(engine, rating=5), caller("blind"))
    assert [row[4] for row in await stored(engine)] == [5, 5, 3, 3]
    rows = where(note_of(engine), rating="3")
    assert (await run(engine, replace(changed(engine, rating=6), where=rows), caller("blind"))).affected == 0
    assert (await run(engine, DeleteMany(note_of(engine), TRUE), caller("blind"))).affected == 2
    assert [row[0] for row in await stored(engine)] == [3, 4]


async def test_who_sees_nothing_writes_every_row_or_none(engine: Engine) -> None:
    """A condition of theirs would tell of rows out of sight: it is never passed over."""
    before = await stored(engine)
    with pytest.raises(InternalError):
        await run(engine, changed(engine, where(note_of(engine), id="1"), rating=6), caller("mute"))
    assert await stored(engine) == before
    assert (await run(engine, changed(engine, rating=6), caller("mute"))).affected == 4


async def test_a_condition_of_a_write_s_own_holds_afterwards_as_well(engine: Engine) -> None:
    own, before = where(note_of(engine), rating="2"), await stored(engine)
    with pytest.raises(CheckRefused):
        await run(engine, given(engine, {"id": 10, "owner": 9, "rating": 3}, check=own), caller("changer"))
    with pytest.raises(CheckRefused):
        await run(engine, replace(changed(engine, rating=3), check=own), caller("author"))
    refused = replace(merged(engine, {"id": 1, "owner": 7, "rating": 3}, update=("rating",)), check=own)
    with pytest.raises(CheckRefused):
        await run(engine, refused, caller("blind"))
    assert await stored(engine) == before
    await run(engine, given(engine, {"id": 10, "owner": 9, "rating": 2}, check=own), caller("changer"))
    assert (await run(engine, replace(changed(engine, rating=2), check=own), caller("author"))).affected == 2


# ── upserts ──────────────────────────────────────────────────────────────────────────────────


async def test_an_upsert_needs_both_rights_and_judges_old_and_new(engine: Engine) -> None:
    changer = caller("changer")
    new, old = {"id": 10, "owner": 9, "rating": 1}, {"id": 1, "owner": 9, "rating": 6}
    answer = await run(engine, merged(engine, new, old, update=("rating",)), changer)
    assert (answer.affected, answer.inserted) == (2, 1)
    kept = {row[0]: row for row in await stored(engine)}
    assert kept[1] == (1, "mine", 7, "open", 6, "b1", "changed")
    assert kept[10] == (10, None, 9, "open", 1, None, None)
    before = await stored(engine)
    refused = (
        {"id": 12, "owner": 9, "rating": 6},  # the check of new rows
        {"id": 1, "owner": 9, "rating": 1},  # the check of changed ones
        {"id": 3, "owner": 9, "rating": 6},  # not to be changed at all
    )
    for row in refused:
        with pytest.raises(CheckRefused):
            await run(engine, merged(engine, {"id": 13, "owner": 9, "rating": 2}, row, update=("rating",)), changer)
    with pytest.raises(UnknownColumn):
        await run(engine, merged(engine, old, update=("owner",)), changer)
    with pytest.raises(Forbidden):
        await run(engine, merged(engine, {"id": 1, "owner": 7}, update=("owner",)), caller("maker"))
    with pytest.raises(Forbidden):
        await run(engine, merged(engine, {"id": 20, "rating": 3}, update=("rating",)), caller("editor"))
    assert await stored(engine) == before


async def test_an_upsert_changes_no_row_out_of_sight_whatever_its_right_finds(engine: Engine) -> None:
    await run(engine, merged(engine, {"id": 1, "owner": 7, "rating": 5}, update=("rating",)), caller("blind"))
    before = await stored(engine)
    with pytest.raises(CheckRefused):
        await run(engine, merged(engine, {"id": 3, "owner": 7, "rating": 5}, update=("rating",)), caller("blind"))
    assert await stored(engine) == before


async def test_a_row_is_replaced_as_far_as_every_right_that_may_find_it_writes(engine: Engine) -> None:
    """What a new row is given by a rule stays as it is in one that exists, as does what one of the rights may not write."""
    note = note_of(engine)
    for roles, told in (
        (("put",), (1, "mine", 7, "open", 9, None, None)),
        (("put", "patch"), (1, "mine", 7, "open", 9, "full", None)),
    ):
        await free(engine, DeleteMany(note, where(note, id="1")))
        await free(engine, given(engine, dict(zip(NAMES, (1, "mine", 7, "open", 3, "full", "old"), strict=True))))
        query = merged(engine, {"id": 1, "rating": 9}, update=("rating",))
        assert query.conflict is not None
        left = tuple(note.by_name[name] for name in ("code", "body", "stamp"))
        query = replace(query, conflict=replace(query.conflict, reset=left))
        await run(engine, query, caller(*roles))
        assert (await stored(engine))[0] == told


async def test_leaving_rows_alone_needs_no_right_to_change_them(engine: Engine) -> None:
    rows = ({"id": 3, "owner": 7, "body": "x"}, {"id": 10, "owner": 7, "body": "x"})
    answer = await run(engine, merged(engine, *rows, update=None), caller("maker"))
    assert (answer.affected, answer.inserted) == (1, 1)
    assert [row for row in await stored(engine) if row[0] == 3] == [STORED[2]]


async def test_a_hidden_row_in_the_way_tells_that_it_is_there_and_nothing_else(
    databases: Databases, kind: DatabaseKind
) -> None:
    """Two worlds that differ in what a row holds that the caller may not see: one answer, and not a word of the row."""
    told: list[list[tuple[type[ReflectorError], str, str | None, tuple[str, ...]]]] = []
    for status, body in (("open", "secret"), ("shut", "another")):
        async with serving(databases.database(kind, SCRIPT), bind=bind) as engine:
            await free(engine, given(engine, {"id": 3, "code": "k", "owner": 8, "status": status, "body": body}))
            told.append([])
            for row, update, on in (
                ({"id": 3, "body": "mine"}, ("body",), "id"),
                ({"id": 4, "code": "k", "body": "mine"}, ("body",), "code"),
                ({"id": 3, "code": "other"}, ("code",), "id"),
                ({"id": 4, "code": "k"}, ("code",), "id"),
            ):
                before = await stored(engine)
                with pytest.raises((CheckRefused, UniqueViolation)) as fault:
                    await run(engine, merged(engine, row, update=update, on=on), caller("author"))
                error = fault.value
                told[-1].append((type(error), error.message, error.hint, getattr(error, "columns", ())))
                assert await stored(engine) == before
    assert told[0] == told[1]
    assert [each[0] for each in told[0]] == [CheckRefused, CheckRefused, CheckRefused, UniqueViolation]


async def test_who_keeps_answers_is_told_of_sets_and_of_what_they_reach(engine: Engine) -> None:
    heard: list[Written] = []
    engine.on_write(heard.append)
    await run(engine, merged(engine, {"id": 1, "owner": 7, "rating": 6}, update=("rating",)), caller("changer"))
    await run(engine, DeleteMany(note_of(engine), where(note_of(engine), id="1")), caller("author"))
    names = [sorted(name for _, name in each.tables or ()) for each in heard]
    assert names == [["note"], ["note", "remark"]]
    with pytest.raises(CheckRefused):
        await run(engine, given(engine, {"id": 20}, {"id": 21, "status": "shut"}), caller("author"))
    assert len(heard) == 2
