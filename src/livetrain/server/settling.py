"""What was heard and is still to be recorded, for who asks about it at once. No I/O."""

from __future__ import annotations

import asyncio
import contextlib

__all__ = ["Settling"]


class Settling:
    """Counts what came in and what was dealt with.

    Example:
        >>> messages = Settling()
        >>> messages.came()
        >>> messages.settled()
        >>> asyncio.run(messages.wait(1.0))
    """

    def __init__(self) -> None:
        self._came = self._settled = 0
        self._changed = asyncio.Event()

    def came(self) -> None:
        """Note that something came in."""
        self._came += 1

    def settled(self) -> None:
        """Note that the oldest of what came in was dealt with."""
        self._settled += 1
        self._changed.set()

    async def wait(self, seconds: float) -> None:
        """Wait until all that has come in was dealt with, at most so long."""
        wanted = self._came
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._settled < wanted:
                    self._changed.clear()
                    await self._changed.wait()
