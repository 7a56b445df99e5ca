"""PostgREST's settings that the database itself says: of the login's role, then those of `postgrest.db_pre_config`.

    ALTER ROLE login SET pgrst.db_max_rows = '100'                     for every database
    ALTER ROLE login IN DATABASE shop SET pgrst.db_max_rows = '50'     wins over it
    set_config('pgrst.db_max_rows', '20', true) in the function        wins over both, and over config.yaml

Rule: only what SETTINGS lists is taken from there; all else, and what its setting does not take, is told in the log by
its name and changes nothing. A value is never told, and never opens what the file alone may open.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from pydantic import ValidationError

from reflector.drivers import open_driver
from reflector.drivers.protocol import Driver, Settings
from reflector.errors import ConnectionRefused, ReflectorError, suggestion
from server.access import database_of, settings_of
from server.auth.token_keys import keys_of
from server.config import Complaint, Config, ConfigError, Position
from server.config.complaints import Path
from server.config.postgrest import PostgrestSettings
from server.config.postgrest import read_function as read_name
from server.config.values import UnfitError

LOG: Final = logging.getLogger("reflector.server")
PRE_CONFIG: Final = "db_pre_config"
OF_ROLE: Final = """
SELECT DISTINCT ON (name) name, value FROM (
    SELECT setdatabase, lower(substr(split_part(said, '=', 1), 7)) AS name, substr(said, strpos(said, '=') + 1) AS value
    FROM pg_catalog.pg_db_role_setting CROSS JOIN LATERAL unnest(setconfig) AS said
    WHERE setrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user)
      AND setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
      AND lower(said) LIKE 'pgrst.%') AS every
ORDER BY name, setdatabase DESC
"""
BEFORE: Final = "SELECT name, current_setting('pgrst.' || name, true) FROM unnest($1::text[]) AS name"
AFTER: Final = "WITH called AS MATERIALIZED (SELECT {function}()) {before} CROSS JOIN called"


def _flag(text: str) -> bool | str:
    return {
        "true": True,
        "on": True,
        "yes": True,
        "1": True,
        "false": False,
        "off": False,
        "no": False,
        "0": False,
    }.get(text.lower(), text)


def _list(text: str) -> list[str]:
    return [each.strip().strip('"') for each in text.split(",") if each.strip()]


SETTINGS: Final[Mapping[str, Callable[[str], Any]]] = {
    "db_aggregates_enabled": _flag,
    "db_anon_role": str,
    "db_extra_search_path": _list,
    "db_hoisted_tx_settings": _list,
    "db_max_rows": str,
    "db_plan_enabled": _flag,
    "db_pre_request": str,
    "db_prepared_statements": _flag,
    "db_root_spec": str,
    "db_schemas": _list,
    "jwt_aud": str,
    "jwt_role_claim_key": str,
    "jwt_secret": str,
    "jwt_secret_is_base64": _flag,
    "openapi_mode": str,
    "openapi_security_active": _flag,
    "openapi_server_proxy_uri": str,
    "server_cors_allowed_origins": _list,
    "server_timing_enabled": _flag,
    "server_trace_header": str,
}
"""What PostgREST takes from the database, and how its text is read."""
FILES: Final = ("@", "file:")
"""How secrets in files are named. As a key the name would be one that can be guessed."""
SAID_ELSEWHERE: Final[Mapping[str, tuple[str, str]]] = {
    "db_anon_role": ("auth", "anonymous_role"),
    "db_schemas": ("database", "schemas"),
    "jwt_aud": ("auth", "jwt"),
    "jwt_role_claim_key": ("auth", "jwt"),
    "jwt_secret": ("auth", "jwt"),
    "jwt_secret_is_base64": ("auth", "jwt"),
}
"""Settings of the file that stand above those of PostgREST's."""


@dataclass(frozen=True, slots=True)
class Said:
    """A setting's text, and who says it."""

    text: str
    place: Position


async def informed(config: Config) -> Config:
    """The configuration with what the database says of it; the same where it is not to be asked.

    Raises ConnectionRefused where the database cannot be reached, and ConfigError where `db_pre_config` cannot be called:
    nobody knows what it would have closed.
    """
    if not asked_by(config):
        return config
    driver = open_driver(database_of(config), asking(config))
    try:
        await driver.open()
        said = await _said(config, driver)
        return _overlaid(config, said).model_copy(update={"said": _hashed(said)})
    finally:
        await driver.close()


def asked_by(config: Config) -> bool:
    """Whether the database is to be asked."""
    return config.decided_by_database and config.postgrest.db_config


def asking(config: Config) -> Settings:
    """How a driver that asks keeps its connection: it changes nothing."""
    return replace(settings_of(config), pool_size=1, writable=False)


async def said_by_database(config: Config, driver: Driver) -> str:
    """A hash of what the database says now, as `Config.said`; raises what `informed` raises."""
    return _hashed(await _said(config, driver, quiet=True))


def _hashed(said: Mapping[str, Said]) -> str:
    return sha256(repr(sorted((name, each.text) for name, each in said.items())).encode()).hexdigest()


# ── asking ───────────────────────────────────────────────────────────────────────────────────


