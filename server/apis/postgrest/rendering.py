"""The rows of an answer in the media type that was negotiated.

Rule: what the database wrote as JSON is passed on as it is, unless the type is another.
"""

from __future__ import annotations

from server.apis.postgrest.csv_text import csv_of
from server.apis.postgrest.exact_json import without_nulls
from server.apis.postgrest.faults import PostgrestError
from server.apis.postgrest.lowering.operands import not_offered
from server.apis.postgrest.media import Kind, Media
from server.apis.postgrest.ranges import one_row


def rendered(body: bytes, rows: int, media: Media) -> bytes:
    """A JSON array of `rows` objects in that type; raises PostgrestError PGRST116 where one object is wanted."""
    match media.kind:
        case Kind.JSON:
            return body
        case Kind.OBJECT:
            return _object(body, rows, media)
        case Kind.ARRAY:
            return without_nulls(body)
        case Kind.CSV:
            return csv_of(body)
        case _:
            raise _not_here(media)


def _object(body: bytes, rows: int, media: Media) -> bytes:
    if rows != 1:
        raise one_row(rows)
    inner = body.strip()[1:-1].strip()
    return without_nulls(inner) if media.stripped else inner


def _not_here(media: Media) -> PostgrestError:
    return not_offered(media.kind.value)
