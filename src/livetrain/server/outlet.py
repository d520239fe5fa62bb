"""What one trainer's connection still has to be told: bounded, whatever the trainer does not read. No I/O."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Outlet"]

_MOST: Final = 1024
_MOST_BYTES: Final = 256 * 1024


class Outlet:
    """Responses that wait to be written.

    An acknowledgement is cumulative, so one is enough: it is made when it is written. Older clients get one a batch; of
    those and of errors and commands the oldest go when too many wait.

    Args:
        session_id: is said back with everything.

    Attributes:
        acknowledge: an acknowledgement is due.
        closing: nothing comes after what waits here.
        dropped: responses that were left out.
    """

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.acknowledge = False
        self.closing = False
        self.dropped = 0
        self._responses: deque[pb.TelemetryResponse] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()

    def due(self) -> None:
        """Have an acknowledgement written."""
        self.acknowledge = True
        self._wake.set()

    def put(self, response: pb.TelemetryResponse) -> None:
        """Have a response written."""
        size = response.ByteSize()
        while self._responses and (
            len(self._responses) >= _MOST or self._bytes + size > _MOST_BYTES
        ):
            self._bytes -= self._responses.popleft().ByteSize()
            self.dropped += 1
        self._responses.append(response)
        self._bytes += size
        self._wake.set()

    def finish(self) -> None:
        """Have the stream end after what waits."""
        self.closing = True
        self._wake.set()

    async def wait(self) -> None:
        """Wait until there is something to write."""
        await self._wake.wait()
        self._wake.clear()

    @property
    def pending(self) -> bool:
        """Is there something to write?"""
        return self.acknowledge or bool(self._responses)

    def take(self) -> list[pb.TelemetryResponse]:
        """Return and forget the responses that wait."""
        taken = list(self._responses)
        self._responses.clear()
        self._bytes = 0
        return taken
