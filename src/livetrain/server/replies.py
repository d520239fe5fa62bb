"""Answers over HTTP within the server's memory: a request waits for room, and an answer that nobody reads gives way to others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, MutableMapping
from typing import Any, Final

from livetrain.server.budget import Pool
from livetrain.server.guard import App, Receive, Scope, Send

__all__ = ["Replies"]

_COST: Final = 6 * 1024 * 1024
"""About what an answer takes while it is made: at most two MiB of records, and what becomes of them as JSON."""
_LARGE_COST: Final = 18 * 1024 * 1024
"""The same of all curves of a run, whatever their number."""
_CHUNK: Final = 64 * 1024
_PATIENCE_SECONDS: Final = 5.0
_STUCK_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.1


class _Abandoned(Exception):  # noqa: N818  # it is no error
    """An answer is not read, and others wait for its memory."""


class _Reply:
    """One answer that is being made or read.

    Attributes:
        moved: when the client took some of it last, seconds of the loop's clock.
        given_up: done once it has to make room.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.moved = loop.time()
        self.sending = False
        self.given_up: asyncio.Future[None] = loop.create_future()


class Replies:
    """Stands before the routes below ``/api/runs``, whose answers may be large.

    Args:
        app: answers.
        pool: what answers take their memory from.
    """

    def __init__(self, app: App, pool: Pool) -> None:
        self._app = app
        self._pool = pool
        self._open: OrderedDict[_Reply, None] = OrderedDict()
        # An answer that is given up is not complete, which uvicorn takes for our mistake.
        logging.getLogger("uvicorn.error").addFilter(_is_no_abandonment)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or say that it should come again."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/runs"):
            await self._app(scope, receive, send)
            return
        async with self._room(_cost(scope)) as reply:
            if reply is None:
                await _come_again(send)
                return
            with contextlib.suppress(_Abandoned):
                await self._app(scope, receive, _in_chunks(send, reply))

    @contextlib.asynccontextmanager
    async def _room(self, cost: int) -> AsyncIterator[_Reply | None]:
        """Hold room for an answer; None: there is none, and nobody gave way."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_SECONDS
        while not self._pool.take(min(cost, self._pool.limit)):
            if loop.time() >= deadline:
                yield None
                return
            self._make_room(loop.time())
            await asyncio.sleep(_LOOK_SECONDS)
        reply = _Reply()
        self._open[reply] = None
        try:
            yield reply
        finally:
            del self._open[reply]
            self._pool.give(min(cost, self._pool.limit))

    def _make_room(self, now: float) -> None:
        """Give up the answer of which nothing was read for the longest."""
        stuck = [
            one
            for one in self._open
            if one.sending and now - one.moved > _STUCK_SECONDS and not one.given_up.done()
        ]
        if stuck:
            min(stuck, key=lambda one: one.moved).given_up.set_result(None)


def _cost(scope: Scope) -> int:
    """Return about how much memory an answer takes."""
    path = scope["path"]
    if path.endswith("/metrics"):
        return _COST if b"name" in scope.get("query_string", b"") else _LARGE_COST
    return _LARGE_COST if path.count("/") == 3 else _COST  # a run, with the names of its curves


def _in_chunks(send: Send, reply: _Reply) -> Send:
    """Return what sends an answer in parts, each once the client has read nearly all before it."""

    async def deliver(message: MutableMapping[str, Any]) -> None:
        sending = asyncio.ensure_future(send(message))
        reply.sending = True
        await asyncio.wait({sending, reply.given_up}, return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            sending.cancel()
            raise _Abandoned
        reply.sending = False
        reply.moved = asyncio.get_running_loop().time()
        await sending

    async def sending(message: MutableMapping[str, Any]) -> None:
        body = message.get("body", b"")
        if message["type"] != "http.response.body" or len(body) <= _CHUNK:
            await (deliver(message) if reply.sending else send(message))
            return
        view = memoryview(body)
        more = bool(message.get("more_body"))
        for start in range(0, len(body), _CHUNK):
            last = start + _CHUNK >= len(body)
            chunk = bytes(view[start : start + _CHUNK])
            await deliver({**message, "body": chunk, "more_body": more or not last})

    return sending


async def _come_again(send: Send) -> None:
    detail = "The server has no memory for further answers at the moment; come again in a second."
    body = json.dumps({"detail": detail}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", b"1"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _is_no_abandonment(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("ASGI callable returned without completing")
