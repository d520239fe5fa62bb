"""The pool that encodes frames in the background: it never blocks who submits, and never raises."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from livetrain._bell import Bell
from livetrain._wire import EncodedFrame
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["EncoderPool", "FrameJob", "usable_cpus"]

_log = logging.getLogger("livetrain")

_KEPT = 4  # pictures of their own that wait
_CROWDED = 2  # frames that came late in a row: the first one of all often does


class Frame(Protocol):
    """What is encoded."""

    def release(self) -> None:
        """Give its memory back."""


class FrameJob(Protocol):
    """A frame on its way: exactly one of `done` and `strip` is called, once."""

    @property
    def frame(self) -> Frame | None:
        """What to encode; None: it was settled otherwise by now."""

    def done(self, pictures: EncodedFrame) -> None:
        """Here are its pictures."""

    def strip(self, reason: int) -> None:
        """There will be none, for this reason."""


class EncoderPool:
    """Daemon threads, started with the first frame, and a place for each where a frame waits: a newer one takes the oldest's.

    There is one thread, two with many CPUs, and three where they spend their time waiting for the GIL, beside a training that is
    busy in Python. What they use together is for the overhead budget to bound.

    A training that is busy in Python also waits for the GIL whenever a thread of the pool has it. One that says when it leaves
    Python alone for a while (`lull`) has its next frames encoded then.

    Args:
        encode: from frame to pictures; called on the pool's threads.
        threads: how many at first; None: by the CPUs that this process may use.
        most: how many at most; None: by the CPUs too.
        name: of the threads.
    """

    def __init__(
        self,
        encode: Callable[..., EncodedFrame],
        *,
        threads: int | None = None,
        most: int | None = None,
        name: str = "livetrain-encode",
    ) -> None:
        cpus = usable_cpus()
        self._encode = encode
        self._first = threads if threads is not None else default_threads(cpus)
        self._most = max(self._first, most if most is not None else most_threads(cpus))
        self._name = name
        self._threads: list[threading.Thread] = []
        # Appending and popping are atomic: who hands a frame over takes no lock that a thread of the pool could hold.
        self._waiting: deque[tuple[FrameJob, Frame]] = deque()
        self._kept: deque[tuple[FrameJob, Frame]] = deque()
        self._bell = Bell()
        self._lock = threading.Lock()  # between the pool's threads
        self._starting = threading.Lock()
        self._closed = False
        self._lulls = False  # one is expected after each frame
        self._held_at: float | None = None  # since when a frame waits for one
        self.encoded = 0
        self.displaced = 0
        self.errors = 0
        self.cpu_seconds = 0.0

    def submit(self, job: FrameJob) -> None:
        """Hand a frame over; what waited for too long is stripped as superseded. Any thread, never blocks."""
        # With a second thread there is a second place: both wait for the GIL at times, and catch up after it.
        self._hand_over(self._waiting, job, max(1, len(self._threads)))
        if self._lulls and self._held_at is None:
            self._held_at = time.monotonic()
        else:
            self._lulls = False  # none came between two frames
            self.begin()

    def lull(self) -> None:
        """Begin now, and so with later frames: the training's thread is about to leave Python alone for a while."""
        self._lulls = True
        if self._held_at is not None:
            self.begin()

    def begin(self, held_for: float = 0.0) -> None:
        """Begin with what waits; with `held_for`, only if a frame has waited so many seconds for a lull. Any thread."""
        held_at = self._held_at
        if held_for and (held_at is None or time.monotonic() - held_at < held_for):
            return
        self._held_at = None
        self._bell.ring()

    def keep(self, job: FrameJob) -> None:
        """Hand a frame over that newer ones do not displace: a picture of its own. Any thread, never blocks.

        Of more than four that wait the oldest is stripped as superseded.
        """
        self._hand_over(self._kept, job, _KEPT)
        self.begin()

    def _hand_over(self, line: deque[tuple[FrameJob, Frame]], job: FrameJob, room: int) -> None:
        frame = job.frame
        if frame is None:
            return
        if self._closed:
            self._displace(job, frame)
            return
        line.append((job, frame))
        while len(line) > room and (oldest := _popped(line)) is not None:
            self._displace(*oldest)
        if not self._threads:
            self._start(self._first)

    def close(self, timeout: float) -> bool:
        """End after the frames in work and those that wait; idempotent.

        Args:
            timeout: seconds.

        Returns:
            Whether all threads ended in time. Those that did not are daemons, and end with the process.
        """
        deadline = time.monotonic() + timeout
        self._closed = True
        self._bell.ring()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        ended = not any(thread.is_alive() for thread in self._threads)
        while ended and (late := _popped(self._kept) or _popped(self._waiting)) is not None:
            self._displace(*late)  # it came between the last look of the threads and the closing
        return ended

    def _start(self, count: int) -> None:
        # Not waited for: of two who start at once the second finds them started.
        if not self._starting.acquire(blocking=False):
            return
        try:
            while len(self._threads) < count:
                name = f"{self._name}-{len(self._threads)}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                thread.start()
                self._threads.append(thread)
        finally:
            self._starting.release()

    def _work(self) -> None:
        crowded = 0  # frames in a row that waited for the GIL for longer than they were worked on
        while True:
            taken = _popped(self._kept) or _popped(self._waiting)
            if taken is None:
                if self._closed:
                    self._bell.ring()  # for the next thread
                    return
                self._bell.wait()
                continue
            job, frame = taken
            began, worked = time.perf_counter(), time.thread_time()
            self._run(job, frame)
            # While this thread waits for the next one, nothing of this one is kept.
            del taken, job, frame
            worked = time.thread_time() - worked
            waited = time.perf_counter() - began - worked
            with self._lock:
                self.cpu_seconds += worked
            crowded = crowded + 1 if waited > worked else 0
            if crowded == _CROWDED and len(self._threads) < self._most:
                self._start(self._most)

    def _run(self, job: FrameJob, frame: Frame) -> None:
        try:
            pictures = self._encode(frame)
        except Exception:
            with self._lock:
                self.errors += 1
                first = self.errors == 1
            if first:
                _log.warning("A frame could not be encoded; it is left out. Said once.")
            _log.debug("A frame could not be encoded.", exc_info=True)
            self._drop(job, frame, pb.STRIP_REASON_UNREADABLE)
            return
        frame.release()
        self.encoded += 1
        self._settle(lambda: job.done(pictures))

    def _displace(self, job: FrameJob, frame: Frame) -> None:
        self.displaced += 1
        self._drop(job, frame, pb.STRIP_REASON_SUPERSEDED)

    def _drop(self, job: FrameJob, frame: Frame, reason: int) -> None:
        frame.release()
        self._settle(lambda: job.strip(reason))

    def _settle(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:  # the pool outlives whoever it works for
            _log.debug("A frame's owner failed to take it.", exc_info=True)


def default_threads(cpus: float) -> int:
    """Return how many encoder threads so many CPUs carry beside a training: one in eight, at most two.

    One thread encodes 16 tiles of 256 × 256 some 200 times a second.
    """
    return 2 if cpus >= 8 else 1


def most_threads(cpus: float) -> int:
    """Return how many encoder threads there may be where they wait for the GIL more than they work.

    A frame needs it several times, and waits for it up to 5 ms each time, beside the threads that send.
    """
    return 4 if cpus > 1 else 1


def _popped(line: deque[tuple[FrameJob, Frame]]) -> tuple[FrameJob, Frame] | None:
    try:
        return line.popleft()
    except IndexError:  # asked for in place of the length: another thread may be faster
        return None


def usable_cpus(root: Path = Path("/")) -> float:
    """Return how many CPUs this process may use: by its affinity, and by the quotas of its control groups.

    Args:
        root: of the file system, for tests.

    Example:
        >>> usable_cpus() > 0
        True
    """
    try:
        cpus = float(len(os.sched_getaffinity(0)))
    except (AttributeError, OSError):  # not on macOS and Windows
        cpus = float(os.cpu_count() or 1)
    return min([cpus, *_quotas(root)])


def _quotas(root: Path) -> list[float]:
    """Return the CPU quotas of this process's control groups and of those above, version 2 and 1."""
    groups = root / "sys/fs/cgroup"
    quotas: list[float] = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        base = groups if not controllers else groups / "cpu"
        if controllers and "cpu" not in controllers.split(","):
            continue
        place = base / path.lstrip("/")
        for folder in (place, *place.parents):
            limit, _, period = _text(folder / "cpu.max").partition(" ")
            if not limit:
                limit = _text(folder / "cpu.cfs_quota_us")
                period = _text(folder / "cpu.cfs_period_us")
            quotas.extend(_share(limit, period))
            if folder == base:
                break
    return quotas


def _share(limit: str, period: str) -> list[float]:
    try:
        share = float(limit) / float(period)
    except (ValueError, ZeroDivisionError):  # "max", -1, or no such file
        return []
    return [share] if 0 < share < math.inf else []


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
