"""Puts small chunks of a curve together, four of a size at a time, so that a curve of many seals does not become many rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select, text, update

from livetrain.server.series import Series
from livetrain.server.store import schema
from livetrain.server.store.bulk import execute_many
from livetrain.server.store.chunk import (
    PackedChunk,
    pack_chunks,
    split,
)
from livetrain.server.store.chunk_table import add_chunks, delete_chunks
from livetrain.server.store.parts import load_points
from livetrain.server.store.scene import ChunkRow, chunk_rows, in_slices

__all__ = ["MergePlan", "groups", "plan_merge", "write_merge"]

_SMALL: Final = 4096
"""Chunks with fewer points than this are put together with others."""
_TOGETHER: Final = 4
_CURVES: Final = 250
_POINTS: Final = 1 << 17


@dataclass(frozen=True, slots=True)
class _Merged:
    parents: Sequence[ChunkRow]
    chunks: Sequence[PackedChunk]


@dataclass(frozen=True, slots=True)
class MergePlan:
    """Chunks that take the place of others; and the curves that were looked at, with how many new chunks they had."""

    run_key: int
    merged: Sequence[_Merged]
    seen: dict[int, int]


def groups(chunks: Sequence[ChunkRow]) -> list[list[ChunkRow]]:
    """Return which chunks of one stream are put together, each group in order.

    Chunks of about one size wait until there are four of them, so that no point is written again more than some six times. One that
    is smaller than the one after it joins that one: it would wait for ever.
    """
    stack: list[list[ChunkRow]] = []
    for chunk in chunks:
        if chunk.points >= _SMALL or chunk.version == 1:
            stack.append([])  # nothing is put together over it
            continue
        stack.append([chunk])
        while True:
            if len(stack) > 1 and stack[-2] and _size(stack[-2]) < _size(stack[-1]):
                stack[-2:] = [stack[-2] + stack[-1]]
                continue
            top = stack[-_TOGETHER:]
            same = len(top) == _TOGETHER and all(top) and len({_size(group) for group in top}) == 1
            if not same or _points(top[0]) >= _SMALL:
                break
            stack[-_TOGETHER:] = [[chunk for group in top for chunk in group]]
    return [group for group in stack if len(group) > 1]


def _points(group: Sequence[ChunkRow]) -> int:
    return sum(chunk.points for chunk in group)


def _size(group: Sequence[ChunkRow]) -> int:
    """Return the size of a group as a power of four."""
    return (_points(group).bit_length() - 1) // 2


def plan_merge(connection: Connection, run_key: int) -> MergePlan | None:
    """Return what can be put together of some curves of a run, or None: nothing came since they were looked at last."""
    metrics = schema.metrics
    query = (
        select(metrics.c.key, metrics.c.fresh)
        .where(metrics.c.run_key == run_key, text("fresh >= 4"))
        .limit(_CURVES)
    )
    fresh = {int(key): int(count) for key, count in connection.execute(query)}
    if not fresh:
        return None
    merged: list[_Merged] = []
    seen: dict[int, int] = {}
    points = 0
    for metric_key, rows in chunk_rows(connection, list(fresh)).items():
        if points > _POINTS:
            break
        seen[metric_key] = fresh[metric_key]
        streams: dict[int, list[ChunkRow]] = {}
        for row in rows:
            streams.setdefault(row.stream_key, []).append(row)
        for chunks in streams.values():
            for group in groups(chunks):
                merged.append(_Merged(group, ()))
                points += _points(group)
    return MergePlan(run_key, _packed(connection, merged), seen)


def _packed(connection: Connection, merged: Sequence[_Merged]) -> list[_Merged]:
    parents = [chunk for one in merged for chunk in one.parents]
    points = {chunk.key: series for chunk, series in load_points(connection, parents)}
    found: list[_Merged] = []
    for one in merged:
        parts = [series for chunk in one.parents if (series := points[chunk.key]) is not None]
        if len(parts) == len(one.parents):  # what is damaged stays as it is
            packed = pack_chunks(list(split(Series.join(parts))))
            found.append(_Merged(one.parents, packed))
    return found


def write_merge(connection: Connection, plan: MergePlan) -> None:
    """Put the merged chunks in the place of the others."""
    chunks = schema.chunks
    keys = [chunk.key for one in plan.merged for chunk in one.parents]
    there = 0
    for some in in_slices(keys):
        query = select(func.count()).select_from(chunks).where(chunks.c.key.in_(some))
        there += int(connection.execute(query).scalar() or 0)
    if there != len(keys):
        return  # the run was deleted meanwhile
    delete_chunks(connection, keys)
    made: list[tuple[dict[str, Any], PackedChunk]] = []
    for one in plan.merged:
        first = one.parents[0]
        for place, chunk in enumerate(one.chunks, first.place):
            whose = {"metric_key": first.metric_key, "stream_key": first.stream_key, "place": place}
            made.append(({"run_key": plan.run_key, **whose}, chunk))
    add_chunks(connection, made)
    seen = [{"of": key, "count": count} for key, count in plan.seen.items()]
    execute_many(connection, _UPDATE_METRIC, seen)


_UPDATE_METRIC: Final = (
    update(schema.metrics)
    .where(schema.metrics.c.key == bindparam("of"))
    .values(fresh=schema.metrics.c.fresh - bindparam("count"))
)
