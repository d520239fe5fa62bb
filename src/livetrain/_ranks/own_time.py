"""How long a rank takes of a step alone: up to where it has its gradients, and has to wait for those of the others.

Ranks that average their gradients all take the same time for a step, however fast each is: the quick ones wait. Who is waited
for shows only in when each is done with its own part. That moment is seen by a hook on one parameter: the gradient of the
first layer is the last that comes. On a device that works by itself the host is done earlier; there it is the time to launch.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import Any

__all__ = ["OwnTime"]


class OwnTime:
    """Meters the own part of each step.

    Args:
        clock: seconds.

    Example:
        >>> times = iter([0.0, 0.03, 0.05])
        >>> own = OwnTime(clock=lambda: next(times))
        >>> own.begin(); own.arrived(); own.step_ended()
        >>> own.seconds
        0.03
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began: float | None = None
        self._arrived: float | None = None
        self._recent: deque[float] = deque(maxlen=31)

    @property
    def seconds(self) -> float | None:
        """Of a recent step; None: not known."""
        # A median: the first step after a validation says nothing of the others.
        return statistics.median(self._recent) if self._recent else None

    def begin(self) -> None:
        """A step begins."""
        self._began, self._arrived = self._clock(), None

    def arrived(self) -> None:
        """The gradients are there; of several times in one step the last counts."""
        self._arrived = self._clock()

    def step_ended(self) -> None:
        """A step is over."""
        if self._began is not None and self._arrived is not None:
            self._recent.append(self._arrived - self._began)
        self._began = None

    def watch(self, optimizer: Any) -> None:
        """Look out for the gradients of an optimizer's parameters; what has none, or takes no hook, is not watched."""

        def hook(_gradient: Any) -> None:
            self.arrived()

        # PyTorch warns of hooks that are lost when a parameter is sent to another process; there this one is of no use.
        hook.__torch_unserializable__ = True  # type: ignore[attr-defined]
        for group in getattr(optimizer, "param_groups", ()):
            for parameter in group.get("params", ()):
                try:
                    parameter.register_hook(hook)
                except Exception:  # frozen, or of a kind that takes no hook
                    continue
                return
