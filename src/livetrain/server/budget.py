"""The server's memory: one budget, from which every buffer takes before it grows. It belongs to the event loop; no I/O.

A kind of buffers has a pool with its share of the whole. Who holds more of a pool than the guaranteed part gets at most half of
what is left of it: alone it may use much, and among many everybody has something.

What buffers take is told in bytes of their content. Objects around it, copies on their way through the system and what the
allocator keeps are paid from the part that no pool has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["SHARES", "Budget", "Claim", "Lease", "Pool"]

_MIB: Final = 1024 * 1024
SHARES: Final = {
    "received": 12,
    "journal": 18,
    "rings": 10,
    "frames": 16,
    "viewers": 12,
    "replies": 10,
    "runs": 8,
    "points": 8,
}
"""Percents of the whole, by kind. What is missing to a hundred is the reserve."""


class Pool:
    """What the buffers of one kind may hold together.

    Args:
        name: of the kind.
        limit: bytes.

    Attributes:
        used: bytes that are held.
        peak: the most that were ever held.
        refused: how often something was not given.
        claims: how many holders with a claim there are.

    Example:
        >>> pool = Pool("frames", 100)
        >>> pool.take(60), pool.take(60), pool.free
        (True, False, 40)
    """

    __slots__ = ("claims", "limit", "name", "peak", "refused", "used")

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.limit = limit
        self.used = 0
        self.peak = 0
        self.refused = 0
        self.claims = 0

    @property
    def free(self) -> int:
        """Bytes that are left; never negative."""
        return max(0, self.limit - self.used)

    @property
    def full(self) -> bool:
        """Whether nothing is left."""
        return self.used >= self.limit

    def take(self, size: int) -> bool:
        """Take so many bytes, if there are as many; return whether there were."""
        if size > self.limit - self.used:
            self.refused += 1
            return False
        self.add(size)
        return True

    def add(self, size: int) -> None:
        """Take so many bytes, whether or not there are as many: they are in memory already."""
        self.used += size
        if self.used > self.peak:
            self.peak = self.used

    def give(self, size: int) -> None:
        """Give so many bytes back."""
        self.used -= size

    def lease(self, size: int) -> Lease | None:
        """Take bytes that come back when nobody holds the lease any more; None: there are not as many."""
        return Lease(self, size) if self.take(size) else None

    def claim(self) -> Claim:
        """Return a claim of one holder, of nothing yet."""
        return Claim(self)


class Lease:
    """Bytes that are given back when the last one who holds this object lets it go.

    Attributes:
        size: bytes.
    """

    __slots__ = ("_pool", "size")

    def __init__(self, pool: Pool, size: int) -> None:
        self._pool = pool
        self.size = size

    def __del__(self) -> None:
        """Give the bytes back."""
        self._pool.give(self.size)


class Claim:
    """What one holder has of a pool.

    Attributes:
        held: bytes.

    Example:
        >>> pool = Pool("runs", 100)
        >>> one, other = pool.claim(), pool.claim()
        >>> one.resize(60), one.resize(50), other.resize(50), other.resize(25)
        (False, True, False, True)
        >>> one.close()
        >>> pool.used
        25
    """

    __slots__ = ("_open", "_pool", "held")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._open = True
        self.held = 0
        pool.claims += 1

    @property
    def ceiling(self) -> int:
        """The most that it may hold now: what is guaranteed to everybody, or half of what the others leave."""
        pool = self._pool
        guaranteed = pool.limit // (4 * max(1, pool.claims))
        return min(self.held + pool.free, max(guaranteed, (pool.free + self.held) // 2))

    def resize(self, size: int) -> bool:
        """Hold so many bytes from now on, if that is allowed; less always is. Return whether it was."""
        if size > self.held and size > self.ceiling:
            self._pool.refused += 1
            return False
        self.set(size)
        return True

    def set(self, size: int) -> None:
        """Hold so many bytes from now on, whether or not there are as many."""
        if self._open:
            self._pool.add(size - self.held)
            self.held = size

    def close(self) -> None:
        """Give everything back; nothing more is taken with it."""
        if self._open:
            self.set(0)
            self._open = False
            self._pool.claims -= 1


class Budget:
    """The pools of one server.

    Args:
        memory_bytes: what the server may use beyond what it has when nobody is connected.

    Attributes:
        received: messages of trainers that are on their way in or being read.
        journal: records that wait for their commit.
        rings: committed records that are kept for viewers that come back.
        frames: the newest pictures, for viewers that come.
        viewers: what viewers, and clients of other dialects, have not read yet.
        replies: answers over HTTP and gRPC while they are made and until they are read.
        runs: what is known of runs: settings, declarations, commands.
        points: those that are in no chunk of a curve yet, for who asks for curves.
    """

    def __init__(self, memory_bytes: int) -> None:
        self.memory_bytes = memory_bytes
        self.received = self._pool("received")
        self.journal = self._pool("journal")
        self.rings = self._pool("rings")
        self.frames = self._pool("frames")
        self.viewers = self._pool("viewers")
        self.replies = self._pool("replies")
        self.runs = self._pool("runs")
        self.points = self._pool("points")

    @classmethod
    def of_mib(cls, mib: int) -> Budget:
        """Return the budget of a server that may use so many MiB."""
        return cls(mib * _MIB)

    def _pool(self, name: str) -> Pool:
        return Pool(name, self.memory_bytes * SHARES[name] // 100)

    def __iter__(self) -> Iterator[Pool]:
        return (getattr(self, name) for name in SHARES)
