"""Conversations of older clients on the bare transports: what is said goes out as it is, and what comes is kept as it came."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress

import grpc
import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

__all__ = ["GrpcCall", "GrpcStream", "GrpcWebCall", "GrpcWebStream", "Voice", "WebSocket"]

PATIENCE = 30.0
GRPC_WEB = {"content-type": "application/grpc-web+proto"}


class Voice:
    """One conversation.

    Attributes:
        heard: what the server said so far.
    """

    def __init__(self) -> None:
        self.heard: list[bytes | str] = []

    def listen(self) -> None:
        """Hear what comes, on a thread of its own."""
        threading.Thread(target=self.hear, daemon=True).start()

    def hear(self) -> None:
        """Put what comes into `heard`, to its end."""

    def say(self, said: bytes | str) -> None:
        """Send a message."""

    def half_close(self) -> None:
        """Say that nothing more comes."""

    def end(self) -> None:
        """Hang up."""


class GrpcCall(Voice):
    def __init__(self, channel: grpc.Channel, path: str) -> None:
        super().__init__()
        self._call = channel.unary_unary(path)

    def say(self, said: bytes | str) -> None:
        with suppress(grpc.RpcError):
            self.heard.append(self._call(said, timeout=PATIENCE))


class GrpcStream(Voice):
    def __init__(self, channel: grpc.Channel, path: str) -> None:
        super().__init__()
        self._out: queue.Queue[bytes | str | None] = queue.Queue()
        self._half_closed = False
        self._call = channel.stream_stream(path)(self._requests())
        self.listen()

    def _requests(self) -> Iterator[bytes | str]:
        while (said := self._out.get()) is not None:
            yield said

    def hear(self) -> None:
        with suppress(grpc.RpcError):
            self.heard += self._call

    def say(self, said: bytes | str) -> None:
        self._out.put(said)

    def half_close(self) -> None:
        self._half_closed = True
        self._out.put(None)

    def end(self) -> None:
        if not self._half_closed:
            self._call.cancel()
            self._out.put(None)


class WebSocket(Voice):
    def __init__(self, address: str) -> None:
        super().__init__()
        # Newer releases of websockets warn of a connection that is not entered.
        self._socket = connect(address, max_size=None).__enter__()
        self.listen()

    def hear(self) -> None:
        with suppress(ConnectionClosed):
            self.heard += self._socket

    def say(self, said: bytes | str) -> None:
        self._socket.send(said)

    def end(self) -> None:
        self._socket.close()


class GrpcWebCall(Voice):
    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def say(self, said: bytes | str) -> None:
        assert isinstance(said, bytes)
        body = b"\0" + len(said).to_bytes(4, "big") + said
        answer = httpx.post(self._address, content=body, headers=GRPC_WEB)
        self.heard += messages(iter([answer.content]))


class GrpcWebStream(Voice):
    """A page that asks nothing: its request is empty."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self._client = httpx.Client(timeout=None)
        self.listen()

    def hear(self) -> None:
        with (
            suppress(httpx.HTTPError, OSError, RuntimeError),
            self._client.stream("POST", self._address, headers=GRPC_WEB) as answer,
        ):
            for message in messages(answer.iter_raw()):
                self.heard.append(message)

    def end(self) -> None:
        self._client.close()


def messages(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the messages of an answer over gRPC-Web."""
    buffer = b""
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= 5:
            size = int.from_bytes(buffer[1:5], "big")
            if len(buffer) < 5 + size:
                break
            if buffer[0] == 0:
                yield buffer[5 : 5 + size]
            buffer = buffer[5 + size :]
