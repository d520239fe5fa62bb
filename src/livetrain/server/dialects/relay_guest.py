"""Runs of publishers that are connected for one message only: found, made, and recorded into."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from livetrain._relay_messages import MessageReader
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.dialects.relay_book import Book, Kept, Routed, Sender, Training
from livetrain.server.intake import Intake
from livetrain.server.limits import Limits
from livetrain.server.logs import Complaints
from livetrain.server.records import Record, Rejected, read
from livetrain.server.registration import GUEST_STREAM, RefusedError, Registrar
from livetrain.server.run import GUEST, Run, contact_after
from livetrain.server.store.journal import JournalError
from livetrain.server.store.publishers import Publication, put_publication

__all__ = ["Guests"]

log = logging.getLogger(__name__)

_ROOM_SECONDS: Final = 5.0
_WAITING_BYTES: Final = 16 * 1024 * 1024
_READ: Final = 8
"""So many times its size a text takes once it is read."""
_LARGE: Final = 64 * 1024
"""A message of so many characters takes milliseconds to turn into records: the event loop is not kept busy with it."""
_ENTRY_BYTES: Final = 200
"""What waits takes so much beside its text."""
_NAME: Final = "relay"
"""Of a run whose publisher gives it none."""


class _Message(NamedTuple):
    sender: Sender
    kind: str
    data: Mapping[str, Any]
    size: int
    trouble: str


def _records(
    reader: MessageReader, kind: str, data: Mapping[str, Any], limits: Limits
) -> list[Record | Rejected]:
    """Return what a message says as records, each of bearable size."""
    return [
        record
        for message in reader.read(kind, data)
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
        self._waiting: deque[_Message] = deque()
        self._bytes = 0
        self._pool = intake.budget.received
        self._task: asyncio.Task[None] | None = None
        self._complaints = Complaints(log)

    def record(
        self,
        sender: Sender,
        kind: str,
        data: Mapping[str, Any],
        size: int,
        *,
        trouble: str = "",
    ) -> None:
        """Have a message recorded after those that came before it, whether or not its publisher is still there.

        Args:
            sender: where it comes from.
            kind: its type; empty: it has none, and only the trouble with it is recorded.
            data: its data.
            size: bytes; when too many wait, the message is left out.
            trouble: what of it was not understood, as a clause; empty: nothing.
        """
        size += _ENTRY_BYTES
        if self._bytes + size > _WAITING_BYTES or not self._pool.take(_READ * size):
            self._intake.counters.dropped.labels("relay_record").inc()
            return
        self._waiting.append(_Message(sender, kind, data, size, trouble))
        self._intake.registry.published.came()
        self._bytes += size
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    def closed(self, sender: Sender) -> None:
        """Forget a connection, once all that it said is recorded."""
        if self._waiting:
            self.record(sender, "", {}, 0)
        else:
            self._book.closed(sender.connection)

    async def _work(self) -> None:
        # One message after the other: each may need a run that the one before made.
        share = self._intake.turns.share("older")
        while self._waiting:
            await share.turn()
            message = self._waiting.popleft()
            self._bytes -= message.size
            self._pool.give(_READ * message.size)
            try:
                await self._record(message)
            except (RefusedError, JournalError, ValueError, TypeError) as error:
                self._drop(message.sender.host, message.kind, error)
            except Exception:
                log.exception("a message of %s could not be recorded", message.sender.host)
            finally:
                self._intake.registry.published.settled()

    async def _record(self, message: _Message) -> None:
        sender, kind, data = message.sender, message.kind, message.data
        if not kind and not message.trouble:
            self._book.closed(sender.connection)
            return
        if self._intake.journal.full and not await self._intake.journal.room(_ROOM_SECONDS):
            raise JournalError("the store cannot write as fast as messages come")
        now = time.monotonic()
        await self._recall(sender.host, data, now)
        if not kind:
            training = self._book.newest(sender.host)
            if training is not None and training.run_id:
                self._tell_trouble(await self._run(training), message.trouble)
            return
        for routed in self._book.route(sender, kind, data, now=now):
            await self._take(message, routed, now)

    async def _take(self, message: _Message, routed: Routed, now: float) -> None:
        training, kind, data = routed
        host, reader, limits = message.sender.host, training.reader, self._intake.limits
        records = (
            await asyncio.to_thread(_records, reader, kind, data, limits)
            if message.size > _LARGE
            else _records(reader, kind, data, limits)
        )
        notes, reader.notes = [*reader.notes, message.trouble], []
        if not records:
            return
        run = await self._run(training)
        stream = run.streams[GUEST_STREAM]
        unix_ms = time.time_ns() // 1_000_000
        if run.hear(now, unix_ms):
            self._intake.hub.channel(run).tell_state()
        for record in records:
            await self._intake.journal.wait_for_share(run.key)
            if isinstance(record, Rejected):
                self._drop(host, kind, record.reason)
                notes.append(f"a message of the type {kind[:60]!r} ({record.reason})")
                continue
            # A publisher sends a message as soon as it is made.
            stream.clock.heard(record.message.timestamp_ms * 1000, time.time_ns() // 1000)
            if not self._intake.names.knows(run, record.kind):
                await self._intake.names.learn(run)
            seq = stream.order.expected
            stream.order.offer(stream.order.connection, seq, record.size)
            self._intake.take(run, stream, record, seq)
        for note in notes:
            self._tell_trouble(run, note)
        await self._keep(host, training, run)

    def _tell_trouble(self, run: Run, trouble: str) -> None:
        if trouble:
            self._intake.tell_not_understood(run, trouble)

    async def _run(self, training: Training) -> Run:
        """Return the run that a training is recorded as; it is made, or named better, as the training's publisher says."""
        run = await self._intake.registry.find(training.run_id) if training.run_id else None
        name = training.name or (f"{_NAME} {training.theirs}" if training.theirs else _NAME)
        if run is None or run.deleted:
            info = pb.SessionInfo(run_name=name, project=_NAME, client_name=_NAME)
            run = await self._registrar.open_guest(info)
            training.run_id, training.kept = run.run_id, Kept()
        elif name not in (_NAME, run.name) and (training.name or run.name == _NAME):
            run.name = name[: self._intake.limits.name_chars]
            self._intake.journal.touch(run.key, run.row)
            self._intake.hub.channel(run).tell_state()
        return run

    async def _keep(self, host: str, training: Training, run: Run) -> None:
        """Write down what has to be known of a training after a restart, where that is new."""
        to_keep = training.to_keep
        if to_keep != training.kept:
            publication = Publication(run.key, host, *to_keep)
            await self._intake.journal.execute(lambda db: put_publication(db, publication))
            training.kept = to_keep

    async def _recall(self, host: str, data: Mapping[str, Any], now: float) -> None:
        """After a restart of this server, let the training that a message is about go on in its run."""
        given = data.get("run_id")
        theirs = str(given) if isinstance(given, (str, int)) else ""
        registry = self._intake.registry
        if theirs and not self._book.knows(host, theirs):
            client = data.get("client_id") is not None
            of_host = None if client else host
            found = await registry.ask(registry.reader.publication, theirs=theirs, host=of_host)
        elif host not in self._book:
            found = await registry.ask(registry.reader.publication, theirs=None, host=host)
        else:
            return
        if found is None or self._book.holds(found.run_id):
            return
        run = await registry.find(found.run_id)
        if run is None or run.protocol != GUEST or run.ended:
            return
        if contact_after(time.time() - run.last_heard_ms / 1000, GUEST) != "lost":
            kept = Kept(found.theirs, found.first_epoch, found.first_of_batches)
            self._book.adopt(host, run.run_id, kept, now=now)

    def _drop(self, host: str, kind: str, reason: object) -> None:
        self._intake.counters.rejected.labels("relay_record").inc()
        self._complaints.warn("record", "%r of %s was not recorded: %s", kind, host, reason)
