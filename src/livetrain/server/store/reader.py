"""What is read back. Every function takes its own connection, off the event loop, and sees one moment of the store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, and_, func, select

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.budget import Pool
from livetrain.server.clocks import earliest_time_us
from livetrain.server.steps import first_step
from livetrain.server.store import schema
from livetrain.server.store.curves import read_curves
from livetrain.server.store.merging import MergePlan, plan_merge
from livetrain.server.store.publishers import (
    FoundPublication,
    find_publication,
    find_published_run,
    find_publisher_id,
)
from livetrain.server.store.question import Buckets, Curve, Question
from livetrain.server.store.run_search import RunCursor, RunFilter, count_runs, find_runs
from livetrain.server.store.samples import list_samples, read_picture
from livetrain.server.store.scene import Scene, find_metrics, look
from livetrain.server.store.seal import SealPlan, SealSlice, plan_seal, prepare_slice
from livetrain.server.store.stored_events import StoredEvent, read_events
from livetrain.server.store.summaries import MetricPage, list_names, read_page
from livetrain.server.store.summary import Summary
from livetrain.server.store.tails import Tails
from livetrain.server.store.upgrade import RepairPlan, UpgradePlan, plan_repair, plan_upgrade

__all__ = ["Reader", "RunSnapshot", "StoredEvent"]

_NEWEST = 100
_SNAPSHOT_POINTS = 2_000_000
"""So many points of all curves together are in a snapshot at most."""
_FEWEST_POINTS = 8
_AT_ONCE = 50
"""Curves of a snapshot that are read together."""
_UNKNOWN_SIZE = 1_000_000
_RECENT_BYTES = 4 << 20
"""Of notable events in a snapshot."""


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """How a run stood at one moment.

    Attributes:
        offset: of the last record that is in here.
        curves: by name.
        tips: where curves stand, by name.
        metric_count: how many curves there are.
        recent: the last notable events, oldest first.
    """

    offset: int
    curves: dict[str, Curve]
    tips: dict[str, Summary]
    metric_count: int
    recent: list[StoredEvent]


class Reader:
    """Questions to the store.

    Args:
        engine: connections that cannot write.
        points: what points that are in no chunk take their memory from; None: that is not counted.
    """

    def __init__(self, engine: Engine, points: Pool | None = None) -> None:
        self._engine = engine
        self._tails = Tails(points)

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

    def publication(self, *, theirs: str | None, host: str | None) -> FoundPublication | None:
        """Return the newest run that publishers of the relay told of, by its publisher's id and host; None for any."""
        with self._engine.connect() as connection:
            return find_publication(connection, theirs=theirs, host=host)

    def published_run(self, theirs: str) -> str | None:
        """Return the id of the newest run that a publisher of the relay called so, or None."""
        with self._engine.connect() as connection:
            return find_published_run(connection, theirs)

    def publisher_id(self, run_key: int) -> str:
        """Return what its publisher on the relay calls a run; empty: that is not known."""
        with self._engine.connect() as connection:
            return find_publisher_id(connection, run_key)

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
    ) -> tuple[list[dict[str, Any]], int]:
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

    def newest_of_stream(self, run_key: int, stream_key: int) -> list[StoredEvent]:
        """Return the last records of a stream that are still there, oldest first; they do not name the stream."""
        events = schema.events
        query = (
            select(events.c.offset, events.c.received_ms, events.c.record)
            .where(events.c.run_key == run_key, events.c.stream_key == stream_key)
            .order_by(events.c.offset.desc())
            .limit(_NEWEST)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [StoredEvent(offset, ms, "", 0, record) for offset, ms, record in reversed(rows)]

    def first_point_us(self, run_key: int) -> int:
        """Return when the first point of a run was logged, Unix microseconds; 0: there is none, or it does not say."""
        chunks, events = schema.chunks, schema.events
        sealed = select(func.min(chunks.c.first_us)).where(
            chunks.c.run_key == run_key, chunks.c.first_us > 0
        )
        first = (
            select(events.c.received_ms, events.c.record)
            .where(events.c.run_key == run_key)
            .order_by(events.c.offset)
            .limit(_NEWEST)
        )
        with self._engine.connect() as connection:
            found = [int(connection.execute(sealed).scalar() or 0)]
            for received_ms, data in connection.execute(first):
                record = pb.TelemetryRequest.FromString(data)
                if first_step(record) is not None:
                    found.append(earliest_time_us(record) or received_ms * 1000)
        return min((time for time in found if time > 0), default=0)

    def runs_of_older_schema(self, after: int) -> list[tuple[int, str]]:
        """Return keys and ids of some runs with a higher key that are not kept as today's are."""
        runs, streams = schema.runs, schema.streams
        query = (
            select(runs.c.key, runs.c.run_id)
            .where(
                runs.c.key > after,
                runs.c.deleted.is_(False),
                select(streams.c.key)
                .where(
                    streams.c.run_key == runs.c.key,
                    streams.c.durable_seq > 0,
                    streams.c.first_us == 0,
                )
                .exists(),
            )
            .order_by(runs.c.key)
            .limit(_NEWEST)
        )
        with self._engine.connect() as connection:
            return [(int(key), str(run_id)) for key, run_id in connection.execute(query)]

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
        max_bytes: int | None = None,
    ) -> list[StoredEvent]:
        """Return events after an offset, in order.

        Args:
            run_key: the run's.
            after: the offset.
            limit: at most so many.
            notable: only epochs, status changes, logs and the like.
            steering: only commands and what became of them.
            newest: the last ``limit`` of them, not the first.
            max_bytes: no further one once those that were read have so many bytes; None: all.
        """
        with self._engine.connect() as connection:
            return read_events(
                connection,
                run_key,
                after=after,
                limit=limit,
                notable=notable,
                steering=steering,
                newest=newest,
                max_bytes=max_bytes,
            )

    def samples(self, run_key: int, *, limit: int, before: int | None) -> Sequence[RowMapping]:
        """Return samples without their pictures, newest first; `before`: older than the one with this key."""
        with self._engine.connect() as connection:
            return list_samples(connection, run_key, limit=limit, before=before)

    def picture(self, run_key: int, sample_id: str) -> tuple[str, bytes] | None:
        """Return a sample's picture and its format, ``jpeg`` or ``png``, or None where there is none."""
        with self._engine.connect() as connection:
            return read_picture(connection, run_key, sample_id)

    def forget(self, run_key: int) -> None:
        """Keep nothing of a run in memory."""
        self._tails.forget(run_key)

    def metric_names(self, run_key: int) -> list[str]:
        """Return the names of a run's curves, sorted."""
        with self._scene(run_key) as (connection, scene):
            return list_names(connection, scene)

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
        with self._scene(run_key) as (connection, scene):
            wanted = list_names(connection, scene) if names is None else list(dict.fromkeys(names))
            return read_curves(connection, scene, wanted, question)

    def curve_sizes(self, run_key: int, names: Sequence[str]) -> list[int]:
        """Return how many points of each curve are in chunks; where that is not known, as many as may be."""
        with self._engine.connect() as connection:
            metrics = find_metrics(connection, run_key, names)
        sizes = []
        for name in names:
            metric = metrics.get(name)
            summary = None if metric is None else Summary.unpack(metric.summary)
            known = 0 if metric is None else _UNKNOWN_SIZE
            sizes.append(known if summary is None else summary.points)
        return sizes

    def metric_page(
        self, run_key: int, *, search: str = "", after: str | None = None, limit: int
    ) -> MetricPage:
        """Return where some of a run's curves stand, by name.

        Args:
            run_key: the run's.
            search: is part of the names that are wanted, whatever the case of its letters; empty: all.
            after: the name before the first; None: from the first on.
            limit: at most so many.
        """
        with self._scene(run_key) as (connection, scene):
            return read_page(connection, scene, search=search, after=after, limit=limit)

    def snapshot(self, run_key: int, *, points: int | None, tips: int, recent: int) -> RunSnapshot:
        """Return how a run stands, all of one moment.

        Args:
            run_key: the run's.
            points: how many of each curve at most; None: no curves.
            tips: of how many curves the newest point is told at most.
            recent: how many of the last notable events.
        """
        with self._scene(run_key) as (connection, scene):
            page = read_page(connection, scene, search="", after=None, limit=tips)
            curves: dict[str, Curve] = {}
            if points is not None:
                names = list(page.summaries)
                points = max(_FEWEST_POINTS, min(points, _SNAPSHOT_POINTS // max(1, len(names))))
                for start in range(
                    0, len(names), _AT_ONCE
                ):  # of many, all points are read to draw some
                    part = names[start : start + _AT_ONCE]
                    found = read_curves(connection, scene, part, Question(points=points))
                    curves |= {name: c for name, c in found.items() if isinstance(c, Curve)}
            events = read_events(
                connection,
                run_key,
                after=0,
                limit=recent,
                notable=True,
                newest=True,
                max_bytes=_RECENT_BYTES,
            )
            return RunSnapshot(scene.last, curves, page.summaries, page.total, events)

    def plan_seal(self, run_key: int) -> SealPlan | None:
        """Return what can be turned into chunks now, or None: there is nothing."""
        with self._engine.connect() as connection:
            return plan_seal(connection, run_key, self._tails)

    def prepare_slice(self, plan: SealPlan, names: Sequence[str]) -> SealSlice:
        """Make the chunks of some curves."""
        with self._engine.connect() as connection:
            return prepare_slice(connection, plan, names)

    def plan_merge(self, run_key: int) -> MergePlan | None:
        """Return which chunks of some curves can be put together, or None: nothing came since they were looked at last."""
        with self._engine.connect() as connection:
            return plan_merge(connection, run_key)

    def plan_upgrade(self, after: int) -> UpgradePlan | None:
        """Return what takes the place of some older chunks whose keys are higher than one, or None: there are no more."""
        with self._engine.connect() as connection:
            return plan_upgrade(connection, after)

    def plan_repair(self, after: int) -> RepairPlan | None:
        """Return the summaries of some curves that have none, or None: there are no more."""
        with self._engine.connect() as connection:
            return plan_repair(connection, after)

    @contextlib.contextmanager
    def _scene(self, run_key: int) -> Iterator[tuple[Connection, Scene]]:
        with self._engine.connect() as connection:
            yield connection, look(connection, run_key, self._tails)
