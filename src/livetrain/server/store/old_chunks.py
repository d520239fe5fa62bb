"""Chunks as livetrain wrote them before its schema 0005. Pure."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from livetrain.server.series import Series
from livetrain.server.store.packing import CorruptError

__all__ = ["unpack_old"]

_HEAD = np.dtype([("count", "<u4"), ("steps", "<u4"), ("values", "<u4"), ("wide", "<u4")])


def unpack_old(data: bytes) -> Series:
    """Return the points of a chunk.

    Raises:
        CorruptError: the bytes are not what was written.
    """
    try:
        head = np.frombuffer(data, _HEAD, 1)[0]
        count, steps_end = int(head["count"]), _HEAD.itemsize + int(head["steps"])
        values_end = steps_end + int(head["values"])
        steps = _spread(data[_HEAD.itemsize : steps_end], "<i8", count)
        values = _spread(data[steps_end:values_end], "<f8" if head["wide"] else "<f4", count)
        times = _spread(data[values_end:], "<i8", count)
    except (ValueError, zlib.error) as error:
        raise CorruptError(str(error)) from error
    return Series(
        np.cumsum(steps, dtype=np.int64),
        values.astype(np.float64),
        np.cumsum(times, dtype=np.int64),
    )


def _spread(packed: bytes, dtype: str, count: int) -> npt.NDArray[np.generic]:
    width = np.dtype(dtype).itemsize
    grouped = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(width, count)
    return np.ascontiguousarray(grouped.T).view(dtype).reshape(count)
