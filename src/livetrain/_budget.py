"""The overhead governor: how often frames are taken, and how large, so that the user's budget holds. Pure; time is passed in.

What counts as overhead, as a share of wall time:

    time on the training thread  +  three quarters of what background threads take of all CPUs

A background thread slows a training where it takes CPU, caches, memory bandwidth or the GIL from it: on a machine that is fully
used by its whole share of all CPUs, beside an idle CPU by somewhat less, as `tests/benchmarks/bench_training.py` measures.

What steps cost anyway, with numbers alone, is not a frame's: what a frame adds to that is measured, smoothed, and turned into the
interval at which frames may follow one another, so frames are evenly spaced. What was spent too much or too little is evened out
over the next ten seconds.
"""

from __future__ import annotations

import copy
import math

from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Governor"]

_SMOOTHING_SECONDS = 10.0
_FELT = 0.75  # of the CPU time in the background
_MARGIN = 0.95  # of the budget is aimed at: what scalars need comes and goes
_RESERVE = 0.1  # of the budget is the frames' own, even where scalars alone use it up
_PATIENCE_SECONDS = 3.0  # between two steps of quality or size
_DECENT_FPS = 5.0  # below this, tiles become smaller
_RELAX = 1.3  # a better level has to fit this well before it is taken again
_LOW_QUALITY = 75
_QUALITY_SAVES = 1.15  # JPEG at 85 costs so many times what it costs at 75; and size by its area
_SIZES = (1.0, 0.75, 0.5)
_HELD_UP_SECONDS = 0.05  # that a step may come late without moving the frames behind it
_HICCUP_SECONDS = 0.001  # a step without a frame that cost more than this was the machine's doing
_ASSUMED_TRAINING_SECONDS = 0.0005  # a frame's cost, until it was measured
_ASSUMED_BACKGROUND_SECONDS = 0.005


