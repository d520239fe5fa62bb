"""Reads what is large of chunks: their points, and their levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from livetrain.server.series import Series
from livetrain.server.store import schema
from livetrain.server.store.buckets import Rows
from livetrain.server.store.chunk import DATA, STEP_LEVEL, TIME_LEVEL, part_key
from livetrain.server.store.grid import Axis
from livetrain.server.store.levels import Base, unpack_levels
from livetrain.server.store.old_chunks import unpack_old
from livetrain.server.store.packing import CorruptError, unpack
from livetrain.server.store.scene import ChunkRow, in_slices

__all__ = ["load_levels", "load_points"]

_AT_ONCE: Final = 64
"""Chunks whose points are in memory at once as bytes."""


def load_points(
    connection: Connection, chunks: Sequence[ChunkRow]
) -> Iterator[tuple[ChunkRow, Series | None]]:
    """Yield the points of chunks in the order given; None: they are damaged."""
    for start in range(0, len(chunks), _AT_ONCE):
        group = chunks[start : start + _AT_ONCE]
        packed = _packed(connection, group)
        for chunk in group:
            yield chunk, _unpacked(chunk, packed.pop(chunk.key, None))


def _packed(connection: Connection, group: Sequence[ChunkRow]) -> dict[int, bytes]:
    """Return the packed points of chunks by their key, wherever they lie."""
    parts, old = schema.chunk_parts, schema.old_chunks
    found = {chunk.key: chunk.data for chunk in group if chunk.data is not None}
    large = [part_key(c.key, DATA) for c in group if c.version > 1 and c.data is None]
    ancient = [chunk.key for chunk in group if chunk.version == 1]
    if large:
        query = select(parts.c.key, parts.c.data).where(parts.c.key.in_(large))
        found |= {key // part_key(1, DATA): data for key, data in connection.execute(query)}
    if ancient:
        query = select(old.c.key, old.c.data).where(old.c.key.in_(ancient))
        found |= {key: data for key, data in connection.execute(query)}
    return found


def _unpacked(chunk: ChunkRow, packed: bytes | None) -> Series | None:
    if packed is None:
        return None
    try:
        series = unpack(packed) if chunk.version > 1 else unpack_old(packed)
    except CorruptError:
        return None
    return series if len(series) == chunk.points else None


def load_levels(
    connection: Connection, chunks: Sequence[ChunkRow], axis: Axis
) -> tuple[Rows, npt.NDArray[np.intp], list[int]]:
    """Return the buckets of the levels of chunks.

    Args:
        connection: to read from.
        chunks: that have a level of this axis.
        axis: which one.

    Returns:
        The buckets, of each chunk together; of each bucket the place of its chunk; and the places of chunks whose level is
        damaged.
    """
    part = STEP_LEVEL if axis == "step" else TIME_LEVEL
    keys = [part_key(chunk.key, part) for chunk in chunks]
    found = dict(_levels(connection, keys))
    missing = [place for place, key in enumerate(keys) if key not in found]
    present = [place for place, key in enumerate(keys) if key in found]
    rows, sizes = unpack_levels(
        [found[keys[place]] for place in present], [_base(chunks[p], axis) for p in present]
    )
    damaged = [*missing, *(p for p, size in zip(present, sizes, strict=True) if not size)]
    return rows, np.repeat(np.array(present, np.intp), sizes), sorted(damaged)


def _levels(connection: Connection, keys: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    parts = schema.chunk_parts
    for some in in_slices(keys):
        query = select(parts.c.key, parts.c.data).where(parts.c.key.in_(some))
        for key, data in connection.execute(query):
            yield int(key), data


def _base(chunk: ChunkRow, axis: Axis) -> Base:
    first, width = (
        (chunk.first_step, chunk.step_width)
        if axis == "step"
        else (chunk.first_us, chunk.time_width)
    )
    return Base(first // width, chunk.first_step, chunk.first_us)
