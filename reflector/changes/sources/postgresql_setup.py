"""What capturing needs in PostgreSQL: a publication that lists the tables, and a slot that keeps what was not read yet.

Old images are complete only under REPLICA IDENTITY FULL. Without them a deletion can be told only to those whose rules
the key decides, so tables are given it; which ones is remembered in the publication's comment and undone at the end.

Rule: the publication is made before the slot (a slot older than its publication is poisoned), and lists tables by name
(one for all tables makes UPDATE fail on those without a key). A slot that may keep without bound is not made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from reflector.changes.setup import KEYLESS, NAME, Choices, Setup, Step
from reflector.changes.sources.postgresql_link import Link

BOUND: Final = "10GB"

SERVER: Final = """
SELECT pg_catalog.current_setting('wal_level'), pg_catalog.current_setting('max_slot_wal_keep_size'),
    (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()),
    (SELECT rolsuper OR rolreplication FROM pg_catalog.pg_roles WHERE rolname = current_user),
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'), current_user
"""
TABLES: Final = """
SELECT n.nspname, c.relname, c.relreplident, c.relispartition, c.relpersistence, c.relkind,
    pg_catalog.pg_has_role(c.relowner, 'USAGE'),
    EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary),
    c.relkind = 'r' AND c.relhassubclass
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    AND c.relpersistence <> 't'
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""
PUBLISHED: Final = f"""
SELECT schemaname, tablename FROM pg_catalog.pg_publication_tables WHERE pubname = '{NAME}' ORDER BY 1, 2
"""
PUBLICATION: Final = f"""
SELECT pg_catalog.obj_description(oid, 'pg_publication') FROM pg_catalog.pg_publication WHERE pubname = '{NAME}'
"""
SLOT: Final = """
SELECT active, wal_status, pg_catalog.pg_size_pretty(
    pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn))
FROM pg_catalog.pg_replication_slots WHERE slot_name = '{slot}'
"""

IDENTITIES: Final = {"d": "DEFAULT", "n": "NOTHING"}
NameOf = tuple[str, str]


def quoted(name: NameOf) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name)


