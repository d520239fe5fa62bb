"""Shares the event loop: whoever has much to do does it in turns, and whoever has little waits for nobody.

Every client has a share of the loop's time to itself, some of which it may save up. Who stays within that is served at once. Who
has used it up waits in a queue with all the others of its kind of whom that is true. Each round of the loop lets one of them go on
for a millisecond, the kinds by turns, for one may come with many connections; who took longer than that is passed over for as many
rounds. While others are there, the loop rests after each of these turns. So a trainer at 60 steps a second is acknowledged in
time whatever somebody else sends, and the server is never busy with one client for long.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Literal

__all__ = ["Kind", "Share", "Turns"]

Kind = Literal["trainers", "viewers", "older"]
TURN_SECONDS: Final = 0.001
_PAUSE_SECONDS: Final = 0.001
"""Between two turns, while others are there: the threads that write what they said need the interpreter too."""
_PRESENT_SECONDS: Final = 0.2
_SHARES: Final[Mapping[Kind, float]] = {"trainers": 0.1, "viewers": 0.05, "older": 0.05}
"""Of the loop's time, which each client of a kind has to itself."""
_SAVED_SECONDS: Final = 0.005
"""So much of it a client may save up."""
_OWED_SECONDS: Final = 0.05
"""A client that was busy for long is served at once again after a second of rest."""


class Turns:
    """The queue of those who have used up their shares.

    Args:
        clock: in seconds.
        cpu: what the event loop's thread has used of the processor, in seconds: who is held up by other work of this machine has
            not used up anything.
        pause: seconds between two turns while somebody is there who waits for nobody.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.perf_counter,
        cpu: Callable[[], float] = time.thread_time,
        *,
        pause: float = _PAUSE_SECONDS,
    ) -> None:
        self.clock = clock
        self.cpu = cpu
        self._pause = pause
        # The kind whose turn is next stands first.
        self._waiting: dict[Kind, deque[asyncio.Future[None]]] = {kind: deque() for kind in _SHARES}
        self._going = False
        self._served = clock() - _PRESENT_SECONDS
        self._due = clock()

    def share(self, kind: Kind) -> Share:
        """Return the share of a client that has just come."""
        return Share(self, kind)

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return sum(map(len, self._waiting.values()))

    async def wait(self, kind: Kind) -> None:
        """Wait for the next turn of a kind; who came first has it first."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting[kind].append(turn)
        if not self._going:
            self._going = True
            self._look_again()
        await turn

    def _go_on(self) -> None:
        """Let one go on in this round of the loop, and look again in the next."""
        turn = self._next()
        if turn is not None:
            turn.set_result(None)
            self._due = self.clock() + TURN_SECONDS + self._pause
        self._going = self.waiting > 0
        if self._going:
            self._look_again()

    def _look_again(self) -> None:
        now, loop = self.clock(), asyncio.get_running_loop()
        if self._pause and self._due > now and now - self._served < _PRESENT_SECONDS:
            loop.call_later(self._due - now, self._go_on)
        else:
            loop.call_soon(self._go_on)

    def _next(self) -> asyncio.Future[None] | None:
        for kind, queue in list(self._waiting.items()):
            while queue:
                turn = queue.popleft()
                if not turn.done():  # its client may have gone meanwhile
                    self._waiting[kind] = self._waiting.pop(kind)  # to the end
                    return turn
        return None

    def serve(self, now: float) -> None:
        """Note that somebody was served who waits for nobody."""
        self._served = now


class Share:
    """One client's share. Not made by itself, but by `Turns.share`.

    Example:
        >>> async def read(messages, share):
        ...     async for message in messages:  # of a client
        ...         await share.turn()
        ...         print(message)
        ...         share.rest()
    """

    __slots__ = ("_balance", "_began", "_counted", "_granted", "_kind", "_part", "_ran", "_turns")

    def __init__(self, turns: Turns, kind: Kind) -> None:
        self._turns = turns
        self._kind: Kind = kind
        self._part = _SHARES[kind]
        self._balance = _SAVED_SECONDS
        self._counted = turns.clock()
        self._began: float | None = None
        self._granted = False
        self._ran = 0.0

    async def turn(self) -> None:
        """Wait until this client may go on; to be called before each small piece of work.

        What lies between this and the next call, or the next `rest`, is counted as its work.
        """
        now = self._count()
        if self._ran >= TURN_SECONDS or (self._balance < 0 and not self._granted):
            self._began = None
            await self._turns.wait(self._kind)
            while self._ran >= 2 * TURN_SECONDS:  # it took longer than its turn
                self._ran -= TURN_SECONDS
                await self._turns.wait(self._kind)
            self._ran = max(0.0, self._ran - TURN_SECONDS)
            self._granted = True
            now = None
        elif not self._granted:
            self._turns.serve(self._counted)
        self._began = self._turns.cpu() if now is None else now

    def charge(self, seconds: float) -> None:
        """Count work that was done for this client elsewhere, such as on a thread of gRPC's."""
        self._ran = min(_OWED_SECONDS, self._ran + seconds)
        self._balance = max(-_OWED_SECONDS, self._balance - seconds)

    def rest(self) -> None:
        """Say that the work is done for now: what follows is waiting for others."""
        self._count()
        self._began = None

    def _count(self) -> float | None:
        """Count what was used and what was gained since the last time; return the processor's time, if it was looked at."""
        now = self._turns.clock()
        passed = now - self._counted
        self._counted = now
        cpu = None
        if self._began is not None:
            cpu = self._turns.cpu()
            used = cpu - self._began
            self._ran = min(_OWED_SECONDS, self._ran + used)
            self._balance -= used
        elif self._balance >= 0:
            self._ran = max(0.0, self._ran - passed)
        self._balance += passed * self._part
        self._balance = max(-_OWED_SECONDS, min(_SAVED_SECONDS, self._balance))
        if self._balance >= 0:
            self._granted = False
        return cpu
