"""A client of a dialect on the bare WebSocket: it says exactly what a test wants said."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.integration.server.processes import PATIENCE
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


class Texts:
    """One connection that speaks JSON in text frames."""

    def __init__(self, address: str, *, origin: str | None = None) -> None:
        self._stack = ExitStack()
        self.socket = self._stack.enter_context(
            connect(
                address,
                max_size=None,
                compression=None,
                max_queue=10_000,
                close_timeout=0.5,
                origin=origin,  # type: ignore[arg-type]  # a NewType over str
            )
        )

    def send(self, message: str | bytes) -> None:
        self.socket.send(message)

    def read(self, timeout: float = PATIENCE) -> dict[str, Any]:
        """Return the next message, which is JSON as browsers know it."""
        text = self.socket.recv(timeout=timeout)
        assert isinstance(text, str)

        def refuse(token: str) -> float:
            raise AssertionError(f"{token} is not JSON")

        message = json.loads(text, parse_constant=refuse)
        assert isinstance(message, dict)
        return message

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Return the messages up to and with the first that is wanted."""
        seen: list[dict[str, Any]] = []
        while not seen or not wanted(seen[-1]):
            seen.append(self.read())
        return seen

    def wait_closed(self) -> int:
        """Read to the end and return the close code."""
        try:
            while True:
                self.socket.recv(timeout=PATIENCE)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else 1006

    def __enter__(self) -> Texts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()


@contextmanager
def never_reading(address: str) -> Iterator[None]:
    """Open a WebSocket and read nothing of what comes: on the bare socket, since every library reads ahead."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    with socket.create_connection((parts.hostname, parts.port or 80), PATIENCE) as bare:
        request = (
            f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        bare.sendall(request.encode())
        assert bare.recv(12) == b"HTTP/1.1 101"
        yield
