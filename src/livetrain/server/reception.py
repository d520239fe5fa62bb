"""Lets trainers' messages in as fast as there is memory for them: who is not read from waits on the network.

A message is in memory as soon as it is read from the network, by gRPC, which does not ask before. So a stream that sent much is
read from again when there is room for as much once more. One that then sends nothing for a while gives its room to others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from livetrain.server.budget import Pool

__all__ = ["Reception", "Sender"]

_SMALL: Final = 64 * 1024
"""Messages up to here never wait; gRPC holds as much of a stream that is not read from anyway."""
_COPIES: Final = 2
"""A message is held by gRPC and by us for a moment."""
_IDLE_SECONDS: Final = 1.0
_NEWCOMER_SECONDS: Final = 0.1
"""The same for a stream that has not sent anything yet: how much it will send is not known."""
_LESS: Final = 0.9
"""So much less is expected after each message that is smaller than those before."""


class Reception:
    """The room for messages that come in, all streams together.

    Args:
        pool: what they take their memory from.

    Attributes:
        closed: whether nothing large is let in at the moment, because memory is short elsewhere.
    """

    def __init__(self, pool: Pool) -> None:
        self.closed = False
        self._pool = pool
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def sender(self, expected: int = 0) -> Sender:
        """Return what a further stream asks before it reads.

        Args:
            expected: bytes that its first message may have.
        """
        return Sender(self, expected)

    def _fits(self, size: int) -> bool:
        if self._pool.used == 0:
            return True
        return not self.closed and size <= self._pool.free

    async def admit(self, size: int) -> None:
        """Wait until there is room for a message of about this size, and take it."""
        if self._waiting or not self._fits(size):
            place = asyncio.get_running_loop().create_future()
            self._waiting.append((size, place))
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self.give(size)
                raise
        else:
            self._pool.add(size)

    def take(self, size: int) -> None:
        """Take room for what is here already."""
        self._pool.add(size)

    def give(self, size: int) -> None:
        """Give room back, and let in who waits."""
        self._pool.give(size)
        self.let_in()

    def let_in(self) -> None:
        """Let in who waits, in the order in which they came, as far as there is room."""
        while self._waiting:
            size, place = self._waiting[0]
            if place.done():  # it gave up
                self._waiting.popleft()
                continue
            if not self._fits(size):
                return
            self._waiting.popleft()
            self._pool.add(size)
            place.set_result(None)


class Sender:
    """One stream.

    Args:
        reception: where it asks.
        expected: bytes that its first message may have.

    Attributes:
        since: when its last message came, seconds of the loop's clock.

    Example:
        >>> async def read(stream: Sender, messages: list[bytes]) -> None:
        ...     for message in messages:
        ...         await stream.wait()
        ...         stream.arrived(len(message))
    """

    def __init__(self, reception: Reception, expected: int = 0) -> None:
        self.since = asyncio.get_running_loop().time()
        self._reception = reception
        self._expected = expected * _COPIES
        self._patience = _NEWCOMER_SECONDS
        self._held = 0
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self) -> None:
        """Wait until the next message may come; what came before is done with."""
        self._let_go()
        if self._expected > _SMALL:
            await self._reception.admit(self._expected)
            self._held = self._expected
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._patience, self._let_go)

    def arrived(self, size: int) -> None:
        """Note that a message came."""
        self._let_go()
        self.since = asyncio.get_running_loop().time()
        known, self._patience = self._patience == _IDLE_SECONDS, _IDLE_SECONDS
        self._expected = max(size * _COPIES, int(self._expected * _LESS) if known else 0)
        if size * _COPIES > _SMALL:
            self._held = size * _COPIES
            self._reception.take(self._held)

    def close(self) -> None:
        """Hold nothing any more."""
        self._let_go()

    def _let_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, self._held = self._held, 0
        if held:
            self._reception.give(held)
