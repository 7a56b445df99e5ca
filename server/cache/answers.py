"""The answers that are kept, and when they still hold.

    an entry holds    while no table that it was read from has a new version (own writes, captured changes, other servers)
    and               for the least `ttl` of these tables; beyond it only while every change to all of them is heard,
                      or for `stale` more, while whoever is shown it has a new one fetched
    and               for a second at most, while other servers that write are not heard

Rule: the versions are read before the database is asked, and what was asked under older ones is never kept, never joined
and never shown again. Time is monotonic, and an answer's age counts from before it was asked for.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from math import ceil
from typing import Final, Protocol

from multidict import CIMultiDict

from reflector.catalog.model import Catalog, Table, TableKind
from reflector.engine import Prepared
from reflector.snapshot import Snapshot
from reflector.versions import TableName, Version, Versions
from reflector.written import Written
from server.cache.flights import Flights
from server.cache.memory import Alias, Entry, Memory
from server.cache.question import Key, Question, name_of
from server.cache.renewals import Renewals
from server.cache.rules import CacheRule, together
from server.traced import note

UNHEARD_SECONDS: Final = 1.0
"""How old an answer may be while it is not known what other servers write."""
LONGEST_ALIAS: Final = 4096
"""Characters of a request's text by which its answer is recalled."""
PRIVATE: Final = "private, no-cache"
SETTLED_KINDS: Final = frozenset({TableKind.TABLE})
"""Of other kinds nobody knows what they are made of, nor when that changes."""


class Touched(Protocol):
    """Captured changes; `lost`: any table may have changed without notice."""

    @property
    def tables(self) -> frozenset[TableName]: ...

    @property
    def lost(self) -> bool: ...


class Others(Protocol):
    """Other servers of the same database. `garbled` counts what could not be read of what they said."""

    garbled: int

    def heard(self) -> bool:
        """Whether all is known that they wrote until a moment ago."""

    def tell(self, tables: Collection[TableName] | None, doubt: float) -> None:
        """Rows of these tables changed, None for any; `doubt` in seconds, where they may yet."""


class Nearby(Protocol):
    """Other processes of this server, which hear at once."""

    def tell(self, tables: Collection[TableName] | None, doubt: float) -> None:
        """Rows of these tables changed, None for any; `doubt` in seconds, where they may yet. Done when it returns."""

    def catch_up(self) -> None:
        """Hear all that was told before now."""


@dataclass(slots=True)  # not frozen, for one is made for every request
class Rendered:
    """An answer as it is sent, without what its being kept adds. `link` is its Link header, empty for none; `media` is
    its type, `more` further headers."""

    body: bytes
    link: str = ""
    media: str = "application/json"
    status: int = 200
    more: Mapping[str, str] = field(default_factory=dict)


Make = Callable[[], Awaitable[Rendered]]


