"""What is written, on a connection whose transaction the journal holds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update

from livetrain.server.store import schema
from livetrain.server.store.bulk import execute_many, insert_many
from livetrain.server.store.chunk_table import delete_run_chunks
from livetrain.server.store.samples import add_samples, delete_samples
from livetrain.server.store.storable import is_of_values, storable

__all__ = [
    "Group",
    "add_run",
    "add_stream",
    "commit_group",
    "delete_slice",
    "insert_row",
    "mark_deleted",
    "mark_opened",
    "set_token",
]

_INSERT_EVENTS = insert(schema.events)
_STREAM_COLUMNS = (
    "durable_seq",
    "attempt",
    "from_step",
    "first_us",
    "steps",
    "step_name",
    "status",
    "message",
    "last_heard_ms",
    "clock_offset_us",
)
_UPDATE_STREAM = (
    update(schema.streams)
    .where(schema.streams.c.key == bindparam("of"))
    .values({name: bindparam(name) for name in _STREAM_COLUMNS})
)
_RUN_COLUMNS = (
    "name",
    "report",
    "status",
    "message",
    "ended_ms",
    "last_heard_ms",
    "steps",
    "epoch",
    "last_offset",
    "created_ms",
    "first_point_us",
    "traceback",
    "exit_code",
    "remarks",
    "search",
)
_UPDATE_RUN = (
    update(schema.runs)
    .where(schema.runs.c.key == bindparam("of"))
    .values({name: bindparam(name) for name in _RUN_COLUMNS})
)
_UPDATE_SETTINGS = (
    update(schema.runs)
    .where(schema.runs.c.key == bindparam("of"))
    .values(config=bindparam("config"), controls=bindparam("controls"))
)


@dataclass(slots=True)
class Group:
    """What one transaction commits: the data, each stream's watermark and each run's offset and state.

    Attributes:
        events: rows of the table ``events``.
        watermarks: the highest number of each stream by its key.
        runs: the state of each run by its key, as of its last event in here.
        streams: the same of each stream.
        samples: rows of the table ``samples``.
        origins: for each event whatever its giver wants to know again when it is committed.
        size: bytes of the records.
        mended: whether it holds only what any store can take.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    watermarks: dict[int, int] = field(default_factory=dict)
    runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    streams: dict[int, dict[str, Any]] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)
    origins: list[Any] = field(default_factory=list)
    size: int = 0
    mended: bool = False

    def mend(self, error: Exception) -> bool:
        """Replace what no store can take, once, if an error says that there is such; return whether it should be tried again."""
        if self.mended or not is_of_values(error):
            return False
        self.mended = True
        self.events = [storable(row) for row in self.events]
        self.samples = [storable(row) for row in self.samples]
        self.runs = {key: storable(row) for key, row in self.runs.items()}
        self.streams = {key: storable(row) for key, row in self.streams.items()}
        return True


def commit_group(connection: Connection, group: Group) -> None:
    """Write a group."""
    if group.events:
        insert_many(connection, _INSERT_EVENTS, group.events)
    if group.samples:
        add_samples(connection, group.samples)
    if group.streams:
        rows = [
            {"of": key, **row, "durable_seq": group.watermarks.get(key, row["durable_seq"])}
            for key, row in group.streams.items()
        ]
        execute_many(connection, _UPDATE_STREAM, rows)
    if group.runs:
        rows = [{"of": key, **row} for key, row in group.runs.items()]
        settled = [row for row in rows if "config" in row]
        if settled:
            execute_many(
                connection,
                _UPDATE_SETTINGS,
                [{name: row[name] for name in ("of", "config", "controls")} for row in settled],
            )
        for row in settled:
            del row["config"], row["controls"]
        execute_many(connection, _UPDATE_RUN, rows)


def insert_row(connection: Connection, table: Table, row: Mapping[str, Any]) -> int:
    """Add a row and return the key that the database gave it."""
    key = connection.execute(insert(table).values(**row)).inserted_primary_key
    assert key is not None
    return int(key[0])


def add_run(connection: Connection, row: Mapping[str, Any]) -> int:
    """Add a run and return its key."""
    return insert_row(connection, schema.runs, row)


def add_stream(connection: Connection, row: Mapping[str, Any]) -> int:
    """Add a stream of a run and return its key.

    One that is there and was never opened takes the new token: whoever wrote it did not learn that it was written.

    Raises:
        ValueError: it is there and was opened.
    """
    streams = schema.streams
    known = connection.execute(
        select(streams.c.key, streams.c.opened).where(
            streams.c.run_key == row["run_key"], streams.c.stream_id == row["stream_id"]
        )
    ).one_or_none()
    if known is None:
        return insert_row(connection, streams, row)
    if known.opened:
        raise ValueError(f"stream {row['stream_id']!r} was opened already")
    connection.execute(update(streams).where(streams.c.key == known.key).values(**row))
    return int(known.key)


def set_token(connection: Connection, stream_key: int, token_hash: str) -> None:
    """Give a stream another token."""
    connection.execute(
        update(schema.streams)
        .where(schema.streams.c.key == stream_key)
        .values(token_hash=token_hash)
    )


def mark_opened(connection: Connection, stream_keys: Sequence[int]) -> None:
    """Note that streams were opened: from now on they are resumed with their token only."""
    connection.execute(
        update(schema.streams).where(schema.streams.c.key.in_(stream_keys)).values(opened=True)
    )


def mark_deleted(connection: Connection, run_key: int) -> None:
    """Take a run out of every answer at once, and its session out of use; its rows go by :func:`delete_slice`."""
    runs = schema.runs
    session = connection.execute(select(runs.c.session_hash).where(runs.c.key == run_key)).scalar()
    connection.execute(update(runs).where(runs.c.key == run_key).values(deleted=True))
    gone = schema.deleted_sessions
    if (
        session is not None
        and not connection.execute(
            select(func.count()).select_from(gone).where(gone.c.session_hash == session)
        ).scalar()
    ):
        connection.execute(
            insert(gone).values(session_hash=session, deleted_ms=int(time.time() * 1000))
        )


def delete_slice(connection: Connection, run_key: int, rows: int) -> bool:
    """Remove up to ``rows`` rows of a deleted run; return whether everything is gone, the run's own row too."""
    events, metrics = schema.events, schema.metrics
    bound = connection.execute(
        select(events.c.offset)
        .where(events.c.run_key == run_key)
        .order_by(events.c.offset)
        .limit(1)
        .offset(rows)
    ).scalar()
    doomed = delete(events).where(events.c.run_key == run_key)
    connection.execute(doomed if bound is None else doomed.where(events.c.offset < bound))
    if bound is not None:
        return False
    if delete_run_chunks(connection, run_key, small=max(1, rows // 5), large=max(1, rows // 50)):
        return False
    if delete_samples(connection, run_key, limit=max(1, rows // 500)):
        return False
    names = select(metrics.c.key).where(metrics.c.run_key == run_key).limit(rows)
    if connection.execute(delete(metrics).where(metrics.c.key.in_(names))).rowcount:
        return False
    connection.execute(delete(schema.streams).where(schema.streams.c.run_key == run_key))
    published = schema.publications
    connection.execute(delete(published).where(published.c.run_key == run_key))
    connection.execute(delete(schema.runs).where(schema.runs.c.key == run_key))
    return True