class Governor:
    """Keeps the time that frames cost within a budget.

    Under pressure from encoding it lowers JPEG quality first, tile size when fewer than 5 frames a second would fit, and the rate
    by as much as is needed. Pressure on the training thread lowers the rate: nothing else helps there.

    Args:
        max_overhead: share of wall time, e.g. 0.01.
        max_fps: frames a second at most.
        quality: of JPEGs when there is no pressure, 1 to 100.
        max_size: pixels of a tile's longer side when there is no pressure.
        cpus: how many CPUs the process may use.

    Example:
        >>> governor = Governor(max_overhead=1.0, max_fps=60.0)
        >>> governor.admit(0.0)  # STRIP_REASON_NONE
        0
        >>> governor.admit(0.001)  # STRIP_REASON_RATE
        2
    """

    def __init__(
        self,
        max_overhead: float,
        max_fps: float,
        quality: int = 85,
        max_size: int = 256,
        *,
        cpus: float = 1.0,
    ) -> None:
        self._budget = max_overhead
        self._shortest = 1.0 / max_fps
        self._cpus = max(cpus, 0.1)
        low = min(quality, _LOW_QUALITY)
        sizes = sorted({max(8, round(max_size * share)) for share in _SIZES}, reverse=True)
        # From best to least: quality first, then size.
        self._levels = [(quality, max_size)] * (quality > low) + [(low, size) for size in sizes]
        self._level = 0
        self._level_since: float | None = None
        self._wished = 0.0  # seconds between frames; 0: as they come
        self._hurry = False  # the wish became a shorter one: the next frame is due at once
        self._training = _Mean(_ASSUMED_TRAINING_SECONDS)  # seconds a frame
        self._background = _Mean(_ASSUMED_BACKGROUND_SECONDS)
        self._training_now = 0.0  # of the frame in work
        self._background_now = 0.0
        self._plain = _Mean(0.0)  # training-thread seconds of a step without a frame
        self._of_step = 0.0  # training-thread seconds since the last step began
        self._step = _Mean(0.0)  # seconds between two steps
        self._last_step: float | None = None
        self._spent = _Spent()
        self._in_frame = False
        self._slot: float | None = None  # when the next frame is due
        self._interval = 0.0
        self._bound: int = pb.STRIP_REASON_RATE
        self._correction = 1.0
        self._corrected = 0.0

    @property
    def settings(self) -> tuple[int, int]:
        """The quality and the size in pixels to encode with."""
        return self._levels[self._level]

    @property
    def overhead(self) -> float:
        """The share of wall time that counts against the budget, over the ten seconds before the newest time that was given."""
        return self._share(self._spent)

    def overhead_at(self, now: float, encoding: float = 0.0, sending: float = 0.0) -> float:
        """Return the share of wall time that counts against the budget, over the last ten seconds; any thread.

        Args:
            now: seconds on the clock of :meth:`admit`.
            encoding: CPU seconds of background threads that are not metered yet.
            sending: the same, as in :meth:`background_time`.
        """
        spent = self._spent.at(now)
        spent.background += encoding + sending
        return self._share(spent)

    def wish(self, interval_ms: int) -> None:
        """Take the server's wish for the time between two frames, milliseconds; 0: as they come."""
        wished = max(0, interval_ms) / 1000.0
        # Somebody came to look: the next frame does not wait for what was wished before.
        self._hurry = self._hurry or wished < self._wished
        self._wished = wished

    def pass_time(self, now: float) -> None:
        """Let what was spent until now count for less; to be called now and then by a training that takes no frames."""
        self._spent.fade(now)

    def training_time(self, seconds: float) -> None:
        """Meter time on the training thread, of the step that :meth:`admit` or :meth:`pass_over` began."""
        self._spent.training += seconds
        self._of_step += seconds

    def background_time(self, encoding: float, sending: float = 0.0) -> None:
        """Meter CPU seconds of background threads, since the last call.

        Args:
            encoding: of frames.
            sending: of everything; it is spent without frames too.
        """
        self._spent.background += encoding + sending
        self._spent.anyway += self._felt(sending)
        self._background_now += encoding

    def admit(self, now: float) -> int:
        """Decide about one step's frame.

        Args:
            now: seconds on a monotonic clock.

        Returns:
            ``STRIP_REASON_NONE`` if it may be taken; else why it is left out.
        """
        self._spent.fade(now)
        if self._last_step is not None:
            self._step.add(now - self._last_step)
        self._last_step = now
        self._close_step()
        # A slot takes the step that is nearest to it: steps that jitter around the slots lose none.
        early = min(self._step.value, self._interval) / 2
        if self._slot is not None and now < self._slot - early and not self._hurry:
            self._in_frame = False
            return self._bound
        self._hurry = False
        self._close_frame(now)
        self._pace(now)
        # Behind a step that was held up for a moment the next ones come on time, and have their frames.
        late = self._slot is None or now - self._slot > max(self._interval, _HELD_UP_SECONDS)
        self._slot = (now if late or self._slot is None else self._slot) + self._interval
        self._in_frame = True
        self._spent.frames += 1.0
        return pb.STRIP_REASON_NONE

    def pass_over(self, now: float) -> None:
        """Begin a step that has no images to show: what it costs is not a frame's."""
        self._spent.fade(now)
        self._close_step()
        self._in_frame = False

    def describe(self, now: float, overhead: float | None = None) -> str:
        """Say in a sentence what is done now, and why.

        Args:
            now: seconds on the clock of :meth:`admit`.
            overhead: what :meth:`overhead_at` returned, where more is known than was metered. None: what was metered.
        """
        quality, size = self.settings
        share = self.overhead_at(now) if overhead is None else overhead
        how = f"quality {quality}, {size} px; overhead {share:.2%} of {self._budget:.2%}"
        if self._slot is None:
            return f"No frame yet: {how}."
        spent = self._spent.at(now)
        fps = spent.frames / spent.seconds
        if self._step.value >= self._interval:
            return f"Every step has its frame: {how}."
        reasons: dict[int, str] = {
            pb.STRIP_REASON_BUDGET: "to stay within the overhead budget",
            pb.STRIP_REASON_UNWATCHED: "as the server wishes",
        }
        why = reasons.get(self._bound, "the limit that was set")
        return f"{fps:.1f} frames a second, {why}: {how}."

    def _close_step(self) -> None:
        """Learn what the step before cost."""
        seconds, self._of_step = self._of_step, 0.0
        if self._in_frame:
            anyway = min(seconds, self._plain.value)
            self._training_now = seconds - anyway
        else:
            anyway = min(seconds, _HICCUP_SECONDS)
            self._plain.add(anyway)
        self._spent.anyway += anyway

    def _close_frame(self, now: float) -> None:
        """Learn what the frame before cost."""
        if self._slot is None:
            return
        self._training.add(self._training_now)
        self._background.add(self._background_now)
        self._training_now = self._background_now = 0.0
        # What the model gets wrong (bursts, above all) is trimmed away slowly, and only while the budget is what binds.
        anyway = self._spent.anyway / self._spent.seconds
        aim = max(_MARGIN * self._budget, anyway + _RESERVE * self._budget)
        error = self.overhead / aim - 1.0
        if self._bound != pb.STRIP_REASON_BUDGET:
            error = -1.0
        elapsed = min(now - self._corrected, 1.0) / (2 * _SMOOTHING_SECONDS)
        self._corrected = now
        self._correction = min(
            max(self._correction * math.exp(max(min(error, 1.0), -1.0) * elapsed), 1.0), 4.0
        )

    def _pace(self, now: float) -> None:
        """Choose the interval to the next frame, and the level to encode at."""
        affordable = self._affordable(self._background.value)
        bounds = (
            (self._shortest, pb.STRIP_REASON_RATE),
            (self._wished, pb.STRIP_REASON_UNWATCHED),
            (self._correction / affordable, pb.STRIP_REASON_BUDGET),
        )
        self._interval, self._bound = max(bounds, key=lambda bound: bound[0])
        self._choose_level(now, affordable)

    def _affordable(self, background_seconds: float) -> float:
        """Return the frames a second that fit if each takes so much CPU in the background."""
        budget = self._budget * _MARGIN
        left = max(budget - self._spent.anyway / self._spent.seconds, budget * _RESERVE)
        return left / max(self._training.value + self._felt(background_seconds), 1e-7)

    def _choose_level(self, now: float, affordable: float) -> None:
        if self._level_since is None:
            self._level_since = now
        if now - self._level_since < _PATIENCE_SECONDS or not self._background.known:
            return
        wanted = min(1.0 / max(self._shortest, self._wished), 1.0 / max(self._step.value, 1e-6))
        step = 0
        short = affordable < self._needed(self._level, wanted)
        if short and self._encoding_counts(self._background.value):
            step = 1 if self._level + 1 < len(self._levels) else 0
        elif self._level > 0:
            quality, size = self._levels[self._level]
            better_quality, better_size = self._levels[self._level - 1]
            cost = self._background.value * (better_size / size) ** 2
            cost *= _QUALITY_SAVES if better_quality > quality else 1.0
            fits = self._affordable(cost) >= _RELAX * self._needed(self._level - 1, wanted)
            if fits or not self._encoding_counts(_RELAX * cost):
                step = -1
        if step:
            self._level += step
            self._level_since = now
            self._background.forget()

    def _encoding_counts(self, background_seconds: float) -> bool:
        """Return whether what is saved there would be felt, beside what a frame costs the training's thread."""
        return self._felt(background_seconds) > self._training.value

    def _share(self, spent: _Spent) -> float:
        return (spent.training + self._felt(spent.background)) / spent.seconds

    def _felt(self, background_seconds: float) -> float:
        """Return by how much CPU time in the background holds the training up, seconds."""
        return _FELT * background_seconds / self._cpus

    def _needed(self, level: int, wanted: float) -> float:
        """Return the frames a second below which this level is left for the one below it."""
        best_quality = self._levels[level][0] > _LOW_QUALITY
        return wanted if best_quality else min(wanted, _DECENT_FPS)


