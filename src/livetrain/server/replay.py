"""How a viewer that comes back catches up: from memory, from the store, or from the start. Pure, but for the ring's memory.

Offsets number the committed records of a run, 1, 2, 3 ...; they mean something within one epoch, the life of one store.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from livetrain.server.budget import Claim

__all__ = ["History", "Recovery", "Ring", "plan"]


class Recovery(Enum):
    """Where what a viewer missed comes from."""

    NOTHING_MISSED = "it is up to date"
    RING = "memory"
    STORE = "the store"
    SNAPSHOT = "it starts anew"


@dataclass(frozen=True, slots=True)
class History:
    """What there is of a run.

    Attributes:
        epoch: of the store.
        top: the newest offset; 0: nothing yet.
        ring_first: the oldest offset in memory; 0: none.
        stored_first: the oldest offset from which on the store has every record; 0: none.
    """

    epoch: str
    top: int
    ring_first: int
    stored_first: int


def plan(epoch: str, offset: int, history: History, *, limit: int) -> Recovery:
    """Say how a viewer that has everything up to ``offset`` of ``epoch`` catches up.

    Args:
        epoch: that the viewer knows; empty: it is new.
        offset: the last that it has.
        history: what there is.
        limit: a viewer that missed more records than this gets a snapshot, which is smaller.
    """
    if not epoch or epoch != history.epoch or offset > history.top:
        return Recovery.SNAPSHOT
    missed = history.top - offset
    if missed == 0:
        return Recovery.NOTHING_MISSED
    if missed > limit:
        return Recovery.SNAPSHOT
    if history.ring_first and history.ring_first <= offset + 1:
        return Recovery.RING
    if history.stored_first and history.stored_first <= offset + 1:
        return Recovery.STORE
    return Recovery.SNAPSHOT


_EVENT_BYTES = 150
"""What an event costs beside its bytes."""


class Ring:
    """The newest events of one run, bounded in bytes; the oldest go first.

    Args:
        limit_bytes: of events.
        claim: what it holds of the server's memory; None: that is not counted.

    Example:
        >>> ring = Ring(limit_bytes=10)
        >>> for offset in (1, 2, 3):
        ...     ring.append(offset, b"12345")
        >>> ring.first, ring.after(2)
        (2, [(3, b'12345')])
    """

    __slots__ = ("_bytes", "_claim", "_events", "_limit")

    def __init__(self, limit_bytes: int, claim: Claim | None = None) -> None:
        self._limit = limit_bytes
        self._claim = claim
        self._events: deque[tuple[int, bytes]] = deque()
        self._bytes = 0

    @property
    def first(self) -> int:
        """The oldest offset that is here; 0: none."""
        return self._events[0][0] if self._events else 0

    def append(self, offset: int, event: bytes) -> None:
        """Add the next event. A hole empties the ring: what is in it is always without one."""
        if self._events and offset != self._events[-1][0] + 1:
            self._events.clear()
            self._bytes = 0
        self._events.append((offset, event))
        self._bytes += len(event)
        while self._bytes > self._limit:
            self._drop_oldest()
        if self._claim is not None:
            while not self._claim.resize(self._bytes + _EVENT_BYTES * len(self._events)):
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._bytes -= len(self._events.popleft()[1])

    def close(self) -> None:
        """Forget all of it."""
        self._events.clear()
        self._bytes = 0
        if self._claim is not None:
            self._claim.close()

    def after(self, offset: int) -> list[tuple[int, bytes]]:
        """Return the events with a higher offset, in order."""
        if not self._events:
            return []
        skip = max(0, offset + 1 - self._events[0][0])
        return [event for index, event in enumerate(self._events) if index >= skip]
