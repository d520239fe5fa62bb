"""The gRPC port: registration and streams, with messages as the bytes that came."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from livetrain.exceptions import ProtocolError
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.intake import Intake, error_response
from livetrain.server.logs import Complaints
from livetrain.server.outlet import Outlet
from livetrain.server.records import (
    HEARTBEAT,
    OPEN,
    PERFORMANCE,
    REPORT,
    Record,
    Rejected,
    adopt,
    read,
)
from livetrain.server.registration import RefusedError, Registrar
from livetrain.server.run import Run, Stream
from livetrain.server.sequencing import Verdict
from livetrain.server.store.journal import JournalError
from livetrain.server.wire import count_elements

__all__ = ["Ingest", "options"]

log = logging.getLogger(__name__)

_ROOM_SECONDS: Final = 5.0
_CODE = pb.ErrorResponse


def options(message_bytes: int) -> list[tuple[str, int]]:
    """Return how the gRPC port is set up."""
    return [
        ("grpc.max_receive_message_length", message_bytes),
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.so_reuseport", 0),  # a taken port is an error, not shared
        # Both sides ask whether the other is still there; trainers do every 10 s and must not be sent away for it.
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
        ("grpc.http2.max_pings_without_data", 0),
    ]


class Ingest:
    """Serves the two methods under livetrain's name and the two older ones."""

    def __init__(self, intake: Intake, registrar: Registrar) -> None:
        self._intake = intake
        self._registrar = registrar
        self._limits = intake.limits
        self._complaints = Complaints(log)
        self._open: set[_Connection] = set()
        self._stopping = False

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Return the handlers; no serializer, so bytes come in and go out."""
        register = grpc.unary_unary_rpc_method_handler(self._register)
        stream = grpc.stream_stream_rpc_method_handler(self._stream)
        services = {
            "livetrain.v1.TelemetryService": "StreamTelemetry",
            "telemetry.TelemetryService": "StreamTelemetry",
            "metrics.MetricsService": "StreamMetrics",
        }
        return [
            grpc.method_handlers_generic_handler(
                name, {"RegisterTrainingSession": register, method: stream}
            )
            for name, method in services.items()
        ]

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._open)

    def stop(self) -> None:
        """Take nothing more; streams end once what they sent is acknowledged."""
        self._stopping = True
        for connection in self._open:
            connection.stop_reading()

    def finish(self) -> None:
        """Have every stream end after a last acknowledgement."""
        for connection in self._open:
            connection.finish()

    async def _register(self, raw: bytes, context: Any) -> bytes:
        try:
            count_elements(raw, pb.SessionInfo.DESCRIPTOR, limit=self._limits.elements)
            info = pb.SessionInfo.FromString(raw)
        except (ProtocolError, DecodeError) as error:
            self._complain(context, "registration", error)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"Not a SessionInfo: {error}.")
            raise
        if self._stopping:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "The server is stopping.")
        answer = await self._registrar.register(info)
        if not answer.success:
            self._complain(context, "registration", answer.message)
        return answer.SerializeToString()

    def _complain(self, context: Any, what: str, reason: object) -> None:
        self._intake.counters.rejected.labels(what).inc()
        self._complaints.warn(what, "refused a %s from %s: %s", what, context.peer(), reason)

    async def _stream(self, _requests: Any, context: Any) -> None:
        if self._stopping:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "The server is stopping.")
        if len(self._open) >= self._limits.connections:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "Too many streams are open; come again in 5 seconds.",
            )
        connection = _Connection(self._intake, self._registrar, context, self._complain)
        self._open.add(connection)
        try:
            await connection.serve()
        finally:
            self._open.discard(connection)


class _Connection:
    """One stream, from its first message to its end."""

    def __init__(self, intake: Intake, registrar: Registrar, context: Any, complain: Any) -> None:
        self._intake = intake
        self._registrar = registrar
        self._context = context
        self._complain = complain
        self._outlet = Outlet("")
        self._run: Run | None = None
        self._stream: Stream | None = None
        self._number = 0
        self._reader: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Read and write until both are done."""
        self._reader = asyncio.create_task(self._read())
        try:
            await self._write()
        finally:
            self._reader.cancel()
            if self._stream is not None and self._stream.outlet is self._outlet:
                self._stream.outlet = None

    def stop_reading(self) -> None:
        """Take nothing more."""
        if self._reader is not None:
            self._reader.cancel()

    def finish(self) -> None:
        """End after what waits to be written, with a last acknowledgement."""
        self._outlet.due()
        self._outlet.finish()

    async def _write(self) -> None:
        outlet, context = self._outlet, self._context
        while True:
            await outlet.wait()
            for response in outlet.take():
                await context.write(response.SerializeToString())
            run, stream = self._run, self._stream
            acknowledge, outlet.acknowledge = outlet.acknowledge, False
            # Older clients know acknowledgements of single batches only; a connection that was taken over says nothing more.
            if (
                acknowledge
                and run is not None
                and run.protocol
                and stream is not None
                and stream.outlet is outlet
            ):
                await context.write(
                    self._intake.acknowledgement(run, stream, outlet.session_id).SerializeToString()
                )
            if outlet.closing and not outlet.pending:
                return

    async def _read(self) -> None:
        context, intake = self._context, self._intake
        try:
            while True:
                raw = await context.read()
                if raw is grpc.aio.EOF:
                    break
                intake.counters.messages.inc()
                intake.counters.bytes.inc(len(raw))
                for record in read(raw, intake.limits):
                    if not await self._take(record):
                        self._outlet.finish()
                        return
                if intake.journal.full and not await intake.journal.room(_ROOM_SECONDS):
                    self._error(
                        _CODE.BUFFER_FULL,
                        "The server cannot write as fast as records come.",
                        retryable=True,
                        retry_after_ms=1000,
                    )
                    self._outlet.finish()
                    return
            await self._committed()
            self.finish()
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

    async def _committed(self) -> None:
        """The trainer closed its side: wait until all that it sent is committed, but not for ever."""
        stream = self._stream
        deadline = time.monotonic() + _ROOM_SECONDS
        while (
            stream is not None
            and stream.order.durable < stream.order.received
            and time.monotonic() < deadline
        ):
            await asyncio.sleep(0.005)

    def _error(self, code: int, message: str, **more: Any) -> None:
        self._outlet.put(error_response(self._outlet.session_id, code, message, **more))

    async def _take(self, record: Record | Rejected) -> bool:
        """Handle a record; return whether the stream goes on."""
        if isinstance(record, Rejected):
            return self._reject(record)
        if record.kind == OPEN:
            return await self._open(record)
        if self._run is None or (
            self._run.protocol == 0 and record.session_id != self._outlet.session_id
        ):
            if record.seq:
                self._error(
                    _CODE.INVALID_SESSION, "A stream begins with StreamOpen.", retryable=True
                )
                return False
            if not await self._open_older(record):
                return True
        run, stream = self._run, self._stream
        assert run is not None
        assert stream is not None
        if not stream.order.owns(self._number):
            return False
        now = stream.heard = time.monotonic()
        if run.hear(now, time.time_ns() // 1_000_000):
            self._intake.hub.channel(run).tell_state()
        if record.kind == HEARTBEAT:
            self._outlet.due()
            return True
        if record.kind == 0:
            return self._reject(Rejected(record.seq, "a record without a payload"))
        if record.problem:
            self._complain(self._context, "picture", record.problem)
            self._error(
                _CODE.INVALID_DATA, f"The pictures of a batch are not shown: {record.problem}."
            )
        if run.protocol == 0:
            seq = stream.order.expected
            record = adopt(record, step=run.steps)
        elif record.seq:
            seq = record.seq
        else:
            return self._unsequenced(run, record)
        verdict = stream.order.offer(self._number, seq, record.size)
        if verdict is Verdict.NEW:
            self._intake.take(run, stream, record, seq)
        elif verdict is Verdict.DUPLICATE:
            self._intake.counters.duplicates.inc()
            self._outlet.due()
        elif verdict is Verdict.GAP:
            expected = stream.order.expected
            self._error(
                _CODE.INVALID_DATA,
                f"Record {seq} came, but {expected} is expected; go on from there.",
                retryable=True,
                expected_seq=expected,
            )
            return False
        return verdict is not Verdict.FENCED

    def _unsequenced(self, run: Run, record: Record) -> bool:
        """Figures about the trainer that nobody has to keep may come without a number; nothing else may."""
        if record.kind == PERFORMANCE:
            self._intake.hub.note_performance(run, record.message.performance_data)
        elif record.kind == REPORT:
            run.apply(record, 0)
            self._intake.hub.channel(run).tell_state()
        else:
            return self._reject(Rejected(0, "a record without a seq"))
        return True

    def _reject(self, rejected: Rejected) -> bool:
        self._complain(self._context, "message", rejected.reason)
        stream = self._stream
        seq = rejected.seq
        if not seq and stream is not None and self._run is not None and self._run.protocol:
            seq = stream.order.expected
        if self._run is not None:
            # An unreadable message is a sign of life all the same.
            self._run.hear(time.monotonic(), time.time_ns() // 1_000_000)
        self._error(
            _CODE.INVALID_DATA, f"A message was not taken: {rejected.reason}.", rejected_seq=seq
        )
        return True

    async def _open(self, record: Record) -> bool:
        opening = record.message.stream_open
        self._outlet.session_id = record.session_id
        try:
            run, stream, number = await self._registrar.open_stream(record.session_id, opening)
        except (RefusedError, JournalError) as error:
            self._complain(self._context, "stream", error)
            self._error(
                _CODE.INVALID_SESSION, str(error), retryable=getattr(error, "retryable", True)
            )
            return False
        self._attach(run, stream, number)
        self._outlet.due()
        return True

    async def _open_older(self, record: Record) -> bool:
        self._outlet.session_id = record.session_id
        try:
            self._attach(*await self._registrar.open_older(record.session_id))
        except RefusedError as refusal:
            self._complain(self._context, "stream", refusal)
            if record.kind != HEARTBEAT:
                self._error(_CODE.INVALID_SESSION, str(refusal), retryable=True)
            return False
        return True

    def _attach(self, run: Run, stream: Stream, number: int) -> None:
        if self._stream is not None and self._stream.outlet is self._outlet:
            self._stream.outlet = None
        self._run, self._stream, self._number = run, stream, number
        stream.outlet = self._outlet
        stream.heard = time.monotonic()
        log.info(
            "stream %s of run %s is open, from %s",
            stream.stream_id,
            run.run_id,
            self._context.peer(),
        )
