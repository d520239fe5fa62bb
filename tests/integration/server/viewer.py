"""A viewer on the bare WebSocket: it says exactly what a test wants said."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType

from tests.integration.server.processes import PATIENCE, ServerProcess
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from livetrain.proto import live_pb2 as live


class LiveViewer:
    """One connection to the live view of a run."""

    def __init__(
        self,
        server: ServerProcess,
        run_id: str,
        hello: live.Hello | None = None,
        *,
        reads_ahead: int | None = 1000,
    ) -> None:
        address = f"{server.live}/api/runs/{run_id}/live"
        self._stack = ExitStack()
        self.socket = self._stack.enter_context(
            connect(address, max_size=None, compression=None, max_queue=reads_ahead)
        )
        self.close_code = 0
        if hello is not None:
            self.say(hello=hello)

    def say(self, **body: object) -> None:
        self.socket.send(live.ViewerMessage(**body).SerializeToString())  # type: ignore[arg-type]

    def read(self, timeout: float = PATIENCE) -> live.LiveMessage | None:
        """Return the next message; None: none came, or the connection ended."""
        try:
            raw = self.socket.recv(timeout=timeout)
        except TimeoutError:
            return None
        except ConnectionClosed as closed:
            self.close_code = closed.rcvd.code if closed.rcvd else 1006
            return None
        assert isinstance(raw, bytes)
        return live.LiveMessage.FromString(raw)

    def wait(self, wanted: Callable[[live.LiveMessage], object]) -> live.LiveMessage:
        """Return the first message that is wanted."""
        deadline = time.monotonic() + PATIENCE
        seen = []
        while time.monotonic() < deadline:
            message = self.read(max(0.01, deadline - time.monotonic()))
            if message is None:
                break
            if wanted(message):
                return message
            seen.append(message.WhichOneof("body"))
        raise AssertionError(f"it did not come; closed with {self.close_code}; came: {seen}")

    def events_until(self, offset: int) -> list[live.RunEvent]:
        """Return the events up to and with an offset."""
        found: list[live.RunEvent] = []
        while not found or found[-1].offset < offset:
            found += self.wait(lambda message: message.HasField("events")).events.events
        return found

    def wait_closed(self) -> int:
        """Read to the end and return the close code."""
        deadline = time.monotonic() + PATIENCE
        while not self.close_code and time.monotonic() < deadline:
            self.read(0.5)
        return self.close_code

    def __enter__(self) -> LiveViewer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()
