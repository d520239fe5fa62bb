"""Reads where curves stand: from their rows, which are brought up to date with the points that are in no chunk yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from livetrain.server.series import Series
from livetrain.server.store import schema
from livetrain.server.store.chunk import summary_row
from livetrain.server.store.packing import CorruptError
from livetrain.server.store.parts import load_points
from livetrain.server.store.scene import ChunkRow, Metric, Scene, chunk_rows, find_metrics
from livetrain.server.store.summary import Summary

__all__ = ["MetricPage", "list_names", "read_page", "read_summaries", "sealed_summaries"]

_MANY: Final = 5000
"""From so many names on all names of the run are read at once."""


@dataclass(frozen=True, slots=True)
class MetricPage:
    """Some of a run's curves.

    Attributes:
        summaries: by name, in the order of the names.
        total: how many curves there are that fit the search.
        more: whether there are further ones after these.
    """

    summaries: dict[str, Summary]
    total: int
    more: bool


def list_names(connection: Connection, scene: Scene) -> list[str]:
    """Return the names of all curves of a run, sorted."""
    metrics = schema.metrics
    query = select(metrics.c.name).where(metrics.c.run_key == scene.run_key)
    known = set(connection.execute(query).scalars())
    for block in scene.blocks:
        if block.after < scene.last:
            known.update(block.names())
    return sorted(known)


def read_page(
    connection: Connection, scene: Scene, *, search: str, after: str | None, limit: int
) -> MetricPage:
    """Return some curves by name.

    Args:
        connection: to read from.
        scene: the moment.
        search: is part of the names that are wanted, whatever the case of its letters; empty: all.
        after: the name before the first; None: from the first on.
        limit: at most so many.
    """
    metrics = schema.metrics
    of_run = metrics.c.run_key == scene.run_key
    stored_count = int(
        connection.execute(select(func.count()).select_from(metrics).where(of_run)).scalar() or 0
    )
    if search:
        wanted = search.casefold()
        names = [name for name in list_names(connection, scene) if wanted in name.casefold()]
        total = len(names)
        names = [name for name in names if after is None or name > after][: limit + 1]
    else:
        fresh = _fresh_names(connection, scene, stored_count)
        total = stored_count + len(fresh)
        query = select(metrics.c.name).where(of_run).order_by(metrics.c.name).limit(limit + 1)
        if after is not None:
            query = query.where(metrics.c.name > after)
        stored = connection.execute(query).scalars().all()
        later = [name for name in fresh if after is None or name > after]
        names = sorted({*stored, *later})[: limit + 1]
    more = len(names) > limit
    return MetricPage(read_summaries(connection, scene, names[:limit]), total, more)


def _fresh_names(connection: Connection, scene: Scene, stored_count: int) -> set[str]:
    """Return the names of curves that are in no chunk yet.

    Args:
        connection: to read from.
        scene: the moment.
        stored_count: how many curves have a row. Rows are only added: as long as there are as many, they are the same.
    """
    found: set[str] = set()
    for block in scene.blocks:
        if block.after < scene.last:
            found |= block.recall(stored_count, lambda names: _unknown(connection, scene, names))
    return found


def _unknown(connection: Connection, scene: Scene, names: set[str]) -> frozenset[str]:
    """Return those of some names that no row has."""
    if len(names) < _MANY:
        return frozenset(names.difference(find_metrics(connection, scene.run_key, sorted(names))))
    metrics = schema.metrics
    query = select(metrics.c.name).where(metrics.c.run_key == scene.run_key)
    return frozenset(names.difference(connection.execute(query).scalars()))


def read_summaries(
    connection: Connection, scene: Scene, names: Sequence[str]
) -> dict[str, Summary]:
    """Return where curves stand, by name; one that the run does not have is left out.

    One of which a later start has replaced every point has none that counts.
    """
    metrics = find_metrics(connection, scene.run_key, names)
    sealed = sealed_summaries(connection, scene, metrics.values())
    found: dict[str, Summary] = {}
    for name in names:
        metric = metrics.get(name)
        summary = sealed.get(name)
        for stream, series in _counting_tail(scene, name, metric):
            if summary is None:
                summary = Summary()
            if not len(series):
                continue
            summary.add(stream, series, newest=scene.lineage.is_newer(stream, summary.stream))
        if summary is not None:
            summary.attempt = scene.lineage.attempt_of(summary.stream)
            found[name] = summary
    return found


def _counting_tail(scene: Scene, name: str, metric: Metric | None) -> Iterable[tuple[int, Series]]:
    for stream, series in scene.tail(name, metric.sealed_offset if metric is not None else 0):
        end = scene.lineage.end_of(stream, name)
        if end is not None:
            series = series.between(None, end - 1)
        yield stream, series


def sealed_summaries(
    connection: Connection, scene: Scene, metrics: Iterable[Metric]
) -> dict[str, Summary]:
    """Return what is known of the points in chunks, by name; where the rows do not say it, it is made anew from the chunks."""
    found: dict[str, Summary] = {}
    stale: list[Metric] = []
    for metric in metrics:
        summary = Summary.unpack(metric.summary)
        if summary is None or summary.signature != scene.lineage.signature(summary.rank):
            stale.append(metric)
        else:
            found[metric.name] = summary
    if stale:
        chunks = chunk_rows(connection, [metric.key for metric in stale])
        for metric in stale:
            found[metric.name] = _summarize(connection, scene, metric.name, chunks[metric.key])
    return found


def _summarize(
    connection: Connection, scene: Scene, name: str, chunks: Sequence[ChunkRow]
) -> Summary:
    lineage = scene.lineage
    rank = lineage.rank_of(chunks[0].stream_key if chunks else 0, name)
    summary = Summary(rank=rank, signature=lineage.signature(rank))
    counting: list[tuple[ChunkRow, int | None]] = []
    for chunk in sorted(
        chunks, key=lambda c: (lineage.attempt_of(c.stream_key), c.stream_key, c.place, c.key)
    ):
        end = lineage.end_of(chunk.stream_key, name)
        if end is None or chunk.first_step < end:
            counting.append((chunk, end))
    # The newest point is that of the last chunk: it and those that are cut are read.
    read = [
        (chunk, end)
        for chunk, end in counting[:-1]
        if (end is not None and chunk.last_step >= end) or not _add_summary(summary, chunk)
    ]
    read += counting[-1:]
    points = load_points(connection, [chunk for chunk, _ in read])
    for (chunk, series), (_, end) in zip(points, read, strict=True):
        if series is None:
            continue
        if end is not None:
            series = series.between(None, end - 1)
        if len(series):
            summary.add(chunk.stream_key, series)
    return summary


def _add_summary(summary: Summary, chunk: ChunkRow) -> bool:
    if chunk.summary is None:
        return False
    try:
        (bucket,) = summary_row(chunk.summary, "step").tolist()
    except CorruptError:
        return False
    summary.add_bucket(bucket)
    return True
