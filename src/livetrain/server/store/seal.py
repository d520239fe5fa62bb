"""Turns the oldest events of a run into chunks of its curves, and forgets events that nobody can ask for any more."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.points import read_points
from livetrain.server.series import Series
from livetrain.server.store import schema
from livetrain.server.store.chunks import pack, rollup
from livetrain.server.store.statements import insert_row
from livetrain.server.store.tail import Gatherer, TailBlock

__all__ = ["chunk_row", "curves_of", "seal", "tail", "trim"]


def tail(
    connection: Connection, run_key: int, after: int, *, limit: int | None = None
) -> TailBlock:
    """Read the points of the events after an offset."""
    events, streams = schema.events, schema.streams
    ranks = dict(
        connection.execute(
            select(streams.c.key, streams.c.rank).where(streams.c.run_key == run_key)
        ).all()
    )
    query = (
        select(
            events.c.offset,
            events.c.stream_key,
            events.c.received_ms,
            events.c.clock_offset_us,
            events.c.record,
        )
        .where(events.c.run_key == run_key, events.c.offset > after)
        .order_by(events.c.offset)
        .limit(limit)
    )
    gatherer, last = Gatherer(after), after
    for offset, stream_key, received_ms, clock_offset_us, record in connection.execute(query):
        last = offset
        gatherer.begin(stream_key, offset)
        read_points(
            pb.TelemetryRequest.FromString(record),
            gatherer,
            received_ms=received_ms,
            rank=ranks.get(stream_key, 0),
            clock_offset_us=clock_offset_us,
        )
    return gatherer.finish(last)


def curves_of(block: TailBlock) -> dict[str, Series]:
    """Return the curves of a block by name, those of several streams one after the other."""
    found: dict[str, list[Series]] = {}
    for stream, places in block.curves.items():
        for name in places:
            series = block.series(stream, name)
            if series is not None:
                found.setdefault(name, []).append(series)
    return {name: Series.join(parts) for name, parts in found.items()}


def seal(connection: Connection, run_key: int, *, events: int) -> int:
    """Turn the oldest unsealed events of a run into one chunk a curve, and return the offset up to which that is done.

    Args:
        connection: within a transaction.
        run_key: the run's.
        events: how many to take.
    """
    runs = schema.runs
    sealed = int(
        connection.execute(select(runs.c.sealed_offset).where(runs.c.key == run_key)).scalar() or 0
    )
    fresh = tail(connection, run_key, sealed, limit=events)
    if fresh.last == sealed:
        return sealed
    metrics = schema.metrics
    keys: dict[str, int] = dict(
        connection.execute(
            select(metrics.c.name, metrics.c.key).where(metrics.c.run_key == run_key)
        ).all()
    )
    rows = []
    for name, curve in curves_of(fresh).items():
        metric_key = keys.get(name)
        if metric_key is None:
            metric_key = insert_row(connection, metrics, {"run_key": run_key, "name": name})
            keys[name] = metric_key
        rows.append(chunk_row(run_key, metric_key, curve))
    if rows:
        connection.execute(insert(schema.chunks), rows)
    connection.execute(update(runs).where(runs.c.key == run_key).values(sealed_offset=fresh.last))
    return fresh.last


def chunk_row(run_key: int, metric_key: int, curve: Series) -> dict[str, object]:
    """Return a stretch of a curve as a row of the table ``chunks``."""
    return {
        "run_key": run_key,
        "metric_key": metric_key,
        "first_step": int(curve.steps.min()),
        "last_step": int(curve.steps.max()),
        "points": len(curve),
        "rollup": rollup(curve),
        "data": pack(curve),
    }


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
