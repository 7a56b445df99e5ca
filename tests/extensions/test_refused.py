"""Everything that can be wrong with an extension refuses the start, with its place, its line, and no word of an exception."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reflector.access.description import Severity
from reflector.catalog.model import DatabaseKind
from server.config import Flags, load
from server.extensions import load_extensions
from tests.bookshops import Databases
from tests.extensions.serving import SCHEMA
from tests.server.harness import reflector

HEAD = "from reflector.extension import Caller, Extension\nextension = Extension()\n"
ROUTE = "async def f(caller, request): ..."
SECRET = "canary-9b1c"
MODULES: dict[str, tuple[str | None, str]] = {
    "no file": (None, "there is no such file; a path that does not begin with / begins at the folder of the configuration"),
    "a syntax error": (f"\nx = = '{SECRET}'", "is not valid Python: line 2: invalid syntax"),
    "no text": ("\0", "is not valid Python: source code string cannot contain null bytes"),
    "raises": (f"x = 1\nraise RuntimeError('{SECRET}')", "cannot be imported: RuntimeError (line 2); run it by itself to see why"),
    "ends": (f"import sys\nsys.exit('{SECRET}')", "cannot be imported: SystemExit (line 2)"),
    "imports what is not there": ("import nowhere_at_all", "imports nowhere_at_all, which is not installed (line 1)"),
    "misused": ("import json\nimport re\njson.loads('{')", "cannot be imported: JSONDecodeError (line 3)"),
    "imports nothing": ("raise ModuleNotFoundError('x')", "cannot be imported: ModuleNotFoundError (line 1)"),
    "no object": ("x = 1", "has no object 'extension'; extension = Extension() makes one"),
    "another object": (f"extension = '{SECRET}'", "'extension' is no Extension of reflector.extension"),
    "no annotation": (HEAD + "@extension.function\nasync def f(a): ...", "the function 'f' (shop.py:3) has no annotation for 'a'"),
    "a strange annotation": (HEAD + "@extension.function\nasync def f(a: object): ...", "has an annotation for 'a' that is no type of value"),
    "several types": (HEAD + "@extension.function\nasync def f(a: int | str): ...", "has an annotation for 'a' that is several types at once"),
    "an unknown name": (HEAD + "@extension.function\nasync def f(a: 'Nowhere'): ...", "has an annotation that cannot be read: NameError"),
    "any number": (HEAD + "@extension.function\nasync def f(*a: int): ...", "takes 'a' in a way that no caller can give"),
    "two callers": (HEAD + "@extension.function\nasync def f(a: Caller, b: Caller): ...", "takes two callers"),
    "not async": (HEAD + "@extension.function\ndef f(a: int): ...", "the function 'f' (shop.py:3) is no `async def`"),
    "a name": (HEAD + "@extension.function(name='a b')\nasync def f(): ...", "has a name that is not made of letters, digits and _"),
    "twice": (HEAD + "@extension.function\nasync def f(): ...\n" * 1 + "@extension.function\nasync def f(): ...", "the function 'f' (shop.py:5) is offered twice"),
    "a route elsewhere": (HEAD + f"@extension.route('GET', 'status')\n{ROUTE}", "the route GET status (shop.py:3) has a path that is none"),
    "a route above": (HEAD + f"@extension.route('GET', '/../../api')\n{ROUTE}", "has a path that is none"),
    "a pattern": (HEAD + f"@extension.route('GET', '/{{a:.*}}')\n{ROUTE}", "has a path that is none"),
    "a method": (HEAD + f"@extension.route('get', '/a')\n{ROUTE}", "has a method that is none of GET, POST, PUT, PATCH, DELETE"),
    "a route twice": (HEAD + f"@extension.route('GET', '/{{a}}')\n{ROUTE}\n@extension.route('GET', '/{{b}}')\n{ROUTE}", "the route GET /{b} (shop.py:5) is there already (shop.py:3)"),
    "a name twice": (HEAD + f"@extension.route('GET', '/{{a}}/{{a}}')\n{ROUTE}", "has a part of the same name twice"),
    "a route not async": (HEAD + "@extension.route('GET', '/a')\ndef f(caller, request): ...", "is no `async def`"),
    "a start not async": (HEAD + "@extension.started\ndef f(server): ...", "what is called when it has started and when it stops must be `async def`"),
    "an async observer": (HEAD + "@extension.observes\nasync def f(event): ...", "what observes is told and not waited for"),
}  # fmt: skip


@pytest.fixture(scope="module")
def database(databases: Databases) -> str:
    return databases.lasting(databases.database(DatabaseKind.SQLITE, SCHEMA))


def said(url: str, folder: Path, command: str, config: str) -> str:
    """What the command tells that refuses."""
    file = folder / "config.yaml"
    file.write_text(config)
    status, out, err = reflector(command, "--config", str(file), environ={"DATABASE_URL": url})
    assert status == 2, (status, out, err)
    assert "Traceback" not in out + err
    assert SECRET not in out + err
    return out + err


def faults(file: Path) -> list[str]:
    """What is wrong with the extensions of a file, each with its place and its hint."""
    found = load_extensions(load(file, {}, Flags())).faults
    assert {each.severity for each in found} <= {Severity.ERROR}
    return [
        f"{str(each.where).rpartition('/')[2]}: {each.message}" + (f"; {each.hint}" if each.hint else "")
        for each in found
    ]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_cannot_be_used_is_told(name: str, tmp_path: Path) -> None:
    text, told = MODULES[name]
    if text is not None:
        (tmp_path / "shop.py").write_text(text)
    file = tmp_path / "config.yaml"
    file.write_text("version: 1\nextensions:\n  shop:\n    module: ./shop.py\n")
    before = set(sys.modules)
    heard = faults(file)
    assert [each for each in heard if each.startswith("config.yaml:4:5: ") and told in each] == heard[:1], heard
    assert len(heard) == 1
    assert SECRET not in heard[0]
    # What could not be imported is forgotten, and what was is found by those who look for their module.
    imported = not told.startswith(("there is no", "is not valid", "cannot be", "imports"))
    assert ("reflector_extension_shop" in set(sys.modules) - before) == imported
    sys.modules.pop("reflector_extension_shop", None)


@pytest.mark.parametrize("name", ["no file", "raises", "no annotation"])
def test_check_tells_it_and_calls_nothing_unknown_that_only_the_module_could_offer(
    name: str, database: str, tmp_path: Path
) -> None:
    text, told = MODULES[name]
    if text is not None:
        (tmp_path / "shop.py").write_text(text)
    config = "version: 1\nextensions:\n  shop:\n    module: ./shop.py\nfunctions: {other: {allow: []}}\n"
    heard = said(database, tmp_path, "check", config)
    assert told in heard.partition("config.yaml:4:5: extensions.shop.module: ")[2]
    assert "there is no function" not in heard


ODD: dict[str, tuple[str, list[str]]] = {
    "an absolute path": ("/nowhere/at/all.py", ["there is no such file"]),
    "a folder": ("./folder.py", ["is a folder, not a file"]),
    "no module": ("nowhere.at.all", ["there is no such module where Python looks for modules"]),
    "a part of a module": ("json.nowhere", ["there is no such module where Python looks for modules"]),
    "a module that imports what is not there": ("offered_missing", ["imports nowhere_at_all, which is not installed"]),
    "a module that raises": ("offered_raises", ["cannot be imported: RuntimeError; run it by itself to see why"]),
    "a module": ("tests.extensions.offers", ["has no object 'extension'; extension = Extension() makes one"]),
    "an object of a module": ("tests.extensions.offers:offers", []),
    "another object": ("tests.extensions.offers:CANARY", ["'CANARY' is no Extension of reflector.extension"]),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_modules_are_found_where_python_looks(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, told = ODD[name]
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "offered_missing.py").write_text("import nowhere_at_all")
    (tmp_path / "offered_raises.py").write_text(f"raise RuntimeError('{SECRET}')")
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "config.yaml"
    file.write_text(f"version: 1\nextensions: {{shop: {{module: '{written}'}}}}\n")
    assert faults(file) == [f"config.yaml:2:21: {each}" for each in told]


@pytest.mark.parametrize(
    ("said_besides", "told"),
    [
        ("auth: {anonymous_role: a}\nroles: {a: {}}", True),
        ("", False),
        ("auth: {anonymous_role: a}\nroles: {a: {}}\n#", False),
    ],
)
def test_addresses_that_are_for_nobody_are_told(said_besides: str, told: bool, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(HEAD + f"@extension.route('GET', '/')\n{ROUTE}\n")
    (tmp_path / "plain.py").write_text(HEAD)
    allow = ", allow: a" if said_besides.endswith("#") else ""
    file = tmp_path / "config.yaml"
    file.write_text(
        f"version: 1\nextensions: {{shop: {{module: ./shop.py{allow}}}, plain: {{module: ./plain.py}}}}\n{said_besides}\n"
    )
    found = load_extensions(load(file, {}, Flags()))
    assert [each.name for each in found.loaded] == ["shop", "plain"]
    assert [(each.severity, each.code) for each in found.faults] == [(Severity.WARNING, "extension_closed")] * told


def test_several_faults_are_told_at_once(tmp_path: Path) -> None:
    text = (
        HEAD
        + "@extension.function\nasync def f(a): ...\n@extension.function\nasync def g(): ...\n@extension.route('GET', 'x')\n"
        + ROUTE
    )
    text += "\n@extension.started\nasync def h(server): ...\n@extension.stopping\ndef i(server): ...\n"
    text += "@extension.observes\ndef j(event): ...\n@extension.observes\nasync def k(event): ...\n"
    (tmp_path / "shop.py").write_text(text)
    file = tmp_path / "config.yaml"
    file.write_text("version: 1\nextensions: {shop: {module: ./shop.py}, other: {module: ./shop.py}}\n")
    found = load_extensions(load(file, {}, Flags()))
    assert set(found.offered) == {"g"}
    messages = [each.message for each in found.faults]
    assert len(messages) == 9
    assert sum("is offered by the extension 'shop' too" in each for each in messages) == 1
    assert sum("must be `async def`" in each for each in messages) == 2


CONFIGS: dict[str, tuple[str, str]] = {
    "an unknown setting": ("extensions: {shop: {modul: ./shop.py}}", "2:21: extensions.shop.modul: unknown setting; did you mean 'module'?"),
    "no module": ("extensions: {shop: {allow: []}}", "extensions.shop.module: is required"),
    "no module's name": ("extensions: {shop: {module: 'a b'}}", "2:29: extensions.shop.module: must be a Python file such as ./shop.py, or a module such as package.module"),
    "no object's name": ("extensions: {shop: {module: './shop.py:'}}", "must end with the name of an object behind the colon"),
    "a name of an extension": ("extensions: {Shop/x: {module: ./shop.py}}", "the name of an extension is one word: small letters, digits, _ and -"),
    "a role": ("extensions: {shop: {module: ./shop.py, allow: [usr]}}\nauth: {anonymous_role: user}\nroles: {user: {}}", "2:48: extensions.shop.allow[0]: there is no role 'usr'; did you mean 'user'?"),
    "settings": ("extensions: {shop: {module: ./shop.py, settings: 3}}", "extensions.shop.settings: must be a mapping"),
    "an unset variable": ("extensions: {shop: {module: ./shop.py, settings: {key: '${NOBODY_SET_THIS}'}}}", "refers to the environment variable NOBODY_SET_THIS, which is not set"),
    "a function": ("extensions: {shop: {module: ./shop.py}}\nfunctions: {quoet: {allow: []}}", "3:13: functions.quoet: there is no function 'quoet'; did you mean 'quote'?"),
    "a module nowhere": ("extensions: {shop: {module: nowhere.at.all}}", "there is no such module where Python looks for modules"),
    "a name of two": ("extensions: {shop: {module: ./shop.py}, other: {module: ./shop.py}}", "extensions.other.module: the function 'quote' (shop.py:3) is offered by the extension 'shop' too"),
    "a folder": ("extensions: {shop: {module: ./folder.py}}", "is a folder, not a file"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_a_section_that_cannot_be_used_refuses(name: str, database: str, tmp_path: Path) -> None:
    config, told = CONFIGS[name]
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "shop.py").write_text(HEAD + "@extension.function\nasync def quote() -> int: ...\n")
    assert told in said(database, tmp_path, "check", f"version: 1\n{config}\n")


@pytest.mark.parametrize("kind", ["ValueError", "SystemExit"])
def test_a_start_that_fails_refuses_to_serve(kind: str, database: str, tmp_path: Path) -> None:
    text = f"@extension.started\nasync def begin(server):\n    raise {kind}('{SECRET}')\n"
    (tmp_path / "failing.py").write_text(HEAD + text)
    config = "version: 1\nserver: {port: 0}\nextensions: {shop: {module: ./failing.py}}\n"
    heard = said(database, tmp_path, "serve", config)
    assert f"3:21: extensions.shop: could not be started: {kind} in line 5" in heard


def test_a_start_that_takes_too_long_refuses_to_serve(database: str, tmp_path: Path) -> None:
    text = "import asyncio\n@extension.started\nasync def begin(server):\n    await asyncio.Event().wait()\n"
    (tmp_path / "waiting.py").write_text(HEAD + text)
    config = "version: 1\nserver: {port: 0}\nextensions: {shop: {module: ./waiting.py, starts_within: 50ms}}\n"
    why = (
        "could not be started: it took longer than 50ms, and waited in line 6; starts_within says how long it may take"
    )
    assert f"3:21: extensions.shop: {why}" in said(database, tmp_path, "serve", config)


def test_a_function_of_the_database_of_the_same_name_refuses(databases: Databases, tmp_path: Path) -> None:
    body = "RETURNS integer LANGUAGE sql AS 'SELECT 1'"
    url = databases.database(
        DatabaseKind.POSTGRESQL, f"CREATE FUNCTION quote() {body}; CREATE TABLE t (id integer primary key)"
    )
    (tmp_path / "shop.py").write_text(HEAD + "@extension.function\nasync def quote() -> int: ...\n")
    heard = said(url, tmp_path, "serve", "version: 1\nserver: {port: 0}\nextensions: {shop: {module: ./shop.py}}\n")
    assert (
        "3:21: extensions.shop.module: the database has a function 'quote' too; give one of them another name" in heard
    )
