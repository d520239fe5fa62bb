"""A client of a dialect on the bare WebSocket: it says exactly what a test wants said."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from tests.integration.server.processes import PATIENCE
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


class Texts:
    """One connection that speaks JSON in text frames."""

    def __init__(
        self, address: str, *, reads_ahead: int | None = 10_000, origin: str | None = None
    ) -> None:
        self._stack = ExitStack()
        self.socket = self._stack.enter_context(
            connect(
                address,
                max_size=None,
                compression=None,
                max_queue=reads_ahead,
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
