"""Metadata of a Hasura become a configuration of ours: it fits the database, and the same roles see the same rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reflector.catalog.model import DatabaseKind
from server.commands.hasura import converted
from server.commands.hasura_fit import converted_for
from server.config import ConfigError, Flags, load
from tests.bookshops import Databases
from tests.server.harness import Served, configured, reflector, served
from tests.server.test_jwt import SECRET, token

SCHEMA = """
CREATE TABLE person (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, email VARCHAR(80));
CREATE TABLE article (
  id INTEGER PRIMARY KEY, title VARCHAR(40) NOT NULL, status VARCHAR(20) NOT NULL, writer_id INTEGER NOT NULL REFERENCES person (id),
  editor_id INTEGER REFERENCES person (id), price INTEGER, least INTEGER
);
CREATE TABLE rating (id INTEGER PRIMARY KEY, article INTEGER NOT NULL, stars INTEGER NOT NULL);
INSERT INTO person VALUES (7, 'Ada', 'ada@example.com'), (8, 'Bob', 'bob@example.com');
INSERT INTO article VALUES (1, 'one', 'published', 7, 8, 5, 1), (2, 'two', 'draft', 7, NULL, 5, 9), (3, 'three', 'draft', 8, 7, 3, 1);
INSERT INTO rating VALUES (1, 1, 5), (2, 3, 1);
"""
FILES: Mapping[str, str] = {
    "version.yaml": "version: 3\n",
    "databases/databases.yaml": """
- name: default
  kind: postgres
  configuration: {connection_info: {database_url: {from_env: DATABASE_URL}}}
  tables: "!include default/tables/tables.yaml"
- name: other
  kind: postgres
  tables: []
""",
    "databases/default/tables/tables.yaml": '- "!include public_article.yaml"\n- !include public_person.yaml\n- "!include public_rating.yaml"\n',
    "databases/default/tables/public_article.yaml": """
table: {name: article, schema: public}
configuration: {custom_name: articles, custom_root_fields: {select: list}}
object_relationships:
  - {name: author, using: {foreign_key_constraint_on: writer_id}}
  - {name: editor, using: {foreign_key_constraint_on: editor_id}}
array_relationships:
  - name: ratings
    using: {manual_configuration: {remote_table: {name: rating, schema: public}, column_mapping: {id: article}}}
insert_permissions:
  - role: writer
    permission:
      check: {price: {_gt: 0}}
      set: {writer_id: x-hasura-User-Id, status: draft}
      columns: [id, title, price, least, status]
select_permissions:
  - role: anonymous
    permission: {columns: [id, title], filter: {status: {_eq: published}}, limit: 10}
  - role: writer
    permission:
      columns: "*"
      filter: {_or: [{writer_id: {_eq: X-Hasura-User-Id}}, {editor: {id: {_eq: X-Hasura-User-Id}}}]}
      allow_aggregations: true
  - {role: cheap, permission: {columns: [id], filter: {price: {_cgt: least}}}}
  - {role: titled, permission: {columns: [id], filter: {_or: [{title: {_in: X-Hasura-Titles}}, {ratings: {stars: {_eq: X-Hasura-Stars}}}]}}}
  - {role: rated, permission: {columns: [id], filter: {_and: [{}, {ratings: {stars: {_gte: 4}}}]}}}
  - role: famous
    permission:
      columns: [id]
      filter: {_exists: {_table: {schema: public, name: rating}, _where: {article: {_ceq: ["$", id]}}}}
update_permissions:
  - role: writer
    permission: {columns: [title, price], filter: {writer_id: {_eq: X-Hasura-User-Id}, status: {_eq: draft}}, check: null}
delete_permissions:
  - {role: writer, permission: {filter: {_not: {status: {_eq: published}}, writer_id: {_eq: X-Hasura-User-Id}}, backend_only: true}}
event_triggers: [{name: told}]
""",
    "databases/default/tables/public_person.yaml": """
