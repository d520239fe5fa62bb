"""Takes the pictures out of what a dialect's client or the server says, so that it can be given away. Pure.

What is left says the same otherwise: a picture becomes a header of the same kind and size, and bytes that are no picture become
others that are refused for the same reason.
"""

from __future__ import annotations

import re
import zlib
from typing import Final

from livetrain._protobuf import LENGTH, key, varint
from livetrain.exceptions import ProtocolError
from livetrain.server.pictures import picture_size
from livetrain.server.wire import fields

__all__ = ["remove_data_urls", "remove_pictures"]

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_NO_PICTURE: Final = b"left out"
_DATA_URL: Final = re.compile(r"(data:[a-zA-Z]+/[-+.a-zA-Z0-9]+;base64,)([A-Za-z0-9+/=]{16,})")
_PLACES: Final[dict[int, frozenset[int]]] = {
    3: frozenset({3, 4, 18}),  # of a batch: images in either schema, and the strip
    27: frozenset({2}),  # of a sample
}
"""Where in a trainer's message there are messages whose field 1 is a picture."""
_MOST_FIELDS: Final = 100_000


def remove_pictures(raw: bytes) -> tuple[bytes, int]:
    """Return a trainer's message without the bytes of its pictures, and how many there were.

    Args:
        raw: a ``TelemetryRequest`` of any schema.

    Raises:
        ProtocolError: it is no message.
    """
    pieces: list[bytes] = []
    removed = 0
    for field in fields(raw, limit=_MOST_FIELDS):
        inner = _PLACES.get(field.number)
        if inner is None or field.wire_type != LENGTH:
            pieces.append(raw[field.start : field.end])
            continue
        content, count = _without_images(raw, field.value, field.end, inner)
        removed += count
        pieces += [key(field.number, LENGTH), varint(len(content)), content]
    return b"".join(pieces), removed


def _without_images(raw: bytes, start: int, end: int, places: frozenset[int]) -> tuple[bytes, int]:
    pieces: list[bytes] = []
    removed = 0
    for field in fields(raw, start, end, limit=_MOST_FIELDS):
        # In one of the schemas there is a number where the other has its images.
        if field.number not in places or field.wire_type != LENGTH:
            pieces.append(raw[field.start : field.end])
            continue
        image: list[bytes] = []
        for part in fields(raw, field.value, field.end, limit=_MOST_FIELDS):
            if part.number == 1 and part.wire_type == LENGTH and part.end > part.value:
                removed += 1
                stand_in = _stand_in(raw, part.value, part.end)
                image += [key(1, LENGTH), varint(len(stand_in)), stand_in]
            else:
                image.append(raw[part.start : part.end])
        content = b"".join(image)
        pieces += [key(field.number, LENGTH), varint(len(content)), content]
    return b"".join(pieces), removed


def _stand_in(raw: bytes, start: int, end: int) -> bytes:
    """Return bytes that the server takes, or refuses, as it does those of a picture."""
    png = raw.startswith(_PNG, start, end)
    try:
        width, height = picture_size(raw, start, end)
    except ProtocolError:
        if png:
            return _PNG
        return _JPEG if raw.startswith(_JPEG, start, end) else _NO_PICTURE
    if not png:
        size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
        return _JPEG + b"\xc0\x00\x11\x08" + size + b"\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    chunk = b"IHDR" + size + b"\x08\x02\x00\x00\x00"
    return _PNG + b"\x00\x00\x00\x0d" + chunk + zlib.crc32(chunk).to_bytes(4, "big")


def remove_data_urls(text: str) -> tuple[str, int]:
    """Return a text without what its ``data:`` addresses hold, and how many of them there were.

    Example:
        >>> remove_data_urls('{"src":"data:image/png;base64,aVZCT1J3MEtHZ29BQUFB"}')
        ('{"src":"data:image/png;base64,"}', 1)
    """
    return _DATA_URL.subn(r"\1", text)
