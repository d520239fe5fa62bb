"""The gRPC port: registration and streams, with messages as the bytes that came."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from livetrain.exceptions import ProtocolError
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.connection import Connection
from livetrain.server.desk import Desk
from livetrain.server.dialect_recorder import Conversation, DialectRecorder
from livetrain.server.intake import Intake
from livetrain.server.logs import Complaints
from livetrain.server.older_schema import misread_fields
from livetrain.server.registration import Registrar
from livetrain.server.wire import count_elements

__all__ = ["Ingest", "options"]

log = logging.getLogger(__name__)

_SILENT_SECONDS: Final = 5.0
"""A trainer gives a sign of life every two seconds."""

_OURS: Final = "livetrain.v1.TelemetryService"
_OLDER: Final = ("telemetry.TelemetryService", "metrics.MetricsService")
_REGISTERING: Final = ("RegisterTrainingSession", "RegisterSession")
_STREAMING: Final = ("StreamTelemetry", "StreamMetrics")
"""Older clients know the second name of each too; either service has both."""


def options(message_bytes: int) -> list[tuple[str, int]]:
    """Return how the gRPC port is set up."""
    return [
        # Half as much again as is taken: what is a little over can be told to its sender and to the log in our own words.
        ("grpc.max_receive_message_length", message_bytes * 3 // 2),
        ("grpc.max_metadata_size", 16 * 1024),
        # By itself gRPC takes in ahead of us as much as a connection is quick: megabytes of each of them.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.experimental.tcp_max_read_chunk_size", 256 * 1024),
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

    def __init__(
        self, intake: Intake, registrar: Registrar, desk: Desk, recorder: DialectRecorder
    ) -> None:
        self._intake = intake
        self._recorder = recorder
        self._registrar = registrar
        self._desk = desk
        self._limits = intake.limits
        self._complaints = Complaints(log)
        self._open: set[Connection] = set()
        self._stopping = False

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Return the handlers; no serializer, so bytes come in and go out."""
        handlers = [
            grpc.method_handlers_generic_handler(
                service,
                {name: self._registering(f"/{service}/{name}", recorder) for name in registering}
                | {name: self._streaming(f"/{service}/{name}", recorder) for name in streaming},
            )
            for service, registering, streaming, recorder in (
                # What is said here has tokens in it, which nobody gives away.
                (_OURS, _REGISTERING[:1], _STREAMING[:1], DialectRecorder(None)),
                *((service, _REGISTERING, _STREAMING, self._recorder) for service in _OLDER),
            )
        ]
        return handlers

    def _registering(self, path: str, recorder: DialectRecorder) -> Any:
        async def register(raw: bytes, context: Any) -> bytes:
            conversation = recorder.begin(
                "telemetry-grpc",
                path,
                peer=context.peer(),
                client=pb.SessionInfo,
                server=pb.SessionResponse,
            )
            conversation.client(raw)
            try:
                answer = await self._register(raw, context)
                conversation.server(answer)
            finally:
                conversation.end()
            return answer

        return grpc.unary_unary_rpc_method_handler(register)

    def _streaming(self, path: str, recorder: DialectRecorder) -> Any:
        async def stream(_requests: Any, context: Any) -> None:
            conversation = recorder.begin(
                "telemetry-grpc",
                path,
                peer=context.peer(),
                client=pb.TelemetryRequest,
                server=pb.TelemetryResponse,
            )
            try:
                await self._stream(context, conversation)
            finally:
                conversation.end()

        return grpc.stream_stream_rpc_method_handler(stream)

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._open)

    def end_silent(self) -> int:
        """End streams that said nothing for longer than a trainer is silent, else some of the quietest; return how many."""
        now = asyncio.get_running_loop().time()
        there = [connection for connection in self._open if not connection.ending]
        silent = [one for one in there if now - one.heard > _SILENT_SECONDS]
        if not silent:
            there.sort(key=lambda one: one.heard)
            silent = there[: len(there) // 8]
        for connection in silent:
            connection.send_away()
        return len(silent)

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
        # Of ours a newer release may say more than is known here.
        misread = [] if info.protocol_version else misread_fields(raw, pb.SessionInfo.DESCRIPTOR)
        answer = await self._registrar.register(info, context.peer(), misread)
        if not answer.success:
            self._complain(context, "registration", answer.message)
        return answer.SerializeToString()

    def _complain(self, context: Any, cause: str, reason: object, *, what: str = "") -> None:
        """Count what was refused by its cause, and log it, once a minute for each cause."""
        self._intake.counters.rejected.labels(cause).inc()
        what = what or cause.replace("_", " ")
        self._complaints.warn(cause, "refused a %s from %s: %s", what, context.peer(), reason)

    async def _stream(self, context: Any, conversation: Conversation) -> None:
        if self._stopping:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "The server is stopping.")
        if len(self._open) >= self._limits.connections:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "Too many streams are open; come again in 5 seconds.",
            )
        connection = Connection(
            self._intake, self._registrar, self._desk, context, self._complain, conversation
        )
        self._open.add(connection)
        try:
            await connection.serve()
        finally:
            self._open.discard(connection)
