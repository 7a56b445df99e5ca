"""Metadata of a Hasura as applications have them: of every version and form, grown over years, not all of it in the database any more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from reflector.catalog.model import DatabaseKind
from server.commands.convert import Converted
from server.commands.hasura import converted
from server.commands.hasura_fit import converted_for
from server.config import ConfigError
from tests.access.test_from_hasura import ENVIRON, bearer
from tests.bookshops import Databases
from tests.server.harness import Served, configured, reflector, served

SCHEMA = """
CREATE SCHEMA staff;
CREATE TABLE club (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE member (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, phone TEXT, club_id INTEGER REFERENCES club (id));
CREATE TABLE staff.person (id INTEGER PRIMARY KEY, salary INTEGER);
CREATE TABLE visit (
  club INTEGER REFERENCES club (id), member INTEGER REFERENCES member (id), said TEXT, at TIMESTAMPTZ, day DATE,
  PRIMARY KEY (club, member)
);
CREATE VIEW summary AS SELECT club, count(*) AS visits FROM visit GROUP BY club;
CREATE FUNCTION everybody() RETURNS SETOF member LANGUAGE sql STABLE AS 'SELECT * FROM member';
CREATE FUNCTION clubs() RETURNS SETOF club LANGUAGE sql STABLE AS 'SELECT * FROM club';
CREATE FUNCTION mine(session json) RETURNS SETOF club LANGUAGE sql STABLE AS 'SELECT * FROM club';
INSERT INTO club VALUES (1, 'chess'), (2, 'choir');
INSERT INTO member VALUES (7, 'Ada', 'ada@example.com', '77', 1), (8, 'Bob', 'bob@example.com', '88', 2);
INSERT INTO staff.person VALUES (1, 5000);
INSERT INTO visit VALUES (1, 7, 'hello'), (2, 8, 'hi');
"""
OWN = {"id": {"_eq": "X-Hasura-User-Id"}}
"""The row of whoever asks."""


def tracked(name: str, schema: str = "public", **said: Any) -> dict[str, Any]:
    return {"table": {"schema": schema, "name": name}, **said}


def permitted(role: str, **permission: Any) -> dict[str, Any]:
    return {"role": role, "permission": permission}


def by_key(name: str, table: str, column: str) -> dict[str, Any]:
    on = {"column": column, "table": {"schema": "public", "name": table}}
    return {"name": name, "using": {"foreign_key_constraint_on": on}}


def by_hand(name: str, table: str, **join: str) -> dict[str, Any]:
    manual = {"remote_table": {"schema": "public", "name": table}, "column_mapping": join, "insertion_order": None}
    return {"name": name, "using": {"manual_configuration": manual}}


@pytest.fixture(scope="module")
def clubs(databases: Databases) -> str:
    return databases.database(DatabaseKind.POSTGRESQL, SCHEMA)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "hasura"


def write(folder: Path, *tables: Mapping[str, Any], **files: Any) -> Path:
    """A directory of version 3, with further files that are named by what they are called."""
    database = {"name": "default", "kind": "postgres", "tables": list(tables), **files.pop("database", {})}
    (folder / "databases").mkdir(parents=True)
    (folder / "databases" / "databases.yaml").write_text(yaml.safe_dump([database]))
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return folder


async def made_for(url: str, folder: Path) -> Converted:
    return await converted_for(configured(url), folder)


@contextmanager
def serving(url: str, made: Converted) -> Iterator[Any]:
    text = made.text.replace("version: 1", "", 1)
    yield served(url, text, environ={**ENVIRON, "DATABASE_URL": url}, strict=True)


async def rows(api: Served, path: str, headers: Mapping[str, str]) -> Any:
    return (await api.get(f"/api/{path}", headers)).json.get("items")


def told(made: Converted, about: str) -> list[str]:
    return [each.removeprefix(f"{about}: ") for each in made.left if each.startswith(f"{about}: ")]


# ── versions and forms ───────────────────────────────────────────────────────────────────────

CLUB = tracked("club", select_permissions=[permitted("user", columns=["id"], filter={})])
MINE = {"function": {"schema": "public", "name": "mine"}}
FORMS: Mapping[str, Any] = {
    "metadata/tables.yaml": [CLUB],
    "tables.yaml": [CLUB],
    "migrations/metadata.yaml": {
        "version": 2,
        "tables": [CLUB],
        "functions": [MINE],
        "remote_schemas": [{"name": "x"}],
    },
    "metadata.json": {
        "resource_version": 4,
        "metadata": {"version": 3, "sources": [{"name": "default", "tables": [CLUB]}]},
    },
    "hasura_metadata.json": {"version": 1, "tables": [{**CLUB, "table": "club"}]},
}


@pytest.mark.parametrize("name", FORMS)
def test_metadata_of_every_form_are_read(directory: Path, name: str) -> None:
    path = directory / name
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(FORMS[name]))
    made = converted(directory, None)
    assert '  "club":\n    allow:\n      "user":\n        read: {"filter": true, "columns": ["id"]}' in made.text
    if path.name != "tables.yaml":
        assert converted(path, None) == made
    if "migrations" in name:
        assert told(made, "remote_schemas") == ["there is nothing of the kind here"]
        assert told(made, "function mine") == ["it names no role, and is closed here unless it does"]


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"select_permissions": {"role": "user"}}, "select_permissions: must be a list of mappings, of club"),
        ({"select_permissions": [{"role": "user", "permission": "all"}]}, "permission: must be a mapping, of user"),
        ({"configuration": ["x"]}, "configuration: must be a mapping, of club"),
        ({"object_relationships": ["x"]}, "object_relationships: must be a list of mappings, of club"),
        ({"insert_permissions": [permitted("user", check={}, set=["x"])]}, "set: must be a mapping"),
    ],
)
def test_metadata_of_another_shape_are_refused_in_words(directory: Path, said: Any, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        converted(write(directory, tracked("club", **said)), None)
    assert complaint in str(refused.value.complaints[0])


# ── what would open more ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("permission", "why"),
    [
        ({"filter": {}, "query_root_fields": []}, "query_root_fields: what is read through relationships alone is nobody's here"),
        ({"filter": {}, "query_root_fields": ["select_by_pk"]}, "query_root_fields: what is read through relationships alone is nobody's here"),
        ({"filter": {}, "narrowed": {"by": "something new"}}, "narrowed: there is nothing of the kind here"),
        ({}, "it has no filter"),
        ({"filter": None}, "a filter is a mapping"),
        ({"filter": {"_or": [None]}}, "a filter is a mapping"),
        ({"filter": {}, "columns": None}, "it has no columns"),
        ({"filter": {}, "columns": "name"}, "columns are a list of names, or '*'"),
    ],
)  # fmt: skip
def test_what_narrows_in_a_way_of_its_own_is_left_out(directory: Path, permission: Mapping[str, Any], why: str) -> None:
    table = tracked("club", select_permissions=[permitted("user", **{"columns": ["id"], **permission})])
    made = converted(write(directory, table), None)
    assert told(made, "club: select of user") == [f"{why}; it is left out"]
    assert '"user":\n' not in made.text


def test_an_update_of_no_columns_is_left_out(directory: Path) -> None:
    table = tracked("club", update_permissions=[permitted("user", filter={}, check=None)])
    made = converted(write(directory, table), None)
    assert told(made, "club: update of user") == ["it has no columns; it is left out"]
    assert "update:" not in made.text


async def test_roles_of_a_token_that_have_no_permission_take_none_away(clubs: str, directory: Path) -> None:
    def on(table: str, *roles: str) -> dict[str, Any]:
        return tracked(table, select_permissions=[permitted(role, columns=["id"], filter={}) for role in roles])

    made = await made_for(clubs, write(directory, on("club", "user", "clerk"), on("member", "clerk")))
    with serving(clubs, made) as running:
        async with running as api:

            async def status(path: str, *roles: str, **headers: str) -> Any:
                return (await api.get(f"/api/{path}", {**bearer(*roles), **headers})).status

            assert await status("club", "user", "editor", "admin") == 200
            # Of several roles the default one counts, until another of them is asked for.
            assert await status("member", "user", "clerk") == 404
            assert await status("member", "user", "clerk", **{"X-Hasura-Role": "clerk"}) == 200
            assert await status("club", "user", "admin", **{"X-Hasura-Role": "admin"}) == 403
            assert await status("club", "admin", "user") == 403
            assert await status("club", "admin") == 403


def test_a_list_that_may_be_read_and_not_counted_is_not_counted(directory: Path) -> None:
    counted = {"columns": ["id"], "filter": {}, "allow_aggregations": True}
    some = permitted("some", **counted, query_root_fields=["select"])
    table = tracked("club", select_permissions=[permitted("all", **counted), some])
    assert converted(write(directory, table), None).text.count("aggregate: true") == 1


async def test_a_role_whose_name_is_none_here_is_left_out_with_all_it_may_do(clubs: str, directory: Path) -> None:
    reads = [permitted(role, columns=["id"], filter={}, limit=3) for role in ("head of choir", "user")]
    inherited = [{"role_name": "both", "role_set": ["head of choir", "user"]}]
    made = await made_for(clubs, write(directory, tracked("club", select_permissions=reads), inherited_roles=inherited))
    assert len(told(made, "role head of choir")) == 1
    with serving(clubs, made) as running:
        async with running as api:
            assert await rows(api, "club", bearer("both")) == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize(
    ("role", "given", "why"),
    [
        ("anonymous", True, "callers without a token have it; take anonymous_role away"),
        ("guest", False, "auth.anonymous_role: guest is for you to write"),
        ("public", False, "auth.anonymous_role: public is for you to write"),
    ],
)
def test_who_callers_without_a_token_are_is_told(directory: Path, role: str, given: bool, why: str) -> None:
    table = tracked("club", select_permissions=[permitted(role, columns=["id"], filter={})])
    made = converted(write(directory, table), None)
    assert ("anonymous_role" in made.text) is given
    assert told(made, f"role {role}")[0].startswith(why)


async def test_what_a_database_has_beside_tables_is_named(clubs: str, directory: Path) -> None:
    beside = {"customization": {"root_fields": {"prefix": "x"}}, "native_queries": [{"root_field_name": "q"}]}
    table = tracked("club", apollo_federation_config={"enable": "v1"})
    made = await made_for(clubs, write(directory, table, database=beside))
    assert {each.partition(": there is")[0] for each in made.left if "of the kind here" in each} == {
        "database default: customization", "database default: native_queries", "club: apollo_federation_config"
    }  # fmt: skip


# ── functions ────────────────────────────────────────────────────────────────────────────────


async def test_a_function_is_for_roles_that_read_every_row_of_what_it_gives(clubs: str, directory: Path) -> None:
    tables = (
        tracked("member", select_permissions=[permitted("user", columns=["id"], filter=OWN), permitted("clerk", columns=["id"], filter={})]),
        tracked("club", select_permissions=[permitted("user", columns=["id"], filter={})]),
    )  # fmt: skip

    def function(name: str, **said: Any) -> dict[str, Any]:
        roles = [{"role": "user"}, {"role": "clerk"}]
        return {"function": {"schema": "public", "name": name}, "permissions": roles, **said}

    functions = [
        function("everybody"), function("clubs"), function("mine", configuration={"session_argument": "session"}), function("gone")
    ]  # fmt: skip
    made = await made_for(clubs, write(directory, *tables, database={"functions": functions}))
    assert "session_argument" in told(made, "function mine")[0]
    assert len(told(made, "function gone")) == 1
    with serving(clubs, made) as running:
        async with running as api:
            called = {
                (role, name): (await api.get(f"/rest/v1/rpc/{name}", bearer(role))).status
                for role in ("user", "clerk")
                for name in ("everybody", "clubs")
            }
    assert called == {
        ("user", "everybody"): 404,
        ("user", "clubs"): 200,
        ("clerk", "everybody"): 200,
        ("clerk", "clubs"): 404,
    }


# ── inherited roles ──────────────────────────────────────────────────────────────────────────


async def test_an_inherited_role_has_no_more_here_than_there(clubs: str, directory: Path) -> None:
    member = tracked(
        "member",
        select_permissions=[
            permitted("own", columns=["id", "email"], filter=OWN),
            permitted("phones", columns=["id", "phone"], filter={}),
            permitted("named", columns=["id", "name"], filter={}),
        ],
        update_permissions=[
            permitted("own", columns=["email"], filter=OWN, check=None),
            permitted("phones", columns=["phone"], filter={}, check=None),
        ],
    )
    club = tracked("club", select_permissions=[permitted("own", columns=["id"], filter={})])
    inherited = [
        {"role_name": "heir", "role_set": ["both"]},
        {"role_name": "named", "role_set": ["own"]},
        {"role_name": "both", "role_set": ["own", "phones"]},
    ]
    made = await made_for(clubs, write(directory, member, club, inherited_roles=inherited))
    assert told(made, "member: update of both") == ["the roles that it inherits differ: nobody has it there either"]
    with serving(clubs, made) as running:
        async with running as api:
            # What a role is permitted itself counts alone, and what it is not, it inherits.
            assert await rows(api, "member", bearer("named")) == [{"id": 7, "name": "Ada"}, {"id": 8, "name": "Bob"}]
            assert await rows(api, "club", bearer("named")) == [{"id": 1}, {"id": 2}]
            for role in ("both", "heir"):
                assert await rows(api, "member", bearer(role)) == [
                    {"id": 7, "email": "ada@example.com", "phone": "77"}, {"id": 8, "email": None, "phone": "88"}
                ]  # fmt: skip
                assert (await api.patch("/api/member/7", {"email": "x"}, bearer(role))).status in (403, 404, 405)
            changed = await api.patch("/api/member/7", {"email": "ada@example.com"}, bearer("named"))
            assert changed.json == {"id": 7, "name": "Ada"}


def test_a_permission_that_is_left_out_is_not_inherited_instead(directory: Path) -> None:
    member = tracked(
        "member",
        delete_permissions=[permitted("parent", filter={}), permitted("heir", filter=OWN, backend_only=True)],
        select_permissions=[permitted("parent", columns=["id"], filter={})],
    )
    inherited = [{"role_name": "heir", "role_set": ["parent"]}, {"role_name": "grandchild", "role_set": ["heir"]}]
    text = converted(write(directory, member, inherited_roles=inherited), None).text
    allowed = yaml.safe_load(text)
    assert allowed["tables"]["member"]["allow"]["heir"] == {"read": {"filter": True, "columns": ["id"]}}
    assert allowed["roles"] == {"parent": {}, "heir": {}, "grandchild": {"extends": ["heir"]}}


# ── what the database has ────────────────────────────────────────────────────────────────────


async def test_what_the_database_does_not_have_is_left_out_and_the_rest_holds(clubs: str, directory: Path) -> None:
    tables = (
        tracked("person", select_permissions=[permitted("user", columns=["id", "salary"], filter={})]),
        tracked(
            "member",
            computed_fields=[{"name": "is_friend", "definition": {"function": "x"}}],
            select_permissions=[
                permitted("user", columns=["id", "name"], filter=OWN),
                permitted("friend", columns=["id"], filter={"_or": [OWN, {"is_friend": {"_eq": True}}]}),
                permitted("old", columns=["id", "surname"], filter={}),
            ],
            delete_permissions=[permitted("old", filter={"name": {"_similar": "A%"}})],
        ),
        tracked("club", select_permissions=[permitted("user", columns=["gone"], filter={})]),
    )
    made = await made_for(clubs, write(directory, *tables))
    assert told(made, "person") == ["the database has no such table, or it is not visible to this login"]
    for what in ("read of friend", "read of old", "delete of old"):
        assert told(made, f"member: {what}")[0].endswith("; it is left out")
    with serving(clubs, made) as running:
        async with running as api:
            assert await rows(api, "member", bearer("user")) == [{"id": 7, "name": "Ada"}]
            for role, path in (("user", "staff.person"), ("user", "person"), ("friend", "member"), ("old", "member")):
                assert (await api.get(f"/api/{path}", bearer(role))).status == 404


async def test_relationships_are_called_as_there_whatever_the_database_calls_so(clubs: str, directory: Path) -> None:
    every = [permitted("user", columns="*", filter={})]
    tables = (
        # `member` is what leads from a club over visits to members here; there it is the visits themselves, and so for rules.
        tracked(
            "club",
            array_relationships=[by_key("member", "visit", "club"), by_key("again", "visit", "club"), by_key("members", "member", "club_id")],
            object_relationships=[by_hand("summary", "summary", id="club"), by_hand("gone", "visit", id="nothing")],
            select_permissions=[permitted("user", columns="*", filter={"member": {"said": {"_eq": "hello"}}})],
        ),
        tracked("visit", select_permissions=every), tracked("member", select_permissions=every), tracked("summary", select_permissions=every),
    )  # fmt: skip
    made = await made_for(clubs, write(directory, *tables))
    assert told(made, "club") == [
        "relationship summary: is a list, since no key says that it is one row",
        "relationship gone: the database has nothing that it could be",
    ]
    asked = "{club {id member {said} again {said} members {name} summary {visits}}}"
    with serving(clubs, made) as running:
        async with running as api:
            found = (await api.post("/v1/graphql", {"query": asked}, bearer("user"))).json["data"]["club"]
    said = [{"said": "hello"}]
    assert found == [{"id": 1, "member": said, "again": said, "members": [{"name": "Ada"}], "summary": [{"visits": 1}]}]


async def test_names_that_two_tables_would_have_are_neithers(clubs: str, directory: Path) -> None:
    named = tracked("person", "staff", configuration={"custom_name": "member"})
    made = await made_for(clubs, write(directory, named, tracked("member", configuration={"custom_name": "people"})))
    assert told(made, "staff.person") == []
    assert [line.strip() for line in made.text.splitlines() if " name:" in line] == ['name: "member"', 'name: "people"']
    clash = write(directory / "clash", named, tracked("member"))
    assert told(await made_for(clubs, clash), "staff.person") == ["custom_name member: another table has that name"]


# ── values ───────────────────────────────────────────────────────────────────────────────────


async def test_the_clock_and_the_oldest_name_of_the_caller_mean_what_they_meant(clubs: str, directory: Path) -> None:
    every = permitted("user", columns="*", filter={"member": "REQ_USER_ID"})
    presets = {"member": "req_user_id", "at": "now()", "day": "now", "said": "now()"}
    made = await made_for(
        clubs,
        write(directory, tracked("visit", select_permissions=[every], insert_permissions=[permitted("user", check={}, set=presets, columns=["club"])])),
    )  # fmt: skip
    with serving(clubs, made) as running:
        async with running as api:
            assert [row["club"] for row in await rows(api, "visit", bearer("user"))] == [1]
            new = (await api.post("/api/visit", {"club": 2}, bearer("user"))).json
    assert (new["member"], new["said"]) == (7, "now()")
    assert new["at"].startswith(new["day"])


async def test_metadata_that_say_nothing_open_nothing(clubs: str, directory: Path) -> None:
    with serving(clubs, await made_for(clubs, write(directory))) as running:
        async with running as api:
            assert (await api.get("/api/club")).status == 401


def test_the_command_tells_all_of_it_and_ends_well(clubs: str, directory: Path) -> None:
    folder = write(directory, tracked("gone"), tracked("club", is_enum=True))
    status, text, left = reflector("init", clubs, "--from-hasura", str(folder))
    assert (status, '"club"' in text, '"gone"' in text) == (0, True, False)
    assert "not carried over: gone: the database has no such table" in left
