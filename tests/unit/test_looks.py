"""However many requests meet what is not there, the schema is looked at once for all of them, and not again at once."""

from __future__ import annotations

import asyncio
import itertools
import time

from reflector.looks import SECONDS, Looks


async def test_requests_share_a_look_and_wait_for_the_next_one() -> None:
    looks, began = Looks(asyncio.Lock()), list[float]()

    async def refresh() -> bool:
        began.append(time.monotonic())
        await asyncio.sleep(0)
        return len(began) == 3

    def unchanged() -> bool:
        return False

    async def many() -> list[bool]:
        return await asyncio.gather(*(looks.look(unchanged, refresh) for _ in range(50)))

    # Those who ask before the look that is under way has begun share it.
    assert await many() == [False] * 50
    assert len(began) == 1
    # What changed after it is found all the same, by another one.
    assert await many() == [False] * 50
    assert await many() == [True, *[False] * 49]
    assert len(began) == 3
    assert min(after - before for before, after in itertools.pairwise(began)) >= SECONDS


async def test_what_is_known_already_costs_no_look() -> None:
    async def refresh() -> bool:
        raise AssertionError("nobody has to look")

    assert await Looks(asyncio.Lock()).look(lambda: True, refresh)