class _Mean:
    """A moving mean of about ten values; a start that is out of the ordinary (warming up) is forgotten."""

    __slots__ = ("_count", "value")

    def __init__(self, assumed: float) -> None:
        self.value = assumed
        self._count = 0

    @property
    def known(self) -> bool:
        """Whether enough was seen to rely on it."""
        return self._count >= 8

    def forget(self) -> None:
        """Learn anew, beginning from here."""
        self._count = 1

    def add(self, value: float) -> None:
        self._count += 1
        if self._count == 1:
            return
        if self._count > 4:
            value = min(
                value, 4 * self.value + 1e-6
            )  # one hiccup must not stop the frames for long
        weight = max(1.0 / (self._count - 1), 0.1)
        self.value += (value - self.value) * weight


class _Spent:
    """What was spent over the last ten seconds or so: sums that fade, all by the same factor.

    Attributes:
        training: seconds on the training thread, all together.
        anyway: seconds by which the training would be held up without frames, too.
        background: CPU seconds of background threads.
        frames: how many were taken.
        seconds: what to divide a sum by to get a rate.
    """

    __slots__ = ("_age", "_at", "anyway", "background", "frames", "seconds", "training")

    def __init__(self) -> None:
        self.training = self.anyway = self.background = self.frames = 0.0
        self.seconds = 1.0
        self._age = 0.0
        self._at: float | None = None

    def fade(self, now: float) -> None:
        """Let what was spent until now count for less."""
        if self._at is None:
            self._at = now
        if now <= self._at:
            return
        fading = math.exp((self._at - now) / _SMOOTHING_SECONDS)
        self._at = now
        self.training *= fading
        self.anyway *= fading
        self.background *= fading
        self.frames *= fading
        self._age = self._age * fading + _SMOOTHING_SECONDS * (1.0 - fading)
        # Within the first second there is nothing to speak of a rate.
        self.seconds = max(self._age, 1.0)

    def at(self, now: float) -> _Spent:
        """Return what this will be at `now`, if nothing is added; this stays as it is."""
        later = copy.copy(self)
        later.fade(now)
        return later
