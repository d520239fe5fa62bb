"""Whether all ranks of a training come to the same place: asked in a store, so that one that does not come leaves nobody waiting.

A collective that some ranks do not join holds up the others until a time-out ends the training. So before the ranks agree by
collectives in a loop, each of them answers here; if one does not answer in time, all are told so, and none begins.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["FIRST", "LATER", "Patience", "RollCall", "RollStore"]

_numbers = itertools.count()
_LONGEST_SLEEP = 0.05
_ALL, _SOME = "all", "some"

Patience = tuple[float, float]
"""Seconds that rank 0 waits for the others, and that these wait for it."""
FIRST: Patience = (10.0, 60.0)
LATER: Patience = (60.0, 1800.0)
"""Once all ranks came together: rank 0 may have been alone in a long validation."""


class RollStore(Protocol):
    """What is used of a ``torch.distributed.Store``."""

    def set(self, key: str, value: str) -> None:
        """Leave a value."""

    def get(self, key: str) -> bytes:
        """Return a value that is there."""

    def check(self, keys: list[str]) -> bool:
        """Return whether all of these are there."""

    def add(self, key: str, amount: int) -> int:
        """Add to a count, and return it."""

    def compare_set(self, key: str, expected: str, desired: str) -> bytes:
        """Set a value if `expected` is there, empty: if nothing is; return what is there then."""

    def delete_key(self, key: str) -> bool:
        """Remove a value."""


class RollCall:
    """The answers of all ranks, one call for each epoch.

    The roll calls of a process are numbered as they are made, so that the second of one rank belongs to the second of the others.

    Args:
        rank: of this process.
        size: how many there are.
        store: returns the store that they share, None if there is none.
        number: of this roll call in its process; None: the next.
        clock: seconds, monotonic.

    Attributes:
        missing: ranks that did not come when they were called; None: all did so far. With one missing nothing is called again.
    """

    def __init__(
        self,
        rank: int,
        size: int,
        store: Callable[[], Any],
        number: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.missing: list[int] | None = None
        self._rank, self._size = rank, size
        self._store = store
        self._name = f"livetrain/roll/{next(_numbers) if number is None else number}"
        self._clock = clock
        self._calls = 0

    def answer(self, batches: int | None) -> float:
        """Answer, and wait for the others.

        Args:
            batches: how many this rank has ahead; None: it does not know.

        Returns:
            How many batches every rank has ahead, infinity if none knows; 0 if a rank is missing.
        """
        if self.missing is not None:
            return 0
        try:
            store: RollStore | None = self._store()
            if store is None:
                self.missing = [rank for rank in range(self._size) if rank != self._rank]
                return 0
            return self._call(store, batches)
        except Exception:  # a store that goes down with its process group
            self.missing = [rank for rank in range(self._size) if rank != self._rank]
            return 0

    def _call(self, store: RollStore, batches: int | None) -> float:
        name = f"{self._name}/{self._calls}"
        patience = (LATER if self._calls else FIRST)[min(self._rank, 1)]
        store.set(f"{name}/{self._rank}", "" if batches is None else str(batches))
        here = store.add(f"{name}/count", 1)
        began, pause = self._clock(), 0.001
        while not store.check([f"{name}/verdict"]):
            if here >= self._size:
                store.compare_set(f"{name}/verdict", "", _ALL)
            elif self._clock() - began > patience:
                store.compare_set(f"{name}/verdict", "", _SOME)
            else:
                time.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_SLEEP)
                here = store.add(f"{name}/count", 0)
        if store.get(f"{name}/verdict").decode() != _ALL:
            self.missing = [
                rank for rank in range(self._size) if not store.check([f"{name}/{rank}"])
            ]
            return 0
        told = [store.get(f"{name}/{rank}").decode() for rank in range(self._size)]
        self._forget(store, self._calls - 2)
        self._calls += 1
        return min((int(text) for text in told if text), default=math.inf)

    def _forget(self, store: RollStore, call: int) -> None:
        """Remove what an earlier call left; every rank has read it, since all have answered a later one."""
        if self._rank or call < 0:
            return
        name = f"{self._name}/{call}"
        for last in ("count", "verdict", *map(str, range(self._size))):
            with contextlib.suppress(Exception):  # not every store can remove
                store.delete_key(f"{name}/{last}")
