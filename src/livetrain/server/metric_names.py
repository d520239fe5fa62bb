"""Which names the curves of a run have, so that there are not more of them than are allowed. Pure.

A name is kept as its 64-bit hash, in eight bytes. Two names with one hash are one to this count: about one run in a billion that
have 200,000 names may have one more than is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["MetricNames", "is_own"]

_OWN: Final = frozenset({"loss", "accuracy", "learning_rate"})
_OWN_PREFIXES: Final = ("val/", "epoch/", "perf/", "system/", "livetrain/")
_CHARS: Final = 16 * 1024 * 1024
"""Of all names of a run: whoever asks for its curves is given their names."""
_RECORDS: Final = 64
_RECENT: Final = 4096
"""So many hashes are held in a set, about 100 bytes each, before they are sorted into the others."""


def is_own(curve: str) -> bool:
    """Return whether a curve is one of those that livetrain makes by itself, of whatever rank.

    Example:
        >>> [is_own(name) for name in ("loss", "rank3/val/loss", "rank/loss", "grad_norm")]
        [True, True, False, False]
    """
    if curve.startswith("rank"):
        head, slash, rest = curve.partition("/")
        if slash and head[4:].isdecimal():
            curve = rest
    return curve in _OWN or curve.startswith(_OWN_PREFIXES)


class MetricNames:
    """The names that one run has.

    Args:
        limit: so many names are allowed. livetrain's own curves do not count for it, until there are as many of these.
        known: the names that the run has already.
        chars: so many characters they may have together.

    Example:
        >>> names = MetricNames(limit=2)
        >>> names.admit(["a", "loss", "b", "c", "a"])
        [3]
        >>> len(names)
        3
    """

    __slots__ = ("_chars", "_limit", "_new", "_own", "_seen", "_sorted", "_whole")

    def __init__(self, limit: int, known: Iterable[str] = (), chars: int = _CHARS) -> None:
        self._limit = limit
        known = list(known)
        self._chars = chars - sum(map(len, known))
        self._sorted: npt.NDArray[np.int64] = np.unique(np.fromiter(map(hash, known), np.int64))
        self._own = sum(map(is_own, set(known)))
        self._new: list[int] = []  # those that are not sorted in
        self._whole: set[int] = set()  # records of which every name was let in
        self._seen: set[int] = set()  # all of these, and some that were asked for lately

    def __len__(self) -> int:
        return len(self._sorted) + len(self._new)

    def admit(self, curves: Sequence[str]) -> list[int]:
        """Note names, and return the places of those that are one too many.

        Args:
            curves: names of curves.
        """
        seen = self._seen
        whole = hash(tuple(curves))
        if whole in self._whole:
            return []
        hashes = [hash(curve) for curve in curves]
        unseen = [place for place, hashed in enumerate(hashes) if hashed not in seen]
        refused: list[int] = []
        for place, known in zip(unseen, self._known([hashes[p] for p in unseen]), strict=True):
            hashed = hashes[place]
            if not known and hashed not in seen:
                own = is_own(curves[place])
                there = self._own if own else len(self) - self._own
                if there >= self._limit or (not own and self._chars < len(curves[place])):
                    refused.append(place)
                    continue
                self._own += own
                self._chars -= len(curves[place])
                self._new.append(hashed)
            seen.add(hashed)
        if len(seen) > _RECENT:
            if self._new:  # else all of them would be sorted again for nothing
                self._sorted = np.union1d(self._sorted, np.array(self._new, np.int64))
                self._new = []
            seen.clear()
        if not refused:
            if len(self._whole) >= _RECORDS:
                self._whole.clear()
            self._whole.add(whole)
        return refused

    def _known(self, hashes: list[int]) -> list[bool]:
        if not len(self._sorted):
            return [False] * len(hashes)
        wanted = np.array(hashes, np.int64)
        at = np.searchsorted(self._sorted, wanted)
        found: list[bool] = (self._sorted[np.minimum(at, len(self._sorted) - 1)] == wanted).tolist()
        return found
