"""Values in another form than their type's own: instants by the clock of a zone, and texts as PostgreSQL writes them.

    2024-07-01T12:00:00+02:00      in a document
    2024-07-01 12:00:00+02         as a text

PostgreSQL knows zones. SQLite asks a function of the driver's. MariaDB's tables of zones may be empty, so that its
statement says when which offset holds, from 1970 until 2106; what lies beyond is told in UTC.

Rule: a zone stands in a statement by the name that the database of zones has for it, or by numbers, never by a text of
somebody's. The instant that is told is always the one that is stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from reflector.datatypes import DataType, Kind
from reflector.query.forms import Form, is_map, is_moment
from reflector.zones import ENDS, Period, Zone, offset_text, periods

QUOTED_ITEM: Final = re.compile(r'[\s{}",\\]|\A\Z|\A(?i:null)\Z')


def array_item(text: str) -> str:
    """An item of an array as PostgreSQL writes it."""
    if not QUOTED_ITEM.search(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────

_AHEAD = "pg_catalog.date_part('epoch', zoned.here - (zoned.at AT TIME ZONE 'UTC'))"
_OFFSET = (
    f"CASE WHEN {_AHEAD} < 0 THEN '-' ELSE '+' END || pg_catalog.regexp_replace("
    f"pg_catalog.to_char(pg_catalog.make_interval(secs => abs({_AHEAD})), 'HH24:MI:SS'), '{{rest}}', '')"
)
_CLOCK = "CAST(zoned.here AS pg_catalog.text)"
_POSTGRESQL = (
    "(SELECT CASE WHEN zoned.at >= '0001-01-03 00:00:00+00' AND zoned.at < 'infinity'"
    f" THEN {{clock}} || {_OFFSET} ELSE {{as_ever}} END"
    # Asked once for each value, whatever it takes to make it.
    f" FROM (SELECT made.at, made.at AT TIME ZONE {{zone}} AS here FROM (SELECT {{x}} AS at OFFSET 0) AS made) AS zoned)"
)
_IN_JSON = _POSTGRESQL.format(
    clock=f"pg_catalog.replace({_CLOCK}, ' ', 'T')",
    rest=":00$",
    as_ever="pg_catalog.to_json(zoned.at) #>> '{{}}'",
    zone="{zone}",
    x="{{x}}",
)
_IN_WORDS = _POSTGRESQL.format(
    clock=_CLOCK, rest="(:00){{1,2}}$", as_ever="CAST(zoned.at AS pg_catalog.text)", zone="{zone}", x="{{x}}"
)
_LISTED = "FROM pg_catalog.unnest({x}) AS listed(item)"


_PLURAL = "CASE WHEN {n} <> 1 THEN 's' ELSE '' END"
_TIME = "abs(span.micros)"
_INTERVAL = (
    "(SELECT CASE WHEN NOT isfinite(span.at) THEN CAST(span.at AS pg_catalog.text) ELSE pg_catalog.concat_ws(' ',"
    f" CASE WHEN span.years <> 0 THEN span.years || ' year' || {_PLURAL.replace('{n}', 'span.years')} END,"
    " CASE WHEN span.months <> 0 THEN span.months || ' mon' || " + _PLURAL.replace("{n}", "span.months") + " END,"
    " CASE WHEN span.days <> 0 THEN CASE WHEN span.days > 0 AND (span.years < 0 OR span.months < 0) THEN '+' ELSE '' END"
    f" || span.days || ' day' || {_PLURAL.replace('{n}', 'span.days')} END,"
    " CASE WHEN span.micros <> 0 OR (span.years = 0 AND span.months = 0 AND span.days = 0) THEN"
    " CASE WHEN span.micros < 0 THEN '-' WHEN span.days < 0 OR (span.days = 0 AND (span.years < 0 OR span.months < 0))"
    f" THEN '+' ELSE '' END || CASE WHEN {_TIME} < 36000000000 THEN '0' ELSE '' END || {_TIME} / 3600000000"
    f" || ':' || pg_catalog.lpad(CAST({_TIME} / 60000000 % 60 AS pg_catalog.text), 2, '0')"
    f" || ':' || pg_catalog.lpad(CAST({_TIME} / 1000000 % 60 AS pg_catalog.text), 2, '0')"
    f" || CASE WHEN {_TIME} % 1000000 <> 0 THEN"
    f" '.' || pg_catalog.rtrim(pg_catalog.lpad(CAST({_TIME} % 1000000 AS pg_catalog.text), 6, '0'), '0') ELSE '' END END)"
    " END FROM (SELECT made.at, CAST(date_part('year', made.at) AS pg_catalog.int8) AS years,"
    " CAST(date_part('month', made.at) AS pg_catalog.int8) AS months,"
    " CAST(date_part('day', made.at) AS pg_catalog.int8) AS days,"
    " CAST(date_part('hour', made.at) AS pg_catalog.int8) * 3600000000"
    " + CAST(date_part('minute', made.at) AS pg_catalog.int8) * 60000000"
    " + CAST(date_part('microseconds', made.at) AS pg_catalog.int8) AS micros"
    " FROM (SELECT {x} AS at OFFSET 0) AS made WHERE made.at IS NOT NULL) AS span)"
)
"""An interval as PostgreSQL writes it where nothing is set; our connections write ISO 8601."""


def postgresql_form(type_: DataType, form: Form) -> str:
    """What PostgreSQL says around `{x}`."""
    if type_.kind is Kind.INTERVAL:
        return _INTERVAL
    if type_.element is not None and type_.element.kind is Kind.INTERVAL:
        return _each(_INTERVAL, plain=form.plain)
    if type_.by_json or is_map(type_) or (type_.kind is Kind.ARRAY and form.zone is None and not form.plain):
        return "{x}"
    if form.zone is None or not is_moment(type_):
        return "CAST({x} AS pg_catalog.text)"
    zoned = (_IN_WORDS if form.plain else _IN_JSON).format(zone=_postgresql_zone(form.zone))
    if type_.kind is Kind.INSTANT:
        return zoned
    return _each(zoned, plain=form.plain)


def _each(said: str, *, plain: bool) -> str:
    """What is said around each item of an array. Arrays in arrays keep their form: unnested they would be one."""
    item = said.replace("{x}", "listed.item")
    if plain:
        listed, whole = f"CAST(ARRAY(SELECT {item} {_LISTED}) AS pg_catalog.text)", "CAST({x} AS pg_catalog.text)"
    else:
        listed, whole = f"(SELECT pg_catalog.json_agg({item}) {_LISTED})", "pg_catalog.to_json({x})"
    return f"CASE WHEN pg_catalog.array_ndims({{x}}) = 1 THEN {listed} ELSE {whole} END"


def _postgresql_zone(zone: Zone) -> str:
    return f"'{zone.name}'" if zone.offset is None else f"pg_catalog.make_interval(secs => {zone.offset})"


# ── SQLite ───────────────────────────────────────────────────────────────────────────────────


def sqlite_form(form: Form, stamp: str, otherwise: str) -> str:
    """What SQLite says around `{x}`, an instant; `stamp` is what one looks like, `otherwise` what else may be stored there."""
    zone = form.zone or Zone()
    named = f"'{zone.name}'" if zone.offset is None else str(zone.offset)
    return f"CASE WHEN {stamp} THEN reflector_zoned({{x}}, {named}, {int(form.plain)}) ELSE {otherwise} END"


# ── MariaDB ──────────────────────────────────────────────────────────────────────────────────

_SECONDS = "TIMESTAMPDIFF(SECOND, '1970-01-01', {x})"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def mariadb_form(form: Form, stamp: str) -> str:
    """What MariaDB says around `{x}`, an instant; `stamp` writes its clock."""
    clock = stamp.replace("T%H", " %H") if form.plain else stamp
    known = periods(form.zone or Zone())
    letters = dict(zip(dict.fromkeys(each.offset for each in known), _LETTERS, strict=False))
    utc = f"CONCAT({clock}, '{offset_text(timedelta(), plain=form.plain)}')"
    if set(letters) == {0}:
        return utc
    cases = " ".join(
        f"WHEN '{letter}' THEN CONCAT({clock.replace('{x}', f'({{x}} + INTERVAL {offset} SECOND)')},"
        f" '{offset_text(timedelta(seconds=offset), plain=form.plain)}')"
        for offset, letter in letters.items()
    )
    return (
        f"CASE WHEN {_SECONDS} BETWEEN 0 AND {ENDS - 1} THEN CASE {_letter(known, letters)} {cases} END ELSE {utc} END"
    )


def _letter(known: tuple[Period, ...], letters: Mapping[int, str]) -> str:
    """The letter of the offset that holds at the time: MariaDB looks for the period by halves."""
    if len(known) == 1:
        return f"'{letters[known[0].offset]}'"
    starts = ", ".join(str(each.since) for each in known)
    return f"SUBSTRING('{''.join(letters[each.offset] for each in known)}', INTERVAL({_SECONDS}, {starts}), 1)"
