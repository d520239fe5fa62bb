"""One moment of a run: what is in chunks, what is not yet, and which starts of its training count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from livetrain.server.series import Series
from livetrain.server.store import schema
from livetrain.server.store.lineage import Lineage, Start
from livetrain.server.store.tail import TailBlock
from livetrain.server.store.tails import Tails

__all__ = [
    "ChunkRow",
    "Metric",
    "Scene",
    "chunk_rows",
    "find_metrics",
    "in_slices",
    "look",
    "read_lineage",
]

_KEYS: Final = 500
"""So many keys or names stand in one statement."""


class Metric(NamedTuple):
    """A curve's row; ``sealed_offset`` says up to where its points are in chunks."""

    key: int
    name: str
    sealed_offset: int
    summary: bytes | None


class ChunkRow(NamedTuple):
    """A chunk; without its points, but where they are few."""

    key: int
    metric_key: int
    stream_key: int
    place: int
    version: int
    points: int
    first_step: int
    last_step: int
    first_us: int
    last_us: int
    ordered: bool
    step_width: int
    time_width: int
    summary: bytes | None
    data: bytes | None


_CHUNK_COLUMNS: Final = [schema.chunks.c[name] for name in ChunkRow._fields]


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment of a run.

    Attributes:
        run_key: the run's.
        sealed: up to this offset every point is in a chunk.
        last: the offset of the newest record.
        lineage: the starts of its training.
        blocks: the points after `sealed`.
    """

    run_key: int
    sealed: int
    last: int
    lineage: Lineage
    blocks: Sequence[TailBlock]

    def tail(self, name: str, sealed_offset: int) -> Iterator[tuple[int, Series]]:
        """Yield the points of a curve that are in no chunk, with the stream that logged them, in the order of the records."""
        after = max(self.sealed, sealed_offset)
        for block in self.blocks:
            for stream in block.curves:
                series = block.series(stream, name, after=after, last=self.last)
                if series is not None:
                    yield stream, series


def look(connection: Connection, run_key: int, tails: Tails) -> Scene:
    """Return how a run stands; what is read through this connection later is of the same moment."""
    runs = schema.runs
    row = connection.execute(
        select(runs.c.sealed_offset, runs.c.last_offset).where(runs.c.key == run_key)
    ).one_or_none()
    sealed, last = (0, 0) if row is None else (int(row[0]), int(row[1]))
    lineage = read_lineage(connection, run_key)
    blocks = tails.blocks(connection, run_key, after=sealed, last=last)
    return Scene(run_key, sealed, last, lineage, blocks)


def read_lineage(connection: Connection, run_key: int) -> Lineage:
    """Return the starts of a run's training."""
    streams = schema.streams
    query = select(streams.c.key, streams.c.rank, streams.c.attempt, streams.c.from_step).where(
        streams.c.run_key == run_key
    )
    return Lineage(Start(*row) for row in connection.execute(query))


def in_slices(keys: Sequence[int] | Sequence[str]) -> Iterator[Sequence[int] | Sequence[str]]:
    """Yield as many keys or names at a time as stand in one statement."""
    for start in range(0, len(keys), _KEYS):
        yield keys[start : start + _KEYS]


def find_metrics(connection: Connection, run_key: int, names: Sequence[str]) -> dict[str, Metric]:
    """Return the rows of curves by their names; those without one have no chunks."""
    metrics = schema.metrics
    found: dict[str, Metric] = {}
    for part in in_slices(names):
        query = select(
            metrics.c.key, metrics.c.name, metrics.c.sealed_offset, metrics.c.summary
        ).where(metrics.c.run_key == run_key, metrics.c.name.in_(part))
        for row in connection.execute(query):
            found[row[1]] = Metric(*row)
    return found


def chunk_rows(
    connection: Connection,
    metric_keys: Sequence[int],
    *,
    axis: str = "step",
    first: int | None = None,
    last: int | None = None,
) -> dict[int, list[ChunkRow]]:
    """Return the chunks of curves that reach into a window, by the curve's key, ordered by place."""
    chunks = schema.chunks
    begins, ends = (
        (chunks.c.first_step, chunks.c.last_step)
        if axis == "step"
        else (chunks.c.first_us, chunks.c.last_us)
    )
    found: dict[int, list[ChunkRow]] = {key: [] for key in metric_keys}
    for part in in_slices(metric_keys):
        query = select(*_CHUNK_COLUMNS).where(chunks.c.metric_key.in_(part))
        if first is not None:
            query = query.where(ends >= first)
        if last is not None:
            query = query.where(begins <= last)
        for row in connection.execute(query.order_by(chunks.c.place, chunks.c.key)):
            chunk = ChunkRow(*row)
            found[chunk.metric_key].append(chunk)
    return found
