"""How fast the training goes and how long it still takes: numbers from step times, no clock of its own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["Performance", "StepMeter"]

_RECENT = 128
_SPACING_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Performance:
    """One reading; times in seconds, None where nothing can be said yet."""

    step: int
    seconds_per_batch: float | None
    epoch_seconds: float
    remaining_seconds: float | None
    current_fps: float  # steps a second over the last second or two
    average_fps: float  # since the first


class StepMeter:
    """Meters steps as they are logged: batches, or the steps of a training that logs numbers and no batches.

    One thread tells it what happens, any other may read it.

    Args:
        total_epochs: how many epochs there will be; None: unknown, and so is the time remaining.
        batches_per_epoch: steps in an epoch. None: learned from the first epoch.

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
        # Times, each with how many steps had been made by then; of many steps within a hundredth of a second one stands for all.
        # It is replaced as a whole or appended to, so that a copy can be taken on another thread.
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._first: tuple[float, int] | None = None
        self._last = (0.0, 0)
        self._began: float | None = None
        self._epoch_started: float | None = None
        self._has_batches = False
        self._step = 0  # the last one, of a training without batches
        self._made = 0
        self._in_epoch = 0
        self._begun = 0  # batches of the open epoch that an earlier training made
        self._epochs = 0
        self._first_epoch_ended: tuple[float, int] | None = None

    def begin(self, now: float) -> None:
        """Note when the training began: the first epoch of one that logs epochs alone is counted from here."""
        self._began = now

    def begin_at(self, epochs: int, batches: int) -> None:
        """Go on with an earlier training, of which so many epochs are over, and so many batches of the next."""
        self._epochs, self._in_epoch, self._begun = epochs, batches, batches

    def batch(self, now: float) -> None:
        """Count a batch."""
        if not self._has_batches:
            self._has_batches = True
            self._forget()  # numbers that were logged before say nothing of how fast batches come
            self._in_epoch, self._epoch_started = self._begun, None
        self._count(now, 1)

    def numbers(self, now: float, step: int) -> None:
        """Count the steps up to `step`, of which numbers were logged; nothing where there are batches, which say more."""
        if self._has_batches or (self._first is not None and step == self._step):
            return
        made = step - self._step
        if self._first is None or made < 0:
            self._forget()
            made = 1  # nobody knows how many steps before it had no numbers
        self._step = step
        self._count(now, made)

    def stood_still(self, seconds: float) -> None:
        """Leave a pause of so many seconds out: it says nothing of how fast the training is."""
        self._recent = deque(
            ((time + seconds, made) for time, made in self._recent), maxlen=_RECENT
        )
        self._last = self._last[0] + seconds, self._last[1]
        if self._first is not None:
            self._first = self._first[0] + seconds, self._first[1]
        if self._epoch_started is not None:
            self._epoch_started += seconds

    def epoch_ended(self, now: float) -> None:
        """End an epoch; its length is learned when nobody gave it."""
        if self.batches_per_epoch is None and self._in_epoch:
            self.batches_per_epoch = self._in_epoch
        self._epochs += 1
        self._in_epoch = self._begun = 0
        self._epoch_started = now
        if self._first_epoch_ended is None:
            self._first_epoch_ended = now, self._epochs

    def read(self, now: float, step: int) -> Performance:
        """Return what can be said at this moment; any thread."""
        first, last = self._first, self._last
        recent = [entry for entry in list(self._recent) if entry[0] < last[0]]
        average, seconds = 0.0, None
        if first is not None:
            recent.append(last)
            elapsed, steps = last[0] - first[0], last[1] - first[1]
            if elapsed > 0 and steps > 0:
                average, seconds = steps / elapsed, elapsed / steps
        started = self._began if self._epoch_started is None else self._epoch_started
        return Performance(
            step=step,
            seconds_per_batch=seconds,
            epoch_seconds=max(now - started, 0.0) if started is not None else 0.0,
            remaining_seconds=self._remaining(now, seconds),
            current_fps=_current(recent, now),
            average_fps=average,
        )

    def _forget(self) -> None:
        self._recent = deque(maxlen=_RECENT)
        self._first = None

    def _count(self, now: float, steps: int) -> None:
        if self._epoch_started is None:
            self._epoch_started = now
        self._made += steps
        self._in_epoch += steps
        self._last = now, self._made
        if self._first is None:
            self._first = self._last
        if not self._recent or now - self._recent[-1][0] >= _SPACING_SECONDS:
            self._recent.append(self._last)

    def _remaining(self, now: float, seconds_per_step: float | None) -> float | None:
        if self.total_epochs is None:
            return None
        left = self.total_epochs - self._epochs
        if seconds_per_step is not None and self.batches_per_epoch is not None:
            return max(left * self.batches_per_epoch - self._in_epoch, 0) * seconds_per_step
        return self._remaining_by_epochs(now, left)

    def _remaining_by_epochs(self, now: float, left: int) -> float | None:
        """Return the seconds that so many epochs take, by those that are over; None: none is."""
        ended, first, began = self._epoch_started, self._first_epoch_ended, self._began
        if self._first is not None or ended is None or first is None or began is None:
            return None
        epochs = self._epochs - first[1]
        each = (ended - first[0]) / epochs if epochs > 0 else first[0] - began
        return max(left * each - (now - ended), 0.0)


def _current(recent: list[tuple[float, int]], now: float) -> float:
    """Return the steps a second of the last second, or of the last two steps when they are further apart."""
    times = [entry for entry in recent if now - entry[0] <= 1.0]
    if len(times) < 2:
        times = recent[-2:]
    if len(times) < 2 or now <= times[0][0]:
        return 0.0
    return (times[-1][1] - times[0][1]) / (max(now, times[-1][0]) - times[0][0])
