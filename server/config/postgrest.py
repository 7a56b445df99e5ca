"""The settings of PostgREST's API, under PostgREST's own names with underscores.

Rule: where PostgREST's way and a safer one differ, the safer one is the default.
"""

from __future__ import annotations

from typing import Annotated

from server.config.section import Section
from server.config.values import Flag, whole


class PostgrestSettings(Section):
    """What `postgrest:` says."""

    db_aggregates_enabled: Flag = False
    db_max_rows: Annotated[int, whole(1, 1_000_000)] | None = None
    url_use_legacy_target_names: Flag = True
