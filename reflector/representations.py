"""How a domain of the database presents its values: functions of its maker's own, found as implicit casts.

    CREATE CAST (color AS json) WITH FUNCTION shown(color) AS IMPLICIT;      as a document has it
    CREATE CAST (json AS color) WITH FUNCTION color(json) AS IMPLICIT;       as a body gives it
    CREATE CAST (text AS color) WITH FUNCTION color(text) AS IMPLICIT;       as a filter gives it

Rule: these are names of the catalog, quoted and qualified, and never a caller's text.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Representation:
    """The functions, None where there is none. `steady`: by what they say of themselves, they read nothing but the value
    and change nothing."""

    shown: str | None = None
    from_json: str | None = None
    from_text: str | None = None
    steady: bool = True
