"""Pictures that a trainer sends once: kept for a run, so that who comes later or was left behind gets them too. No I/O.

A trainer sends a picture that did not change by its content hash alone. A viewer that joined since, or that was sent
another frame in place of the one that had it, is sent it from here.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from livetrain.exceptions import ProtocolError
from livetrain.server.budget import Claim
from livetrain.server.pictures import MAX_PIXELS, picture_size
from livetrain.server.wire import fields

__all__ = ["Hashed", "Keepsakes", "Memory"]

Hashed = tuple[int, bytes | memoryview | None]
"""A tile's content hash and its serialised ``ImageData``; None: the trainer did not send its bytes again."""

_MOST: Final = 1024
_MOST_BYTES: Final = 16 * 1024 * 1024
_ASK_SECONDS: Final = 1.0
_REMEMBERED: Final = 256  # pictures that a viewer is taken to have; it keeps twice as many


class Keepsakes:
    """The pictures of one run, the ones used last.

    Args:
        clock: seconds, monotonic.
        claim: what they hold of the server's memory; None: that is not counted.

    Attributes:
        bytes: that they take.
        wanted: how often a trainer has to be asked to send all anew, so far; at most once a second more.

    Example:
        >>> kept = Keepsakes()
        >>> kept.take([(5, b"picture")])
        {5: b'picture'}
        >>> kept.take([(5, None), (6, None)])
        {5: b'picture'}
        >>> kept.wanted
        1
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, claim: Claim | None = None
    ) -> None:
        self.bytes = 0
        self._claim = claim
        self.wanted = 0
        self._clock = clock
        self._asked = float("-inf")
        self._pictures: OrderedDict[int, bytes] = OrderedDict()
        self._pixels: dict[int, int] = {}

    def take(self, tiles: Sequence[Hashed]) -> dict[int, bytes]:
        """Keep what a frame brings, and return the pictures of its tiles that are here, by their hash.

        They are not more than a viewer can decode together: those that would be too many are left out.
        """
        found: dict[int, bytes] = {}
        lacking, pixels = False, 0
        for content_hash, picture in tiles:
            kept = self._pictures.pop(content_hash, None)
            if kept is not None:
                self.bytes -= len(kept)
            if picture is not None:
                kept = bytes(picture)
                self._pixels[content_hash] = _pixels_of(kept)
            if kept is None:
                lacking = True
                continue
            self._pictures[content_hash] = kept
            self.bytes += len(kept)
            pixels += self._pixels[content_hash] if content_hash not in found else 0
            if pixels <= MAX_PIXELS:
                found[content_hash] = kept
        while self.bytes > _MOST_BYTES or len(self._pictures) > _MOST:
            self._drop_oldest()
        if self._claim is not None:
            while not self._claim.resize(self.bytes) and self._pictures:
                self._drop_oldest()
        now = self._clock()
        if lacking and now - self._asked >= _ASK_SECONDS:
            self._asked = now
            self.wanted += 1
        return found

    def _drop_oldest(self) -> None:
        content_hash, picture = self._pictures.popitem(last=False)
        self.bytes -= len(picture)
        del self._pixels[content_hash]

    def clear(self) -> None:
        """Make room for other runs' pictures."""
        self._pictures.clear()
        self._pixels.clear()
        self.bytes = 0
        if self._claim is not None:
            self._claim.set(0)

    def close(self) -> None:
        """Keep nothing any more."""
        self.clear()
        if self._claim is not None:
            self._claim.close()


def _pixels_of(image: bytes) -> int:
    """Return how many pixels a serialised ``ImageData`` has; 0: that cannot be read."""
    try:
        for part in fields(image):
            if part.number == 1:
                width, height = picture_size(image, part.value, part.end)
                return width * height
    except ProtocolError:
        pass
    return 0


class Memory:
    """Which pictures one viewer was sent on this connection."""

    def __init__(self) -> None:
        self._seen: OrderedDict[int, None] = OrderedDict()

    def lacks(self, kept: dict[int, bytes], brought: frozenset[int]) -> list[bytes]:
        """Return what has to be sent beside a frame, and take the viewer to have all of it from now on.

        Args:
            kept: the pictures of the frame's tiles, by hash.
            brought: the hashes of those that are in the frame itself.
        """
        lacking = [
            picture
            for content_hash, picture in kept.items()
            if content_hash not in brought and content_hash not in self._seen
        ]
        for content_hash in kept:
            self._seen.pop(content_hash, None)
            self._seen[content_hash] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return lacking