async def _said(config: Config, driver: Driver, *, quiet: bool = False) -> Mapping[str, Said]:
    place = Position("the database, by ALTER ROLE")
    said = {str(name): Said(str(text), place) for name, text in await driver.fetch(OF_ROLE)}
    function, fault = _pre_config(config, said)
    if fault is not None and not quiet:
        _ignore(PRE_CONFIG, said[PRE_CONFIG].place, fault)
    if function is not None:
        said |= await _said_by(function, config, driver)
    return {name: each for name, each in said.items() if each.text.strip()}


def _pre_config(config: Config, said: Mapping[str, Said]) -> tuple[str | None, str | None]:
    """The function to call: the role's own, else the file's; and why the role's own is not."""
    fault = None
    if PRE_CONFIG in said:
        try:
            return read_name(said[PRE_CONFIG].text), None
        except UnfitError as unfit:
            fault = str(unfit)
    return config.postgrest.db_pre_config, fault


async def _said_by(function: str, config: Config, driver: Driver) -> Mapping[str, Said]:
    """What the function has changed. Its transaction ends with the statement, and nothing of it remains."""
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in function.split("."))
    try:
        before = dict(await _pairs(driver, BEFORE))
        after = await _pairs(driver, AFTER.format(function=quoted, before=BEFORE))
    except ConnectionRefused:
        raise
    except ReflectorError as error:
        position = config.position("postgrest", PRE_CONFIG) or Position("postgrest." + PRE_CONFIG)
        hint = "it takes no arguments, and the login may call it, with USAGE on its schema"
        raise ConfigError([Complaint(position, "postgrest." + PRE_CONFIG, "could not be called", hint)]) from error
    place = Position("the database, by db_pre_config")
    return {name: Said(text, place) for name, text in after if text is not None and text != before.get(name)}


async def _pairs(driver: Driver, statement: str) -> list[tuple[str, str | None]]:
    return [(name, text) for name, text in await driver.fetch(statement, list(SETTINGS))]


# ── taking ───────────────────────────────────────────────────────────────────────────────────


def _overlaid(config: Config, said: Mapping[str, Said]) -> Config:
    found = _with_usable_key(config, dict(_taken(config, said)), said)
    places: dict[Path, Position] = {("postgrest", name): said[name].place for name in found}
    section = config.postgrest.model_copy(update=found)
    return config.model_copy(update={"postgrest": section, "places": config.places.besides(places)})


def _with_usable_key(config: Config, found: dict[str, Any], said: Mapping[str, Said]) -> Mapping[str, Any]:
    """What was found, without a key that no token can be held against: the file's holds then."""
    of_key = found.keys() & {"jwt_secret", "jwt_secret_is_base64"}
    keys = config.postgrest.model_copy(update={name: found[name] for name in of_key})
    if not of_key or keys.jwt_secret is None:
        return found
    try:
        keys_of(keys.jwt_secret.reveal(), base64_text=keys.jwt_secret_is_base64, place=Position("the database"))
    except ConfigError as refused:
        for name in sorted(of_key):
            _ignore(name, said[name].place, refused.complaints[0].message)
        return {name: value for name, value in found.items() if name not in of_key}
    return found


def _taken(config: Config, said: Mapping[str, Said]) -> Iterator[tuple[str, Any]]:
    """The settings that are taken, each with its value."""
    for name, each in said.items():
        if name == PRE_CONFIG:
            continue
        value, fault = None, _fault(config, name, each.text)
        if fault is None:
            value, fault = _read(config, name, each.text)
        if fault is None:
            yield name, value
        else:
            _ignore(name, each.place, fault)


def _read(config: Config, name: str, text: str) -> tuple[Any, str | None]:
    """The value of a setting, or why it is not taken."""
    try:
        value = getattr(PostgrestSettings.model_validate({name: SETTINGS[name](text)}), name)
    except ValidationError as error:
        return None, _words(error)
    if name == "server_cors_allowed_origins" and "*" in set(value) - set(config.postgrest.server_cors_allowed_origins):
        return None, "lets in every page, and config.yaml alone may"
    return value, None


def _fault(config: Config, name: str, text: str) -> str | None:
    """Why a setting is not taken from the database, whether or not it would take the text."""
    if name == "jwt_secret" and text.strip().startswith(FILES):
        return "must be the secret itself: files are named in config.yaml alone"
    if name not in SETTINGS:
        hint = suggestion(name, [*SETTINGS, PRE_CONFIG])
        return "is no setting that a database may say" + (f"; {hint}" if hint else "")
    above = SAID_ELSEWHERE.get(name)
    if above is not None and getattr(getattr(config, above[0]), above[1]):
        return f"is said by {'.'.join(above)} of the file"
    return None


def _words(error: ValidationError) -> str:
    """What is wrong with a value, in our own words: pydantic's may quote it."""
    fault = error.errors(include_url=False, include_input=False)[0]
    unfit = fault.get("ctx", {}).get("error")
    if fault["type"] == "literal_error":
        return f"must be {fault['ctx']['expected']}"
    return str(unfit) if isinstance(unfit, UnfitError) else "is not what this setting takes"


def _ignore(name: str, place: Position, why: str) -> None:
    LOG.warning("pgrst.%s of %s, is not taken: it %s", name, place, why)
