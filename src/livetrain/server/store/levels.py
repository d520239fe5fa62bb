"""The level of a chunk: buckets of its points, some hundred points each, that stand in for them where a curve is drawn small. Pure.

The buckets lie on the grids of :mod:`livetrain.server.store.grid`, so that wider ones are made of whole ones of these.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from livetrain.server.series import Series
from livetrain.server.store.buckets import BUCKET, Rows, bucketize
from livetrain.server.store.grid import Axis, widths
from livetrain.server.store.packing import CorruptError, check, seal_bytes

__all__ = ["FEWEST", "Base", "Level", "make_level", "pack_level", "unpack_levels"]

FEWEST: Final = 256
"""A chunk of so few points has no level: its points are as quickly read."""
_POINTS: Final = 100
"""A bucket stands for at least so many points in the mean."""

_INTS: Final = ("_step", "_us")
_NAMES: Final = ("low", "high", "first", "last")
_NARROW: Final = np.dtype(
    [
        ("slot", "<u4"),
        ("count", "<u4"),
        ("sum", "<f8"),
        ("rest", "<f8"),
        *((name, "<f8") for name in _NAMES),
        *((f"{name}{part}", "<u4") for name in _NAMES for part in _INTS),
    ]
)
"""A bucket without points that are not finite, its steps and times counted from the first of the chunk."""
_KIND: Final = struct.Struct("<B")
_ROOM: Final = 2**32


@dataclass(frozen=True, slots=True)
class Level:
    """Buckets of one width, ascending by slot."""

    width: int
    rows: Rows


@dataclass(frozen=True, slots=True)
class Base:
    """What the numbers of a packed level are counted from.

    Attributes:
        slot: the first slot that has points.
        step: the lowest step of the chunk.
        us: its earliest time, Unix microseconds.
    """

    slot: int
    step: int
    us: int


def make_level(series: Series, axis: Axis) -> Level | None:
    """Return the level of a chunk's points on an axis, or None: there are too few points."""
    if len(series) <= FEWEST:
        return None
    keys = np.sort(series.steps if axis == "step" else series.times_us)
    most = len(series) // _POINTS
    candidates = list(widths(axis))
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        slots = keys // candidates[middle]
        if 1 + np.count_nonzero(slots[1:] != slots[:-1]) <= most:
            high = middle
        else:
            low = middle + 1
    return Level(candidates[low], bucketize(series, axis, candidates[low]))


def pack_level(rows: Rows, base: Base) -> bytes:
    """Return buckets as bytes, with a checksum."""
    narrow = _narrow(rows, base)
    kind, body = (1, rows.tobytes()) if narrow is None else (0, narrow.tobytes())
    return seal_bytes(_KIND.pack(kind) + body)


def _narrow(rows: Rows, base: Base) -> Rows | None:
    if bool(rows["odd"].any()):
        return None
    narrow = np.empty(len(rows), _NARROW)
    for name in _NARROW.names or ():
        column = rows[name]
        offset = _offset(name, base)
        if offset is not None:
            column = column - offset
            if len(column) and not (column.min() >= 0 and column.max() < _ROOM):
                return None
        narrow[name] = column
    return narrow


def _offset(name: str, base: Base) -> int | None:
    """Return what a field's whole numbers are counted from, or None: it has none."""
    if name == "slot":
        return base.slot
    if name == "count":
        return 0
    if name.endswith("_step"):
        return base.step
    return base.us if name.endswith("_us") else None


def unpack_levels(packed: Sequence[bytes], bases: Sequence[Base]) -> tuple[Rows, list[int]]:
    """Return the buckets of several levels, one after the other, and how many each has; none: its bytes are corrupt.

    Args:
        packed: each as :func:`pack_level` returned it.
        bases: of each.
    """
    kinds, sizes = [], []
    parts: tuple[list[memoryview], list[memoryview]] = ([], [])
    for data in packed:
        try:
            body = check(data)
            (kind,) = _KIND.unpack_from(body)
            size, rest = divmod(len(body) - 1, BUCKET.itemsize if kind else _NARROW.itemsize)
            if kind > 1 or rest:
                raise CorruptError("not the level of a chunk")
            parts[kind].append(body[1:])
        except (CorruptError, struct.error):
            kind, size = 0, 0
        kinds.append(kind)
        sizes.append(size)
    found = np.zeros(sum(sizes), BUCKET)
    wide = np.repeat(np.array(kinds, np.bool_), sizes)
    if parts[1]:
        found[wide] = np.frombuffer(b"".join(parts[1]), BUCKET)
    if parts[0]:
        narrow = np.frombuffer(b"".join(parts[0]), _NARROW)
        found[~wide] = _widen(narrow, bases, np.where(np.array(kinds, np.bool_), 0, sizes))
    return found, sizes


def _widen(narrow: Rows, bases: Sequence[Base], sizes: npt.NDArray[np.intp]) -> Rows:
    rows = np.zeros(len(narrow), BUCKET)
    for name in ("odd_first", "odd_last"):
        for part in _INTS:
            limits = np.iinfo(np.int64)
            rows[f"{name}{part}"] = limits.max if name == "odd_first" else limits.min
    offsets = {
        "slot": np.repeat(np.array([base.slot for base in bases], np.int64), sizes),
        "_step": np.repeat(np.array([base.step for base in bases], np.int64), sizes),
        "_us": np.repeat(np.array([base.us for base in bases], np.int64), sizes),
    }
    for name in _NARROW.names or ():
        suffix = next((part for part in _INTS if name.endswith(part)), name)
        offset = offsets.get(suffix)
        rows[name] = narrow[name] if offset is None else narrow[name] + offset
    return rows
