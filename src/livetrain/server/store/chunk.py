"""A chunk: some thousand points of one curve of one stream, as it is kept. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from livetrain.server.series import Ints, Series
from livetrain.server.store.buckets import BUCKET, Rows, bucketize_each
from livetrain.server.store.grid import Axis
from livetrain.server.store.levels import Base, make_level, pack_level
from livetrain.server.store.packing import CorruptError, check, pack, seal_bytes

__all__ = [
    "CHUNK_POINTS",
    "DATA",
    "STEP_LEVEL",
    "TIME_LEVEL",
    "PackedChunk",
    "pack_chunks",
    "part_key",
    "split",
    "summary_row",
]

CHUNK_POINTS: Final = 8192
"""A chunk has at most so many points."""

DATA, STEP_LEVEL, TIME_LEVEL = range(3)
"""Parts of a chunk that are kept beside its row."""
_PARTS: Final = 4


@dataclass(frozen=True, slots=True)
class PackedChunk:
    """A chunk as it is kept.

    Attributes:
        row: what stands in the table ``chunks``, but for whose it is.
        parts: what is kept beside it, by part; empty where everything is in the row.
        bucket: of all of its points, by step.
    """

    row: dict[str, Any]
    parts: dict[int, bytes]
    bucket: tuple[Any, ...]


def part_key(chunk_key: int, part: int) -> int:
    """Return under which key a part of a chunk is kept."""
    return chunk_key * _PARTS + part


def split(series: Series) -> Iterator[Series]:
    """Yield points in pieces that are no larger than a chunk."""
    pieces = -(-len(series) // CHUNK_POINTS)
    size = -(-len(series) // max(pieces, 1))
    for start in range(0, len(series), max(size, 1)):
        yield series.take(slice(start, start + size))


def pack_chunks(curves: Sequence[Series]) -> list[PackedChunk]:
    """Return a chunk of each of several curves; each has at least one point and no more than a chunk takes.

    What is done for one curve is done for all of them together: there may be very many that have a few points each.
    """
    if not curves:
        return []
    points = Series.join(curves)
    sizes = np.array([len(curve) for curve in curves])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    groups = np.repeat(np.arange(len(curves)), sizes)
    columns = {
        "points": sizes,
        "odd": np.add.reduceat(~np.isfinite(points.values), starts, dtype=np.int64),
        "first_step": np.minimum.reduceat(points.steps, starts),
        "last_step": np.maximum.reduceat(points.steps, starts),
        "first_us": np.minimum.reduceat(points.times_us, starts),
        "last_us": np.maximum.reduceat(points.times_us, starts),
        "ordered": _ordered(points, groups, starts),
    }
    by_step = bucketize_each(points, groups, "step")
    by_time = bucketize_each(points, groups, "time")
    by_step["slot"] = by_time["slot"] = 0
    listed = {name: column.tolist() for name, column in columns.items()}
    chunks, buckets = [], by_step.tolist()
    for at, curve in enumerate(curves):
        row: dict[str, Any] = {name: column[at] for name, column in listed.items()}
        summary = by_step[at].tobytes()
        if not row["ordered"]:
            summary += by_time[at].tobytes()
        row |= {"version": 2, "step_width": 0, "time_width": 0, "data": None}
        row["summary"] = seal_bytes(summary)
        chunks.append(_with_parts(row, curve, buckets[at]))
    return chunks


def _ordered(points: Series, groups: Ints, starts: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Return of each curve whether neither steps nor times go back."""
    back = (points.steps[1:] < points.steps[:-1]) | (points.times_us[1:] < points.times_us[:-1])
    back = np.concatenate([[False], back & (groups[1:] == groups[:-1])])
    ordered: npt.NDArray[np.bool_] = ~np.logical_or.reduceat(back, starts)
    return ordered


def _with_parts(row: dict[str, Any], curve: Series, bucket: tuple[Any, ...]) -> PackedChunk:
    parts = {DATA: pack(curve)}
    kinds: tuple[tuple[Axis, int, int], ...] = (
        ("step", STEP_LEVEL, row["first_step"]),
        ("time", TIME_LEVEL, row["first_us"]),
    )
    for axis, part, first in kinds:
        level = make_level(curve, axis)
        if level is not None:
            row[f"{axis}_width"] = level.width
            base = Base(first // level.width, row["first_step"], row["first_us"])
            parts[part] = pack_level(level.rows, base)
    if len(parts) == 1:  # so little that it stands in the row itself
        row["data"] = parts.pop(DATA)
    return PackedChunk(row, parts, bucket)


def summary_row(packed: bytes, axis: Axis) -> Rows:
    """Return the one bucket of all points of a chunk; its slot is 0.

    Raises:
        CorruptError: the bytes are others than were written.
    """
    body = check(packed)
    if len(body) not in (BUCKET.itemsize, 2 * BUCKET.itemsize):
        raise CorruptError(f"the summary of a chunk has {len(body)} bytes")
    rows = np.frombuffer(body, BUCKET)
    return rows[-1:] if axis == "time" else rows[:1]
