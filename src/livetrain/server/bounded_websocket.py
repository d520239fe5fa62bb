"""uvicorn's WebSocket connections, with what a client does not read held to the server's memory."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from websockets.frames import CloseCode, Frame

from livetrain.server.budget import Pool
from livetrain.server.logs import Complaints
from livetrain.server.paced_websocket import Pace, PacedWebSocket

__all__ = ["bounded_websocket"]

log = logging.getLogger(__name__)

_PONG_BYTES: Final = 64 * 1024
"""Who has so much to read is not told any more that its pings came."""
_ALWAYS: Final = 64 * 1024
"""So much is always there for a client that reads."""
_FRAGMENTS: Final = 1024
"""Of one message."""


class _Stuck:
    """The connections of one server that take nothing at the moment, those that do so for the longest first.

    Args:
        pool: what they all take from.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.connections: OrderedDict[_Connection, None] = OrderedDict()
        self.complaints = Complaints(log)

    def make_room(self, wanted: _Connection, size: int) -> bool:
        """End connections that are stuck until one may hold so many bytes; return whether it may."""
        while not wanted.claim.resize(size):
            if not self.connections:
                if size > _ALWAYS:
                    return False
                wanted.claim.set(size)
                return True
            connection, _ = self.connections.popitem(last=False)
            self.complaints.warn(
                "stuck",
                "ended the connection of a viewer at %s that does not read: its memory is needed",
                connection.client,
            )
            connection.end()
            if connection is wanted:
                return False
        return True


class _Connection(PacedWebSocket):
    """One connection; what it is sent is told in one claim: what waits for the network, and the message that waits behind it."""

    def __init__(self, stuck: _Stuck, pace: Pace, *arguments: Any, **options: Any) -> None:
        super().__init__(pace, *arguments, **options)
        self._stuck = stuck
        self.claim = stuck.pool.claim()

    @property
    def _unread(self) -> int:
        return int(self.transport.get_write_buffer_size())

    def end(self) -> None:
        """Close at once: what the client has not read, it never will."""
        self.claim.close()
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the memory back."""
        self._stuck.connections.pop(self, None)
        self.claim.close()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Note that the client does not read as fast as it is written to."""
        self._stuck.connections[self] = None
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that it does again."""
        self._stuck.connections.pop(self, None)
        self.claim.set(self._unread)
        super().resume_writing()

    async def send(self, message: Any) -> None:
        """Send a message once the client has read nearly all before it, if there is memory for it until then."""
        size = len(message.get("bytes") or message.get("text") or b"")
        if size and not self.disconnected and not self._stuck.make_room(self, self._unread + size):
            self.end()
            raise ClientDisconnected
        try:
            await super().send(message)
        finally:
            if not self.disconnected:
                self.claim.set(self._unread)

    def handle_ping(self) -> None:
        """Answer a ping, unless the client does not read answers."""
        output = self.conn.data_to_send()
        if self._unread < _PONG_BYTES:
            self.transport.write(b"".join(output))

    def handle_cont(self, event: Frame) -> None:
        """Take a further part of a message; one of very many parts is none that a client means."""
        if len(self.frames) >= _FRAGMENTS and not self.close_sent:
            self.frames = []
            self.conn.send_close(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.handle_parser_exception()
            return
        super().handle_cont(event)


def bounded_websocket(pool: Pool) -> Callable[[Pace], type[asyncio.Protocol]]:
    """Return what makes classes of connections that take from this pool: one for each pace at which clients speak."""
    stuck = _Stuck(pool)

    def at(pace: Pace) -> type[asyncio.Protocol]:
        class BoundedWebSocket(_Connection):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                super().__init__(stuck, pace, *arguments, **options)

        return BoundedWebSocket

    return at
