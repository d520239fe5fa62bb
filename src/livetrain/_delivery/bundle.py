"""Records that travel in one message, which costs each side far more than a record in it."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence

from livetrain import _wire
from livetrain._delivery.server_limits import MAX_RECORDS

__all__ = ["Bundle", "joined"]


class Bundle:
    """One or more records on their way into a message.

    Args:
        record: the first, serialised, in pieces.
        room: bytes that the message may grow to; 0: it stays alone.
        most_records: how many records the message may have.

    Example:
        >>> bundle = Bundle([b"first"], room=100)
        >>> bundle.take(Bundle([b"second"], room=100)), bundle.take(Bundle([bytes(200)], room=100))
        (True, False)
        >>> bundle.take(Bundle([b"a heartbeat"]))
        False
    """

    __slots__ = ("_most_records", "_records", "_room", "_size")

    def __init__(
        self, record: Sequence[_wire.Piece], room: int = 0, most_records: int = MAX_RECORDS
    ) -> None:
        self._records = [record]
        self._room = room
        self._most_records = most_records
        self._size = sum(map(len, record)) + _wire.BUNDLED_BYTES

    def take(self, following: Bundle) -> bool:
        """Take in what is to be sent after this; False: it has to go in a message of its own."""
        if not (self._room and following._room):
            return False
        room = max(self._room, following._room)
        if self._size + following._size > room:
            return False
        if len(self._records) + len(following._records) > self._most_records:
            return False
        self._records += following._records
        self._size += following._size
        self._room = room
        return True

    def message(self) -> bytes:
        """Return the serialised ``TelemetryRequest``."""
        return _wire.bundle(self._records)


def joined(waiting: queue.SimpleQueue[Bundle | None]) -> Iterator[Bundle]:
    """Take bundles from a queue until None, which is its end, and in one what waits in there together."""
    bundle = waiting.get()
    while bundle is not None:
        following: Bundle | None = bundle  # itself: nothing that it cannot take in
        while following is bundle and not waiting.empty():  # only this thread takes
            following = waiting.get()
            if following is not None and bundle.take(following):
                following = bundle
        yield bundle
        bundle = waiting.get() if following is bundle else following
