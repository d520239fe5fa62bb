"""Makes chunks of an earlier schema anew, and the summaries of curves that have none: a little at a time, while the server runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, update

from livetrain.server.store import schema
from livetrain.server.store.chunk import PackedChunk, pack_chunks, split
from livetrain.server.store.chunk_table import add_chunks, delete_chunks
from livetrain.server.store.parts import load_points
from livetrain.server.store.scene import ChunkRow, Metric, Scene, find_metrics, read_lineage
from livetrain.server.store.summaries import sealed_summaries

__all__ = [
    "RepairPlan",
    "UpgradePlan",
    "plan_repair",
    "plan_upgrade",
    "write_repair",
    "write_upgrade",
]

_CHUNKS: Final = 16
_CURVES: Final = 200


@dataclass(frozen=True, slots=True)
class UpgradePlan:
    """Chunks that take the place of older ones.

    Attributes:
        last: the key of the last older chunk that was looked at.
        made: for each older chunk its run, and what takes its place; nothing: it is damaged and stays.
    """

    last: int
    made: Sequence[tuple[int, ChunkRow, Sequence[PackedChunk]]]


def plan_upgrade(connection: Connection, after: int) -> UpgradePlan | None:
    """Return what takes the place of some older chunks whose keys are higher than one, or None: there are no more."""
    chunks = schema.chunks
    query = (
        select(chunks.c.run_key, *(chunks.c[name] for name in ChunkRow._fields))
        .where(chunks.c.version == 1, chunks.c.key > after)
        .order_by(chunks.c.key)
        .limit(_CHUNKS)
    )
    rows = [(int(row[0]), ChunkRow(*row[1:])) for row in connection.execute(query)]
    if not rows:
        return None
    made: list[tuple[int, ChunkRow, Sequence[PackedChunk]]] = []
    points = load_points(connection, [chunk for _, chunk in rows])
    for (run_key, _), (chunk, series) in zip(rows, points, strict=True):
        packed = pack_chunks(list(split(series))) if series is not None else []
        made.append((run_key, chunk, packed))
    return UpgradePlan(rows[-1][1].key, made)


def write_upgrade(connection: Connection, plan: UpgradePlan) -> None:
    """Put the chunks in the place of the older ones."""
    chunks = schema.chunks
    keys = [chunk.key for _, chunk, packed in plan.made if packed]
    still = set(connection.execute(select(chunks.c.key).where(chunks.c.key.in_(keys))).scalars())
    delete_chunks(connection, sorted(still))
    made: list[tuple[dict[str, Any], PackedChunk]] = []
    for run_key, chunk, packed in plan.made:
        if chunk.key not in still:
            continue  # the run was deleted meanwhile
        whose = {"metric_key": chunk.metric_key, "stream_key": chunk.stream_key}
        for place, one in enumerate(packed, chunk.place):
            made.append(({"run_key": run_key, **whose, "place": place}, one))
    add_chunks(connection, made)


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """Summaries of curves that had none; ``last`` is the key of the last curve that was looked at."""

    last: int
    summaries: Sequence[tuple[int, bytes]]


def plan_repair(connection: Connection, after: int) -> RepairPlan | None:
    """Return the summaries of some curves that have none and whose keys are higher than one, or None: there are no more."""
    metrics = schema.metrics
    query = (
        select(metrics.c.key, metrics.c.run_key, metrics.c.name)
        .where(metrics.c.summary.is_(None), metrics.c.key > after)
        .order_by(metrics.c.key)
        .limit(_CURVES)
    )
    rows = connection.execute(query).all()
    if not rows:
        return None
    by_run: dict[int, list[str]] = {}
    for _, run_key, name in rows:
        by_run.setdefault(run_key, []).append(name)
    made: list[tuple[int, bytes]] = []
    for run_key, names in by_run.items():
        scene = Scene(run_key, 0, 0, read_lineage(connection, run_key), ())
        found: dict[str, Metric] = find_metrics(connection, run_key, names)
        summaries = sealed_summaries(connection, scene, found.values())
        made += [(found[name].key, summary.pack()) for name, summary in summaries.items()]
    return RepairPlan(int(rows[-1][0]), made)


def write_repair(connection: Connection, plan: RepairPlan) -> None:
    """Write summaries, where there are none meanwhile."""
    if plan.summaries:
        connection.execute(
            _UPDATE_METRIC, [{"of": key, "made": summary} for key, summary in plan.summaries]
        )


_UPDATE_METRIC: Final = (
    update(schema.metrics)
    .where(schema.metrics.c.key == bindparam("of"), schema.metrics.c.summary.is_(None))
    .values(summary=bindparam("made"))
)
