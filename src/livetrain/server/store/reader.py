"""What is read back. Every function takes its own connection, off the event loop, and sees one moment of the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, RowMapping, and_, func, select

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.series import Series
from livetrain.server.store import schema
from livetrain.server.store.chunks import unpack
from livetrain.server.store.grid import Window
from livetrain.server.store.question import Buckets, Curve, Question, answer, cut
from livetrain.server.store.run_search import RunCursor, RunFilter, count_runs, find_runs
from livetrain.server.store.samples import list_samples, read_picture
from livetrain.server.store.seal import curves_of, tail

__all__ = ["Reader", "StoredEvent"]

_NEWEST = 100


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


class Reader:
    """Questions to the store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(
        self, *, run_id: str | None = None, session_hash: str | None = None
    ) -> RowMapping | None:
        """Return the row of a run, by its id or its session (the newest of that session), or None."""
        runs = schema.runs
        which = (
            runs.c.run_id == run_id if run_id is not None else runs.c.session_hash == session_hash
        )
        query = (
            select(runs)
            .where(which, runs.c.deleted.is_(False))
            .order_by(runs.c.key.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            return connection.execute(query).mappings().one_or_none()

    def runs(self, *, limit: int, before: int | None) -> Sequence[RowMapping]:
        """Return runs, newest first; ``before``: older than the run with this key."""
        runs = schema.runs
        query = (
            select(runs).where(runs.c.deleted.is_(False)).order_by(runs.c.key.desc()).limit(limit)
        )
        if before is not None:
            query = query.where(runs.c.key < before)
        with self._engine.connect() as connection:
            return connection.execute(query).mappings().all()

    def search_runs(
        self, wanted: RunFilter, *, limit: int, before: RunCursor | None
    ) -> tuple[Sequence[RowMapping], int]:
        """Return a page of the runs that are wanted, and how many there are in all."""
        with self._engine.connect() as connection:
            found = find_runs(connection, wanted, limit=limit, before=before)
            return found, count_runs(connection, wanted)

    def streams_of(self, run_keys: Sequence[int]) -> dict[int, list[RowMapping]]:
        """Return the streams of several runs."""
        streams = schema.streams
        query = select(streams).where(streams.c.run_key.in_(run_keys)).order_by(streams.c.key)
        found: dict[int, list[RowMapping]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query).mappings():
                found.setdefault(row["run_key"], []).append(row)
        return found

    def doomed_runs(self) -> list[int]:
        """Return the keys of runs whose deletion was cut short."""
        runs = schema.runs
        with self._engine.connect() as connection:
            return list(
                connection.execute(select(runs.c.key).where(runs.c.deleted.is_(True))).scalars()
            )

    def ended_before(self, unix_ms: int, *, limit: int) -> list[tuple[int, str]]:
        """Return key and id of runs of which nothing came since a time, however long ago they ran."""
        runs, events = schema.runs, schema.events
        came_ms = func.coalesce(events.c.received_ms, runs.c.last_heard_ms)
        query = (
            select(runs.c.key, runs.c.run_id)
            .select_from(
                runs.outerjoin(
                    events,
                    and_(events.c.run_key == runs.c.key, events.c.offset == runs.c.last_offset),
                )
            )
            .where(
                runs.c.deleted.is_(False),
                runs.c.last_heard_ms < unix_ms,
                runs.c.created_ms < unix_ms,
                came_ms < unix_ms,
            )
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [(int(key), str(run_id)) for key, run_id in connection.execute(query)]

    def session_deleted(self, session_hash: str) -> bool:
        """Was a run of this session deleted?"""
        gone = schema.deleted_sessions
        with self._engine.connect() as connection:
            query = select(gone.c.session_hash).where(gone.c.session_hash == session_hash)
            return connection.execute(query).scalar() is not None

    def streams(self, run_key: int) -> Sequence[RowMapping]:
        """Return the streams of a run."""
        query = (
            select(schema.streams)
            .where(schema.streams.c.run_key == run_key)
            .order_by(schema.streams.c.key)
        )
        with self._engine.connect() as connection:
            return connection.execute(query).mappings().all()

    def newest_of_stream(self, run_key: int, stream_key: int) -> list[pb.TelemetryRequest]:
        """Return the last records of a stream that are still there, oldest first."""
        events = schema.events
        query = (
            select(events.c.record)
            .where(events.c.run_key == run_key, events.c.stream_key == stream_key)
            .order_by(events.c.offset.desc())
            .limit(_NEWEST)
        )
        with self._engine.connect() as connection:
            records = list(connection.execute(query).scalars())
        return [pb.TelemetryRequest.FromString(record) for record in reversed(records)]

    def unsealed(self, run_key: int) -> tuple[int, int]:
        """Return how many events of a run are in no chunk, and their bytes."""
        events, runs = schema.events, schema.runs
        query = (
            select(func.count(), func.coalesce(func.sum(func.length(events.c.record)), 0))
            .select_from(events.join(runs, runs.c.key == events.c.run_key))
            .where(events.c.run_key == run_key, events.c.offset > runs.c.sealed_offset)
        )
        with self._engine.connect() as connection:
            count, size = connection.execute(query).one()
            return int(count), int(size)

    def events(
        self,
        run_key: int,
        *,
        after: int,
        limit: int,
        notable: bool = False,
        steering: bool = False,
        newest: bool = False,
    ) -> list[StoredEvent]:
        """Return events after an offset, in order.

        Args:
            run_key: the run's.
            after: the offset.
            limit: at most so many.
            notable: only epochs, status changes, logs and the like.
            steering: only commands and what became of them.
            newest: the last ``limit`` of them, not the first.
        """
        with self._engine.connect() as connection:
            return _events(
                connection,
                run_key,
                after=after,
                limit=limit,
                notable=notable,
                steering=steering,
                newest=newest,
            )

    def samples(self, run_key: int, *, limit: int, before: int | None) -> Sequence[RowMapping]:
        """Return samples without their pictures, newest first; `before`: older than the one with this key."""
        with self._engine.connect() as connection:
            return list_samples(connection, run_key, limit=limit, before=before)

    def picture(self, run_key: int, sample_id: str) -> tuple[str, bytes] | None:
        """Return a sample's picture and its format, ``jpeg`` or ``png``, or None where there is none."""
        with self._engine.connect() as connection:
            return read_picture(connection, run_key, sample_id)

    def metric_names(self, run_key: int) -> list[str]:
        """Return the names of a run's curves, sorted."""
        with self._engine.connect() as connection:
            return sorted({*_metric_keys(connection, run_key), *_tail(connection, run_key)})

    def curves(
        self,
        run_key: int,
        *,
        names: Sequence[str] | None = None,
        question: Question,
    ) -> dict[str, Curve | Buckets]:
        """Return curves by name.

        Args:
            run_key: the run's.
            names: which; None: all. A name that the run does not have gives an empty curve.
            question: which of their points, and how.
        """
        with self._engine.connect() as connection:
            return _curves(connection, run_key, names, question)

    def snapshot(
        self, run_key: int, *, points: int, recent: int
    ) -> tuple[int, dict[str, Curve], list[StoredEvent]]:
        """Return the last offset, every curve and the last notable events, all of one moment."""
        with self._engine.connect() as connection:
            offset = connection.execute(
                select(schema.runs.c.last_offset).where(schema.runs.c.key == run_key)
            ).scalar()
            curves = _curves(connection, run_key, None, Question(points=points))
            return (
                int(offset or 0),
                {name: curve for name, curve in curves.items() if isinstance(curve, Curve)},
                _events(connection, run_key, after=0, limit=recent, notable=True, newest=True),
            )


def _events(
    connection: Connection,
    run_key: int,
    *,
    after: int,
    limit: int,
    notable: bool = False,
    steering: bool = False,
    newest: bool = False,
) -> list[StoredEvent]:
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
    found = [StoredEvent(*row) for row in connection.execute(query)]
    return found[::-1] if newest else found


def _metric_keys(connection: Connection, run_key: int) -> dict[str, int]:
    metrics = schema.metrics
    query = select(metrics.c.name, metrics.c.key).where(metrics.c.run_key == run_key)
    return dict(connection.execute(query).all())


def _tail(connection: Connection, run_key: int) -> dict[str, Series]:
    sealed = connection.execute(
        select(schema.runs.c.sealed_offset).where(schema.runs.c.key == run_key)
    ).scalar()
    return {} if sealed is None else curves_of(tail(connection, run_key, int(sealed)))


def _curves(
    connection: Connection, run_key: int, names: Sequence[str] | None, question: Question
) -> dict[str, Curve | Buckets]:
    keys = _metric_keys(connection, run_key)
    fresh = _tail(connection, run_key)
    wanted = sorted({*keys, *fresh}) if names is None else list(dict.fromkeys(names))
    result: dict[str, Curve | Buckets] = {}
    for name in wanted:
        parts = [fresh.get(name, Series.empty())]
        if name in keys:
            parts.insert(0, _sealed(connection, keys[name], question.window))
        result[name] = answer(Series.join(parts), question)
    return result


def _sealed(connection: Connection, metric_key: int, window: Window) -> Series:
    chunks = schema.chunks
    query = select(chunks.c.data).where(chunks.c.metric_key == metric_key).order_by(chunks.c.key)
    if window.axis == "step" and window.first is not None:
        query = query.where(chunks.c.last_step >= window.first)
    if window.axis == "step" and window.last is not None:
        query = query.where(chunks.c.first_step <= window.last)
    return Series.join([cut(unpack(d), window) for d in connection.execute(query).scalars()])
