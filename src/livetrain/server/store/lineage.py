"""Which points count where a training was started several times: of the newest start, from its first step on. Pure."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["Lineage", "Start"]

_RANK: Final = re.compile(r"rank([1-9][0-9]*)/")


@dataclass(frozen=True, slots=True)
class Start:
    """One stream of a run.

    Attributes:
        key: in the store.
        rank: the producer's.
        attempt: which start of the training it is, from 1.
        from_step: the step that it logged first; None: it logged none.
    """

    key: int
    rank: int
    attempt: int
    from_step: int | None


class Lineage:
    """The starts of one training.

    Args:
        starts: its streams.
    """

    def __init__(self, starts: Iterable[Start]) -> None:
        self._starts = {start.key: start for start in starts}
        self._first_steps: dict[int, dict[int, int]] = {}
        for start in self._starts.values():
            if start.from_step is None:
                continue
            first = self._first_steps.setdefault(start.rank, {})
            known = first.get(start.attempt, start.from_step)
            first[start.attempt] = min(known, start.from_step)

    def rank_of(self, stream: int, name: str) -> int:
        """Return the rank of a stream; where the stream is not known, the name of its curve says it."""
        start = self._starts.get(stream)
        if start is not None:
            return start.rank
        found = _RANK.match(name)
        return int(found[1]) if found is not None and int(found[1]) in self._first_steps else 0

    def attempt_of(self, stream: int) -> int:
        """Return which attempt a stream is of, from 1; one that logged nothing is none of its own, and goes with the newest."""
        start = self._starts.get(stream)
        if start is None:
            return 1
        if start.from_step is not None:
            return start.attempt
        return min(start.attempt, max(self._first_steps.get(start.rank, ()), default=1))

    def is_newer(self, stream: int, other: int) -> bool:
        """Return whether a stream's points are newer than another's, or of the same start of the training."""
        return self.attempt_of(stream) >= self.attempt_of(other)

    def end_of(self, stream: int, name: str) -> int | None:
        """Return the step from which on the points of a stream do not count any more, or None: all of them count."""
        attempt = self.attempt_of(stream)
        first = self._first_steps.get(self.rank_of(stream, name), {})
        later = [step for other, step in first.items() if other > attempt]
        return min(later, default=None)

    def signature(self, rank: int) -> int:
        """Return a number that is another one as soon as other points of a rank count."""
        first = self._first_steps.get(rank, {})
        if len(first) < 2:
            return 0
        streams = sorted(
            (start.key, start.attempt) for start in self._starts.values() if start.rank == rank
        )
        return zlib.crc32(repr((sorted(first.items()), streams)).encode())
