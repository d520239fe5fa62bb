"""Runs of publishers that are connected for one message only: found, made, and recorded into."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from livetrain._relay_messages import records_of
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.dialects.relay_book import Book, Training
from livetrain.server.intake import Intake
from livetrain.server.limits import Limits
from livetrain.server.logs import Complaints
from livetrain.server.records import Record, Rejected, read
from livetrain.server.registration import GUEST_STREAM, RefusedError, Registrar
from livetrain.server.run import GUEST, Run, contact_after
from livetrain.server.store.journal import JournalError

__all__ = ["Guests"]

log = logging.getLogger(__name__)

_ROOM_SECONDS: Final = 5.0
_RECENT_RUNS: Final = 50
_WAITING_BYTES: Final = 16 * 1024 * 1024
_LARGE: Final = 64 * 1024
"""A message of so many characters takes milliseconds to turn into records: the event loop is not kept busy with it."""


def _records(
    kind: str, data: Mapping[str, Any], step: int | None, limits: Limits
) -> list[Record | Rejected]:
    """Return what a message says as records, each of bearable size."""
    return [
        record
        for message in records_of(kind, data, step=step)
        for record in read(message.SerializeToString(), limits)
    ]


class Guests:
    """Records what publishers of the relay say.

    Args:
        intake: of the runs.
        registrar: makes them.
    """

    def __init__(self, intake: Intake, registrar: Registrar) -> None:
        self._intake = intake
        self._registrar = registrar
        self._book = Book()
        self._waiting: deque[tuple[str, str, Mapping[str, Any], int]] = deque()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._complaints = Complaints(log)

    def record(self, host: str, kind: str, data: Mapping[str, Any], size: int) -> None:
        """Have a message recorded after those that came before it, whether or not its publisher is still there.

        Args:
            host: of the publisher.
            kind: the message's type.
            data: its data.
            size: bytes; when too many wait, the message is left out.
        """
        if self._bytes + size > _WAITING_BYTES:
            self._intake.counters.dropped.labels("relay_record").inc()
            return
        self._waiting.append((host, kind, data, size))
        self._bytes += size
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        # One message after the other: each may need a run that the one before made.
        share = self._intake.turns.share()
        while self._waiting:
            await share.turn()
            host, kind, data, size = self._waiting.popleft()
            self._bytes -= size
            try:
                await self._record(host, kind, data, size)
            except (RefusedError, JournalError, ValueError, TypeError) as error:
                self._drop(host, kind, error)
            except Exception:
                log.exception("a message of %s could not be recorded", host)

    async def _record(self, host: str, kind: str, data: Mapping[str, Any], size: int) -> None:
        if self._intake.journal.full and not await self._intake.journal.room(_ROOM_SECONDS):
            raise JournalError("the store cannot write as fast as messages come")
        now = time.monotonic()
        if host not in self._book:
            await self._adopt(host, now)
        training = self._book.find(host, kind, data, now=now)
        limits = self._intake.limits
        records = (
            await asyncio.to_thread(_records, kind, data, training.step, limits)
            if size > _LARGE
            else _records(kind, data, training.step, limits)
        )
        if not records:
            return
        run = await self._run(training, kind, data)
        stream = run.streams[GUEST_STREAM]
        unix_ms = time.time_ns() // 1_000_000
        if run.hear(now, unix_ms):
            self._intake.hub.channel(run).tell_state()
        for record in records:
            if isinstance(record, Rejected):
                self._drop(host, kind, record.reason)
                continue
            # A publisher sends a message as soon as it is made.
            stream.clock.heard(record.message.timestamp_ms * 1000, time.time_ns() // 1000)
            if not self._intake.names.knows(run, record.kind):
                await self._intake.names.learn(run)
            seq = stream.order.expected
            stream.order.offer(stream.order.connection, seq, record.size)
            self._intake.take(run, stream, record, seq)

    async def _run(self, training: Training, kind: str, data: Mapping[str, Any]) -> Run:
        run = await self._intake.registry.find(training.run_id) if training.run_id else None
        if run is None or run.deleted:
            name = data.get("experiment_name") or (
                f"relay {training.theirs}" if training.theirs else "relay"
            )
            info = pb.SessionInfo(run_name=str(name), project="relay", client_name="relay")
            run = await self._registrar.open_guest(info)
            training.run_id = run.run_id
        elif kind == "training_start" and data.get("experiment_name"):
            run.name = str(data["experiment_name"])[: self._intake.limits.name_chars]
        return run

    async def _adopt(self, host: str, now: float) -> None:
        """After a restart of this server, let the newest run that a publisher began go on."""
        registry = self._intake.registry
        rows = await registry.ask(registry.reader.runs, limit=_RECENT_RUNS, before=None)
        for row in rows:
            if row["protocol"] == GUEST:
                run = await registry.find(row["run_id"])
                silent = time.time() - row["last_heard_ms"] / 1000
                if run is not None and not run.ended and contact_after(silent, GUEST) != "lost":
                    self._book.adopt(host, run.run_id, now)
                return

    def _drop(self, host: str, kind: str, reason: object) -> None:
        self._intake.counters.rejected.labels("relay_record").inc()
        self._complaints.warn("record", "%r of %s was not recorded: %s", kind, host, reason)
