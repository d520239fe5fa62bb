"""uvicorn's HTTP connections: so many and no more, and none that is kept without a request keeps another one out.

A connection has some seconds to say what it wants. When there are as many as there may be, a new one takes the place of that which
has waited for its next request the longest; only where all of them are being answered is a new one refused, and told when to come.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from livetrain.server.counters import Counters
from livetrain.server.logs import Complaints

__all__ = ["HttpConnections", "bounded_http"]

log = logging.getLogger(__name__)

_REQUEST_SECONDS: Final = 10.0
"""So long may a request take to come, from its connection, or from its first byte, to its last one."""
_LINGER_SECONDS: Final = 0.25
_LINGERING: Final = 32
_BODY: Final = b'{"detail":"Too many connections are open; come again in 5 seconds."}'
_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Type: application/json\r\n"
    b"Connection: close\r\nContent-Length: " + str(len(_BODY)).encode() + b"\r\n\r\n" + _BODY
)


class HttpConnections:
    """The connections of one port.

    Args:
        limit: how many there may be, WebSockets among them.
        counters: what is refused is counted there.
    """

    def __init__(self, limit: int, counters: Counters) -> None:
        self.limit = limit
        self.lingering = 0
        # Those that wait for a request, the longest first.
        self.idle: OrderedDict[_Connection, None] = OrderedDict()
        self._counters = counters
        self._complaints = Complaints(log)

    def admit(self, open_now: int) -> bool:
        """Return whether there is room for one more, which may be that of an idle one."""
        if open_now < self.limit:
            return True
        self._counters.rejected.labels("connections").inc()
        if self.idle:
            oldest, _ = self.idle.popitem(last=False)
            oldest.leave()
            self._complaints.warn(
                "idle", "%s connections are open: idle ones are closed for new ones", self.limit
            )
            return True
        self._complaints.warn("connections", "refused a connection: %s are open", self.limit)
        return False

    def late(self, client: object) -> None:
        """Count a connection whose request did not come in time."""
        self._counters.rejected.labels("slow_request").inc()
        self._complaints.warn(
            "slow", "closed a connection from %s: its request did not come in time", client
        )


class _Connection(H11Protocol):
    def __init__(self, connections: HttpConnections, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._all = connections
        self._deadline: asyncio.TimerHandle | None = None
        self._refused = False
        self._upgraded = False

    def connection_made(self, transport: Any) -> None:
        """Take a connection, or refuse it."""
        if not self._all.admit(len(self.connections)):
            self._refuse(transport)
            return
        super().connection_made(transport)
        self._look()

    def _refuse(self, transport: Any) -> None:
        self._refused = True
        transport.write(_REFUSAL)
        if self._all.lingering >= _LINGERING:
            transport.close()
            return
        # Closed at once it would be reset, with the answer unread.
        self._all.lingering += 1
        self.transport = transport
        transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        """Take what came; the time for a request begins with its first byte."""
        if not self._refused:
            super().data_received(data)
            self._look()

    def on_response_complete(self) -> None:
        """Note that it waits for the next request, for as long as uvicorn lets it."""
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._all.idle[self] = None

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Let it be a WebSocket from now on."""
        self._upgraded = True
        self._settle()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._settle()
        if not self._refused:
            super().connection_lost(exc)
        elif self.transport is not None:
            self._all.lingering -= 1

    def leave(self) -> None:
        """Make room for another one."""
        self._settle()
        self.transport.close()

    def _look(self) -> None:
        """Begin or end the time for a request."""
        wanted = self.conn.their_state not in (h11.IDLE, h11.SEND_BODY)
        if wanted or self._upgraded or self.transport.is_closing():
            self._settle()
        elif self._deadline is None:
            self._all.idle[self] = None
            self._deadline = self.loop.call_later(_REQUEST_SECONDS, self._late)

    def _settle(self) -> None:
        self._all.idle.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._all.late(self.client[0] if self.client else "?")
        self.leave()


def bounded_http(connections: HttpConnections) -> type[asyncio.Protocol]:
    """Return the class of connections of a port."""

    class BoundedHttp(_Connection):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(connections, *arguments, **options)

    return BoundedHttp
