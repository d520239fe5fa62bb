"""Lets few HTTP requests be worked on at once, and of those who wait each client in turn.

Whoever asks for much keeps neither the event loop from trainers nor every reader of the store from others. What says whether the
server is well is never kept waiting.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import OrderedDict
from collections.abc import MutableMapping
from typing import Any, Final

from livetrain.server.allowance import Allowance
from livetrain.server.counters import Counters
from livetrain.server.guard import App, Receive, Scope, Send
from livetrain.server.turns import Turns
from livetrain.server.turnstile import CrowdedError, Turnstile

__all__ = ["RequestTurns"]

_HEAVY: Final = ("/metrics", "/events", "/summary", "/frames", "/samples")
"""Below /api: what is read from the store at length. One of its readers is left to others."""
_HEAVY_PLACES: Final = 3
_PLACES: Final = 32
_WAITING: Final = 512
_A_SECOND: Final = 50.0
"""Requests of one address; what goes beyond is answered in turns with everything else that can wait."""
_ADDRESSES: Final = 10_000
_BODY: Final = json.dumps({"detail": "Too many requests wait already; come again in 1 second."})


class RequestTurns:
    """An ASGI application before another one.

    Args:
        app: answers the requests.
        turns: of all clients on the event loop.
        counters: what is refused is counted there.
    """

    def __init__(self, app: App, turns: Turns, counters: Counters) -> None:
        self._app = app
        self._turns = turns
        self._counters = counters
        self._places = Turnstile(_PLACES, waiting=_WAITING)
        self._heavy = Turnstile(_HEAVY_PLACES, waiting=_WAITING)
        self._allowances: OrderedDict[str, Allowance] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the request answered when its turn has come."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith("/api/"):
            await self._app(scope, receive, send)
            return
        host, port = scope.get("client") or ("?", 0)
        if self._allowance(host).take(1, time.monotonic()):
            await self._turns.wait("viewers")
        turnstile = self._heavy if path.endswith(_HEAVY) else self._places
        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(turnstile.passing(f"{host}:{port}"))
            except CrowdedError:
                await self._refuse(send)
                return

            async def answering(message: MutableMapping[str, Any]) -> None:
                # An answer that is not read keeps nobody out: its work is done.
                await stack.aclose()
                await send(message)

            await self._app(scope, receive, answering)

    def _allowance(self, host: str) -> Allowance:
        allowance = self._allowances.get(host)
        if allowance is None:
            allowance = self._allowances[host] = Allowance(_A_SECOND, burst_seconds=5.0)
            if len(self._allowances) > _ADDRESSES:
                self._allowances.popitem(last=False)
        return allowance

    async def _refuse(self, send: Send) -> None:
        self._counters.rejected.labels("requests").inc()
        headers = [(b"content-type", b"application/json"), (b"retry-after", b"1")]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": _BODY.encode()})