def literal(text: str) -> str:
    return (
        "'" + text.replace("'", "''") + "'"
        if "\\" not in text
        else "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    )


def slot_name(database: str) -> str:
    """Slots belong to the whole server: one for each database, by its number."""
    return f"{NAME}_{database}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A table as it is. `identity`: d default, f full, i an index, n nothing. `inherited`: rows of other tables, whose
    changes are theirs, show in it as well."""

    name: NameOf
    identity: str
    partition: bool
    logged: bool
    parted: bool
    owned: bool
    keyed: bool
    inherited: bool = False

    @property
    def whole(self) -> bool:
        """Whether old images are complete. A parted table has none of its own."""
        return self.identity == "f" or self.parted


@dataclass(frozen=True, slots=True)
class Found:
    """What the database says of itself. `changed` are the identities before we changed them, None without publication."""

    wal_level: str
    keeps: str
    database: str
    may_replicate: bool
    may_create: bool
    user: str
    tables: tuple[Listed, ...]
    published: tuple[NameOf, ...]
    changed: dict[str, str] | None
    slot: list[str | None] | None

    @property
    def slot_name(self) -> str:
        return slot_name(self.database)


async def look(link: Link) -> Found:
    """Read it; raises ServerRefused."""
    [[level, keeps, database, replicates, creates, user]] = await link.query(SERVER)
    tables = tuple(
        Listed(
            (str(row[0]), str(row[1])),
            str(row[2]),
            row[3] == "t",
            row[4] == "p",
            row[5] == "p",
            row[6] == "t",
            row[7] == "t",
            row[8] == "t",
        )
        for row in await link.query(TABLES)
    )
    published = tuple((str(schema), str(name)) for schema, name in await link.query(PUBLISHED))
    comments = await link.query(PUBLICATION)
    slots = await link.query(SLOT.format(slot=slot_name(str(database))))
    return Found(
        str(level),
        str(keeps),
        str(database),
        replicates == "t",
        creates == "t",
        str(user),
        tables,
        published,
        _remembered(comments[0][0]) if comments else None,
        slots[0] if slots else None,
    )


def _remembered(comment: str | None) -> dict[str, str]:
    try:
        found = json.loads(comment or "{}")
    except ValueError:
        return {}
    identities = found.get("identities", {}) if isinstance(found, dict) else {}
    return {str(name): str(identity) for name, identity in identities.items()} if isinstance(identities, dict) else {}


def setup_of(found: Found, choices: Choices) -> Setup:
    """What is installed, and what would be."""
    lost = found.slot is not None and found.slot[1] == "lost"
    install = tuple(install_steps(found, choices))
    return Setup(
        "PostgreSQL logical replication",
        installed=found.changed is not None and found.slot is not None and not lost,
        install=install,
        uninstall=tuple(uninstall_steps(found)),
        privileges=("REPLICATION", "CREATE on the database", "owner of the tables"),
        obstacles=tuple(obstacles(found, choices)) if install else (),
        misses=tuple(misses(found, choices)),
        facts=tuple(facts(found)),
        noticed=frozenset(found.published) - {each.name for each in found.tables if each.inherited},
    )


def wanted(found: Found, choices: Choices) -> list[Listed]:
    """The tables to publish: those of which changes are written to the log, and of which UPDATE would not begin to fail."""
    own = [each for each in found.tables if not each.partition and each.logged and each.owned]
    return [each for each in own if each.keyed or each.identity in "fi" or each.parted or not choices.keep_identity]


def install_steps(found: Found, choices: Choices) -> Iterator[Step]:
    tables = wanted(found, choices)
    changed = dict(found.changed or {})
    for each in [] if choices.keep_identity else found.tables:
        if each.owned and each.logged and not each.whole and each.identity in IDENTITIES:
            changed.setdefault(quoted(each.name), IDENTITIES[each.identity])
            yield Step(f"ALTER TABLE {quoted(each.name)} REPLICA IDENTITY FULL", "old images tell every column")
    missing = [quoted(each.name) for each in tables if each.name not in found.published]
    if found.changed is None:
        listed = f" FOR TABLE {', '.join(missing)}" if missing else ""
        made = f"CREATE PUBLICATION {NAME}{listed} WITH (publish_via_partition_root = true)"
        yield Step(made, "which tables' changes are streamed")
    elif missing:
        yield Step(f"ALTER PUBLICATION {NAME} ADD TABLE {', '.join(missing)}", "tables that came since")
    if changed and changed != found.changed:
        comment = literal(json.dumps({"identities": changed}))
        yield Step(f"COMMENT ON PUBLICATION {NAME} IS {comment}", "remembers what to undo")
    if found.slot is not None and found.slot[1] == "lost":
        yield _dropped(found)
    if found.slot is None or found.slot[1] == "lost":
        made = f"SELECT pg_catalog.pg_create_logical_replication_slot({literal(found.slot_name)}, 'pgoutput')"
        yield Step(made, "keeps what was not read yet")


def uninstall_steps(found: Found) -> Iterator[Step]:
    if found.slot is not None:
        yield _dropped(found)
    there = {quoted(each.name) for each in found.tables}
    for name, identity in (found.changed or {}).items():
        if name in there:
            yield Step(f"ALTER TABLE {name} REPLICA IDENTITY {identity}", "as it was before")
    if found.changed is not None:
        yield Step(f"DROP PUBLICATION {NAME}", "nothing is streamed any more")


def _dropped(found: Found) -> Step:
    return Step(f"SELECT pg_catalog.pg_drop_replication_slot({literal(found.slot_name)})", "nothing is kept any more")


def obstacles(found: Found, choices: Choices) -> Iterator[str]:
    """Why it cannot be installed as things are, and what its owner would do about it."""
    if found.wal_level != "logical":
        yield f"wal_level is {found.wal_level}: ALTER SYSTEM SET wal_level = 'logical', and restart the server"
    if found.keeps == "-1" and not choices.unbounded and found.slot is None:
        yield (
            "max_slot_wal_keep_size is unbounded, so a slot that nobody reads would fill the disk:"
            f" ALTER SYSTEM SET max_slot_wal_keep_size = '{BOUND}'; SELECT pg_reload_conf(), or give --unbounded"
        )
    if not found.may_replicate:
        yield f"{found.user} may not replicate: ALTER ROLE {found.user} REPLICATION (RDS: GRANT rds_replication TO …)"
    if not found.may_create:
        yield f"{found.user} may not create a publication: GRANT CREATE ON DATABASE … TO {found.user}"


def misses(found: Found, choices: Choices) -> Iterator[str]:
    """What will not be noticed, or not be told."""
    listed = set(found.published) | {each.name for each in wanted(found, choices) if found.changed is None}
    for each in found.tables:
        if each.partition:
            continue
        name = quoted(each.name)
        if each.name not in listed:
            yield f"{name}: its changes are not noticed: {_why(each)}"
        elif not each.whole and found.changed is not None:
            yield (
                f"{name}: old images tell the key alone, so what rules and filters say of rows as they were cannot be told;"
                f" ALTER TABLE {name} REPLICA IDENTITY FULL would help"
            )
        if each.name in listed and not each.keyed:
            yield KEYLESS.format(table=name)


def _why(table: Listed) -> str:
    if not table.logged:
        return "it is unlogged"
    if not table.owned:
        return "it belongs to somebody else"
    return "it was made after the publication, or has no key; install again"


def facts(found: Found) -> Sequence[str]:
    slot = "no slot" if found.slot is None else f"slot {found.slot_name}: {found.slot[1]}, keeps {found.slot[2]}"
    if found.slot is not None:
        slot += ", is being read" if found.slot[0] == "t" else ", nobody reads it"
    published = "no publication" if found.changed is None else f"publication {NAME}: {len(found.published)} tables"
    return published, slot
