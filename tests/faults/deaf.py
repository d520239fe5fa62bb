"""A gRPC server that lets every trainer in and then never acknowledges anything; keepalive finds nothing wrong with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent import futures
from typing import Self

import grpc

from livetrain.proto import telemetry_pb2 as pb

__all__ = ["DeafServer"]

SERVICE = "livetrain.v1.TelemetryService"


class DeafServer:
    """Takes registrations and streams.

    Args:
        reads: False: it does not even take what is sent, so that buffers fill up.

    Attributes:
        streams: how many were opened so far.
    """

    def __init__(self, *, reads: bool) -> None:
        self._reads = reads
        self._over = threading.Event()
        self.streams = 0
        handlers = {
            "RegisterTrainingSession": grpc.unary_unary_rpc_method_handler(self._register),
            "StreamTelemetry": grpc.stream_stream_rpc_method_handler(self._stream),
        }
        options = [("grpc.http2.min_ping_interval_without_data_ms", 5_000)]
        self._server = grpc.server(futures.ThreadPoolExecutor(32), options=options)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, handlers),)
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def _register(self, data: bytes, _: grpc.ServicerContext) -> bytes:
        info = pb.SessionInfo.FromString(data)
        config = pb.ServerConfig(
            heartbeat_interval_ms=2000, max_message_bytes=4 << 20, credit_bytes=1 << 20
        )
        answer = pb.SessionResponse(
            success=True,
            session_id=info.session_id,
            protocol_version=1,
            resume_token="deaf",
            server_epoch="deaf",
            server_config=config,
        )
        return answer.SerializeToString()

    def _stream(self, messages: Iterator[bytes], _: grpc.ServicerContext) -> Iterator[bytes]:
        self.streams += 1
        if self._reads:
            for _message in messages:
                pass
        self._over.wait()
        yield from ()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.stop(0).wait(10)
