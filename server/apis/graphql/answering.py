"""The response to a query: one that is kept, or what the database answers, in the same bytes.

Rule: who may share an answer, and for how long it holds, is what `server.cache` says for every API; here is only what
decides how a response looks, which is its pieces and its media type. Faults are not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from reflector.engine import Prepared
from reflector.errors import ReflectorError
from server.apis.graphql.errors import Fault
from server.apis.graphql.execution import Asking
from server.apis.graphql.recipes import Recipe
from server.cache.answers import AnswerCache, Rendered
from server.cache.memory import Entry
from server.cache.question import Key, Question
from server.callers import Caller

API: Final = "/graphql"


@dataclass(frozen=True, slots=True)
class Answered:
    """What goes out. `entry` is what is kept of it, None where nothing is."""

    body: bytes
    status: int = 200
    entry: Entry | None = None


class Answering:
    """Gives the responses to queries. `cache` is None where no answers are kept."""

    def __init__(self, cache: AnswerCache | None) -> None:
        self._cache = cache

    async def answer(self, asking: Asking, recipe: Recipe, prepared: Prepared, media: str) -> Answered:
        """The response; raises Fault."""
        cache = self._cache
        question = None if cache is None else self._question(cache, asking.caller, recipe, media)
        key = None if question is None else _key(question, prepared, asking, recipe)
        if cache is None or question is None or key is None:
            return Answered(recipe.response(await asking.answered(recipe, prepared)))
        entry = cache.find(key)
        if entry is None:
            entry = await cache.fill(question, key, partial(_made, asking, recipe, prepared, media))
        return Answered(entry.body, 200, entry)

    def _question(self, cache: AnswerCache, caller: Caller, recipe: Recipe, media: str) -> Question | None:
        if media not in recipe.questions:
            # The roles of the caller and all that these extend are part of it, as they are everywhere.
            roles = (*caller.principal.roles, "", *caller.rights.access.roles)
            pieces = [repr(each) for each in recipe.pieces]
            recipe.questions[media] = cache.question(recipe.prepared, roles, API, media, *pieces)
        return recipe.questions[media]


async def _made(asking: Asking, recipe: Recipe, prepared: Prepared, media: str) -> Rendered:
    return Rendered(recipe.response(await asking.answered(recipe, prepared)), media=media)


def _key(question: Question, prepared: Prepared, asking: Asking, recipe: Recipe) -> Key | None:
    try:
        return question.key(prepared.values, asking.caller.principal)
    except ReflectorError as error:
        raise Fault(error, recipe.path) from error