table: {name: person, schema: public}
array_relationships:
  - {name: written, using: {foreign_key_constraint_on: {column: writer_id, table: {name: article, schema: public}}}}
select_permissions:
  - {role: writer, permission: {columns: [id, name], filter: {}}}
""",
    "databases/default/tables/public_rating.yaml": """
table: {name: rating, schema: public}
select_permissions:
  - {role: rated, permission: {columns: "*", filter: {}}}
insert_permissions:
  - {role: titled, permission: {columns: [id, article], check: {}, set: {stars: X-Hasura-Given-Stars}}}
""",
    "inherited_roles.yaml": "- {role_name: critic, role_set: [cheap, rated]}\n",
    "actions.yaml": "actions: [{name: pay}]\ncustom_types: {}\n",
    "remote_schemas.yaml": "[]\n",
}
ENVIRON = {"JWT_SECRET": SECRET}


@pytest.fixture
def metadata(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "hasura" / "metadata" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "hasura"


@pytest.fixture(scope="session")
def articles(databases: Databases) -> str:
    return databases.database(DatabaseKind.SQLITE, SCHEMA)


def bearer(*roles: str, user: str = "7") -> dict[str, str]:
    variables = {"x-hasura-allowed-roles": list(roles), "x-hasura-default-role": roles[0], "x-hasura-user-id": user}
    claims: dict[str, Any] = {"exp": time.time() + 86_400, "https://hasura.io/jwt/claims": variables}
    return {"Authorization": f"Bearer {token(claims)}"}


async def test_the_same_roles_see_and_write_the_same_rows(
    kind: DatabaseKind, databases: Databases, metadata: Path
) -> None:
    url = databases.database(kind, SCHEMA)
    text = (await converted_for(configured(url), metadata)).text.replace("version: 1", "")
    async with served(url, text, environ={**ENVIRON, "DATABASE_URL": url}, strict=True) as api:
        await behaves(api)


def test_the_command_prints_a_file_that_passes_check_and_names_what_it_leaves_out(
    articles: str, metadata: Path, tmp_path: Path
) -> None:
    status, text, left = reflector("init", articles, "--from-hasura", str(metadata))
    assert status == 0, left
    assert '  claims: ["x-hasura-given-stars", "x-hasura-stars", "x-hasura-titles"]\n' in text
    (tmp_path / "config.yaml").write_text(text)
    environ = {**ENVIRON, "DATABASE_URL": articles}
    assert reflector("check", "--config", str(tmp_path / "config.yaml"), environ=environ)[0] == 0
    named = [line.removeprefix("not carried over: ") for line in left.splitlines()]
    about = {"actions.yaml", "database other", "article", "role anonymous", "admin"}
    assert {line.partition(": ")[0] for line in named} == about
    assert "article: event trigger told: there is nothing of the kind here" in named
    assert (
        "article: delete of writer: backend_only: nobody has it here, give it to a role of its own; it is left out"
        in named
    )


async def ids(api: Served, headers: Mapping[str, str] | None) -> list[int]:
    return [row["id"] for row in (await api.get("/api/articles", headers)).json["items"]]


async def behaves(api: Served) -> None:
    writer = bearer("writer")
    assert (await api.get("/api/articles")).json["items"] == [{"id": 1, "title": "one"}]
    assert await ids(api, writer) == [1, 2, 3]
    assert await ids(api, bearer("writer", user="8")) == [1, 3]
    assert await ids(api, bearer("cheap")) == [1, 3]
    assert await ids(api, bearer("rated")) == [1]
    assert await ids(api, bearer("famous")) == [1, 3]
    assert await ids(api, bearer("critic")) == [1, 3]
    assert await ids(api, {**bearer("writer", "cheap"), "X-Hasura-Role": "cheap"}) == [1, 3]
    asked = "{articles(where: {author: {name: {_eq: Ada}}}, order_by: {id: asc}) {id author {name written {id}} editor {name}}}"
    found = await api.post("/v1/graphql", {"query": asked.replace("Ada", '"Ada"')}, writer)
    assert found.json["data"]["articles"][0] == {
        "id": 1, "author": {"name": "Ada", "written": [{"id": 1}, {"id": 2}]}, "editor": {"name": "Bob"}
    }  # fmt: skip
    rated = await api.post("/v1/graphql", {"query": "{articles {id ratings {stars}}}"}, bearer("rated"))
    assert rated.json["data"]["articles"] == [{"id": 1, "ratings": [{"stars": 5}]}]
    new = await api.post("/api/articles", {"id": 4, "title": "four", "price": 1}, writer)
    assert (new.status, new.json["writer_id"], new.json["status"]) == (201, 7, "draft")
    assert (await api.post("/api/articles", {"id": 5, "title": "five", "price": 0}, writer)).status == 403
    assert (await api.post("/api/articles", {"id": 5, "title": "x", "price": 1, "status": "x"}, writer)).status == 422
    assert (await api.patch("/api/articles/2", {"title": "2"}, writer)).status == 200
    assert (await api.patch("/api/articles/1", {"title": "1"}, writer)).status in (403, 404)
    assert (await api.delete("/api/articles/4", writer)).status in (403, 404, 405)


def test_without_a_database_relationships_are_named_and_left_out(metadata: Path) -> None:
    told = converted(metadata, None)
    assert "relationships:" not in told.text
    assert [each.partition(": name")[0] for each in told.left if "relationship" in each] == [
        "article: relationship author", "article: relationship editor", "article: relationship ratings",
        "person: relationship written",
    ]  # fmt: skip


INTROSPECTION = "graphql_schema_introspection.yaml"


@pytest.mark.parametrize(
    ("untold", "said", "notes"),
    [
        ("disabled_for_roles: []", None, []),
        ("", None, []),
        (
            "disabled_for_roles: [writer, critic, nobody]",
            {"anonymous", "cheap", "rated", "famous", "titled"},
            ["critic"],
        ),
        ("disabled_for_roles: [anonymous, writer, cheap, rated, famous, critic, titled]", False, []),
    ],
)
def test_who_is_told_the_schema_is_told_it_here(
    metadata: Path, tmp_path: Path, untold: str, said: set[str] | bool | None, notes: list[str]
) -> None:
    (metadata / "metadata" / INTROSPECTION).write_text(untold)
    made = converted(metadata, None)
    assert [each.split(" ")[1].rstrip(":") for each in made.left if "is told the schema" in each] == notes
    (tmp_path / "config.yaml").write_text(made.text)
    config = load(tmp_path / "config.yaml", {**ENVIRON, "DATABASE_URL": "sqlite:///x.db"}, Flags())
    told = config.graphql.introspection
    assert (set(told) if isinstance(told, tuple) else told) == (True if said is None else said)
    assert ("graphql:" in made.text) is (said is not None)


WRONG = {
    "databases/databases.yaml": ("- tables: '!include ../../secret.yaml'", "is included from outside of the metadata"),
    "databases/default/tables/tables.yaml": ('- "!include tables.yaml"', "includes itself"),
    "databases/default/tables/public_person.yaml": ("a: [", "cannot be read as YAML"),
    "inherited_roles.yaml": ("a: 1", "must be a list of mappings"),
    "graphql_schema_introspection.yaml": ("disabled_for_roles: writer", "must list roles under disabled_for_roles"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_metadata_is_refused_with_its_file(metadata: Path, name: str) -> None:
    text, said = WRONG[name]
    (metadata / "metadata" / name).write_text(text)
    (metadata.parent / "secret.yaml").write_text("[]")
    with pytest.raises(ConfigError) as refused:
        converted(metadata, None)
    assert said in str(refused.value.complaints[0])


def test_a_directory_without_metadata_is_refused(tmp_path: Path) -> None:
    status, _, told = reflector("init", "--from-hasura", str(tmp_path))
    assert (status, "has no metadata of Hasura's" in told) == (2, True)
