"""Turns the points of a run's oldest records into chunks of its curves, some curves at a time.

What costs time, reading and packing, is done beside the thread that writes; what is written at a time is small. Each curve's row
says up to where its points are in chunks, so that a question is answered rightly between two pieces, and also after the server was
killed there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from livetrain.server.series import Series
from livetrain.server.store import schema
from livetrain.server.store.bulk import execute_many
from livetrain.server.store.chunk import PackedChunk, pack_chunks, split
from livetrain.server.store.chunk_table import add_chunks
from livetrain.server.store.scene import Metric, Scene, find_metrics, look, read_lineage
from livetrain.server.store.summaries import sealed_summaries
from livetrain.server.store.summary import Summary
from livetrain.server.store.tail import TailBlock
from livetrain.server.store.tails import Tails

__all__ = [
    "SealPlan",
    "SealSlice",
    "finish_seal",
    "plan_seal",
    "prepare_slice",
    "trim",
    "write_slice",
]

_SLICE_CURVES: Final = 1000
_SLICE_POINTS: Final = 1 << 17
_MOST_POINTS: Final = 1 << 21
"""So many points are taken from the tail at most before the rest has to wait."""
_SPLITS: Final = 4096
"""Places between two offsets: a curve's points of one record may be several chunks."""


@dataclass(frozen=True, slots=True)
class SealPlan:
    """What is to be turned into chunks: the points of the records after an offset up to and including another.

    Attributes:
        run_key: the run's.
        after: the offset before the first record.
        last: the offset of the last.
        records: how many these are.
        record_bytes: how many bytes they have.
        block: their points.
    """

    run_key: int
    after: int
    last: int
    records: int
    record_bytes: int
    block: TailBlock

    def slices(self) -> Iterator[list[str]]:
        """Yield the names of the curves that are turned into chunks together."""
        sizes: dict[str, int] = {}
        points_of = np.diff(self.block.bounds).tolist()
        for places in self.block.curves.values():
            for name, place in places.items():
                sizes[name] = sizes.get(name, 0) + points_of[place]
        names: list[str] = []
        points = 0
        for name, size in sizes.items():
            if names and (len(names) >= _SLICE_CURVES or points + size > _SLICE_POINTS):
                yield names
                names, points = [], 0
            names.append(name)
            points += size
        if names:
            yield names


@dataclass(frozen=True, slots=True)
class _Sealed:
    """The chunks of one curve after an offset, each with the stream that logged it and its place; None: the curve is new."""

    name: str
    after: int | None
    summary: bytes
    chunks: Sequence[tuple[int, int, PackedChunk]]


@dataclass(frozen=True, slots=True)
class SealSlice:
    """Some curves whose chunks are made and have to be written."""

    run_key: int
    after: int
    last: int
    curves: Sequence[_Sealed]


def plan_seal(connection: Connection, run_key: int, tails: Tails) -> SealPlan | None:
    """Return what can be turned into chunks now, or None: there is nothing."""
    scene = look(connection, run_key, tails)
    blocks: list[TailBlock] = []
    for block in scene.blocks:
        if blocks and sum(map(len, blocks)) + len(block) > _MOST_POINTS:
            break
        if block.after < scene.last:
            blocks.append(block)
    if not blocks:
        return None
    last = min(blocks[-1].last, scene.last)
    events = schema.events
    count, size = connection.execute(
        select(func.count(), func.coalesce(func.sum(func.length(events.c.record)), 0)).where(
            events.c.run_key == run_key, events.c.offset > scene.sealed, events.c.offset <= last
        )
    ).one()
    block = TailBlock.join(blocks)
    return SealPlan(run_key, scene.sealed, last, int(count), int(size), block)


def prepare_slice(connection: Connection, plan: SealPlan, names: Sequence[str]) -> SealSlice:
    """Make the chunks of some curves."""
    lineage = read_lineage(connection, plan.run_key)
    scene = Scene(plan.run_key, plan.after, plan.last, lineage, [plan.block])
    metrics = find_metrics(connection, plan.run_key, names)
    summaries = sealed_summaries(connection, scene, metrics.values())
    pieces: list[tuple[str, int, Series]] = []
    for name in names:
        metric = metrics.get(name)
        if metric is not None and metric.sealed_offset >= plan.last:
            continue  # written before the server was killed
        for stream, series in scene.tail(name, metric.sealed_offset if metric is not None else 0):
            pieces += ((name, stream, piece) for piece in split(series))
    packed = pack_chunks([series for _, _, series in pieces])
    made: dict[str, list[tuple[int, int, PackedChunk]]] = {}
    for (name, stream, series), chunk in zip(pieces, packed, strict=True):
        chunks = made.setdefault(name, [])
        chunks.append((stream, (plan.after + 1) * _SPLITS + len(chunks), chunk))
        summary = summaries.setdefault(name, _new_summary(scene, stream, name))
        _count(scene, summary, name, stream, series, chunk)
    curves = [
        _Sealed(name, _sealed_offset(metrics.get(name)), summaries[name].pack(), chunks)
        for name, chunks in made.items()
    ]
    return SealSlice(plan.run_key, plan.after, plan.last, curves)


