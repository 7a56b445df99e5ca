"""On what terms a caller's requests are read: how much of what they write, how many rows, by which clock.

Rule: every road reads alike; what differs where rows are read, written or given by a function is an argument here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reflector.access.database import DatabasePermissions
from reflector.catalog.model import DatabaseKind
from reflector.errors import LimitExceeded
from reflector.query.forms import Form
from server.apis.postgrest.grammar.limits import Limits
from server.apis.postgrest.grammar.nodes import Question
from server.apis.postgrest.grammar.questions import question
from server.apis.postgrest.lowering.reads import Lowering
from server.apis.postgrest.lowering.zoned import Clock, clock_of
from server.apis.postgrest.preferences import Preferences, applied, honourable
from server.apis.postgrest.ranges import Window
from server.apis.postgrest.roads import Api
from server.callers import Caller, Rights

OVERRIDE: Final = "-allow-override"


@dataclass(eq=False, slots=True)  # not frozen, as a Caller is not: a frozen one takes three times as long to make
class Terms:
    """`limits`: how much of a query string is read. `rows`: the most rows of any list."""

    api: Api
    caller: Caller
    limits: Limits
    rows: int

    def question(self, query: str, *, function: bool = False) -> Question:
        """What a raw query string asks, of a table or of a `function`; raises PostgrestError."""
        legacy = self.api.settings.url_use_legacy_target_names
        return question(query, self.limits, function=function, legacy_targets=legacy)

    def within(self, window: Window) -> Window:
        """The same rows, of so many at most; raises LimitExceeded where they begin too far away."""
        furthest = self.caller.rights.limits.offset
        if window.offset > furthest:
            raise LimitExceeded(f"an offset is at most {furthest}")
        return window.capped(self.rows)

    def clock(self, preferred: Preferences) -> Clock:
        """The clock of a request; raises PostgrestError 22023."""
        endless = self.caller.rights.snapshot.catalog.kind is DatabaseKind.POSTGRESQL
        return clock_of(preferred, database_decides=database_decides(self.caller), endless=endless)

    def lowering(self, clock: Clock, form: Form, *, represents: bool = True) -> Lowering:
        """How what is asked of rows is asked of the database."""
        rights, settings = self.caller.rights, self.api.settings
        return Lowering(
            rights.access.scope,
            rights.snapshot.catalog,
            self.rows,
            self.limits,
            settings.db_aggregates_enabled,
            represents,
            clock,
            form,
            settings.url_use_legacy_target_names,
        )

    def applied(
        self,
        preferred: Preferences,
        method: str,
        *,
        function: bool = False,
        upserts: bool = False,
        inserts: bool = False,
        zoned: bool = True,
    ) -> dict[str, str]:
        """Preference-Applied: what was preferred and done. `zoned`: the answer is made of values that a clock can be in."""
        honoured = honourable(
            preferred,
            method,
            function=function,
            upserts=upserts,
            inserts=inserts,
            may_choose_end=self.api.settings.db_tx_end.endswith(OVERRIDE),
            zoned=zoned or database_decides(self.caller),
        )
        told = applied(preferred, honoured)
        return {} if told is None else {"Preference-Applied": told}


def terms_of(api: Api, caller: Caller) -> Terms:
    """The terms of this caller."""
    most = caller.rights.limits.rows
    return Terms(api, caller, limits_of(caller.rights), min(most, api.settings.db_max_rows or most))


def limits_of(rights: Rights) -> Limits:
    """How much of a query string is read for these roles."""
    own = rights.limits
    return Limits(
        depth=own.depth, logic=own.filter_depth, terms=own.terms, listed=own.list, regex=own.regex, cost=own.cost
    )


def database_decides(caller: Caller) -> bool:
    """Whether the database itself is told for whom it works, in which zone, and with what settings."""
    return isinstance(caller.rights.snapshot.permissions, DatabasePermissions)
