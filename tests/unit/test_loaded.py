"""What was loaded, by itself: its functions beside a catalog's own, its beginning and end, and who hears of what happens."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reflector.access.description import Severity
from reflector.catalog.model import Catalog, DatabaseKind, Function
from reflector.events import CatalogNotice, Observation
from server.config import Config, ConfigError, Flags, load
from server.extensions import Extensions, load_extensions, loaded
from server.extensions.loaded import allowed

SHOP = '''
from reflector.extension import Caller, Extension, Observation, Server
extension = Extension()
happened = []

@extension.function
async def quote(caller: Caller, book: int) -> int:
    """The price.

    More of it.
    """

@extension.function(read_only=True)
async def look() -> None: ...

@extension.route("GET", "/a")
async def a(caller, request): ...

@extension.started
async def first(server: Server) -> None:
    happened.append((server.name, dict(server.settings), await server.fetch("SELECT", 1)))

@extension.started
async def second(server: Server) -> None:
    happened.append("second")

@extension.stopping
async def end(server: Server) -> None:
    happened.append("end")

@extension.stopping
async def end_first(server: Server) -> None:
    happened.append("end first")
    raise RuntimeError

@extension.observes
def fails(event: Observation) -> None:
    raise RuntimeError

@extension.observes
def hears(event: Observation) -> None:
    happened.append(event)
'''
BAD = """
import asyncio
from reflector.extension import Extension
extension = Extension()

@extension.started
async def begin(server):
    int("x")

@extension.stopping
async def end(server):
    await asyncio.sleep(3600)
