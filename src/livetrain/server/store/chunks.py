"""Columns of a curve as bytes. Pure.

A chunk holds some thousand points: steps and times as differences, values in four bytes where that loses nothing, each column
with its bytes regrouped and compressed. Beside it stands its rollup: the lowest and highest point of each short stretch, enough
to draw the chunk when it is only some pixels wide.
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from livetrain.server.series import Series

__all__ = ["pack", "rollup", "unpack"]

_STRETCH = 128
"""Points of a chunk for which a rollup keeps two."""
_ROLLUP = np.dtype([("step", "<i8"), ("value", "<f8"), ("time_us", "<i8")])
_HEAD = np.dtype([("count", "<u4"), ("steps", "<u4"), ("values", "<u4"), ("wide", "<u4")])


def _squeeze(column: npt.NDArray[np.generic]) -> bytes:
    # Equal bytes of neighbours put side by side compress several times better.
    width = column.dtype.itemsize
    grouped = np.ascontiguousarray(column).view(np.uint8).reshape(-1, width).T
    return zlib.compress(np.ascontiguousarray(grouped).tobytes(), 1)


def _spread(packed: bytes, dtype: str, count: int) -> npt.NDArray[np.generic]:
    width = np.dtype(dtype).itemsize
    grouped = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(width, count)
    return np.ascontiguousarray(grouped.T).view(dtype).reshape(count)


def pack(columns: Series) -> bytes:
    """Return a stretch as bytes; :func:`unpack` gives it back bit by bit (NaN payloads aside)."""
    with np.errstate(over="ignore"):  # 1e308 does not fit, which is what is found out here
        narrow = columns.values.astype("<f4")
    wide = not np.array_equal(narrow.astype("<f8"), columns.values, equal_nan=True)
    steps = _squeeze(np.diff(columns.steps, prepend=0).astype("<i8"))
    values = _squeeze(columns.values.astype("<f8") if wide else narrow)
    times = _squeeze(np.diff(columns.times_us, prepend=0).astype("<i8"))
    head = np.array([(len(columns), len(steps), len(values), wide)], _HEAD)
    return head.tobytes() + steps + values + times


def unpack(data: bytes) -> Series:
    """Return what :func:`pack` was given."""
    head = np.frombuffer(data, _HEAD, 1)[0]
    count, steps_end = int(head["count"]), _HEAD.itemsize + int(head["steps"])
    values_end = steps_end + int(head["values"])
    steps = _spread(data[_HEAD.itemsize : steps_end], "<i8", count)
    values = _spread(data[steps_end:values_end], "<f8" if head["wide"] else "<f4", count)
    times = _spread(data[values_end:], "<i8", count)
    return Series(
        np.cumsum(steps, dtype=np.int64),
        values.astype(np.float64),
        np.cumsum(times, dtype=np.int64),
    )


def rollup(columns: Series) -> bytes:
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
