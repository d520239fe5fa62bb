"""Watches what the server's process really holds: what no buffer counts, such as the copies of the network's own libraries."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

__all__ = ["MemoryWatch", "resident_bytes"]

_STATM: Final = Path("/proc/self/statm")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_TIGHT: Final = 0.5
_SHORT: Final = 0.7
_TRIM_SECONDS: Final = 0.5


def resident_bytes() -> int:
    """Return how much memory this process holds."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):  # not Linux
        return int(psutil.Process().memory_info().rss)


class MemoryWatch:
    """Compares what the process holds with what it may.

    Args:
        allowed: bytes beyond what it held when it was ready.
        measure: returns what it holds.
        clock: seconds, monotonic.

    Attributes:
        baseline: what it held when it was ready; 0: it is not yet.
        resident: what it held when it was looked at last.
    """

    def __init__(
        self,
        allowed: int,
        measure: Callable[[], int] = resident_bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.allowed = allowed
        self.baseline = 0
        self.resident = 0
        self._measure = measure
        self._clock = clock
        self._trimmed = float("-inf")

    def begin(self) -> None:
        """Take what is held now for what the server needs by itself."""
        self.baseline = self.resident = self._measure()

    def look(self) -> float:
        """Measure again, and return which part of what is allowed is used; 1.0: all of it."""
        self.resident = self._measure()
        return self.part

    @property
    def part(self) -> float:
        """Which part of what is allowed was used when it was looked at last."""
        return max(0, self.resident - self.baseline) / self.allowed if self.baseline else 0.0

    @property
    def tight(self) -> bool:
        """Whether what can wait should wait."""
        return self.part >= _TIGHT

    @property
    def short(self) -> bool:
        """Whether what is held has to be let go."""
        return self.part >= _SHORT

    def trim_due(self) -> bool:
        """Return whether the allocator should give back what it keeps; at most twice a second."""
        now = self._clock()
        if not self.tight or now - self._trimmed < _TRIM_SECONDS:
            return False
        self._trimmed = now
        return True
