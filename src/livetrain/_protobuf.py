"""Protobuf's wire format, written by hand where large bytes would be copied several times by its own classes.

A field is its key (number and wire type) and its value; a message is its fields one after the other, and a parser merges what
comes twice. So a picture is put between a few bytes of head and tail, and copied once.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from livetrain.exceptions import ProtocolError

__all__ = [
    "FIXED32",
    "FIXED64",
    "LENGTH",
    "VARINT",
    "bytes_field",
    "key",
    "read_varint",
    "varint",
    "varint_field",
]

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""How a value is written."""


def varint(number: int) -> bytes:
    r"""Return a non-negative number as it stands on the wire.

    Example:
        >>> varint(300)
        b'\xac\x02'
    """
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that starts at `at`, and where it ends.

    Raises:
        ProtocolError: it is longer than ten bytes, or the data ends within it.
    """
    result = shift = 0
    try:
        while True:
            byte = data[at]
            at += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result, at
            shift += 7
            if shift >= 70:
                raise ProtocolError("a number on the wire is longer than ten bytes")
    except IndexError:
        raise ProtocolError("the message ends within a number") from None


@cache
def key(number: int, wire_type: int) -> bytes:
    """Return what stands before a field's value."""
    return varint(number << 3 | wire_type)


def varint_field(number: int, value: int) -> bytes:
    """Return a whole number as a field; nothing for 0, which is what its absence means."""
    return key(number, VARINT) + varint(value) if value else b""


def bytes_field(
    number: int, parts: Iterable[bytes | memoryview], size: int | None = None
) -> list[bytes | memoryview]:
    """Return a field of bytes, text or a message in pieces for one ``join``, so that large parts are copied once.

    Args:
        number: the field's.
        parts: what it holds, one after the other.
        size: their length together, bytes; None: it is added up.
    """
    pieces = list(parts)
    if size is None:
        size = sum(len(piece) for piece in pieces)
    return [key(number, LENGTH) + varint(size), *pieces]
