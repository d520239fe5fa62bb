"""How fast the training goes and how long it still takes: numbers from step times, no clock of its own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["Performance", "StepMeter"]


@dataclass(frozen=True, slots=True)
class Performance:
    """One reading; times in seconds, None where nothing can be said yet."""

    step: int
    seconds_per_batch: float | None
    epoch_seconds: float
    remaining_seconds: float | None
    current_fps: float  # batches a second over the last second or two
    average_fps: float  # since the first


class StepMeter:
    """Meters batches as they are logged.

    Args:
        total_epochs: how many epochs there will be; None: unknown, and so is the time remaining.
        batches_per_epoch: None: learned from the first epoch.

    Example:
        >>> meter = StepMeter(total_epochs=1, batches_per_epoch=4)
        >>> for now in (0.0, 0.5):
        ...     meter.batch(now)
        >>> meter.read(now=0.5, step=1).remaining_seconds
        1.0
    """

    def __init__(
        self, total_epochs: int | None = None, batches_per_epoch: int | None = None
    ) -> None:
        self.total_epochs = total_epochs
        self.batches_per_epoch = batches_per_epoch
        self._recent: deque[float] = deque(maxlen=128)
        self._first: float | None = None
        self._epoch_started: float | None = None
        self._batches = 0
        self._in_epoch = 0
        self._epochs = 0

    def begin_at(self, epochs: int, batches: int) -> None:
        """The training goes on with an earlier one: so many epochs are over, and so many batches of the next."""
        self._epochs, self._in_epoch = epochs, batches

    def batch(self, now: float) -> None:
        """A batch was logged."""
        if self._first is None:
            self._first = now
        if self._epoch_started is None:
            self._epoch_started = now
        self._recent.append(now)
        self._batches += 1
        self._in_epoch += 1

    def stood_still(self, seconds: float) -> None:
        """The training was paused for so long, which says nothing of how fast it is."""
        self._recent = deque((time + seconds for time in self._recent), maxlen=self._recent.maxlen)
        if self._first is not None:
            self._first += seconds
        if self._epoch_started is not None:
            self._epoch_started += seconds

    def epoch_ended(self, now: float) -> None:
        """An epoch is over; its length is learned when nobody gave it."""
        if self.batches_per_epoch is None and self._in_epoch:
            self.batches_per_epoch = self._in_epoch
        self._epochs += 1
        self._in_epoch = 0
        self._epoch_started = now

    def read(self, now: float, step: int) -> Performance:
        """Return what can be said at this moment."""
        elapsed = now - self._first if self._first is not None else 0.0
        average = (self._batches - 1) / elapsed if elapsed > 0 else 0.0
        seconds = elapsed / (self._batches - 1) if self._batches > 1 and elapsed > 0 else None
        return Performance(
            step=step,
            seconds_per_batch=seconds,
            epoch_seconds=now - self._epoch_started if self._epoch_started is not None else 0.0,
            remaining_seconds=self._remaining(seconds),
            current_fps=self._current(now),
            average_fps=average,
        )

    def _current(self, now: float) -> float:
        # Of the batches of the last second, or of the last two batches when they are further apart.
        times = [t for t in self._recent if now - t <= 1.0]
        if len(times) < 2:
            times = list(self._recent)[-2:]
        if len(times) < 2 or now <= times[0]:
            return 0.0
        return (len(times) - 1) / (max(now, times[-1]) - times[0])

    def _remaining(self, seconds_per_batch: float | None) -> float | None:
        if seconds_per_batch is None or self.total_epochs is None or self.batches_per_epoch is None:
            return None
        left = (self.total_epochs - self._epochs) * self.batches_per_epoch - self._in_epoch
        return max(left, 0) * seconds_per_batch
