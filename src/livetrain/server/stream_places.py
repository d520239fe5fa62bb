"""Who may have a stream open: so many and no more, a share for each client, and some kept for streams that were there before. Pure.

A stream takes its place with its first message. Those that have not said anything wait in a place of their own, where a new one
takes the place of the oldest: whoever opens thousands of streams and says nothing keeps nobody out.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import Final, Protocol

__all__ = ["Place", "StreamPlaces"]

_SILENT: Final = 256
_RESERVE: Final = 10
"""One in so many places is for streams that were open before."""
_LEAST: Final = 16
"""So many streams each client may have, as long as there are any."""
_FULL: Final = "Too many streams are open; come again in 5 seconds."


class Place(Protocol):
    """A stream that is open, or wants to be."""

    @property
    def client(self) -> str:
        """The address and port of the connection that it came with."""

    def leave(self, reason: str) -> None:
        """End, and say why."""


class StreamPlaces:
    """The places of one server.

    Args:
        places: how many streams may be open at once.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._silent: OrderedDict[Place, None] = OrderedDict()
        self._open: set[Place] = set()
        self._by_client: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open) + len(self._silent)

    def __iter__(self) -> Iterator[Place]:
        return iter([*self._silent, *self._open])

    def come(self, place: Place) -> None:
        """Let a stream wait for its first message; where many do, the one that has waited the longest leaves."""
        self._silent[place] = None
        if len(self._silent) > min(_SILENT, self._places):
            oldest, _ = self._silent.popitem(last=False)
            oldest.leave("This stream said nothing, and others wait for its place.")

    def open(self, place: Place, *, known: bool) -> str:
        """Give a stream its place; return why it has none, or nothing.

        Args:
            place: a stream that says whose it is.
            known: whether it was open before; of the others some places are kept for such.
        """
        if place in self._open:
            return ""
        self._silent.pop(place, None)
        free = self._places - len(self._open)
        mine = self._by_client[place.client]
        kept = 0 if known else self._places // _RESERVE
        if free <= kept:
            return _FULL
        # Alone a client may have half of all; beside others, half of what they leave.
        if mine >= max(min(_LEAST, self._places), (free + mine) // 2):
            return (
                f"This client has {mine} streams open, which is its share; come again in 5 seconds."
            )
        self._open.add(place)
        self._by_client[place.client] += 1
        return ""

    def leave(self, place: Place) -> None:
        """Take a stream's place back."""
        self._silent.pop(place, None)
        if place in self._open:
            self._open.discard(place)
            self._by_client[place.client] -= 1
            if not self._by_client[place.client]:
                del self._by_client[place.client]
