"""Whether a disk keeps whoever writes waiting."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import TracebackType

__all__ = ["DiskWatch"]

_SLOW_SECONDS = 0.05
"""Longer than the threads of a busy process keep each other waiting."""
_REMEMBERED_SECONDS = 1.0


class DiskWatch:
    """Times what one thread does with a disk; any thread may ask.

    Example:
        >>> watch = DiskWatch()
        >>> with watch:
        ...     watch.is_slow
        False
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = math.inf
        self._slow_until = -math.inf

    @property
    def is_slow(self) -> bool:
        """Whether something takes long, or did a moment ago."""
        now = self._clock()
        return now - self._since > _SLOW_SECONDS or now < self._slow_until

    def __enter__(self) -> None:
        self._since = self._clock()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        now = self._clock()
        if now - self._since > _SLOW_SECONDS:
            self._slow_until = now + _REMEMBERED_SECONDS
        self._since = math.inf
