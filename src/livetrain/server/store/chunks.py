"""Columns of a curve as bytes, and a curve thinned so that no spike is lost. Pure.

A chunk holds some thousand points: steps and times as differences, values in four bytes where that loses nothing, each column
with its bytes regrouped and compressed. Beside it stands its rollup: the lowest and highest point of each short stretch, enough
to draw the chunk when it is only some pixels wide.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tsdownsample import MinMaxDownsampler

__all__ = ["Columns", "pack", "rollup", "rollups", "thin", "unpack"]

_STRETCH = 128
"""Points of a chunk for which a rollup keeps two."""
_ROLLUP = np.dtype([("step", "<i8"), ("value", "<f8"), ("time_us", "<i8")])
_HEAD = np.dtype([("count", "<u4"), ("steps", "<u4"), ("values", "<u4"), ("wide", "<u4")])


@dataclass(frozen=True, slots=True)
class Columns:
    """A stretch of a curve.

    Attributes:
        steps: int64.
        values: float64; may be NaN or infinite.
        times_us: int64, Unix microseconds.
    """

    steps: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    times_us: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.steps)

    @staticmethod
    def empty() -> Columns:
        """Return a curve without points."""
        return Columns(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int64))

    @staticmethod
    def join(parts: list[Columns]) -> Columns:
        """Return stretches as one, in the order given."""
        if not parts:
            return Columns.empty()
        return Columns(
            np.concatenate([p.steps for p in parts]),
            np.concatenate([p.values for p in parts]),
            np.concatenate([p.times_us for p in parts]),
        )

    def take(self, which: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Columns:
        """Return the points at these places."""
        return Columns(self.steps[which], self.values[which], self.times_us[which])

    def by_step(self) -> Columns:
        """Return the points by ascending step; those of one step stay in the order they came."""
        if len(self) < 2 or bool(np.all(self.steps[1:] >= self.steps[:-1])):
            return self
        return self.take(np.argsort(self.steps, kind="stable"))

    def between(self, first: int | None, last: int | None) -> Columns:
        """Return the points from step ``first`` to ``last``, both included; None: no bound."""
        if first is None and last is None:
            return self
        keep = np.ones(len(self), np.bool_)
        if first is not None:
            keep &= self.steps >= first
        if last is not None:
            keep &= self.steps <= last
        return self.take(keep)


def _squeeze(column: npt.NDArray[np.generic]) -> bytes:
    # Equal bytes of neighbours put side by side compress several times better.
    width = column.dtype.itemsize
    grouped = np.ascontiguousarray(column).view(np.uint8).reshape(-1, width).T
    return zlib.compress(np.ascontiguousarray(grouped).tobytes(), 1)


def _spread(packed: bytes, dtype: str, count: int) -> npt.NDArray[np.generic]:
    width = np.dtype(dtype).itemsize
    grouped = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(width, count)
    return np.ascontiguousarray(grouped.T).view(dtype).reshape(count)


def pack(columns: Columns) -> bytes:
    """Return a stretch as bytes; :func:`unpack` gives it back bit by bit (NaN payloads aside)."""
    with np.errstate(over="ignore"):  # 1e308 does not fit, which is what is found out here
        narrow = columns.values.astype("<f4")
    wide = not np.array_equal(narrow.astype("<f8"), columns.values, equal_nan=True)
    steps = _squeeze(np.diff(columns.steps, prepend=0).astype("<i8"))
    values = _squeeze(columns.values.astype("<f8") if wide else narrow)
    times = _squeeze(np.diff(columns.times_us, prepend=0).astype("<i8"))
    head = np.array([(len(columns), len(steps), len(values), wide)], _HEAD)
    return head.tobytes() + steps + values + times


def unpack(data: bytes) -> Columns:
    """Return what :func:`pack` was given."""
    head = np.frombuffer(data, _HEAD, 1)[0]
    count, steps_end = int(head["count"]), _HEAD.itemsize + int(head["steps"])
    values_end = steps_end + int(head["values"])
    steps = _spread(data[_HEAD.itemsize : steps_end], "<i8", count)
    values = _spread(data[steps_end:values_end], "<f8" if head["wide"] else "<f4", count)
    times = _spread(data[values_end:], "<i8", count)
    return Columns(
        np.cumsum(steps, dtype=np.int64),
        values.astype(np.float64),
        np.cumsum(times, dtype=np.int64),
    )


def rollup(columns: Columns) -> bytes:
    """Return the first and last point, and the lowest, the highest and the first non-finite one of every stretch, as bytes.

    A short curve is returned whole.
    """
    count = len(columns)
    if count <= 2 * _STRETCH:
        keep = np.arange(count)
    else:
        starts = range(0, count, _STRETCH)
        chosen = {0, count - 1}
        for start in starts:
            part = columns.values[start : start + _STRETCH]
            finite = np.isfinite(part)
            if finite.all():
                chosen.update((start + int(part.argmin()), start + int(part.argmax())))
                continue
            chosen.add(start + int((~finite).argmax()))
            if finite.any():
                chosen.add(start + int(np.where(finite, part, np.inf).argmin()))
                chosen.add(start + int(np.where(finite, part, -np.inf).argmax()))
        keep = np.array(sorted(chosen))
    rows = np.empty(len(keep), _ROLLUP)
    rows["step"] = columns.steps[keep]
    rows["value"] = columns.values[keep]
    rows["time_us"] = columns.times_us[keep]
    return rows.tobytes()


def rollups(packed: list[bytes]) -> Columns:
    """Return the rollups of several chunks as one curve."""
    rows = np.frombuffer(b"".join(packed), _ROLLUP)
    return Columns(
        rows["step"].astype(np.int64),
        rows["value"].astype(np.float64),
        rows["time_us"].astype(np.int64),
    )


def thin(columns: Columns, points: int) -> Columns:
    """Return at most ``points`` points that draw the same curve: every extreme that a pixel would show is among them.

    Non-finite points are few and telling: up to a quarter of the points is kept for them, spread evenly.

    Args:
        columns: by ascending step.
        points: how many are wanted; at least 5 are returned when there are so many: both ends, two extremes, and one not finite.
    """
    points = max(5, points)
    if len(columns) <= points:
        return columns
    finite = np.isfinite(columns.values)
    odd = np.flatnonzero(~finite)
    if len(odd) > points // 4:
        # At least the first is kept: it is where the training broke.
        odd = odd[np.unique(np.linspace(0, len(odd) - 1, max(1, points // 4)).astype(np.intp))]
    even = np.flatnonzero(finite)
    room = points - len(odd)
    if len(even) > room:
        # Two of the points are the first and the last; the rest, an even number, the extremes of equal stretches. (Of the
        # finer methods, LTTB is prettier, but keeps one point of a stretch and so can lose one of two spikes.)
        inner = MinMaxDownsampler().downsample(  # type: ignore[no-untyped-call]
            np.ascontiguousarray(columns.values[even]), n_out=max(2, (room - 2) // 2 * 2)
        )
        even = np.unique(np.concatenate([even[[0, -1]], even[inner]]))
    return columns.take(np.sort(np.concatenate([odd, even])))
