"""Committed records as they are read back."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from livetrain.server.store import schema

__all__ = ["StoredEvent", "read_events"]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A committed record; ``stream_id`` is empty and ``attempt`` 0 where the server itself spoke."""

    offset: int
    received_ms: int
    stream_id: str
    rank: int
    record: bytes
    attempt: int = 0
    clock_offset_us: int = 0


def read_events(
    connection: Connection,
    run_key: int,
    *,
    after: int,
    limit: int,
    notable: bool = False,
    steering: bool = False,
    newest: bool = False,
    max_bytes: int | None = None,
) -> list[StoredEvent]:
    """Return events of a run after an offset, in order; the arguments are those of `Reader.events`."""
    events, streams = schema.events, schema.streams
    order = events.c.offset.desc() if newest else events.c.offset
    query = (
        select(
            events.c.offset,
            events.c.received_ms,
            func.coalesce(streams.c.stream_id, ""),
            func.coalesce(streams.c.rank, 0),
            events.c.record,
            func.coalesce(streams.c.attempt, 0),
            events.c.clock_offset_us,
        )
        .select_from(events.outerjoin(streams, streams.c.key == events.c.stream_key))
        .where(events.c.run_key == run_key, events.c.offset > after)
        .order_by(order)
        .limit(limit)
    )
    if notable:
        query = query.where(events.c.notable)
    if steering:
        query = query.where(events.c.steering)
    found: list[StoredEvent] = []
    size = 0
    with connection.execute(query) as rows:
        for row in rows:
            found.append(StoredEvent(*row))
            size += len(found[-1].record)
            if max_bytes is not None and size >= max_bytes:
                break
    return found[::-1] if newest else found
