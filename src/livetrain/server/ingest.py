"""The gRPC port: registration and streams, with messages as the bytes that came."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from livetrain.exceptions import ProtocolError
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.allowance import Allowance
from livetrain.server.connection import Connection
from livetrain.server.desk import Desk
from livetrain.server.dialect_recorder import Conversation, DialectRecorder
from livetrain.server.intake import Intake
from livetrain.server.logs import Complaints
from livetrain.server.older_schema import misread_fields
from livetrain.server.registration import Registrar
from livetrain.server.stream_places import StreamPlaces
from livetrain.server.turnstile import CrowdedError, Turnstile
from livetrain.server.wire import count_elements

__all__ = ["Ingest", "options"]

log = logging.getLogger(__name__)

_LARGE: Final = 16 * 1024
"""A registration of so many bytes is read on a thread."""
_REGISTRATIONS: Final = 8
"""So many are made at once."""
_WAITING_REGISTRATIONS: Final = 1_000
_REGISTRATIONS_A_SECOND: Final = 20.0
_CLIENTS: Final = 10_000
_WORDLESS_SECONDS: Final = 10.0
"""So long may a stream be open without a word."""
_WORDLESS_OLDER_SECONDS: Final = 120.0
"""Older trainers may open theirs before they load their data."""
_SILENT_SECONDS: Final = 5.0
"""A trainer gives a sign of life every two seconds."""

_AHEAD_BYTES: Final = 512 * 1024
"""What gRPC takes in of a stream that is not read from: with less a trainer far away would wait for us at each frame."""
_OURS: Final = "livetrain.v1.TelemetryService"
_OLDER: Final = ("telemetry.TelemetryService", "metrics.MetricsService")
_REGISTERING: Final = ("RegisterTrainingSession", "RegisterSession")
_STREAMING: Final = ("StreamTelemetry", "StreamMetrics")
"""Older clients know the second name of each too; either service has both."""


def options(message_bytes: int, connections: int) -> list[tuple[str, int]]:
    """Return how the gRPC port is set up.

    Args:
        message_bytes: that a message may have.
        connections: so many there may be at once.
    """
    return [
        # Half as much again as is taken: what is a little over can be told to its sender and to the log in our own words.
        ("grpc.max_receive_message_length", message_bytes * 3 // 2),
        ("grpc.max_metadata_size", 16 * 1024),
        # By itself gRPC takes in ahead of us as much as a connection is quick: megabytes of each of them.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", _AHEAD_BYTES),
        ("grpc.experimental.tcp_max_read_chunk_size", 256 * 1024),
        ("grpc.max_allowed_incoming_connections", connections),
        # One that says nothing at all, and one that has no stream and registers nothing.
        ("grpc.server_handshake_timeout_ms", 10_000),
        ("grpc.max_connection_idle_ms", 60_000),
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
        self._places = StreamPlaces(intake.limits.connections)
        self._turnstile = Turnstile(_REGISTRATIONS, waiting=_WAITING_REGISTRATIONS)
        self._allowances: OrderedDict[str, Allowance] = OrderedDict()
        self._stopping = False

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Return the handlers; no serializer, so bytes come in and go out."""
        handlers = [
            grpc.method_handlers_generic_handler(
                service,
                {name: self._registering(f"/{service}/{name}", recorder) for name in registering}
                | {
                    name: self._streaming(f"/{service}/{name}", recorder, older=service != _OURS)
                    for name in streaming
                },
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

    def _streaming(self, path: str, recorder: DialectRecorder, *, older: bool) -> Any:
        async def stream(_requests: Any, context: Any) -> None:
            conversation = recorder.begin(
                "telemetry-grpc",
                path,
                peer=context.peer(),
                client=pb.TelemetryRequest,
                server=pb.TelemetryResponse,
            )
            try:
                await self._stream(context, conversation, older=older)
            finally:
                conversation.end()

        return grpc.stream_stream_rpc_method_handler(stream)

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._places)

    def end_silent(self) -> int:
        """End streams that said nothing for longer than a trainer is silent, else some of the quietest; return how many."""
        now = asyncio.get_running_loop().time()
        there = [connection for connection in self._connections() if not connection.ending]
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
        for connection in self._connections():
            connection.stop_reading()

    def finish(self) -> None:
        """Have every stream end after a last acknowledgement."""
        for connection in self._connections():
            connection.finish()

    def _connections(self) -> list[Connection]:
        return [place for place in self._places if isinstance(place, Connection)]

    async def _register(self, raw: bytes, context: Any) -> bytes:
        if self._stopping:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "The server is stopping.")
        client = str(context.peer())
        wait = self._allowance(client).take(1, time.monotonic())
        if wait:
            await self._turn_away(
                context, f"from one client, and there were more; come again in {wait:.0f} s."
            )
        try:
            async with self._turnstile.passing(client):
                answer = await self._let_in(raw, client)
        except CrowdedError:
            await self._turn_away(context, "at once, and too many wait; come again in 5 s.")
            raise
        except (ProtocolError, DecodeError) as error:
            self._complain(context, "registration", error)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"Not a SessionInfo: {error}.")
            raise
        if not answer.success:
            self._complain(context, "registration", answer.message)
        return answer.SerializeToString()

    async def _let_in(self, raw: bytes, client: str) -> pb.SessionResponse:
        large = len(raw) > _LARGE
        info, misread = await asyncio.to_thread(self._read, raw) if large else self._read(raw)
        return await self._registrar.register(info, client, misread)

    def _read(self, raw: bytes) -> tuple[pb.SessionInfo, list[str]]:
        if len(raw) > self._limits.message_bytes:
            raise ProtocolError(f"{len(raw)} bytes; {self._limits.message_bytes} are taken")
        count_elements(raw, pb.SessionInfo.DESCRIPTOR, limit=self._limits.elements)
        info = pb.SessionInfo.FromString(raw)
        # Of ours a newer release may say more than is known here.
        older = not info.protocol_version
        return info, list(misread_fields(raw, pb.SessionInfo.DESCRIPTOR)) if older else []

    def _allowance(self, client: str) -> Allowance:
        """Return what a connection may still register; of very many connections that of the newest ones."""
        allowance = self._allowances.get(client)
        if allowance is None:
            allowance = self._allowances[client] = Allowance(
                _REGISTRATIONS_A_SECOND, burst_seconds=60.0
            )
            if len(self._allowances) > _CLIENTS:
                self._allowances.popitem(last=False)
        return allowance

    async def _turn_away(self, context: Any, more: str) -> None:
        """Refuse a registration that is one too many."""
        reason = f"So many registrations are not taken {more}"
        self._complain(context, "registrations", reason)
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, reason)

    def _complain(self, context: Any, cause: str, reason: object, *, what: str = "") -> None:
        """Count what was refused by its cause, and log it, once a minute for each cause."""
        self._intake.counters.rejected.labels(cause).inc()
        what = what or cause.replace("_", " ")
        self._complaints.warn(cause, "refused a %s from %s: %s", what, context.peer(), reason)

    async def _stream(self, context: Any, conversation: Conversation, *, older: bool) -> None:
        if self._stopping:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "The server is stopping.")
        connection = Connection(
            self._intake,
            self._registrar,
            self._desk,
            context,
            self._complain,
            conversation,
            self._places,
            self._complaints,
        )
        self._places.come(connection)
        seconds = _WORDLESS_OLDER_SECONDS if older else _WORDLESS_SECONDS
        loop = asyncio.get_running_loop()
        silence = loop.call_later(seconds, connection.end_silent, seconds)
        try:
            await connection.serve()
        finally:
            silence.cancel()
            self._places.leave(connection)
