"""Views answer to the foreign keys of the tables they show: PostgreSQL tells which columns are whose."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from reflector.catalog.model import DatabaseKind
from tests.apis.postgrest.test_reads import fault, rows
from tests.bookshops import Databases
from tests.server.harness import Served, served

SCRIPT = """
CREATE SCHEMA hidden;
CREATE TABLE hidden.writer (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE volume (id integer PRIMARY KEY, title text NOT NULL, writer_id integer,
    CONSTRAINT volume_writer FOREIGN KEY (writer_id) REFERENCES hidden.writer (id));
CREATE TABLE tag (id integer PRIMARY KEY, word text NOT NULL);
CREATE TABLE tagged (volume_id integer REFERENCES volume, tag_id integer REFERENCES tag, PRIMARY KEY (volume_id, tag_id));
CREATE TABLE cover (volume_id integer PRIMARY KEY, colour text NOT NULL,
    CONSTRAINT cover_volume FOREIGN KEY (volume_id) REFERENCES volume (id));
CREATE VIEW writer AS SELECT id, upper(name) AS shout, name FROM hidden.writer WHERE id < 100;
CREATE VIEW volumes AS SELECT v.title AS called, v.id AS number, s.writer_id AS by
    FROM volume v JOIN (SELECT id, writer_id FROM volume) s ON s.id = v.id;
CREATE VIEW chained AS WITH inner_volumes AS (SELECT number, by FROM volumes) SELECT number AS n, by AS b FROM inner_volumes;
CREATE VIEW united AS SELECT id, writer_id FROM volume UNION SELECT id, writer_id FROM volume;
CREATE VIEW keyless AS SELECT title FROM volume;
CREATE MATERIALIZED VIEW tags AS SELECT id, word FROM tag;
CREATE VIEW covers AS SELECT * FROM cover;
INSERT INTO hidden.writer VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO volume VALUES (1, 'first', 1), (2, 'second', 1), (3, 'third', NULL);
INSERT INTO tag VALUES (1, 'red'), (2, 'blue');
INSERT INTO tagged VALUES (1, 1), (1, 2), (3, 2);
INSERT INTO cover VALUES (1, 'green');
REFRESH MATERIALIZED VIEW tags;
"""
SCHEMAS = "database:\n  schemas: [public]"


@pytest.fixture(scope="module")
def library(databases: Databases) -> str:
    return databases.database(DatabaseKind.POSTGRESQL, SCRIPT)


@pytest.fixture
async def views(library: str) -> AsyncIterator[Served]:
    async with served(library, SCHEMAS) as api:
        yield api


ANSWERS: Mapping[str, object] = {
    "volume?select=title,writer(name)&order=id": [
        {"title": "first", "writer": {"name": "Ann"}},
        {"title": "second", "writer": {"name": "Ann"}},
        {"title": "third", "writer": None},
    ],
    "writer?select=shout,volume(title)&volume.order=id&id=eq.1": [
        {"shout": "ANN", "volume": [{"title": "first"}, {"title": "second"}]}
    ],
    "volumes?select=called,writer(name)&number=eq.1": [{"called": "first", "writer": {"name": "Ann"}}],
    "volumes?select=called,writer!volume_writer(name)&number=eq.1": [{"called": "first", "writer": {"name": "Ann"}}],
    "chained?select=n,writer(name),cover(colour)&n=eq.1": [
        {"n": 1, "writer": {"name": "Ann"}, "cover": {"colour": "green"}}
    ],
    "writer?select=name,chained!inner(n)&chained.n=eq.2": [{"name": "Ann", "chained": [{"n": 2}]}],
    "volumes?select=number,tag(word),tags(word)&tag.order=id&tags.order=id.desc&number=eq.1": [
        {
            "number": 1,
            "tag": [{"word": "red"}, {"word": "blue"}],
            "tags": [{"word": "blue"}, {"word": "red"}],
        }
    ],
    "tags?select=word,volume(id)&volume.order=id&order=id": [
        {"word": "red", "volume": [{"id": 1}]},
        {"word": "blue", "volume": [{"id": 1}, {"id": 3}]},
    ],
    "volume?select=id,covers(colour)&order=id&limit=2": [
        {"id": 1, "covers": {"colour": "green"}},
        {"id": 2, "covers": None},
    ],
    "covers?select=colour,volumes(called)": [{"colour": "green", "volumes": {"called": "first"}}],
    "covers?select=colour,volume_id(title)": [{"colour": "green", "volume_id": {"title": "first"}}],
    "volumes?select=called,...writer(name)&writer=not.is.null&order=number": [
        {"called": "first", "name": "Ann"},
        {"called": "second", "name": "Ann"},
    ],
}


async def test_views_are_related_as_the_tables_they_show(views: Served) -> None:
    for address, expected in ANSWERS.items():
        assert await rows(views, address) == expected, address


async def test_what_a_view_does_not_show_relates_nothing(views: Served) -> None:
    for address in ("united?select=*,writer(*)", "keyless?select=*,writer(*)", "writer?select=*,united(*)"):
        assert await fault(views, address) == (400, "PGRST200"), address


async def test_other_apis_have_no_new_names(views: Served) -> None:
    assert (await views.get("/api/volume?include=writer")).status == 422
    assert (await views.get("/api/volume?include=cover")).status == 200


RULES = """
database:
  schemas: [public]
auth:
  anonymous_role: guest
roles:
  guest: {}
tables:
  volumes:
    allow:
      guest: {read: {filter: true, columns: [called, number]}}
  volume:
    allow:
      guest: {read: true}
  writer:
    allow:
      guest: {read: {filter: id == 2}}
"""


async def test_a_way_is_there_for_those_who_see_both_ends(library: str) -> None:
    async with served(library, RULES) as api:
        assert await fault(api, "volumes?select=called,writer(name)") == (400, "PGRST200")
        assert await fault(api, "volumes?select=called,cover(colour)") == (400, "PGRST200")
        assert await rows(api, "volume?select=title,writer(name)&id=eq.1") == [{"title": "first", "writer": None}]
