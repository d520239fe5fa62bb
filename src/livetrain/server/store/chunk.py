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
from livetrain.server.store.levels import FEWEST, Base, make_level, pack_level
from livetrain.server.store.packing import FEW, CorruptError, check, pack, seal_bytes

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


@dataclass(slots=True)
class PackedChunk:
    """A chunk as it is kept.

    Attributes:
        row: what stands in the table ``chunks``, but for whose it is.
        parts: what is kept beside it, by part; empty where everything is in the row.
        bucket: of all of its points, by step; None: they are few.
    """

    row: dict[str, Any]
    parts: dict[int, bytes]
    bucket: tuple[Any, ...] | None


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
    columns: dict[str, npt.NDArray[Any]] = {
        "points": sizes,
        "odd": np.add.reduceat(~np.isfinite(points.values), starts, dtype=np.int64),
        "first_step": np.minimum.reduceat(points.steps, starts),
        "last_step": np.maximum.reduceat(points.steps, starts),
        "first_us": np.minimum.reduceat(points.times_us, starts),
        "last_us": np.maximum.reduceat(points.times_us, starts),
        "ordered": _ordered(points, groups, starts),
    }
    names = [*columns, "version", "step_width", "time_width", "summary", "data"]
    numbers = zip(*(column.tolist() for column in columns.values()), strict=True)
    chunks = [
        PackedChunk(dict(zip(names, (*some, 2, 0, 0, None, None), strict=True)), {}, None)
        for some in numbers
    ]
    large = sizes > FEW
    if bool(large.any()):
        _summarize(points.take(large[groups]), groups[large[groups]], chunks)
    for chunk, curve in zip(chunks, curves, strict=True):
        _put_parts(chunk, curve)
    return chunks


def _summarize(points: Series, groups: Ints, chunks: Sequence[PackedChunk]) -> None:
    """Put in one bucket of all points of each chunk: for those that are more than the bucket."""
    by_step = bucketize_each(points, groups, "step")
    by_time = bucketize_each(points, groups, "time")
    of = by_step["slot"].tolist()
    by_step["slot"] = by_time["slot"] = 0
    for place, bucket in enumerate(by_step.tolist()):
        chunk = chunks[of[place]]
        summary = by_step[place].tobytes()
        if not chunk.row["ordered"]:
            summary += by_time[place].tobytes()
        chunk.row["summary"] = seal_bytes(summary)
        chunk.bucket = bucket


def _ordered(points: Series, groups: Ints, starts: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Return of each curve whether neither steps nor times go back."""
    back = (points.steps[1:] < points.steps[:-1]) | (points.times_us[1:] < points.times_us[:-1])
    back = np.concatenate([[False], back & (groups[1:] == groups[:-1])])
    ordered: npt.NDArray[np.bool_] = ~np.logical_or.reduceat(back, starts)
    return ordered


def _put_parts(chunk: PackedChunk, curve: Series) -> None:
    row, parts = chunk.row, chunk.parts
    if len(curve) <= FEWEST:  # so little that it stands in the row itself
        row["data"] = pack(curve)
        return
    parts[DATA] = pack(curve)
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
