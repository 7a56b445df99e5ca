"""Which way imports may point, what may be imported where, and how large a module may grow."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

REFLECTOR: tuple[tuple[str, ...], ...] = (
    ("errors", "secret", "moments", "scalars", "zones"),
    ("kinds", "readings", "datatypes", "events", "database_url", "representations"),
    ("catalog",),
    ("query",),
    ("access",),
    ("sql",),
    ("dialects",),
    ("drivers", "reflection"),
    ("changes",),
    ("snapshot", "versions", "looks", "written"),
    ("extension",),
    ("signature",),
    ("engine",),
    ("capture",),
)
"""From the bottom up: a module imports from its own row and from the rows above it in this list."""

SERVER: tuple[tuple[str, ...], ...] = (
    ("config", "forms", "problems", "siblings", "traced", "whole"),
    ("cache",),
    ("peers",),
    ("rates",),
    ("tallies",),
    ("extensions",),
    ("context", "documents", "pages", "transactions", "unkept", "written"),
    ("auth", "access", "binding", "callers", "database_roles", "journal", "telemetry"),
    ("called",),
    ("apis", "openapi", "trials"),
    ("middleware",),
    (
        "capturing",
        "connection",
        "database_settings",
        "garbage",
        "guard",
        "telling",
        "threads",
        "tracing",
        "unix_socket",
    ),
    ("webhooks",),
    ("house",),
    ("grounds",),
    ("building",),
    ("reloading",),
    ("notified",),
    ("app", "commands", "workers"),
    ("cli", "probe", "__main__"),
)

SQLALCHEMY_AT_HOME = {"sql", "dialects"}
PURE = {"errors", "kinds", "readings", "datatypes", "events", "catalog", "query", "access", "sql", "dialects"}
"""Nothing here may touch the world: no clock, environment, file, socket or thread."""
WORLDLY = {"os", "socket", "threading", "subprocess", "time", "random", "asyncio", "pathlib", "asyncpg", "aiomysql"}
LONGEST = 400
OF_THE_CATALOG = {"tables", "relationships", "functions"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The dotted names a module imports, type checking included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


def part(path: Path, package: str) -> str:
    return path.relative_to(ROOT / package).parts[0].removesuffix(".py")


def layer(name: str, layers: tuple[tuple[str, ...], ...]) -> int:
    for index, row in enumerate(layers):
        if name in row:
            return index
    raise AssertionError(f"{name} stands in no layer: give it a place in the architecture test")


def upward(package: str, layers: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    for path in modules(package):
        own = part(path, package)
        if own == "__init__":
            continue
        for name in imported(path):
            top, _, rest = name.partition(".")
            if top == package and rest and layer(rest.split(".")[0], layers) > layer(own, layers):
                yield f"{path.relative_to(ROOT)} imports {name}"


def test_the_library_imports_downward_only() -> None:
    assert list(upward("reflector", REFLECTOR)) == []


def test_the_page_about_the_architecture_names_every_room_of_the_library() -> None:
    rooms = {part(path, "reflector") for path in modules("reflector")} - {"__init__"}
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert [room for room in sorted(rooms) if f"`{room}`" not in page] == []


def test_the_server_imports_downward_only() -> None:
    assert list(upward("server", SERVER)) == []


def test_the_library_knows_nothing_of_the_server_or_of_http() -> None:
    strangers = {"server", "aiohttp", "pydantic", "yaml", "examples", "tests"}
    found = [
        f"{path}: {name}" for path in modules("reflector") for name in imported(path) if name.split(".")[0] in strangers
    ]
    assert found == []


def test_apis_know_nothing_of_one_another() -> None:
    apis = {path.name for path in (ROOT / "server" / "apis").iterdir() if path.is_dir() and path.name != "__pycache__"}
    found = [
        f"{path}: {name}"
        for path in modules("server")
        if part(path, "server") == "apis" and path.parent.name in apis
        for name in imported(path)
        if name.startswith("server.apis.") and name.split(".")[2] in apis - {path.parent.name}
    ]
    assert found == []


def test_sqlalchemy_writes_sql_where_sql_is_written() -> None:
    found = [
        f"{path}: {name}"
        for package in ("reflector", "server")
        for path in modules(package)
        if part(path, package) not in SQLALCHEMY_AT_HOME
        for name in imported(path)
        if name.split(".")[0] == "sqlalchemy"
    ]
    assert found == []


def test_traces_are_made_in_one_place_and_nobody_else_needs_the_library() -> None:
    """It is there only where traces are configured; who imports that place does so inside a function."""
    found = [
        f"{path}: {name}"
        for package in ("reflector", "server")
        for path in modules(package)
        if path.parent != ROOT / "server" / "telemetry"
        for name in imported(path)
        if name.split(".")[0] in {"opentelemetry", "google"}
    ]
    assert found == []


def test_the_core_touches_nothing_of_the_world() -> None:
    found = [
        f"{path}: {name}"
        for path in modules("reflector")
        if part(path, "reflector") in PURE
        for name in imported(path)
        if name.split(".")[0] in WORLDLY
    ]
    assert found == []


def test_a_name_of_a_caller_meets_the_catalog_in_a_scope_only() -> None:
    """APIs hold scopes: none of them looks into a table's columns or a catalog's tables by name."""
    found = [
        f"{path}: {ast.unparse(node)}"
        for path in modules("server")
        if part(path, "server") == "apis"
        for node in ast.walk(ast.parse(path.read_text()))
        if looks_up(node)
    ]
    assert found == []
    for wrong in (
        "table.by_name[n]",
        "f(table.by_name)",
        "a.catalog.tables[n]",
        "catalog.tables.get(n)",
    ):
        assert any(map(looks_up, ast.walk(ast.parse(wrong)))), wrong


def looks_up(node: ast.AST) -> bool:
    """Whether something of the catalog is found by a name that is not written there."""
    match node:
        case ast.Attribute(attr="by_name"):
            return True
        case ast.Subscript(value=ast.Attribute(attr=attr, value=owner)):
            return attr in OF_THE_CATALOG and ast.unparse(owner).endswith("catalog")
        case ast.Attribute(attr="get", value=ast.Attribute(attr=attr, value=owner)):
            return attr in OF_THE_CATALOG and ast.unparse(owner).endswith("catalog")
        case _:
            return False


@pytest.mark.parametrize("package", ["reflector", "server"])
def test_a_module_says_what_it_is_for_and_stays_readable(package: str) -> None:
    silent = [path for path in modules(package) if not ast.get_docstring(ast.parse(path.read_text()))]
    long = [path for path in modules(package) if len(path.read_text().splitlines()) > LONGEST]
    assert silent == []
    assert long == []


@pytest.mark.parametrize("package", ["reflector", "server"])
def test_no_fault_is_swallowed(package: str) -> None:
    """`except …: pass` and bare excepts hide what went wrong."""
    found = [
        f"{path}:{node.lineno}"
        for path in modules(package)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or all(isinstance(each, ast.Pass) for each in node.body))
    ]
    assert found == []
