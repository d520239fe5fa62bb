"""What a training is seen to do with its time, its machine, and with what livetrain takes of both."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from livetrain import _records
from livetrain._budget import Governor
from livetrain._delivery.server_limits import MAX_STEP
from livetrain._performance import StepMeter
from livetrain._ranks.own_time import OwnTime
from livetrain._resources import ResourceProbe, Resources

__all__ = ["Metering"]

_PERFORMANCE_SECONDS = 0.5  # between two readings of how fast a training goes
_IDLE_SECONDS = 10.0  # the same, while it takes no step
_RESOURCE_SECONDS = 2.0
_METER_SECONDS = 0.05  # between two looks at what the background spent


class Metering:
    """Meters one training: its steps, the time that livetrain takes of it, and what its process uses.

    The training's threads tell it what happens; the stream's thread takes readings.

    Args:
        governor: keeps the overhead within its budget.
        meter: of steps.
        background: returns the CPU seconds that encoding frames and sending everything have taken so far.

    Attributes:
        own_time: what a rank takes of a step alone.
        steps: batches that were logged.
        last_step: the newest step.
        training_seconds: what livetrain took of the training's threads.
        activity: calls on the training's threads so far.
        used_by: the native id of the thread that made the last one; 0: there was none.
        on_use: called with the next call. None: nothing is.
    """

    def __init__(
        self, governor: Governor, meter: StepMeter, background: Callable[[], tuple[float, float]]
    ) -> None:
        self.governor = governor
        self.meter = meter
        self.own_time = OwnTime()
        self.steps = 0
        self.last_step = 0
        self.training_seconds = 0.0
        self.activity = 0
        self.used_by = 0
        self.on_use: Callable[[], object] | None = None
        self._background = background
        self._encoding = self._sending = 0.0  # CPU seconds of the background that were metered
        self._metered_at = 0.0
        self._stood_still = 0.0
        self._read_at = 0.0
        self._read_activity = -1
        self._probe = ResourceProbe()
        self._probed_at = 0.0
        self._resources: Resources | None = None

    # ------------------------------------------------------------ the training's threads

    def begin(self) -> None:
        """Note that the training begins now."""
        now = time.monotonic()
        self.meter.begin(now)
        self.governor.pass_time(now)

    def step_begins(self, stood_still: float) -> None:
        """Begin a step; `stood_still` is for how many seconds the training was paused so far."""
        if stood_still != self._stood_still:
            self.meter.stood_still(stood_still - self._stood_still)
            self._stood_still = stood_still
        self.own_time.begin()

    def batch_logged(self, now: float, step: int) -> None:
        """Count a batch."""
        self.steps += 1
        self.last_step = step
        self.meter.batch(now)
        self.own_time.step_ended()

    def spent(self, seconds: float, step: int | None = None) -> None:
        """Meter time spent on the training's thread by the call that ends now.

        Args:
            seconds: how long it took.
            step: the one that it logged numbers of, which counts as a step of the training where there are no batches. None: none.
        """
        now = time.monotonic()
        if now - self._metered_at >= _METER_SECONDS:
            self.meter_background(now)
            if self.steps:
                self.governor.pass_time(now)
            else:
                self.governor.pass_over(now)
        self.activity += 1
        self.used_by = threading.get_native_id()
        if self.on_use is not None:
            self.on_use()
        self.training_seconds += seconds
        self.governor.training_time(seconds)
        if step is not None and not self.steps:
            self.last_step = step
            self.meter.numbers(now, step)

    def meter_background(self, now: float) -> None:
        """Meter what the background took since the last call."""
        encoding, sending = self._background()
        self.governor.background_time(encoding - self._encoding, sending - self._sending)
        self._encoding, self._sending, self._metered_at = encoding, sending, now

    # ------------------------------------------------------------ any thread

    @property
    def overhead(self) -> float:
        """The share of wall time that livetrain took over the last ten seconds."""
        encoding, sending = self._background()
        return self.governor.overhead_at(
            time.monotonic(), encoding - self._encoding, sending - self._sending
        )

    @property
    def background_seconds(self) -> float:
        """CPU seconds of the background so far."""
        return sum(self._background())

    # ------------------------------------------------------------ the stream's thread

    def due(self, now: float) -> bool:
        """Return whether it is time for a reading: twice a second, and now and then while nothing happens."""
        idle = self.activity == self._read_activity
        return now - self._read_at >= (_IDLE_SECONDS if idle else _PERFORMANCE_SECONDS)

    def read(self, now: float) -> _records.Writer:
        """Return a reading of how fast the training goes; what it uses is read when that is written."""
        self._read_at, self._read_activity = now, self.activity
        return _records.performance(
            self.meter.read(now, min(self.last_step, MAX_STEP)),
            self.overhead,
            self._used,
            self.own_time.seconds,
        )

    def _used(self) -> Resources | None:
        now = time.monotonic()
        if self._resources is None or now - self._probed_at >= _RESOURCE_SECONDS:
            self._probed_at = now
            self._resources = self._probe.read()
        return self._resources
