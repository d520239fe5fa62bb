"""What an integration takes on the training's thread, beside what its monitor takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from livetrain._monitor import Monitor

__all__ = ["metered"]


class HasMonitor(Protocol):
    """Whoever speaks to a monitor."""

    monitor: Monitor


S = TypeVar("S", bound=HasMonitor)
P = ParamSpec("P")
R = TypeVar("R")


def metered(hook: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Return a method that does what `hook` does, and counts the time that the monitor does not count itself.

    So ``max_overhead`` holds for all that a training is held up by. A pause within the hook does not count.
    """

    def counted(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        monitor = self.monitor
        before, began = monitor.time_counted(), time.perf_counter()
        try:
            return hook(self, *args, **kwargs)
        finally:
            taken = time.perf_counter() - began
            monitor.count_time(max(0.0, taken - (monitor.time_counted() - before)))

    counted.__qualname__ = hook.__qualname__  # said where it fails
    return counted
