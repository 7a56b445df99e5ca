"""`reflector inspect`: what a database is made of, as Reflector reads it, with every name it gives.

Rule: it only reads, and shows every name, every clash and everything that will not be served as people might expect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from reflector.catalog.model import Catalog, Column, Fill, Key, Pairs, Relationship, Table
from reflector.drivers import open_driver
from reflector.errors import CatalogError, ConnectionRefused
from reflector.reflection import reflect
from server.access import overlay_of, settings_of
from server.binding import in_vain, misfits, refusing
from server.config import Complaint, Config, ConfigError, Position

FILLED = {
    Fill.DEFAULT: "default",
    Fill.IDENTITY: "numbered",
    Fill.ALWAYS: "always numbered",
    Fill.COMPUTED: "computed",
}


async def catalog_of(config: Config, names: Mapping[str, str] | None = None) -> Catalog:
    """The catalog of the configured database, with these names for tables; raises ConnectionRefused and ConfigError."""
    if config.database.url is None:
        raise ConfigError([Complaint(Position("the command line"), "", "no database is named: reflector inspect URL")])
    driver = open_driver(config.database.url, settings_of(config))
    try:
        await driver.open()
        overlay = overlay_of(config)
        named = replace(overlay, names={**overlay.names, **(names or {})})
        catalog = await reflect(driver.kind, driver.fetch, named)
    except ConnectionRefused:
        raise
    except CatalogError as error:
        raise misfits(error, config) from error
    finally:
        await driver.close()
    if refusing(catalog.misfits, config):
        raise in_vain(catalog.misfits, config)
    return catalog


# ── for people ───────────────────────────────────────────────────────────────────────────────


def in_words(catalog: Catalog) -> Iterator[str]:
    """The catalog, line by line."""
    version = ".".join(map(str, catalog.version))
    count = sum(map(len, catalog.relationships.values()))
    yield f"{catalog.kind.value} {version}: {len(catalog.tables)} tables, {count} relationships"
    for table in catalog.tables.values():
        yield ""
        yield from _table_lines(table, catalog)
    if catalog.notices:
        yield ""
        yield "Worth knowing:"
        yield from (f"  {notice.code}: {notice.message}" for notice in catalog.notices)


def _table_lines(table: Table, catalog: Catalog) -> Iterator[str]:
    yield f"{table.label}  ({', '.join(_traits(table))})"
    wide = max(len(column.name) for column in table.columns)
    for column in table.columns:
        facts = ", ".join(_facts(table, column))
        yield f"    {column.name:{wide}}  {column.type.native}" + (f"  {facts}" if facts else "")
    for key in table.uniques:
        yield f"    unique ({', '.join(column.name for column in key.columns)})"
    for name, relationship in catalog.relationships.get(table, {}).items():
        yield f"  → {name}: {way(relationship)}"


def _traits(table: Table) -> Iterator[str]:
    yield table.kind.value.replace("_", " ")
    if not (table.insertable or table.updatable or table.deletable):
        yield "read-only"
    if table.row_estimate is not None:
        yield f"about {table.row_estimate} rows"


def _facts(table: Table, column: Column) -> Iterator[str]:
    if table.primary_key is not None and column in table.primary_key.columns:
        yield "key"
    if not column.nullable:
        yield "not null"
    if column.fill in FILLED:
        yield FILLED[column.fill]


def way(relationship: Relationship) -> str:
    """Where a relationship leads, in words."""
    many = "many" if relationship.many else "one or none" if relationship.nullable else "one"
    junction = relationship.junction
    pairs = relationship.pairs if junction is None else (*junction.near, *junction.far)
    via = "" if junction is None else f" through {junction.table.label}"
    joined = ", ".join(f"{ours.name} = {theirs.name}" for ours, theirs in pairs)
    return f"{many} {relationship.target.label}{via} on {joined}"


# ── for programs ─────────────────────────────────────────────────────────────────────────────


def in_json(catalog: Catalog) -> bytes:
    """The catalog as a JSON document."""
    document = {
        "database": catalog.kind.value,
        "version": list(catalog.version),
        "schemas": list(catalog.schemas),
        "fingerprint": catalog.fingerprint,
        "tables": [_table_document(table, catalog) for table in catalog.tables.values()],
        "notices": [{"code": notice.code, "message": notice.message} for notice in catalog.notices],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def _table_document(table: Table, catalog: Catalog) -> dict[str, Any]:
    return {
        "name": table.label,
        "schema": table.schema,
        "kind": table.kind.value,
        "comment": table.comment,
        "row_estimate": table.row_estimate,
        "insertable": table.insertable,
        "updatable": table.updatable,
        "deletable": table.deletable,
        "columns": [_column_document(column) for column in table.columns],
        "primary_key": _names(table.primary_key),
        "unique": [_names(key) for key in table.uniques],
        "checks": [{"name": check.name, "expression": check.expression} for check in table.checks],
        "relationships": [_relationship_document(each) for each in catalog.relationships.get(table, {}).values()],
    }


def _column_document(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type.native,
        "kind": column.type.kind.value,
        "nullable": column.nullable,
        "filled": column.fill.value,
        "default": column.default,
        "comment": column.comment,
    }


def _relationship_document(each: Relationship) -> dict[str, Any]:
    junction = each.junction
    return {
        "name": each.name,
        "to": each.target.label,
        "many": each.many,
        "nullable": each.nullable,
        "join": _pairs(each.pairs),
        "through": junction
        and {"table": junction.table.label, "near": _pairs(junction.near), "far": _pairs(junction.far)},
    }


def _pairs(pairs: Pairs) -> list[list[str]]:
    return [[ours.name, theirs.name] for ours, theirs in pairs]


def _names(key: Key | None) -> list[str] | None:
    return None if key is None else [column.name for column in key.columns]
