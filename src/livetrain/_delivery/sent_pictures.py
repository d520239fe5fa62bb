"""Which pictures the server has: those that were sent on this connection, the newest of them. Pure."""

from __future__ import annotations

from collections import OrderedDict

from livetrain import _wire

__all__ = ["SentPictures"]

_MOST = 64
_MOST_BYTES = 4 << 20  # the server keeps some times as much of a run


class SentPictures:
    """Knows pictures by their content hash, those that have one.

    Example:
        >>> there = SentPictures()
        >>> there.sent(_wire.EncodedFrame((_wire.Tile(b"jpeg", "jpeg", 8, 8, 3, content_hash=5),)))
        >>> 5 in there
        True
        >>> there.forget()
        >>> 5 in there
        False
    """

    def __init__(self) -> None:
        self._sizes: OrderedDict[int, int] = OrderedDict()
        self._bytes = 0
        self._wanted = 0

    def __contains__(self, content_hash: object) -> bool:
        return content_hash in self._sizes

    def sent(self, frame: _wire.EncodedFrame) -> None:
        """A frame was handed to the transport."""
        if isinstance(frame.pictures, _wire.Strip):
            return
        for tile in frame.pictures:
            if tile.content_hash:
                self._bytes += len(tile.data) - self._sizes.pop(tile.content_hash, 0)
                self._sizes[tile.content_hash] = len(tile.data)
        while len(self._sizes) > _MOST or self._bytes > _MOST_BYTES:
            self._bytes -= self._sizes.popitem(last=False)[1]

    def wanted(self, number: int) -> None:
        """The server has lacked a picture so many times: if that is more than before, it has none from now on."""
        if number != self._wanted:
            self._wanted = number
            self.forget()

    def forget(self) -> None:
        """The other side may know no picture, as after a reconnect."""
        self._sizes.clear()
        self._bytes = 0
