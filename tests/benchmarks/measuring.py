"""What benchmarks share: real photographs, a steady pace, percentiles, and how busy the machine was with other things."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_sample_images

__all__ = ["BATCH", "PACE", "TILES", "Quiet", "Times", "floor_of", "paced", "photographs", "timed"]

BATCH, TILES, PACE = 64, 16, 1 / 60


@dataclass
class Times:
    """Durations of one thing, seconds."""

    name: str
    seconds: list[float]

    def at(self, share: float) -> float:
        """Return a percentile in milliseconds."""
        ordered = sorted(self.seconds)
        return 1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def row(self, floor: Times | None = None) -> str:
        """Return p50, p99, max, and how many times the floor's p50 this one's is."""
        ratio = f"{self.at(0.5) / floor.at(0.5):5.2f} ×" if floor else "  floor"
        return (
            f"{self.name:<44} {self.at(0.5):8.3f} {self.at(0.99):8.3f} {self.at(1.0):8.3f}  {ratio}"
        )


def photographs(count: int, size: int) -> NDArray[np.uint8]:
    """Return crops of real photographs, shape (count, size, size, 3)."""
    images = [
        np.tile(image, (2, 2, 1)) if size > 400 else image for image in load_sample_images().images
    ]
    draw = np.random.default_rng(0)
    crops = []
    for number in range(count):
        image = images[number % len(images)]
        top, left = (draw.integers(0, n - size + 1) for n in image.shape[:2])
        crops.append(image[top : top + size, left : left + size])
    return np.ascontiguousarray(np.stack(crops))


def paced(seconds: float, *calls: Callable[[], float]) -> list[list[float]]:
    """Call each in turn at 60 a second, and return what each measured."""
    measured: list[list[float]] = [[] for _ in calls]
    for call in calls:  # warm up
        for _ in range(8):
            call()
    due = time.perf_counter()
    end = due + seconds * len(calls)
    turn = 0
    while due < end:
        measured[turn % len(calls)].append(calls[turn % len(calls)]())
        turn += 1
        due += PACE
        time.sleep(max(0.0, due - time.perf_counter()))
    return measured


def timed(call: Callable[[], object]) -> Callable[[], float]:
    """Return a call that says how long it took."""

    def run() -> float:
        started = time.perf_counter()
        call()
        return time.perf_counter() - started

    return run


def floor_of(images: NDArray[np.generic]) -> Callable[[], None]:
    """Return a copy of as many images into preallocated memory, and nothing else."""
    ring = [np.zeros((TILES, *images.shape[1:]), images.dtype) for _ in range(2)]
    turn = 0

    def copy() -> None:
        nonlocal turn
        turn += 1
        np.copyto(ring[turn % 2], images[turn % 4 * TILES : (turn % 4 + 1) * TILES])

    return copy


class Quiet:
    """Says how busy the machine was with other things while a benchmark ran: with a busy one no figure is worth much."""

    def __enter__(self) -> Quiet:
        self._started, self._before = time.monotonic(), (_all_seconds(), _own_seconds())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        everything, own = _all_seconds() - self._before[0], _own_seconds() - self._before[1]
        share = max(0.0, everything - own) / (time.monotonic() - self._started)
        print(f"(meanwhile other processes used {share:.0%} of a CPU)")


def _all_seconds() -> float:
    try:
        user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    except OSError:  # not on Linux: nothing is known
        return 0.0
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    """Of this process and of the children that ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
