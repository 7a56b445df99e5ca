"""On which connection tests are tried where the database decides, and as whom what no caller asks is asked.

    testing.url left out    the server's own login, and `testing.by` is a role that it can take
    testing.url             a login for tests alone; it acts itself, or as `testing.by`

Rule: nobody is served by what stands here, and it never widens what a caller may: callers are asked for as the very roles
that requests have, and a login that may be anybody is the server's login first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from reflector.access.database import quoted
from reflector.catalog.model import DatabaseKind, Table
from reflector.drivers.postgresql import PostgreSQLDriver
from reflector.engine import Engine
from reflector.errors import ConnectionRefused, ReflectorError, suggestion
from reflector.reflection import fingerprint
from server.access import database_of, settings_of
from server.config import Complaint, Config, ConfigError, Position

ROW_SECURITY: Final = "rls.c"
"""PostgreSQL's source of the refusal to hide rows."""
WHO: Final = (
    "SELECT session_user::pg_catalog.text, r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = session_user"
)
TAKES: Final = """
SELECT rolname::pg_catalog.text, pg_catalog.pg_has_role(session_user, oid, 'MEMBER') FROM pg_catalog.pg_roles"""


@dataclass(frozen=True, slots=True)
class Stage:
    """`by` makes and picks the rows of tests: a role that the connection takes, None for the `login` it has itself.
    `becomes` is the server's login, where the connection may take its place; `apart`, whether the login is one
    for tests alone; `settings` are what the server's login begins with then."""

    driver: PostgreSQLDriver
    login: str
    by: str | None = None
    becomes: str | None = None
    apart: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def maker(self) -> str:
        """The name of whoever makes and picks rows."""
        return self.by or self.login

    @property
    def described(self) -> str:
        return f"the {'login' if self.by is None else 'role'} {quoted(self.maker)}"


@asynccontextmanager
async def staged(engine: Engine, config: Config, callers: Iterable[str]) -> AsyncIterator[Stage]:
    """The stage of a configuration whose database decides. `callers` are the roles that tests are made as.

    Raises ConfigError where it cannot be reached, is another database, or cannot take one of the roles.
    """
    url = config.testing.url or database_of(config)
    driver = PostgreSQLDriver(url, replace(settings_of(config), pool_size=1, writable=True))
    try:
        try:
            await driver.open()
        except ConnectionRefused as refused:
            raise ConfigError([_complaint(config, "url", refused.message, refused.hint)]) from refused
        if config.testing.url is not None:
            await _check_same(engine, config, driver)
        ((login, mighty),) = await driver.fetch(WHO)
        roles = {str(name): bool(taken) for name, taken in await driver.fetch(TAKES)}
        complaints = list(_beyond(config, str(login), roles, callers))
        if complaints:
            raise ConfigError(complaints)
        known = engine.snapshot.catalog.roles
        server = None if known is None or known.login == login else known.taken[known.login]
        yield Stage(
            driver,
            str(login),
            config.testing.by,
            becomes=server.name if server is not None and mighty else None,
            apart=config.testing.url is not None,
            settings={} if server is None else server.settings,
        )
    finally:
        await driver.close()


async def _check_same(engine: Engine, config: Config, driver: PostgreSQLDriver) -> None:
    seen = await fingerprint(DatabaseKind.POSTGRESQL, driver.fetch, engine.overlay)
    if seen != engine.seen_fingerprint:
        message = "leads to another database than database.url, or its schema has just changed"
        raise ConfigError([_complaint(config, "url", message, "another login of the same database")])


def _beyond(config: Config, login: str, roles: dict[str, bool], callers: Iterable[str]) -> Iterator[Complaint]:
    """The roles that the connection cannot take."""
    by = config.testing.by
    if by is not None and by not in roles:
        yield _complaint(config, "by", f"there is no role {by!r}", suggestion(by, roles))
    elif by is not None and not roles[by]:
        yield _complaint(config, "by", _cannot(login, by), _grant(login, by))
    setting = "url" if config.testing.url is not None else "by"
    for role in dict.fromkeys(callers):
        if role in roles and not roles[role]:
            yield _complaint(config, setting, _cannot(login, role), _grant(login, role))


def _cannot(login: str, role: str) -> str:
    return f"the login {quoted(login)} cannot take the role {role!r}"


def _grant(login: str, role: str) -> str:
    return f"GRANT {quoted(role)} TO {quoted(login)}"


def _complaint(config: Config, name: str, message: str, hint: str | None) -> Complaint:
    position = config.position("testing", name) or config.position("tests") or Position("testing")
    return Complaint(position, f"testing.{name}", message, hint)


def barred(stage: Stage, error: ReflectorError, told: str, tables: Iterable[Table]) -> str:
    """Why whoever makes and picks rows could not, with what would mend it. `tables` are those that were reached."""
    maker, named = quoted(stage.maker), {f"{quoted(each.schema)}.{quoted(each.name)}": each for each in tables}
    if getattr(error.__cause__, "server_source_filename", None) == ROW_SECURITY:
        mends = [f"CREATE POLICY … FOR SELECT TO {maker} USING (true)"]
        # Nobody is served by a login that can take a role like that.
        mends += [f"ALTER ROLE {maker} BYPASSRLS"] if stage.apart else ["testing.url with a login that has BYPASSRLS"]
        return (
            f"{told}; row security may hide rows from {stage.described}, and then from the test: {', or '.join(mends)}"
        )
    if stage.by is None and not stage.apart:
        return (
            f"{told}; {stage.described} makes and picks rows of tests, unless testing.by or testing.url names another"
        )
    schemas = ", ".join(dict.fromkeys(quoted(each.schema) for each in named.values()))
    grants = f"GRANT USAGE ON SCHEMA {schemas} TO {maker}; GRANT SELECT, INSERT ON {', '.join(named)} TO {maker}"
    return f"{told}; {stage.described} makes and picks rows of tests: {grants}"
