"""What is kept, for whom, and until when, over HTTP on three databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from reflector.catalog.model import DatabaseKind
from tests.bookshops import Databases
from tests.cache.conftest import bearer, cache_of, halted, write_outside
from tests.server.harness import Served, served
from tests.server.test_jwt import SECRET

OPEN = """
server: {secret: a-secret-of-at-least-thirty-two-bytes}
defaults: {read: true, write: true}
tables:
  book: {cache: {ttl: 30s}}
  publisher: {cache: {ttl: 30s}}
  review: {cache: {ttl: 30s}}
"""
ROLES = f"""
server: {{secret: a-secret-of-at-least-thirty-two-bytes}}
auth:
  jwt: {{secret: {SECRET}, audience: api, issuer: "https://id.example", role_claim: roles}}
  anonymous_role: guest
roles: {{guest: {{}}, customer: {{extends: guest}}, clerk: {{}}}}
tables:
  book:
    allow: {{guest: {{read: status == 'published', columns: [id, title]}}, clerk: {{read: true}}}}
    cache: {{ttl: 30s, public: true}}
  review:
    allow: {{customer: {{read: customer_id == claims.sub}}, clerk: {{read: true}}}}
    cache: {{ttl: 30s}}
"""


@pytest.fixture
async def api(kind: DatabaseKind, own_shop: Callable[[DatabaseKind], str]) -> AsyncIterator[Served]:
    async with served(own_shop(kind), OPEN) as found:
        yield found


async def test_a_kept_answer_is_the_same_answer(api: Served) -> None:
    cache = cache_of(api)
    for path in ("/api/book?limit=3&include=publisher", "/api/book/1", "/api/book?count=exact&page=2&limit=5"):
        first, second = await api.get(path), await api.get(path)
        assert (first.body, first.headers["ETag"]) == (second.body, second.headers["ETag"])
        assert second.headers.get("Link") == first.headers.get("Link")
        assert second.headers["Cache-Control"] == "private, no-cache"
        assert second.headers["Content-Type"] == "application/json"
    assert (cache.hits, cache.misses) == (3, 3)
    assert 0 < cache.kept_bytes <= cache.memory.capacity


async def test_within_its_ttl_an_answer_asks_the_database_nothing(
    databases: Databases, kind: DatabaseKind, own_shop: Callable[[DatabaseKind], str]
) -> None:
    url = own_shop(kind)
    async with served(url, OPEN.replace("book: {cache: {ttl: 30s}}", "book: {cache: {ttl: 700ms}}")) as api:
        clock = halted(api)
        tag = (await api.get("/api/book/1?fields=title")).headers["ETag"]
        write_outside(databases, url, "UPDATE book SET title = 'told by nobody' WHERE id = 1;")
        kept = await api.get("/api/book/1?fields=title", {"If-None-Match": tag})
        assert (kept.status, kept.body) == (304, b"")
        clock.now += 0.8
        now = await api.get("/api/book/1?fields=title", {"If-None-Match": tag})
        assert (now.status, now.json) == (200, {"title": "told by nobody"})


async def test_own_writes_end_answers_at_once(api: Served) -> None:
    list_of, one = "/api/book?fields=id,title&limit=2", "/api/book/1?fields=title"
    for number in range(3):
        await api.get(list_of)
        await api.get(one)
        assert (await api.patch("/api/book/1", {"title": f"number {number}"})).status == 200
        assert (await api.get(one)).json == {"title": f"number {number}"}
        assert (await api.get(list_of)).json["items"][0]["title"] == f"number {number}"


async def test_a_refused_write_ends_nothing(api: Served) -> None:
    await api.get("/api/book/1")
    assert (await api.patch("/api/book/1", {"publisher_code": "NOSUCH"})).status == 409
    await api.get("/api/book/1")
    assert cache_of(api).hits == 1


async def test_the_same_request_is_not_read_again_and_ends_with_its_answer(api: Served) -> None:
    cache = cache_of(api)
    paths = ("/api/book/1?fields=title", "/api/book?limit=2&fields=id,title", "/api/b%6Fok/1?fields=title")
    for number in range(3):
        for path in paths:
            first, second = await api.get(path), await api.get(path)
            assert (first.body, first.headers["ETag"]) == (second.body, second.headers["ETag"])
            assert b"number" in first.body or number == 0
        head = await api.request("HEAD", paths[0])
        assert (head.status, head.headers["Content-Length"]) == (200, str(len((await api.get(paths[0])).body)))
        assert (await api.patch("/api/book/1", {"title": f"number {number}"})).status == 200
    assert (cache.hits, cache.misses) == (18, 6)


async def test_a_write_to_another_table_ends_nothing(api: Served) -> None:
    await api.get("/api/publisher?limit=2")
    assert (await api.patch("/api/book/1", {"title": "x"})).status == 200
    await api.get("/api/publisher?limit=2")
    assert cache_of(api).hits == 1


async def test_what_is_embedded_counts(api: Served) -> None:
    path = "/api/book/1?fields=title,publisher.name"
    code = (await api.get("/api/book/1?fields=publisher_code")).json["publisher_code"]
    await api.get(path)
    assert (await api.patch(f"/api/publisher/{code}", {"name": "renamed"})).status == 200
    assert (await api.get(path)).json["publisher"]["name"] == "renamed"


async def test_what_is_only_filtered_by_counts(api: Served) -> None:
    code = (await api.get("/api/book/1?fields=publisher_code")).json["publisher_code"]
    path = "/api/book?publisher.name=renamed&fields=id"
    assert (await api.get(path)).json["items"] == []
    await api.patch(f"/api/publisher/{code}", {"name": "renamed"})
    assert (await api.get(path)).json["items"] != []


async def test_a_delete_ends_what_its_cascades_reach(api: Served) -> None:
    book = (await api.get("/api/review?limit=1&fields=book_id")).json["items"][0]["book_id"]
    path = f"/api/review?book_id={book}&fields=id&count=exact"
    assert (await api.get(path)).json["page"]["total"] > 0
    await api.delete(f"/api/order_line?book_id={book}")
    reply = await api.delete(f"/api/book/{book}")
    if reply.status == 409:  # a line of an order holds on to it: find a book that nobody has ordered
        free = await _unordered(api)
        path = f"/api/review?book_id={free}&fields=id&count=exact"
        assert (await api.get(path)).json["page"]["total"] > 0
        assert (await api.delete(f"/api/book/{free}")).status == 204
    assert (await api.get(path)).json["page"]["total"] == 0


async def _unordered(api: Served) -> int:
    """A book that has reviews and that no order holds on to; one is made where there is none."""
    source = (await api.get("/api/book/1")).json
    kept = {name: source[name] for name in ("publisher_code", "price")}
    made = await api.post("/api/book", {**kept, "isbn": "9780000000002", "title": "nobody ordered this"})
    assert made.status == 201, made.body
    review = {"book_id": made.json["id"], "customer_id": 1, "rating": 5, "title": "x", "body": "y"}
    reply = await api.post("/api/review", review)
    assert reply.status == 201, reply.body
    return int(made.json["id"])


async def test_a_table_without_a_ttl_takes_no_part(api: Served) -> None:
    for _ in range(2):
        reply = await api.get("/api/customer?limit=1")
        assert (reply.status, reply.headers["Cache-Control"]) == (200, "private, no-store")
        assert "ETag" not in reply.headers
    assert (cache_of(api).hits, cache_of(api).misses) == (0, 0)


async def test_beside_a_table_without_a_ttl_nothing_is_kept_and_the_tag_is_of_what_is_read(
    databases: Databases, api: Served
) -> None:
    """Unless every change to that table is heard."""
    path = "/api/book?fields=id,category.name&limit=1"
    tag = (await api.get(path)).headers["ETag"]
    assert (await api.get(path, {"If-None-Match": tag})).status == 304
    await api.patch("/api/category/1", {"name": "renamed"})
    await api.patch("/api/book/1", {"category_id": 1})
    assert (await api.get(path)).json["items"][0]["category"]["name"] == "renamed"
    assert (cache_of(api).hits, len(cache_of(api).memory)) == (0, 0)


async def test_faults_are_not_kept(api: Served) -> None:
    assert (await api.get("/api/book/999999")).status == 404
    assert (await api.get("/api/book?nosuch=1")).status == 422
    assert len(cache_of(api).memory) == 0


async def test_what_renders_an_answer_is_part_of_the_question(api: Served) -> None:
    """The same rows under another address have other links."""
    one, other = await api.get("/api/book?limit=2"), await api.get("/api/book?limit=02")
    alias = await api.get("/api/b%6Fok?limit=2")
    links = [reply.json["page"]["next"].partition("cursor=")[0] for reply in (one, other, alias)]
    assert links == ["/api/book?limit=2&", "/api/book?limit=02&", "/api/b%6Fok?limit=2&"]


async def test_many_who_ask_at_once_ask_once(api: Served) -> None:
    replies = await asyncio.gather(*(api.get("/api/book?limit=50&include=publisher") for _ in range(20)))
    assert len({reply.body for reply in replies}) == 1
    cache = cache_of(api)
    assert cache.joined + cache.hits == 19


# ── callers ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def shared(kind: DatabaseKind, own_shop: Callable[[DatabaseKind], str]) -> AsyncIterator[Served]:
    async with served(own_shop(kind), ROLES) as found:
        yield found


async def test_callers_get_their_own_answers_and_share_where_rules_do_not_tell_them_apart(shared: Served) -> None:
    path = "/api/review?fields=customer_id&limit=50"
    for subject in ("1", "2", "3"):
        for _ in range(2):
            reply = await shared.get(path, bearer("customer", subject))
            assert {row["customer_id"] for row in reply.json["items"]} <= {int(subject)}
    cache = cache_of(shared)
    assert (cache.hits, cache.misses) == (3, 3)
    for subject in ("1", "2", "3"):  # no rule of books looks at the subject
        await shared.get("/api/book?limit=2", bearer("customer", subject))
    assert (cache.hits, cache.misses) == (5, 4)


async def test_roles_have_answers_of_their_own(shared: Served) -> None:
    guest, clerk = await shared.get("/api/book/1"), await shared.get("/api/book/1", bearer("clerk"))
    assert list(guest.json) == ["id", "title"]
    assert set(clerk.json) > {"id", "title", "price"}
    assert (await shared.get("/api/book/1")).body == guest.body


async def test_a_tag_is_of_its_caller_alone(shared: Served) -> None:
    path = "/api/review?customer_id=999999"
    one, other = [await shared.get(path, bearer("customer", subject)) for subject in "12"]
    assert one.body == other.body
    assert one.headers["ETag"] != other.headers["ETag"]
    crossed = await shared.get(path, {**bearer("customer", "1"), "If-None-Match": other.headers["ETag"]})
    assert crossed.status == 200


async def test_a_missing_claim_is_refused_whatever_is_kept(shared: Served) -> None:
    path = "/api/review?limit=1"
    assert (await shared.get(path, bearer("customer", "1"))).status == 200
    reply = await shared.get(path, bearer("customer", "1", sub=None))
    assert reply.status in (401, 403)


async def test_only_what_everybody_reads_is_public(shared: Served) -> None:
    path = "/api/book?limit=2"
    anonymous = (await shared.get(path)).headers["Cache-Control"]
    assert anonymous == "public, max-age=30"
    assert 1 <= int((await shared.get(path)).headers["Age"]) <= 5
    assert "Age" not in (await shared.get(path, bearer("customer"))).headers
    assert (await shared.get(path, bearer("customer"))).headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in (await shared.get(path)).headers["Vary"]


async def test_a_change_of_the_schema_ends_every_answer(
    databases: Databases, kind: DatabaseKind, own_shop: Callable[[DatabaseKind], str]
) -> None:
    url = own_shop(kind)
    async with served(url, OPEN) as api:
        before = await api.get("/api/publisher/QUIPU")
        write_outside(databases, url, "ALTER TABLE publisher ADD COLUMN motto VARCHAR(20);")
        assert await api.running.engine.refresh()
        after = await api.get("/api/publisher/QUIPU", {"If-None-Match": before.headers["ETag"]})
        assert (after.status, after.json["motto"]) == (200, None)


# ── 304 ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def sqlite_api(own_shop: Callable[[DatabaseKind], str]) -> AsyncIterator[Served]:
    async with served(own_shop(DatabaseKind.SQLITE), OPEN) as found:
        yield found


async def test_who_has_the_answer_is_told_so(sqlite_api: Served) -> None:
    tag = (await sqlite_api.get("/api/book/1")).headers["ETag"]
    other = '"AAAAAAAAAAAAAAAAAAAAAA"'
    for given in (tag, f"W/{tag}", f'{other}, {tag}, "b,c"', f"{other},W/{tag}", "*", f' "x" , {tag} '):
        reply = await sqlite_api.get("/api/book/1", {"If-None-Match": given})
        assert (reply.status, reply.body, reply.headers["ETag"]) == (304, b"", tag), given
        assert reply.headers["Cache-Control"] == "private, no-cache"
        assert "Authorization" in reply.headers["Vary"]
        assert "Content-Type" not in reply.headers
    for given in (other, tag.strip('"'), f'"{tag}"', f"x{tag}", "", f'{tag[:-2]}"'):
        assert (await sqlite_api.get("/api/book/1", {"If-None-Match": given})).status == 200, given


async def test_head_has_the_tag_too(sqlite_api: Served) -> None:
    got, head = await sqlite_api.get("/api/book/1"), await sqlite_api.request("HEAD", "/api/book/1")
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", got.headers["ETag"])
    reply = await sqlite_api.request("HEAD", "/api/book/1", {"If-None-Match": got.headers["ETag"]})
    assert reply.status == 304


async def test_tags_outlive_a_restart_where_there_is_a_secret(own_shop: Callable[[DatabaseKind], str]) -> None:
    url = own_shop(DatabaseKind.SQLITE)
    async with served(url, OPEN) as api:
        tag = (await api.get("/api/book/1")).headers["ETag"]
    async with served(url, OPEN) as api:
        assert (await api.get("/api/book/1", {"If-None-Match": tag})).status == 304
        await api.patch("/api/book/1", {"title": "after the restart"})
    async with served(url, OPEN) as api:
        assert (await api.get("/api/book/1", {"If-None-Match": tag})).status == 200
    async with served(url, OPEN.replace("a-secret-of", "another-secret-of")) as api:
        again = (await api.get("/api/book/1")).headers["ETag"]
    async with served(url, OPEN) as api:
        assert (await api.get("/api/book/1", {"If-None-Match": again})).status == 200


# ── the clock, and views ─────────────────────────────────────────────────────────────────────


async def test_what_asks_for_the_time_holds_for_its_ttl_and_no_longer(
    databases: Databases, own_shop: Callable[[DatabaseKind], str]
) -> None:
    config = """
