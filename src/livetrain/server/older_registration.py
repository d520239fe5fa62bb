"""Lets older clients in. They say a session's id alone, and are told apart by when, from where and how they come."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Protocol
from weakref import WeakValueDictionary

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.admission import RefusedError, hashed
from livetrain.server.completion import complete
from livetrain.server.hub import COME_AGAIN
from livetrain.server.intake import Intake
from livetrain.server.logs import Complaints
from livetrain.server.older_schema import OlderReader
from livetrain.server.older_sessions import (
    OLDER_STREAM,
    Announcement,
    Announcements,
    continued_run,
    is_free,
    older_stream,
)
from livetrain.server.outlet import Outlet
from livetrain.server.run import Run, Stream

__all__ = ["OlderRegistrar", "RunMaker"]

log = logging.getLogger(__name__)

_FREED_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.02


class RunMaker(Protocol):
    """Makes runs and streams, in memory and in the store."""

    async def new_run(self, info: pb.SessionInfo, session: str) -> Run:
        """Return a new run of a session."""

    async def new_stream(self, run: Run, stream_id: str, rank: int, token_hash: str) -> Stream:
        """Return a new stream of a run."""

    def adopt_info(self, run: Run, info: pb.SessionInfo) -> None:
        """Take over what a registration says about a run."""

    def fence(self, run: Run, stream: Stream) -> None:
        """Let no older connection speak for a stream."""


class OlderRegistrar:
    """Registers older clients and opens their streams.

    Args:
        maker: makes runs.
        intake: where records go.
    """

    def __init__(self, maker: RunMaker, intake: Intake) -> None:
        self._maker = maker
        self._intake = intake
        self._registry = intake.registry
        self._announced = Announcements()
        self._complaints = Complaints(log)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def register(self, info: pb.SessionInfo, session: str, peer: str) -> Run:
        """Return the run that a client is likely to speak for.

        Args:
            info: what it says.
            session: the hash of its session's id.
            peer: from where it speaks.

        Raises:
            RefusedError: the session is not an older client's, or there are too many runs.
            JournalError: the store cannot be written now.
        """
        run = await self._registry.find_session(session)
        if run is not None and run.protocol:
            raise RefusedError(
                "This session_id belongs to another run; its resume_token is needed."
            )
        stream = None if run is None else older_stream(run)
        if run is None or stream is None or self._over(run, stream):
            # Such clients may use one id for every training: what comes after the end is another run.
            if run is not None and not run.connected:
                self._registry.forget(run)
                self._intake.names.forget(run)
                self._intake.hub.forget(run, COME_AGAIN)
            run, stream = await self._new_older_run(info, session)
        now = time.monotonic()
        beside = stream.outlet is not None
        if not beside and not self._announced.others(run, peer, now):
            self._welcome_older(run, stream, info)
        # Whether it goes on in this run is known once its stream opens: another training may have the same id.
        self._announced.add(session, peer, Announcement(info, run.key, beside, now))
        return run

    async def _new_older_run(self, info: pb.SessionInfo, session: str) -> tuple[Run, Stream]:
        run = await self._maker.new_run(info, session)
        stream = await self._maker.new_stream(run, OLDER_STREAM, 0, "")
        stream.older = OlderReader()
        return run, stream

    def _welcome_older(self, run: Run, stream: Stream, info: pb.SessionInfo) -> None:
        self._maker.adopt_info(run, info)
        now, unix_ms = time.monotonic(), time.time_ns() // 1_000_000
        stream.hear(now, unix_ms)
        stream.clock.registered(info.timestamp_ms * 1000, unix_ms * 1000)
        run.hear(now, unix_ms)

    def _over(self, run: Run, stream: Stream) -> bool:
        """Say whether an older client's run is over, now that its session is registered once more."""
        if stream.half_closed is not None and not run.ended:
            self._intake.conclude(run)
        return run.ended or (run.contact == "lost" and stream.outlet is None)

    async def open(self, session_id: str, peer: str, outlet: Outlet) -> tuple[Run, Stream, int]:
        """Return the run and stream that a connection speaks for, and its number.

        Args:
            session_id: as it says it.
            peer: from where it speaks.
            outlet: of its connection.

        Raises:
            RefusedError: the session is not registered.
            JournalError: the store cannot be written now, and a run has to begin.
        """
        session = hashed(session_id)
        lock = self._locks.setdefault(session, asyncio.Lock())
        async with lock:
            newest = await self._registry.find_session(session) if session_id else None
            if newest is None or older_stream(newest) is None:
                raise RefusedError(
                    "This session is not registered here; call RegisterTrainingSession first.",
                    retryable=True,
                )
            run = await self._older_run(newest, peer, outlet)
            stream = run.streams[OLDER_STREAM]
            if stream.outlet is outlet:
                stream.outlet = None
            self._maker.fence(run, stream)
            if stream.older is None:
                names = await self._registry.ask(self._registry.reader.metric_names, run.key)
                stream.older = OlderReader(names)
            return run, stream, stream.order.connection

    async def _older_run(self, newest: Run, peer: str, outlet: Outlet) -> Run:
        """Return the run that a client speaks for, now that its stream opens: one of its session, or another that begins.

        The end of a stream that broke is heard a moment after its client came back. One that stays open is another training.
        """
        session = newest.session_hash
        announced = self._announced.take(session, peer, time.monotonic())
        if announced is None:

            def found() -> Run | None:
                same = [run for run in self._registry.runs if run.session_hash == session]
                return continued_run(same, outlet)

            await _until(lambda: found() is not None)
            if (run := found()) is not None:
                return run
            info = pb.SessionInfo(run_name=newest.name, config=newest.config)
        else:
            awaited = (run for run in self._registry.runs if run.key == announced.run_key)
            wanted = next(awaited, newest)
            stream = wanted.streams[OLDER_STREAM]
            await _until(lambda: is_free(wanted, outlet))
            info = announced.info
            if is_free(wanted, outlet) and not (announced.beside and self._over(wanted, stream)):
                self._welcome_older(wanted, stream, info)
                return wanted
        said = "another training has the session of run %s; it has a run of its own"
        self._complaints.note("another", said, newest.run_id)
        another, _ = await complete(self._new_older_run(info, session))
        return another


async def _until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, for a moment."""
    deadline = time.monotonic() + _FREED_SECONDS
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(_LOOK_SECONDS)
