"""A stretch of a curve as columns of numbers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Floats", "Ints", "Series"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one curve; the three columns have the same length.

    Attributes:
        steps: int64.
        values: float64; may be NaN or infinite.
        times_us: int64, Unix microseconds.
    """

    steps: Ints
    values: Floats
    times_us: Ints

    def __len__(self) -> int:
        return len(self.steps)

    @staticmethod
    def empty() -> Series:
        """Return a curve without points."""
        return Series(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int64))

    @staticmethod
    def of(steps: Sequence[int], values: Sequence[float], times_us: Sequence[int]) -> Series:
        """Return numbers as columns."""
        return Series(
            np.array(steps, np.int64), np.array(values, np.float64), np.array(times_us, np.int64)
        )

    @staticmethod
    def join(parts: Sequence[Series]) -> Series:
        """Return stretches as one, in the order given."""
        if not parts:
            return Series.empty()
        if len(parts) == 1:
            return parts[0]
        return Series(
            np.concatenate([part.steps for part in parts]),
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.times_us for part in parts]),
        )

    def take(self, which: npt.NDArray[np.intp] | npt.NDArray[np.bool_] | slice) -> Series:
        """Return the points at these places."""
        return Series(self.steps[which], self.values[which], self.times_us[which])

    def by_step(self) -> Series:
        """Return the points by ascending step; those of one step stay in the order they came."""
        return self._sorted_by(self.steps)

    def by_time(self) -> Series:
        """Return the points by ascending time; those of one moment stay in the order they came."""
        return self._sorted_by(self.times_us)

    def _sorted_by(self, keys: Ints) -> Series:
        if len(self) < 2 or bool(np.all(keys[1:] >= keys[:-1])):
            return self
        return self.take(np.argsort(keys, kind="stable"))

    def between(self, first: int | None, last: int | None) -> Series:
        """Return the points from step ``first`` to ``last``, both included; None: no bound."""
        if first is None and last is None:
            return self
        keep = np.ones(len(self), np.bool_)
        if first is not None:
            keep &= self.steps >= first
        if last is not None:
            keep &= self.steps <= last
        return self.take(keep)
