"""Lets few through at once, and of those who wait each client in turn. It belongs to the event loop."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["CrowdedError", "Turnstile"]


class CrowdedError(Exception):
    """Too many wait already."""


class Turnstile:
    """A place that so many may be in at once.

    Args:
        places: how many.
        waiting: how many may wait, all clients together.

    Example:
        >>> async def enter(turnstile):
        ...     async with turnstile.passing("ipv4:127.0.0.1:40000"):
        ...         print("inside")
        >>> asyncio.run(enter(Turnstile(1, waiting=10)))
        inside
    """

    def __init__(self, places: int, *, waiting: int) -> None:
        self._free = places
        self._limit = waiting
        self._count = 0
        # The client whose turn is next stands first.
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def passing(self, client: str) -> AsyncIterator[None]:
        """Be inside as long as the context lasts.

        Raises:
            CrowdedError: too many wait.
        """
        if self._free:
            self._free -= 1
        else:
            await self._wait(client)
        try:
            yield
        finally:
            self._let_next()

    async def _wait(self, client: str) -> None:
        if self._count >= self._limit:
            raise CrowdedError
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(client, deque()).append(turn)
        self._count += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._let_next()  # its turn came just then
            raise

    def _let_next(self) -> None:
        while self._queues:
            client, queue = self._queues.popitem(last=False)
            turn = queue.popleft()
            self._count -= 1
            if queue:
                self._queues[client] = queue  # behind the others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
