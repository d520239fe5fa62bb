"""What clients of a dialect may have missed: kept for who comes back, within a bound."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from livetrain.server.budget import Claim

__all__ = ["Missed"]

_Message = TypeVar("_Message", str, bytes)


class Missed(Generic[_Message]):
    """Messages with the moment and the step that they are of; the oldest go first.

    Args:
        claim: what they hold of the server's memory.
        most: how many there may be.
        most_bytes: how large they may be together; the newest always may.

    Example:
        >>> from livetrain.server.budget import Pool
        >>> kept = Missed[str](Pool("viewers", 100).claim(), most=10, most_bytes=8)
        >>> for step in range(4):
        ...     kept.add(0.0, step, "four")
        >>> [step for _, step, _ in kept]
        [2, 3]
    """

    def __init__(self, claim: Claim, *, most: int, most_bytes: int) -> None:
        self._claim = claim
        self._most = most
        self._most_bytes = most_bytes
        self._messages: deque[tuple[float, int, _Message]] = deque()
        self._bytes = 0

    def __iter__(self) -> Iterator[tuple[float, int, _Message]]:
        return iter(self._messages)

    @property
    def newest(self) -> _Message | None:
        """The newest message; None: there is none."""
        return self._messages[-1][2] if self._messages else None

    def add(self, when: float, step: int, message: _Message) -> None:
        """Keep a message."""
        self._messages.append((when, step, message))
        self._bytes += len(message)
        while len(self._messages) > 1 and (
            len(self._messages) > self._most
            or self._bytes > self._most_bytes
            or not self._claim.resize(self._bytes)
        ):
            self._bytes -= len(self._messages.popleft()[2])
        self._claim.set(self._bytes)

    def clear(self) -> None:
        """Keep nothing of it."""
        self._messages.clear()
        self._bytes = 0
        self._claim.set(0)
