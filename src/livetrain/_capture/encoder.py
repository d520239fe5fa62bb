"""The pool that encodes frames in the background: it never blocks who submits, and never raises."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from livetrain._wire import EncodedFrame
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["EncoderPool", "FrameJob", "usable_cpus"]

_log = logging.getLogger("livetrain")


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
    """Daemon threads, started with the first frame, and one place where a frame waits for them: a newer one takes it.

    Args:
        encode: from frame to pictures; called on the pool's threads.
        threads: how many; None: by the CPUs that this process may use.
        name: of the threads.
    """

    def __init__(
        self,
        encode: Callable[..., EncodedFrame],
        *,
        threads: int | None = None,
        name: str = "livetrain-encode",
    ) -> None:
        self._encode = encode
        self._count = threads if threads is not None else default_threads(usable_cpus())
        self._name = name
        self._threads: list[threading.Thread] = []
        # Held for a few assignments only, and never while encoding, so that submitting does not wait. Reentrant, for a
        # signal handler that logs.
        self._lock = threading.RLock()
        self._ready = threading.Condition(self._lock)
        self._waiting: tuple[FrameJob, Frame] | None = None
        self._closed = False
        self.encoded = 0
        self.displaced = 0
        self.errors = 0
        self.cpu_seconds = 0.0

    def submit(self, job: FrameJob) -> None:
        """Hand a frame over; the one that still waited is stripped as superseded. Any thread, never blocks."""
        frame = job.frame
        if frame is None:
            return
        with self._ready:
            displaced, closed = self._waiting, self._closed
            self._waiting = None if closed else (job, frame)
            if not closed:
                if not self._threads:
                    self._start()
                self._ready.notify()
        if closed:
            displaced = (job, frame)
        if displaced is not None:
            self.displaced += 1
            self._drop(*displaced, pb.STRIP_REASON_SUPERSEDED)

    def close(self, timeout: float) -> bool:
        """End after the frame in work and the one that waits; idempotent.

        Args:
            timeout: seconds.

        Returns:
            Whether all threads ended in time. Those that did not are daemons, and end with the process.
        """
        deadline = time.monotonic() + timeout
        with self._ready:
            self._closed = True
            self._ready.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _start(self) -> None:
        for number in range(self._count):
            thread = threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while True:
            with self._ready:
                while self._waiting is None and not self._closed:
                    self._ready.wait()
                if self._waiting is None:
                    return
                (job, frame), self._waiting = self._waiting, None
            started = time.thread_time()
            self._run(job, frame)
            del job, frame  # while this thread waits for the next one, nothing of this one is kept
            with self._lock:
                self.cpu_seconds += time.thread_time() - started

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
