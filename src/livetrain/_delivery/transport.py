"""One connection to a server: a gRPC channel, the registration and one stream on it.

A connection is used once and thrown away: a queue shared across reconnects would lose a message at each of them, because gRPC
takes from an iterator before it knows that the stream is gone. What comes back is handed to a callback, on gRPC's threads.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from livetrain._delivery.bundle import Bundle, joined
from livetrain._delivery.reading_pace import ReadingPace
from livetrain._terminal_text import one_line
from livetrain.proto import telemetry_pb2 as pb

__all__ = [
    "Connection",
    "Connector",
    "Ended",
    "Endpoint",
    "GrpcConnection",
    "Reply",
    "Report",
    "Response",
]

_SERVICE = "/livetrain.v1.TelemetryService"


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a registration."""

    response: pb.SessionResponse


@dataclass(frozen=True, slots=True)
class Response:
    """A message of the stream."""

    response: pb.TelemetryResponse


@dataclass(frozen=True, slots=True)
class Ended:
    """The registration failed, or the stream is over."""

    reason: str
    for_good: bool  # trying again with the same credentials cannot help


Report = Reply | Response | Ended


class Connection(Protocol):
    """What the stream's thread needs of a connection; no method waits."""

    def register(self, info: pb.SessionInfo, timeout: float) -> None:
        """Ask to be registered; answered by a `Reply` or `Ended`."""

    def open(self) -> None:
        """Open the stream; answered by `Response`s and in the end by `Ended`."""

    def send(self, bundle: Bundle) -> None:
        """Send records, in a message of their own or with what waits to be sent before and behind them."""

    def half_close(self) -> None:
        """Say that nothing more is coming."""

    def drop(self) -> None:
        """Give everything back at once."""


Connector = Callable[[Callable[[Report], None]], Connection]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server is and how it is spoken to.

    Attributes:
        address: ``host:port``.
        token: sent as ``Authorization: Bearer``; None: none.
        root_certificates: PEM bytes for TLS; empty: the system's; None: plain text.
    """

    address: str
    token: str | None = None
    root_certificates: bytes | None = None

    @property
    def loopback(self) -> bool:
        """Whether it is this machine."""
        host = self.address.rpartition(":")[0].strip("[]").lower()
        return host in ("localhost", "::1") or host.startswith("127.")

    def connect(self, deliver: Callable[[Report], None]) -> Connection:
        """Make a connection; nothing goes out before `Connection.register`."""
        return GrpcConnection(self, deliver)

    def channel(self) -> grpc.Channel:
        """Make a channel of its own, which shares no socket with any other."""
        options = [
            # Without both a half-open link is not noticed for minutes. Ten seconds is what the server allows.
            ("grpc.keepalive_time_ms", 10_000),
            ("grpc.keepalive_timeout_ms", 5_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
            (
                "grpc.max_send_message_length",
                -1,
            ),  # measured by the stream, against the server's own limit
            ("grpc.max_receive_message_length", 4 << 20),
            # A server has little to say: one that talks without end waits as soon as so much is not read.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", 64 << 10),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.min_reconnect_backoff_ms", 2_000),
            # A proxy for the outside world must not be asked for this machine.
            ("grpc.enable_http_proxy", 0 if self.loopback else 1),
        ]
        if self.root_certificates is None:
            return grpc.insecure_channel(self.address, options=options)
        credentials = grpc.ssl_channel_credentials(self.root_certificates or None)
        return grpc.secure_channel(self.address, credentials, options=options)

    def metadata(self) -> list[tuple[str, str]]:
        """Return what goes with each call."""
        return [("authorization", f"Bearer {self.token}")] if self.token else []


_FOR_GOOD = frozenset({grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED})


def _ended(error: Any) -> Ended:
    code = error.code() if isinstance(error, grpc.RpcError) else None
    details = (error.details() or "") if isinstance(error, grpc.Call) else repr(error)
    name = code.name if code is not None else type(error).__name__
    return Ended(one_line(f"{name}: {details}"), for_good=code in _FOR_GOOD)


class GrpcConnection:
    """A gRPC channel with one stream; see `Connection`."""

    def __init__(self, endpoint: Endpoint, deliver: Callable[[Report], None]) -> None:
        self._deliver = deliver
        self._metadata = endpoint.metadata()
        self._channel = endpoint.channel()
        # Bounded by the session: it hands over no more bytes than the server's credit.
        self._outgoing: queue.SimpleQueue[Bundle | None] = queue.SimpleQueue()
        self._call: Any = None
        self._dropped = threading.Event()

    def register(self, info: pb.SessionInfo, timeout: float) -> None:
        """Ask to be registered."""
        call = self._channel.unary_unary(
            f"{_SERVICE}/RegisterTrainingSession",
            request_serializer=pb.SessionInfo.SerializeToString,
            response_deserializer=pb.SessionResponse.FromString,
        )
        future = call.future(info, timeout=timeout, metadata=self._metadata)
        future.add_done_callback(self._registered)

    def _registered(self, future: Any) -> None:
        # On one of gRPC's threads.
        try:
            self._deliver(Reply(future.result()))
        except (grpc.RpcError, grpc.FutureCancelledError) as error:
            self._deliver(_ended(error))

    def open(self) -> None:
        """Open the stream and a thread that reads from it."""
        call = self._channel.stream_stream(
            f"{_SERVICE}/StreamTelemetry",
            request_serializer=None,
            response_deserializer=pb.TelemetryResponse.FromString,
        )
        self._call = call(self._requests(), metadata=self._metadata)
        threading.Thread(target=self._read, name="livetrain-acks", daemon=True).start()

    def _requests(self) -> Iterator[bytes]:
        # On one of gRPC's threads, which asks for a message when the last one has left. Beside a training that is
        # busy in Python it waits for the GIL each time, and would fall behind if it took one bundle at a time.
        for bundle in joined(self._outgoing):
            yield bundle.message()

    def _read(self) -> None:
        try:
            pace = ReadingPace()
            for response in self._call:
                self._deliver(Response(response))
                # Meanwhile the server has to wait: gRPC takes no more than its window.
                acknowledges = response.HasField("ack")
                size = response.ByteSize()
                if delay := pace.delay(time.monotonic(), size, acknowledges=acknowledges):
                    self._dropped.wait(delay)
        except grpc.RpcError as error:
            self._deliver(_ended(error))
        else:
            self._deliver(Ended("the server ended the stream", for_good=False))

    def send(self, bundle: Bundle) -> None:
        """Send records, in a message of their own or with what waits to be sent before and behind them."""
        self._outgoing.put(bundle)

    def half_close(self) -> None:
        """Say that nothing more is coming."""
        self._outgoing.put(None)

    def drop(self) -> None:
        """Cancel what goes on and close the channel."""
        self._dropped.set()
        self._outgoing.put(None)
        if self._call is not None:
            self._call.cancel()
        self._channel.close()
