"""Attacks by name: what is hidden is asked for in every spelling, and told like what is not there, before any SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.properties.asking import Api, Counted, asking
from tests.properties.worlds import CALLERS, CONFIG, ME, script


class Probe:
    """A caller with role user and the count of the statements that their requests lead to."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.counted = Counted(api.served.running.engine.driver)
        api.served.running.engine.driver = self.counted

    def ask(self, method: str, path: str, body: Any = None, caller: str = "user") -> tuple[int, Any, int]:
        """Status, the JSON of the answer, and how many plans were run for it."""
        before = self.counted.runs
        text = None if body is None else json.dumps(body)
        reply = self.api.ask(method, path, text, CALLERS[caller])
        return reply.status, json.loads(reply.body) if reply.body else None, self.counted.runs - before

    def told(self, method: str, path: str, body: Any, name: str) -> tuple[int, Any, int]:
        """The same, without the request's id and the asked name."""
        status, answer, runs = self.ask(method, path, body)
        answer.pop("request_id", None)
        return status, json.dumps(answer).replace(name, "…"), runs


@pytest.fixture(scope="module")
def probe(databases: Databases) -> Iterator[Probe]:
    with asking(databases.database(DatabaseKind.SQLITE, script(DatabaseKind.SQLITE, 0, 7)), CONFIG) as api:
        yield Probe(api)


