"""What one client of a dialect is still to be sent: bounded, the oldest goes first. No I/O."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from livetrain.server.budget import Claim

__all__ = ["Closed", "Mailbox"]

_Message = TypeVar("_Message", str, bytes)
LIMIT_BYTES: Final = 1024 * 1024


class Closed(Exception):  # noqa: N818  # it is no error
    """Nothing comes any more."""


class Mailbox(Generic[_Message]):
    """Messages in order. One that has a slot replaces the one of that slot that still waits.

    Args:
        dropped: called for each message that is left out: replaced, or too much for a client that does not read.
        limit_bytes: what may wait; the newest message always may.
        claim: what it holds of the server's memory; None: that is not counted.

    Example:
        >>> box = Mailbox[str](lambda: None)
        >>> for text, slot in (("frame 1", "frame"), ("hello", ""), ("frame 2", "frame")):
        ...     box.put(text, slot)
        >>> box.take(), box.take(), box.take()
        ('hello', 'frame 2', None)
    """

    def __init__(
        self,
        dropped: Callable[[], object],
        *,
        limit_bytes: int = LIMIT_BYTES,
        claim: Claim | None = None,
    ) -> None:
        self._claim = claim
        self._dropped = dropped
        self._limit = limit_bytes
        self._waiting: OrderedDict[object, _Message] = OrderedDict()
        self._bytes = 0
        self._closed = False
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, message: _Message, slot: str = "") -> None:
        """Have a message sent; an empty slot is none."""
        key: object = slot or object()
        replaced = self._waiting.pop(key, None)
        if replaced is not None:
            self._bytes -= len(replaced)
            self._dropped()
        self._waiting[key] = message
        self._bytes += len(message)
        while not self._fits() and len(self._waiting) > 1:
            _, oldest = self._waiting.popitem(last=False)
            self._bytes -= len(oldest)
            self._dropped()
        self._count()
        if self._bytes > self._limit // 2:
            self._room.clear()
        self._wake.set()

    def take(self) -> _Message | None:
        """Return the next message and forget it; None: none waits."""
        if not self._waiting:
            return None
        _, message = self._waiting.popitem(last=False)
        self._bytes -= len(message)
        self._count()
        if self._bytes <= self._limit // 2:
            self._room.set()
        return message

    def _fits(self) -> bool:
        return self._bytes <= self._limit and (
            self._claim is None or self._claim.resize(self._bytes)
        )

    def _count(self) -> None:
        if self._claim is not None:
            self._claim.set(self._bytes)

    def __del__(self) -> None:
        """Give its memory back."""
        if self._claim is not None:
            self._claim.close()

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._bytes = 0
        self._count()
        self._room.set()

    def close(self) -> None:
        """Let nobody wait any more."""
        self._closed = True
        self._wake.set()

    async def get(self) -> _Message:
        """Wait for the next message.

        Raises:
            Closed: there is none, and none comes.
        """
        while (message := self.take()) is None:
            if self._closed:
                raise Closed
            self._wake.clear()
            await self._wake.wait()
        return message

    @property
    def has_room(self) -> bool:
        """Is half of the box free?"""
        return self._room.is_set()

    async def room(self) -> None:
        """Wait until half of the box is free: who asks more than it reads is not read either."""
        await self._room.wait()
