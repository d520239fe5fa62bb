"""Turns the oldest events of a run into chunks of its curves, and forgets events that nobody can ask for any more."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, delete, insert, select, update

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.points import points
from livetrain.server.store import schema
from livetrain.server.store.chunks import Columns, pack, rollup
from livetrain.server.store.statements import insert_row

__all__ = ["Tail", "chunk_row", "columns_of", "seal", "tail", "trim"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tail:
    """The curves of events that are in no chunk yet; ``last_offset`` is the newest of them, or 0."""

    curves: dict[str, Columns]
    last_offset: int


def tail(connection: Connection, run_key: int, after: int, *, limit: int | None = None) -> Tail:
    """Read the events after an offset as curves."""
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
    # Arrays, not lists: a number in a list takes four times the memory, and several threads may read at once.
    found: dict[str, tuple[array[int], array[float], array[int]]] = {}
    last = 0
    for offset, stream_key, received_ms, clock_offset_us, record in connection.execute(query):
        last = offset
        message = pb.TelemetryRequest.FromString(record)
        for name, step, value, time_us in points(
            message,
            received_ms=received_ms,
            rank=ranks.get(stream_key, 0),
            clock_offset_us=clock_offset_us,
        ):
            steps, values, times = found.setdefault(name, (array("q"), array("d"), array("q")))
            steps.append(step)
            values.append(value)
            times.append(time_us)
    return Tail({name: columns_of(*lists) for name, lists in found.items()}, last)


def columns_of(steps: Sequence[int], values: Sequence[float], times_us: Sequence[int]) -> Columns:
    """Return numbers as columns."""
    return Columns(
        np.array(steps, np.int64), np.array(values, np.float64), np.array(times_us, np.int64)
    )


def seal(connection: Connection, run_key: int, *, events: int, max_metrics: int) -> int:
    """Turn the oldest unsealed events of a run into one chunk a curve, and return the offset up to which that is done.

    Args:
        connection: within a transaction.
        run_key: the run's.
        events: how many to take.
        max_metrics: how many curves a run may have; points of further ones are dropped.
    """
    runs = schema.runs
    sealed = int(
        connection.execute(select(runs.c.sealed_offset).where(runs.c.key == run_key)).scalar() or 0
    )
    fresh = tail(connection, run_key, sealed, limit=events)
    if not fresh.last_offset:
        return sealed
    metrics = schema.metrics
    keys: dict[str, int] = dict(
        connection.execute(
            select(metrics.c.name, metrics.c.key).where(metrics.c.run_key == run_key)
        ).all()
    )
    rows = []
    for name, curve in fresh.curves.items():
        metric_key = keys.get(name)
        if metric_key is None:
            if len(keys) >= max_metrics:
                log.warning(
                    "run %s has more than %s metrics: %r is not kept", run_key, max_metrics, name
                )
                continue
            metric_key = insert_row(connection, metrics, {"run_key": run_key, "name": name})
            keys[name] = metric_key
        rows.append(chunk_row(run_key, metric_key, curve))
    if rows:
        connection.execute(insert(schema.chunks), rows)
    connection.execute(
        update(runs).where(runs.c.key == run_key).values(sealed_offset=fresh.last_offset)
    )
    return fresh.last_offset


def chunk_row(run_key: int, metric_key: int, curve: Columns) -> dict[str, object]:
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
