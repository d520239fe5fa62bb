"""uvicorn's WebSocket connections, read no faster than a client may speak and the application listens.

uvicorn takes whatever has come apart at once: thirty thousand messages of a few bytes, in one go. Here it is fed in pieces, for a
millisecond in each round of the event loop, and not before the application has taken what came. Who says more than is
allowed is read later, so that it cannot send either; who goes on like that for long is sent away and told when to come again.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from livetrain.server.allowance import Allowance

__all__ = ["TOO_MUCH", "Pace", "PacedWebSocket"]

TOO_MUCH: Final = 4429
"""Closes the connection of a client that says more than it may; the reason says when it may come again."""

_PIECE: Final = 1024
_TURN_SECONDS: Final = 0.001
_PATIENCE_SECONDS: Final = 10.0
"""Who said too much for so long is sent away."""
_CLOSE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Pace:
    """What one client may say.

    Attributes:
        messages: WebSocket frames of any kind, a second.
        bytes: the same.
        burst_seconds: the allowance of so many seconds may be used at once.
    """

    messages: int
    bytes: int
    burst_seconds: float = 5.0


class PacedWebSocket(WebSocketsSansIOProtocol):
    """One connection.

    Args:
        pace: what its client may say.
        arguments: uvicorn's own.
        options: the same.
    """

    def __init__(self, pace: Pace, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._pace = pace
        self._messages = Allowance(pace.messages, pace.burst_seconds)
        self._bytes = Allowance(pace.bytes, pace.burst_seconds)
        self._unfed = bytearray()  # at most what one call brings: nothing is read meanwhile
        self._next: asyncio.Handle | None = None
        self._ahead_since: float | None = None
        self.close_timeout = _CLOSE_SECONDS

    def data_received(self, data: bytes) -> None:
        """Take what came, and feed it when its time has come."""
        self._unfed += data
        if self._next is None:
            self._feed()

    def handle_events(self) -> None:
        """Count the frames, and have uvicorn handle them."""
        events = len(self.conn.events)
        if events and self.handshake_initiated:
            self._messages.take(events, time.monotonic())
        super().handle_events()

    def _feed(self) -> None:
        self._next = None
        began = now = time.monotonic()
        while self._unfed and not self.disconnected and not self.transport.is_closing():
            if not self.queue.empty() and not self.close_sent:
                break  # the application has not taken what is there
            piece = bytes(self._unfed[:_PIECE])
            del self._unfed[:_PIECE]
            super().data_received(piece)
            now = time.monotonic()
            wait = max(self._messages.wait(now), self._bytes.take(len(piece), now))
            if wait:
                self._hold_back(wait, now)
                break
            self._ahead_since = None
            if now - began > _TURN_SECONDS:
                self._next = self.loop.call_soon(self._feed)
                break
        self._read_on()

    def _hold_back(self, wait: float, now: float) -> None:
        """Read nothing for a while; end it when that does not help."""
        if self._ahead_since is None:
            self._ahead_since = now
        if now - self._ahead_since > _PATIENCE_SECONDS and not self.close_sent:
            self._send_away(wait)
        self._next = self.loop.call_later(wait, self._feed)

    def _send_away(self, wait: float) -> None:
        if not self.handshake_complete:
            self.transport.abort()
            return
        pace = self._pace
        reason = (
            f"At most {pace.messages:,} messages and {pace.bytes:,} bytes a second are taken from one client; "
            f"come again in {wait + pace.burst_seconds:.0f} s."
        )
        self.conn.send_close(TOO_MUCH, reason[:120])
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._unfed.clear()
        self.queue.put_nowait(
            {"type": "websocket.disconnect", "code": TOO_MUCH, "reason": reason[:120]}
        )
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def _read_on(self) -> None:
        """Read from the network if there is nothing left to be fed, and not else."""
        if self.disconnected or self.transport.is_closing():
            self._unfed.clear()
            return
        taken = self.queue.empty() or self.close_sent
        wanted = not self._unfed and taken and self._next is None
        if wanted and self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        elif not wanted and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was not fed."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._unfed.clear()
        super().connection_lost(exc)

    async def receive(self) -> Any:
        """Return the next message; what came after it is looked at once this is taken."""
        message = await self.queue.get()
        self._go_on()
        return message

    async def send(self, message: Any) -> None:
        """Send a message; once it says that this is the end, what still comes is looked at no more."""
        await super().send(message)
        if message["type"] == "websocket.close":
            self._unfed.clear()
            self._go_on()

    def _go_on(self) -> None:
        if self.queue.empty() or self.close_sent:
            if self._unfed and self._next is None:
                self._next = self.loop.call_soon(self._feed)
            self._read_on()