"""
EVENT = CatalogNotice("code", "message")
PLAIN = Function("public", "plain", (), "text")
TAKEN = (Function("public", "quote", (), "text"), Function("public", "quote", (), "bigint"))
CATALOG = Catalog(DatabaseKind.POSTGRESQL, (15,), ("public", "audit"), {}, {}, functions=(PLAIN,))


def configured(folder: Path, rest: str = "", **modules: str) -> Config:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    listed = "\n".join(f"  {name}: {{module: ./{name}.py, settings: {{key: k}}, allow: []}}" for name in modules)
    file = folder / "config.yaml"
    file.write_text(f"version: 1\nextensions:\n{listed}\n{rest}")
    return load(file, {}, Flags())


@pytest.fixture
def shop(tmp_path: Path) -> Extensions:
    return load_extensions(
        configured(tmp_path, other="from reflector.extension import Extension\nextension = Extension()", shop=SHOP)
    )


def happened() -> list[Any]:
    found: list[Any] = sys.modules["reflector_extension_shop"].happened
    return found


async def fetched(statement: str, *values: Any) -> Sequence[Sequence[Any]]:
    return [[statement, *values]]


def test_functions_stand_beside_those_of_the_catalog(shop: Extensions) -> None:
    joined, clashes = shop.joined(CATALOG)
    assert clashes == ()
    plain, quote, look = joined.functions
    assert plain is PLAIN
    assert (quote.schema, quote.name, quote.returns, quote.changes, quote.extension) == (
        "public",
        "quote",
        "bigint",
        True,
        "shop",
    )
    assert (quote.comment, quote.scalar, [each.name for each in quote.takes]) == ("The price.", True, ["book"])
    assert (look.returns, look.value, look.changes, look.comment) == ("void", None, False, None)
    # A catalog that has them already has them once.
    again, clashes = shop.joined(joined)
    assert clashes == ()
    assert [each.name for each in again.functions] == ["plain", "quote", "look"]
    assert [each.schema for each in shop.joined(replace(CATALOG, schemas=()))[0].functions[1:]] == ["", ""]


def test_without_extensions_a_catalog_stays_itself() -> None:
    assert Extensions().joined(CATALOG) == (CATALOG, ())


def test_of_a_name_that_the_database_has_too_the_extensions_stays(shop: Extensions) -> None:
    elsewhere = Function("audit", "look", (), "text")
    joined, (clash,) = shop.joined(replace(CATALOG, functions=(TAKEN[0], PLAIN, TAKEN[1], elsewhere)))
    assert [each.extension for each in joined.functions] == [None, None, "shop", "shop"]
    assert joined.functions[:2] == (PLAIN, elsewhere)
    assert (clash.severity, clash.code) == (Severity.UNBOUND, "extension_clash")
    assert clash.message == "the database has a function 'quote' too"
    assert (str(clash.where).rpartition("/")[2], clash.hint) == ("config.yaml:4:10", "give one of them another name")


def test_each_observer_hears_whatever_the_others_do(shop: Extensions, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Observation] = []
    tell = shop.observing(heard.append)
    tell(EVENT)
    assert (heard, happened()) == ([EVENT], [EVENT])
    assert [record.getMessage() for record in caplog.records] == ["extension shop: an observer failed"]
    assert Extensions().observing(tell) is tell


async def test_beginning_and_end_have_their_order(shop: Extensions, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await shop.start(fetched)
    assert happened() == [("shop", {"key": "k"}, [("SELECT", 1)]), "second"]
    assert [record.getMessage() for record in caplog.records] == [
        "extension other: 0 functions, 0 addresses",
        "extension shop: 2 functions, 1 addresses",
    ]
    caplog.clear()
    await shop.stop()
    await shop.stop()
    assert happened()[2:] == ["end first", "end"]
    assert [record.getMessage() for record in caplog.records] == ["extension shop: stopping failed"]


async def test_one_that_cannot_begin_ends_those_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loaded, "STOPPING_SECONDS", 0.05)
    caplog.set_level(logging.DEBUG)
    found = load_extensions(configured(tmp_path, shop=SHOP, bad=BAD.replace("quote", "other")))
    with pytest.raises(ConfigError) as refused:
        await found.start(fetched)
    (told,) = refused.value.complaints
    assert str(told).rpartition("/")[2] == "config.yaml:4:9: extensions.bad: could not be started: ValueError in line 8"
    said = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert (logging.DEBUG, "extension bad") in said
    assert (logging.ERROR, "extensions did not end in 0 seconds") in said


async def test_whoever_ends_the_beginning_ends_it(tmp_path: Path) -> None:
    found = load_extensions(configured(tmp_path, bad=BAD.replace('int("x")', "await asyncio.sleep(3600)")))
    beginning = asyncio.create_task(found.start(fetched))
    await asyncio.sleep(0)
    beginning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beginning


async def test_what_takes_too_long_to_begin_is_ended_and_told_with_the_line_where_it_waited(tmp_path: Path) -> None:
    text = BAD.replace("await asyncio.sleep(3600)", "pass").replace('int("x")', "await asyncio.sleep(3600)")
    found = load_extensions(configured(tmp_path, bad=text))
    (bad,) = found.loaded
    quick = bad.source.model_copy(update={"starts_within": timedelta(milliseconds=10)})
    found.loaded = (replace(bad, source=quick),)
    with pytest.raises(ConfigError) as refused:
        await found.start(fetched)
    (told,) = refused.value.complaints
    assert told.message == "could not be started: it took longer than 10ms, and waited in line 8"
    assert (told.path, told.hint) == ("extensions.bad", "starts_within says how long it may take")


async def test_the_last_line_of_its_own_is_told_and_none_where_there_is_none(tmp_path: Path) -> None:
    text = BAD.replace('int("x")', 'import json\n    json.loads("{")').replace("await asyncio.sleep(3600)", "pass")
    found = load_extensions(configured(tmp_path, bad=text))
    with pytest.raises(ConfigError, match=r"JSONDecodeError in line 9$"):
        await found.start(fetched)
    (bad,) = found.loaded
    assert loaded.line_of(ValueError(), bad) is None
    told = loaded.failed_to_start(bad, asyncio.CancelledError(), late=False)
    assert told.message == "could not be started: CancelledError"
    assert list(loaded.files_of(bad)) == [str(tmp_path / "bad.py")] * 2
    (shop,) = load_extensions(configured(tmp_path, shop=SHOP)).loaded
    assert list(loaded.files_of(shop)) == [str(tmp_path / "shop.py")] * 7


@pytest.mark.parametrize(
    ("rest", "roles", "may"),
    [
        ("", (), True),
        ("defaults: {read: true}", ("user",), False),
        ("defaults: {read: true}\nroles: {user: {}}", ("user",), True),
        ("defaults: {read: true}\nroles: {user: {}}", ("other",), False),
    ],
)
def test_addresses_are_for_whom_the_file_allows(rest: str, roles: tuple[str, ...], may: bool, tmp_path: Path) -> None:
    config = configured(tmp_path, rest, shop=SHOP)
    if "roles" in rest:
        text = (tmp_path / "config.yaml").read_text().replace("allow: []", "allow: user")
        (tmp_path / "config.yaml").write_text(text)
        config = load(tmp_path / "config.yaml", {}, Flags())
    (shop,) = load_extensions(config).loaded
    assert allowed(shop, config, roles) is may
