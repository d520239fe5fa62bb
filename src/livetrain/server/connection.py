"""One stream of a trainer, from its first message to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any, Final

import grpc
import grpc.aio

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.desk import Desk
from livetrain.server.dialect_recorder import Conversation
from livetrain.server.intake import Intake, error_response
from livetrain.server.logs import Complaints
from livetrain.server.older_messages import is_older, older_session_of, read_older
from livetrain.server.older_records import adopt
from livetrain.server.outlet import Outlet
from livetrain.server.records import (
    HEARTBEAT,
    OPEN,
    PERFORMANCE,
    REPORT,
    STATUS,
    Numbering,
    Part,
    Record,
    Rejected,
    read_part,
    take_apart,
)
from livetrain.server.refusals import gap, refusal
from livetrain.server.registration import RefusedError, Registrar
from livetrain.server.run import Run, Stream
from livetrain.server.sequencing import Verdict
from livetrain.server.store.journal import JournalError
from livetrain.server.stream_places import StreamPlaces

__all__ = ["Connection"]

log = logging.getLogger(__name__)

_ROOM_SECONDS: Final = 5.0
_LAST_SECONDS: Final = 5.0
_PICTURE_SECONDS: Final = 60.0
_BROKEN_SECONDS: Final = 0.02
_COME_AGAIN_MS: Final = 5_000
_MESSAGE_SECONDS: Final = 0.0002
"""About what gRPC itself computes for a message and its answer, however small they are."""
_CODE = pb.ErrorResponse


class Connection:
    """One stream, from its first message to its end."""

    def __init__(
        self,
        intake: Intake,
        registrar: Registrar,
        desk: Desk,
        context: Any,
        complain: Any,
        conversation: Conversation,
        places: StreamPlaces,
        complaints: Complaints,
    ) -> None:
        self._intake = intake
        self._registrar = registrar
        self._desk = desk
        self._context = context
        self._complain = complain
        self._conversation = conversation
        self._outlet = Outlet("")
        self._run: Run | None = None
        self._stream: Stream | None = None
        self._number = 0
        self._attached: set[int] = set()
        self._deadline: float | None = None
        self._refusal: tuple[grpc.StatusCode, str] | None = None
        self._places = places
        self._complaints = complaints
        self.client = str(context.peer())
        self._reader: asyncio.Task[None] | None = None
        self._sender = intake.reception.sender(intake.limits.message_bytes)
        self._share = intake.turns.share("trainers")

    async def serve(self) -> None:
        """Read and write until both are done."""
        self._reader = asyncio.create_task(self._read())
        try:
            await self._write()
            await self._note_half_close()
        except asyncio.CancelledError:
            # A trainer that ends hangs up as soon as its last record is acknowledged.
            if self._stream is None or not self._stream.ended:
                # All that gRPC tells us of either.
                said = "a stream from %s broke off: its connection is gone, or a message was larger than gRPC takes"
                self._complaints.note("broke off", said, self.client)
            raise
        finally:
            self._reader.cancel()
            self._sender.close()
            if self._stream is not None and self._stream.outlet is self._outlet:
                self._stream.outlet = None
        if self._refusal is not None:
            await self._context.abort(*self._refusal)

    def end_silent(self, seconds: float) -> None:
        """End if nothing was said for so long."""
        if self._stream is None:
            self.leave(f"Nothing was heard for {seconds:.0f} s; a stream begins with StreamOpen.")

    def leave(self, reason: str) -> None:
        """End without having begun, and say why."""
        self._complain(self._context, "silent_stream", reason)
        self._refusal = grpc.StatusCode.DEADLINE_EXCEEDED, reason
        self.stop_reading()
        self._outlet.finish()

    async def _note_half_close(self) -> None:
        """Note that an older client said in order that nothing more comes, which is its word for the end."""
        if self._deadline is None or self._run is None or self._run.protocol:
            return
        # gRPC reads the end of a connection that broke in the same way, and cancels this handler a moment later.
        await asyncio.sleep(_BROKEN_SECONDS)
        if self._stream is not None and self._stream.outlet is self._outlet:
            self._stream.half_closed = time.monotonic()

    @property
    def heard(self) -> float:
        """When its last message came, seconds of the loop's clock."""
        return self._sender.since

    @property
    def ending(self) -> bool:
        """Whether nothing of it is read any more."""
        return self._outlet.closing

    def send_away(self) -> None:
        """End it: its trainer comes again, and sends once more what was not acknowledged."""
        message = "The server's memory is short; come again."
        self._error(_CODE.BUFFER_FULL, message, retryable=True, retry_after_ms=1000)
        self._outlet.finish()

    def stop_reading(self) -> None:
        """Take nothing more."""
        if self._reader is not None:
            self._reader.cancel()

    def finish(self) -> None:
        """End after what waits to be written, with a last acknowledgement."""
        self._outlet.due()
        self._outlet.finish()

    async def _write(self) -> None:
        outlet, share = self._outlet, self._intake.turns.share("trainers")
        while True:
            share.rest()
            if self._deadline is None:
                await outlet.wait()
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(outlet.wait(), self._deadline - time.monotonic())
            share.charge(_MESSAGE_SECONDS)
            await share.turn()
            for response in outlet.take():
                await self._send(response)
            run, stream = self._run, self._stream
            acknowledge, outlet.acknowledge = outlet.acknowledge, False
            # Older clients know acknowledgements of single batches only; a connection that was taken over says no more.
            speaks = stream is not None and stream.outlet is outlet
            if acknowledge and speaks and run is not None and stream is not None and run.protocol:
                ack = self._intake.acknowledgement(run, stream, outlet.session_id)
                await self._send(ack)
            if self._done() and not outlet.pending:
                return

    async def _send(self, response: pb.TelemetryResponse) -> None:
        raw = response.SerializeToString()
        self._conversation.server(raw)
        await self._context.write(raw)

    def _done(self) -> bool:
        """Is everything said? The trainer that closed its side still hears of the commit of what it sent, if that comes."""
        if self._outlet.closing:
            return True
        if self._deadline is None:
            return False
        order = self._stream.order if self._stream is not None else None
        return (
            order is None or order.durable >= order.received or time.monotonic() >= self._deadline
        )

    async def _read(self) -> None:
        context, intake = self._context, self._intake
        try:
            while True:
                await intake.packed(self._run)
                await self._sender.wait()
                raw = await context.read()
                if raw is grpc.aio.EOF:
                    self._conversation.note(half_closed=True)
                    break
                self._sender.arrived(len(raw))
                self._share.charge(_MESSAGE_SECONDS)
                await self._share.turn()
                self._conversation.client(raw)
                intake.counters.messages.inc()
                intake.counters.bytes.inc(len(raw))
                if len(raw) > intake.limits.message_bytes:
                    too_large = (
                        f"{len(raw)} bytes, of which {intake.limits.message_bytes} are taken"
                    )
                    self._refusal = grpc.StatusCode.RESOURCE_EXHAUSTED, too_large
                    self._reject(Rejected(None, too_large, whole=True))
                    self._outlet.finish()
                    return
                if not await self._take_all(raw):
                    self._outlet.finish()
                    return
                del raw  # it may be large, and the next one may come much later
                if intake.journal.full and not await intake.journal.room(_ROOM_SECONDS):
                    self._error(
                        _CODE.BUFFER_FULL,
                        "The server cannot write as fast as records come.",
                        retryable=True,
                        retry_after_ms=1000,
                    )
                    self._outlet.finish()
                    return
            self._deadline = time.monotonic() + _LAST_SECONDS
            self._outlet.due()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("a stream from %s ended by an error", context.peer())
            self._error(
                _CODE.INTERNAL_ERROR,
                f"The server failed at this message ({type(error).__name__}).",
                retryable=True,
            )
            self._outlet.finish()

    async def _take_all(self, raw: bytes) -> bool:
        """Handle the records of a message; return whether the stream goes on."""
        limits, numbering = self._intake.limits, Numbering()
        share, shown = self._share, False
        for part in take_apart(raw, limits):
            if shown:
                # Viewers are sent a frame before the next one of the message takes its place.
                share.rest()
                await asyncio.sleep(0)
            await share.turn()
            read: Record | Rejected | None
            if isinstance(part, Part) and is_older(part, self._run):
                read = await self._read_older(part)
                if read is None:
                    continue
            elif isinstance(part, Part) and part.heavy:
                share.rest()
                read = await asyncio.to_thread(read_part, part, limits)
                await share.turn()
            else:
                read = read_part(part, limits)
            shown = isinstance(read, Record) and read.frame is not None
            for place, record in enumerate(numbering.place(read)):
                if self._run is not None and not self._intake.journal.has_share(self._run.key):
                    share.rest()
                    await self._intake.journal.wait_for_share(self._run.key)
                    await share.turn()
                elif place:
                    await share.turn()
                if not await self._take(record):
                    return False
        for rejected in numbering.rest():
            await share.turn()
            if not self._reject(rejected):
                return False
        share.rest()
        return True

    def _error(self, code: int, message: str, **more: Any) -> None:
        self._outlet.put(error_response(self._outlet.session_id, code, message, **more))

    async def _take(self, record: Record | Rejected) -> bool:
        """Handle a record; return whether the stream goes on."""
        if isinstance(record, Rejected):
            return self._reject(record)
        if record.kind == OPEN:
            self._share.rest()
            return await self._open(record)
        run, stream = self._run, self._stream
        if run is None or stream is None:
            self._error(_CODE.INVALID_SESSION, "A stream begins with StreamOpen.", retryable=True)
            return False
        if run.deleted or not stream.order.owns(self._number):
            return False
        self._hear(run, stream)
        if record.kind == HEARTBEAT:
            stream.beats = True
            sent_ms = record.message.heartbeat.timestamp_ms or record.message.timestamp_ms
            stream.clock.heard(sent_ms * 1000, time.time_ns() // 1000)
            self._outlet.due()
            return True
        if record.kind == 0:
            reason = "it has no payload that this server knows"
            return self._reject(Rejected(record.seq, reason, "payload", size=record.size))
        if record.problem:
            self._report_picture(run, stream, record.problem)
        if not self._intake.names.knows(run, record.kind):
            await self._intake.names.learn(run)
            if run.deleted:
                return False
        if run.protocol == 0:
            seq = stream.order.expected
            record = adopt(record, step=run.steps, reader=stream.older)
        elif record.seq:
            seq = record.seq
        else:
            return self._unsequenced(run, stream, record)
        return self._offer(run, stream, seq, record.size, record)

    def _hear(self, run: Run, stream: Stream) -> None:
        """Note a sign of life; what a dead trainer left on its disk is none."""
        now, unix_ms = time.monotonic(), time.time_ns() // 1_000_000
        stream.hear(now, unix_ms)
        if not stream.leftover and run.hear(now, unix_ms):
            self._intake.hub.channel(run).tell_state()

    def _offer(self, run: Run, stream: Stream, seq: int, size: int, record: Record | None) -> bool:
        """Take a record if its number is the next one; return whether the stream goes on."""
        verdict = stream.order.offer(self._number, seq, size)
        if verdict is Verdict.NEW and record is not None:
            self._intake.take(run, stream, record, seq)
            if run.protocol == 0 and record.kind == STATUS:
                self._desk.obeyed(run, record.message.status_update.status)
            if (
                stream.order.waiting_bytes - stream.granted
                > self._intake.limits.credit_bytes * 3 // 4
            ):
                # Large frames use up the credit before the next commit; they wait for none, so more may come.
                self._outlet.due()
        elif verdict is Verdict.DUPLICATE:
            self._intake.counters.duplicates.inc()
            self._outlet.due()
        elif verdict is Verdict.GAP:
            expected = stream.order.expected
            said = f"Record {seq} came, but {expected} is expected; go on from there."
            self._error(_CODE.INVALID_DATA, said, retryable=True, expected_seq=expected)
            return False
        return verdict is not Verdict.FENCED

    def _report_picture(self, run: Run, stream: Stream, problem: str) -> None:
        """Say that pictures are not shown; the record itself is kept.

        An older client hears it each time. Ours takes an error for a reason to reconnect, so it hears it once a minute.
        """
        self._complain(self._context, "picture", problem)
        now = time.monotonic()
        if run.protocol and now - stream.picture_error < _PICTURE_SECONDS:
            return
        stream.picture_error = now
        message = f"The pictures of a batch are not shown: {problem}."
        self._error(_CODE.INVALID_DATA, message, retryable=bool(run.protocol))

    def _unsequenced(self, run: Run, stream: Stream, record: Record) -> bool:
        """Figures about the trainer that nobody has to keep may come without a number; nothing else may."""
        if record.kind == PERFORMANCE:
            stream.apply_performance(record.message.performance_data)
            self._intake.hub.note_performance(run, stream, record.message.performance_data)
        elif record.kind == REPORT:
            if run.join_report(stream, record.message.client_report):
                self._intake.hub.channel(run).tell_state()
        else:
            reason = "it has no number, and only figures about the trainer may come without"
            return self._reject(Rejected(0, reason, "seq", size=record.size))
        return True

    def _reject(self, rejected: Rejected) -> bool:
        """Put a gap in the place of a record that will never be taken, and say so; return whether the stream goes on."""
        run, stream = self._run, self._stream
        if run is None or stream is None or run.protocol == 0:
            self._complain(self._context, "message", rejected.reason)
            message = f"A message was not taken: {rejected.reason}."
            self._error(_CODE.INVALID_DATA, message, rejected_seq=rejected.seq or 0)
            if run is not None and stream is not None:
                self._hear(run, stream)  # what cannot be read is a sign of life all the same
                self._intake.tell_not_understood(run, rejected.reason)
            return True
        if run.deleted:
            return False
        self._hear(run, stream)
        seq = stream.order.expected if rejected.seq is None else rejected.seq
        numbered = seq > 0 and not rejected.whole
        replaced = numbered and stream.order.judge(self._number, seq) is Verdict.NEW
        reason = refusal(run.name, seq, rejected, replaced=replaced)
        if rejected.whole:
            self._complain(self._context, "message", rejected.reason)
        else:
            what = f"record of run {run.run_id}"
            self._complain(self._context, f"record_{rejected.cause}", reason, what=what)
        if rejected.whole:
            # What is in the rest of a message cannot be replaced one by one: the trainer does so, and sends the others again.
            self._error(_CODE.INVALID_DATA, reason, rejected_seq=seq)
            return False
        if not numbered:  # it stands in no order
            self._error(_CODE.INVALID_DATA, reason, retryable=True)
            return True
        record = None
        if replaced:
            # Retryable: a trainer that does not know `replaced` connects again, and finds the gap in place.
            self._error(_CODE.INVALID_DATA, reason, rejected_seq=seq, replaced=True, retryable=True)
            record = gap(seq, rejected, step=max(stream.steps - 1, 0))
        return self._offer(run, stream, seq, rejected.size, record)

    async def _open(self, record: Record) -> bool:
        opening = record.message.stream_open
        self._outlet.session_id = record.session_id
        try:
            run, stream, number = await self._registrar.open_stream(
                record.session_id, opening, self._admit
            )
        except (RefusedError, JournalError) as error:
            self._complain(self._context, "stream", error)
            again, after_ms = getattr(error, "retryable", True), getattr(error, "retry_after_ms", 0)
            self._error(_CODE.INVALID_SESSION, str(error), retryable=again, retry_after_ms=after_ms)
            return False
        self._attach(run, stream, number)
        self._outlet.due()
        return True

    def _admit(self, known: bool) -> None:
        """Take a place among the streams that are open; ``known``: whether the stream was open before."""
        reason = self._places.open(self, known=known)
        if reason:
            raise RefusedError(reason, retryable=True, retry_after_ms=_COME_AGAIN_MS)

    async def _read_older(self, part: Part) -> Record | Rejected | None:
        """Return what an older client says, in the schema of today; None: it speaks for no run, which it was told."""
        session_id = older_session_of(part)
        if self._run is None or session_id not in ("", self._outlet.session_id):
            self._outlet.session_id = session_id
            self._share.rest()
            try:
                opened = await self._registrar.older.open(session_id, self.client, self._outlet)
                self._admit(known=True)  # it has no other word for it
                self._attach(*opened)
            except (RefusedError, JournalError) as refusal:
                self._complain(self._context, "stream", refusal)
                if all(field.number != HEARTBEAT for field in part.top or ()):
                    self._error(_CODE.INVALID_SESSION, str(refusal), retryable=True)
                return None
        assert self._run is not None
        assert self._stream is not None
        return await read_older(part, self._run, self._stream, self._intake)

    def _attach(self, run: Run, stream: Stream, number: int) -> None:
        if self._stream is not None and self._stream.outlet is self._outlet:
            self._stream.outlet = None
        self._run, self._stream, self._number = run, stream, number
        stream.outlet = self._outlet
        stream.half_closed = None
        stream.beats = False
        stream.active = time.monotonic()
        if run.key not in self._attached:
            self._attached.add(run.key)
            said = "stream %s of run %s is open, from %s"
            self._complaints.note("open", said, stream.stream_id, run.run_id, self.client)
        self._intake.tell_trouble(stream)
        self._desk.attached(run, stream)
