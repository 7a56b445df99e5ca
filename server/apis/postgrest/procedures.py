"""What may be asked of a procedure: that it is called, by `POST`, and nothing of what it gives.

Rule: a procedure may write and may end its transaction, so no method that only reads calls one; its rows have no columns
that could be named before it has run.
"""

from __future__ import annotations

from server.apis.postgrest.faults import refusal
from server.apis.postgrest.grammar.nodes import Level, Question
from server.apis.postgrest.media import Kind, Media

WHOLE = Level()
"""A question that asks for all there is."""


def check_procedure(method: str, asked: Question, media: Media | None) -> None:
    """Raise PostgrestError PGRST101 for a method that only reads, PGRST127 for what cannot be asked."""
    if method != "POST":
        raise refusal("PGRST101", f"Cannot use the {method} method on a procedure")
    if asked.root != WHOLE:
        details = "What a procedure gives is answered as a whole: it cannot be selected from, filtered, ordered or cut"
        raise refusal("PGRST127", "Feature not implemented", details)
    if media is not None and media.kind is Kind.PLAN:
        raise refusal("PGRST127", "Feature not implemented", "What a procedure would do cannot be told before")