HIDDEN = ("salary", "key_secret", "nosuch")
SPELLINGS = (
    "{}__gte=1",
    "{}=1",
    "{}=gte.1",
    "{}__isnull=true",
    "t0.{}=1",
    "article.owner.{}__gt=1",
    'filter={{"{}":{{"_gte":1}}}}',
    'filter={{"_not":{{"_or":[{{"{}":1}}]}}}}',
    'filter={{"article":{{"owner":{{"{}":1}}}}}}',
    "filter[{}][gte]=1",
    "where[{}]=1",
    "sort={}",
    "sort=-{}.nullslast",
    "sort=id,team.{}",
    "fields={}",
    "fields=-{}",
    "fields=article.owner.{}",
    "include={}",
    "include=article.{}",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_hidden_column_is_told_like_a_misspelt_one_and_no_sql_is_sent(probe: Probe, spelling: str) -> None:
    told = {
        probe.told("GET", "/api/account?" + quote(spelling.format(name), safe="=&[]"), None, name) for name in HIDDEN
    }
    assert len(told) == 1, told
    status, _, runs = told.pop()
    assert (status, runs) == (422, 0)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_name_near_a_hidden_one_is_suggested_nothing(probe: Probe, spelling: str) -> None:
    for near, hidden in (("salarry", "salary"), ("draft_secre", "draft_secret"), ("key_secre", "key_secret")):
        status, answer, runs = probe.told(
            "GET", "/api/account?" + quote(spelling.format(near), safe="=&[]"), None, near
        )
        assert (status, runs) == (422, 0)
        assert hidden not in answer


@pytest.mark.parametrize(
    "path", ["/api/{}", "/api/{}/1", "/api/{}?id=1", "/api/article?include={}", "/api/article?{}.id=1"]
)
def test_a_hidden_table_is_told_like_one_that_is_not_there(probe: Probe, path: str) -> None:
    # The same letters in another order: as near to the names that are seen, so that the same is suggested.
    status, answer, runs = probe.told("GET", path.format("artikle"), None, "artikle")
    assert (status, answer, runs) == probe.told("GET", path.format("artilke"), None, "artilke")
    assert (status, runs) in {(404, 0), (422, 0)}
    assert probe.told("GET", path.format("vault"), None, "vault") == probe.told(
        "GET", path.format("vautl"), None, "vautl"
    )


def first_cursor(probe: Probe, path: str, caller: str = "user") -> str:
    status, answer, _ = probe.ask("GET", path, caller=caller)
    assert status == 200
    following: str = answer["page"]["next"]
    return following.partition("cursor=")[2]


def test_a_cursor_of_another_list_role_or_hand_is_refused_before_any_sql(probe: Probe) -> None:
    cursor = first_cursor(probe, "/api/comment?limit=1&sort=text")
    assert probe.ask("GET", f"/api/comment?limit=1&sort=text&cursor={cursor}")[0] == 200
    refused = [
        probe.ask("GET", f"/api/comment?limit=1&cursor={cursor}"),
        probe.ask("GET", f"/api/comment?limit=1&sort=-text&cursor={cursor}"),
        probe.ask("GET", f"/api/comment?limit=1&sort=text.nullsfirst&cursor={cursor}"),
        probe.ask("GET", f"/api/article?limit=1&sort=title&cursor={cursor}"),
        probe.ask("GET", f"/api/comment?limit=1&sort=text&cursor={cursor}", caller="guest"),
        probe.ask("GET", f"/api/comment?limit=1&sort=text&cursor={cursor}", caller="all"),
        probe.ask("GET", "/api/comment?limit=1&sort=text&cursor="),
        probe.ask("GET", "/api/comment?limit=1&sort=text&cursor=AAAA"),
    ]
    for place, letter in enumerate(cursor):
        flipped = cursor[:place] + ("B" if letter == "A" else "A") + cursor[place + 1 :]
        refused.append(probe.ask("GET", f"/api/comment?limit=1&sort=text&cursor={flipped}"))
    assert {(status, answer["code"], runs) for status, answer, runs in refused} == {(422, "invalid_cursor", 0)}
    assert len({answer["detail"] for _, answer, _ in refused}) == 1


def test_a_cursor_holds_nothing_that_can_be_read(probe: Probe) -> None:
    assert first_cursor(probe, "/api/comment?limit=1&sort=text") != first_cursor(
        probe, "/api/comment?limit=2&sort=text"
    )
    assert "apple" not in first_cursor(probe, "/api/article?limit=1&sort=title")


@pytest.mark.parametrize("name", ["owner_id", "draft_secret", "bodi_secret", "titel_secret", "ownr"])
def test_what_may_not_be_given_is_told_alike_and_nothing_is_written(probe: Probe, name: str) -> None:
    row = {"id": 7000, "title": "x", "status": "draft", "qqqq": 8}
    absent = probe.told("POST", "/api/article", row, "qqqq")
    row[name] = row.pop("qqqq")
    status, answer, runs = probe.told("POST", "/api/article", row, name)
    assert (status, runs) == (422, 0)
    assert (status, runs) == (absent[0], absent[2])
    assert answer == absent[1]
    assert probe.ask("GET", "/api/article/7000")[0] == 404


def test_a_row_can_neither_be_given_away_nor_pulled_in(probe: Probe) -> None:
    assert probe.ask("POST", "/api/article", {"id": 7100, "title": "mine", "status": "draft"})[0] == 201
    assert probe.ask("PATCH", "/api/article/7100", {"owner_id": 1})[0] == 422
    assert probe.ask("PATCH", "/api/article/7100", {"status": "locked"})[0] == 403
    assert probe.ask("GET", "/api/article/7100")[1]["status"] == "draft"
    assert probe.ask("GET", "/api/article/7100")[1]["owner_id"] == ME
    theirs = probe.ask("GET", f"/api/article?owner_id__ne={ME}&limit=1")[1]["items"][0]
    assert probe.ask("PATCH", f"/api/article/{theirs['id']}", {"title": "pulled"})[0] == 403
    assert probe.ask("PATCH", "/api/article/61", {"title": "pulled"})[0] == 404
    assert probe.ask("GET", f"/api/article/{theirs['id']}")[1]["title"] == theirs["title"]


@pytest.mark.parametrize(
    "query",
    [
        'filter={"title":null}',
        'filter={"title":{"_eq":null}}',
        'filter={"title":{"_in":[null]}}',
        'filter={"title":{}}',
        'filter={"_or":{}}',
        "filter=null",
        "filter=[]",
        "filter=",
        "id=",
        "id=null",
        "id__between=1",
        "title__isnull=",
    ],
)
def test_no_condition_vanishes(probe: Probe, query: str) -> None:
    status, _, runs = probe.ask("GET", "/api/article?" + quote(query, safe="=&"))
    assert (status, runs) == (422, 0)


@pytest.mark.parametrize("query", ['filter={"id":{"_in":[]}}', 'filter={"_or":[]}', "id__in=", "id__in=[]"])
def test_a_list_of_nothing_finds_nothing(probe: Probe, query: str) -> None:
    assert probe.ask("GET", "/api/article?" + quote(query, safe="=&"))[1]["items"] == []