class AnswerCache:
    """Kept answers of one server.

    `capacity` in bytes. `secret` keys the entity tags. `rules` gives those of a catalog. `doubt` is for how many seconds a
    write whose outcome is unknown may yet come true. `covered` tells whether every change to a table is heard at the
    moment; `others` are the other servers and `workers` the other processes of this one, None where there are none;
    `renewed` is called when another snapshot is served.
    """

    def __init__(
        self,
        capacity: int,
        secret: bytes,
        rules: Callable[[Catalog], Mapping[Table, CacheRule]],
        versions: Versions,
        clock: Callable[[], float],
        doubt: float,
    ) -> None:
        self.memory = Memory(capacity)
        self.versions = versions
        self.covered: Callable[[TableName], bool] = _never
        self.others: Others | None = None
        self.workers: Nearby | None = None
        self.renewed: Callable[[], None] = _nothing
        self.hits = self.misses = self.joined = self.late = 0
        self._secret = blake2b(secret, digest_size=32).digest()
        self._rules_of = rules
        self._clock = clock
        self._doubt = doubt
        self._flights: Flights[Entry] = Flights()
        self.renewals = Renewals(clock, self._drop)
        self._snapshot: Snapshot | None = None
        self._rules: Mapping[Table, CacheRule] = {}

    @property
    def kept_bytes(self) -> int:
        return self.memory.size

    # ── asking ───────────────────────────────────────────────────────────────────────────────

    def question(self, prepared: Prepared, roles: Sequence[str], *rendering: str) -> Question | None:
        """The question that a prepared read is, None where its answers are not kept.

        `rendering`: all that decides how the answer looks beside plan and values: the API, the address, the media type.
        """
        plan = prepared.plans[0]
        if len(prepared.plans) != 1 or plan.touches is not None or not self.serves(prepared.snapshot):
            return None
        rules = [self._rules.get(table) for table in plan.reads]
        if not any(rules):
            return None
        settled = not plan.volatile and all(table.kind in SETTLED_KINDS for table in plan.reads)
        if not settled and not all(rules):
            return None
        ttl, stale = together(rules)
        return Question(
            prepared.snapshot.number,
            name_of(plan, roles, rendering),
            tuple(sorted((table.schema, table.name) for table in plan.reads)),
            ttl,
            settled,
            all(rule is not None and rule.public for rule in rules),
            plan.claims,
            stale,
        )

    def find(self, key: Key) -> Entry | None:
        """The kept answer, where it still holds."""
        if self.workers is not None:
            self.workers.catch_up()
        entry = self.memory.get(key)
        if entry is None:
            return None
        now = self._clock()
        if not self._holds(entry, now):
            if not self._bearable(entry, now):
                self.memory.drop(key)
            return None
        self.hits += 1
        note(cache="hit")
        return entry

    def recall(self, alias: Alias) -> Entry | None:
        """The kept answer to the very request that had it before, where it still holds; nothing of it is read anew."""
        key = self.memory.named(alias)
        return None if key is None else self.find(key)

    def remember(self, key: Key, question: Question, alias: Alias) -> None:
        """Have the answer recalled by this alias; one that depends on claims is everybody's own, and is not."""
        if not question.claims and len(alias[1]) <= LONGEST_ALIAS:
            self.memory.name(key, alias)

    async def fill(self, question: Question, key: Key, make: Make) -> Entry:
        """The answer, asked for once however many ask for it now; raises what `make` raises. `find` has looked for it.

        One whose `ttl` has ended is given where its rules allow that, and `make` is called behind it, with what the caller
        who is here may do.
        """
        entry = self.memory.get(key)
        if entry is None or not self._bearable(entry, self._clock()):
            return await self._fetched(question, key, make)
        self.late += 1
        note(cache="stale")
        self.renewals.begin(key, entry, partial(self._fetched, question, key, make))
        return entry

    async def _fetched(self, question: Question, key: Key, make: Make) -> Entry:
        self.misses += 1
        note(cache="miss")
        began, versions = self._clock(), self.versions.read(question.tables)
        if self.versions.in_doubt(question.tables):
            return await self._made(question, key, make, began, None)
        way = (key, versions)
        flight = self._flights.find(way)
        if flight is not None and self._young(question, began - flight.began):
            self.joined += 1
            note(cache="joined")
        else:
            flight = self._flights.begin(way, began, partial(self._made, question, key, make, began, versions))
        return await self._flights.wait(way, flight)

    async def _made(
        self, question: Question, key: Key, make: Make, began: float, versions: tuple[Version, ...] | None
    ) -> Entry:
        rendered = await make()
        tag = self.tag(question, key, rendered.body)
        headers = CIMultiDict({"Content-Type": rendered.media, "ETag": tag, "Cache-Control": PRIVATE})
        headers.update(rendered.more)
        if rendered.link:
            headers["Link"] = rendered.link
        entry = Entry(question, rendered.body, headers, tag, began, versions, status=rendered.status)
        now = self._clock()
        if (self._holds(entry, now) or self._bearable(entry, now)) and self._serves_number(question.number):
            self.memory.put(key, entry)
        return entry

    def _drop(self, key: Key, entry: Entry) -> None:
        if self.memory.get(key) is entry:
            self.memory.drop(key)

    def tag(self, question: Question, key: Key, body: bytes) -> str:
        """The strong entity tag: no one who lacks the secret can tell anything of the body from it, nor of anybody
        else's; equal in every server with the same secret."""
        digest = blake2b(digest_size=16, key=self._secret)
        digest.update(question.name + b"%d:" % len(key[2]) + key[2].encode("utf-8", "surrogatepass"))
        digest.update(body)
        return f'"{base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()}"'

    def age(self, entry: Entry) -> int:
        """For how many seconds, whole ones begun, the answer has been one."""
        return ceil(self._clock() - entry.began)

    # ── whether an answer still holds ────────────────────────────────────────────────────────

    def _holds(self, entry: Entry, now: float) -> bool:
        return self._young(entry.question, now - entry.began) and self._unchanged(entry)

    def _bearable(self, entry: Entry, now: float) -> bool:
        """Whether it may be shown while a new one is fetched."""
        question, age = entry.question, now - entry.began
        return age <= question.ttl + question.stale and self._known(age) and self._unchanged(entry)

    def _unchanged(self, entry: Entry) -> bool:
        if entry.versions is None:
            return False
        if entry.moved != self.versions.moved:
            if self.versions.read(entry.question.tables) != entry.versions:
                return False
            entry.moved = self.versions.moved
        return True

    def _young(self, question: Question, age: float) -> bool:
        if not self._known(age):
            return False
        return age <= question.ttl or (question.settled and self._all_heard(question.tables))

    def _known(self, age: float) -> bool:
        """Whether what other servers wrote in this time is known."""
        return age <= UNHEARD_SECONDS or self.others is None or self.others.heard()

    def _all_heard(self, tables: Iterable[TableName]) -> bool:
        return all(map(self.covered, tables))

    # ── what makes answers old ───────────────────────────────────────────────────────────────

    def written(self, write: Written) -> None:
        """This server wrote."""
        doubt = 0.0 if write.certain else self._doubt
        self.changed(write.tables, doubt)
        if self.workers is not None:
            self.workers.tell(write.tables, doubt)
        if self.others is not None:
            self.others.tell(write.tables, doubt)

    def heard(self, touched: Touched) -> None:
        """Somebody wrote, and it was captured."""
        self.versions.bump(None if touched.lost else touched.tables)

    def changed(self, tables: Collection[TableName] | None, doubt: float = 0.0) -> None:
        """Rows of these tables have changed, None for any table; or may yet, for so many seconds."""
        if doubt:
            self.versions.doubt(tables, doubt)
        else:
            self.versions.bump(tables)

    def forget(self) -> None:
        """Nothing that is kept can be relied upon, and nothing that is being asked for now may be kept."""
        self.memory.clear()
        self.versions.bump(None)

    # ── snapshots ────────────────────────────────────────────────────────────────────────────

    def govern(self, capacity: int, rules: Callable[[Catalog], Mapping[Table, CacheRule]], doubt: float) -> None:
        """Have these rules from the next snapshot on; the arguments are those of `__init__`."""
        self.memory.capacity, self._rules_of, self._doubt = capacity, rules, doubt

    def serves(self, snapshot: Snapshot) -> bool:
        """Whether this is the newest snapshot; what was kept under an older one goes."""
        old = self._snapshot
        if old is None or snapshot.number > old.number:
            self._snapshot = snapshot
            self._rules = self._rules_of(snapshot.catalog)
            if old is not None:
                self.memory.clear()
                self.renewed()
        return snapshot is self._snapshot

    async def close(self) -> None:
        """Fetch nothing anew any more."""
        await self.renewals.close()

    def _serves_number(self, number: int) -> bool:
        return self._snapshot is not None and self._snapshot.number == number


def _never(_: object) -> bool:
    return False


def _nothing() -> None:
    """What is done for those who have nothing to do."""