def _sealed_offset(metric: Metric | None) -> int | None:
    return None if metric is None else metric.sealed_offset


def _new_summary(scene: Scene, stream: int, name: str) -> Summary:
    rank = scene.lineage.rank_of(stream, name)
    return Summary(rank=rank, signature=scene.lineage.signature(rank))


def _count(
    scene: Scene, summary: Summary, name: str, stream: int, series: Series, chunk: PackedChunk
) -> None:
    """Count points in a summary, as far as they count."""
    end, bucket = scene.lineage.end_of(stream, name), None
    if end is None or chunk.row["last_step"] < end:
        bucket = chunk.bucket
    else:
        series = series.between(None, end - 1)
    if len(series):
        newest = scene.lineage.is_newer(stream, summary.stream)
        summary.add(stream, series, bucket=bucket, newest=newest)


def write_slice(connection: Connection, made: SealSlice) -> bool:
    """Write the chunks of some curves; return whether that was possible.

    The run may be gone, or somebody else may have packed it: it was forgotten, and loaded anew meanwhile.
    """
    runs, metrics = schema.runs, schema.metrics
    sealed = connection.execute(
        select(runs.c.sealed_offset).where(runs.c.key == made.run_key, runs.c.deleted.is_(False))
    ).scalar()
    if sealed != made.after:
        return False
    known = find_metrics(connection, made.run_key, [curve.name for curve in made.curves])
    if any(curve.after != _sealed_offset(known.get(curve.name)) for curve in made.curves):
        return False
    top = connection.execute(select(func.max(metrics.c.key))).scalar() or 0
    new = [curve.name for curve in made.curves if curve.after is None]
    execute_many(
        connection, insert(metrics), [{"run_key": made.run_key, "name": name} for name in new]
    )
    added = select(metrics.c.name, metrics.c.key).where(
        metrics.c.key > top, metrics.c.run_key == made.run_key
    )
    keys: dict[str, int] = dict(connection.execute(added).all()) if new else {}
    keys |= {name: metric.key for name, metric in known.items()}
    chunks: list[tuple[dict[str, Any], PackedChunk]] = []
    updates: list[dict[str, Any]] = []
    for curve in made.curves:
        key = keys[curve.name]
        for stream, place, chunk in curve.chunks:
            whose = {"metric_key": key, "stream_key": stream, "place": place}
            chunks.append(({"run_key": made.run_key, **whose}, chunk))
        updates.append(
            {
                "of": key,
                "offset": made.last,
                "count": len(curve.chunks),
                "made": curve.summary,
            }
        )
    add_chunks(connection, chunks)
    execute_many(connection, _UPDATE_METRIC, updates)
    return True


_UPDATE_METRIC: Final = (
    update(schema.metrics)
    .where(schema.metrics.c.key == bindparam("of"))
    .values(
        sealed_offset=bindparam("offset"),
        fresh=schema.metrics.c.fresh + bindparam("count"),
        summary=bindparam("made"),
    )
)


def finish_seal(connection: Connection, plan: SealPlan) -> None:
    """Note that everything that was planned is in chunks."""
    runs = schema.runs
    connection.execute(
        update(runs)
        .where(runs.c.key == plan.run_key, runs.c.sealed_offset == plan.after)
        .values(sealed_offset=plan.last)
    )


def trim(connection: Connection, run_key: int, keep: int) -> int:
    """Forget the numbers among sealed events but for the newest ``keep``, and return up to where that is done.

    Epochs, status changes, logs and the like stay: they are in no curve.
    """
    runs, events = schema.runs, schema.events
    row = connection.execute(
        select(runs.c.last_offset, runs.c.sealed_offset, runs.c.trimmed_offset).where(
            runs.c.key == run_key
        )
    ).one_or_none()
    if row is None:
        return 0
    bound = min(row.sealed_offset, row.last_offset - keep)
    if bound <= row.trimmed_offset:
        return int(row.trimmed_offset)
    connection.execute(
        delete(events).where(
            events.c.run_key == run_key,
            events.c.offset > row.trimmed_offset,
            events.c.offset <= bound,
            events.c.notable.is_(False),
        )
    )
    connection.execute(update(runs).where(runs.c.key == run_key).values(trimmed_offset=bound))
    return int(bound)