auth: {anonymous_role: guest}
roles: {guest: {}}
tables:
  book: {allow: {guest: {read: created_at <= now(), columns: [id]}}, cache: {ttl: 500ms}}
"""
    url = own_shop(DatabaseKind.SQLITE)
    moment = "UPDATE book SET created_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '{}') WHERE id = 1;"
    async with served(url, config) as api:
        clock, path = halted(api), "/api/book?id=1"
        write_outside(databases, url, moment.format("+1 hour"))
        cache_of(api).covered = lambda _: True  # as if every change were heard: none will be
        first = await api.get(path)
        assert first.json["items"] == []
        assert (await api.get(path)).json["items"] == []
        assert cache_of(api).hits == 1
        write_outside(databases, url, moment.format("-1 second"))  # which is what an hour does, and is heard as little
        assert (await api.get(path)).json["items"] == []
        clock.now += 0.6
        reply = await api.get(path, {"If-None-Match": first.headers["ETag"]})
        assert (reply.status, reply.json["items"]) == (200, [{"id": 1}])


async def test_what_is_heard_of_whole_holds_until_it_changes(own_shop: Callable[[DatabaseKind], str]) -> None:
    url = own_shop(DatabaseKind.SQLITE)
    config = "defaults: {read: true, write: true}\ntables: {book: {cache: {ttl: 100ms}}}"
    async with served(url, config) as api:
        cache, clock = cache_of(api), halted(api)
        cache.covered = lambda _: True
        for path in ("/api/book/1", "/api/book/1?include=category"):
            await api.get(path)
            clock.now += 0.2
            await api.get(path)
        assert (cache.hits, cache.misses) == (2, 2)
        assert (await api.patch("/api/book/1", {"title": "changed"})).status == 200
        assert (await api.get("/api/book/1")).json["title"] == "changed"
        cache.covered = lambda _: False
        await api.get("/api/book/1?fields=id")
        clock.now += 0.2
        await api.get("/api/book/1?fields=id")
        await api.get("/api/book/1?fields=title,category.name")
        assert cache.hits == 2


async def test_a_view_holds_for_its_ttl_alone(own_shop: Callable[[DatabaseKind], str]) -> None:
    url = own_shop(DatabaseKind.SQLITE)
    config = "defaults: {read: true, write: true}\ntables: {published_book: {cache: {ttl: 200ms}}}"
    async with served(url, config) as api:
        cache, clock = cache_of(api), halted(api)
        cache.covered = lambda _: True
        path = "/api/published_book?limit=2"
        for _ in range(2):
            await api.get(path)
        assert cache.hits == 1
        clock.now += 0.3
        await api.get(path)
        assert (cache.hits, cache.misses) == (1, 2)
