"""All that is wrong with one request, gathered before anything is said.

Rule: a part of a request that is at fault never keeps the other parts from being looked at.
"""

from __future__ import annotations

from types import TracebackType

from reflector.errors import Faults, ReflectorError, RequestError


class FaultList:
    """Faults in the order in which they were met."""

    def __init__(self) -> None:
        self.found: list[ReflectorError] = []

    def add(self, fault: ReflectorError, pointer: str | None = None) -> None:
        """Note a fault, at this place unless it knows its own. Equal complaints about one place are one."""
        for each in fault.faults if isinstance(fault, Faults) else (fault,):
            each.pointer = each.pointer or pointer
            if not any(other.message == each.message and other.pointer == each.pointer for other in self.found):
                self.found.append(each)

    def at(self, pointer: str) -> Noting:
        """Within `with`: a request's fault is noted at that place, and the block ends there."""
        return Noting(self, pointer)

    def check(self) -> None:
        """Raise what was found: the one fault, or all of them."""
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            raise Faults(self.found)


class Noting:
    """The context manager of `FaultList.at`."""

    __slots__ = ("faults", "pointer")

    def __init__(self, faults: FaultList, pointer: str) -> None:
        self.faults, self.pointer = faults, pointer

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(fault, RequestError):
            return False
        self.faults.add(fault, self.pointer)
        return True
