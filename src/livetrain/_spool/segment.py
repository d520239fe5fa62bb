"""The spool's records as bytes: pure functions, no file is touched.

A record is a header and a payload. The header carries the sequence number, so a segment needs no
index: what is missing between two records is a hole, whether it was thinned, refused or damaged;
and a damaged record costs itself alone, because the next one is found by its marker. The checksum
covers header and payload.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

__all__ = [
    "CRITICAL",
    "HEADER_BYTES",
    "THINNABLE",
    "Found",
    "Record",
    "encode",
    "find",
    "scan",
    "thin",
]

# Marker (with the format's version), payload length, number, flags; then the checksum over all.
_FIELDS = struct.Struct("<4sIQB")
_CHECKSUM = struct.Struct("<I")
_MARKER = b"\xf1LT1"
HEADER_BYTES = _FIELDS.size + _CHECKSUM.size

CRITICAL = 1
"""Flag: may use the reserve when the spool is full."""
THINNABLE = 2
"""Flag: may be left out when the spool is full and the server away."""


class Record(NamedTuple):
    """One record of a stream; ``flags`` is a sum of :data:`CRITICAL` and :data:`THINNABLE`."""

    seq: int
    payload: bytes
    flags: int


class Found(NamedTuple):
    """A record and where it stands in the bytes it was read from: ``data[start:end]``."""

    record: Record
    start: int
    end: int


def encode(record: Record) -> bytes:
    """Return the record as it stands in a segment.

    Example:
        >>> find(encode(Record(7, b"loss", 0)), 0, after=0).record
        Record(seq=7, payload=b'loss', flags=0)
    """
    fields = _FIELDS.pack(_MARKER, len(record.payload), record.seq, record.flags)
    checksum = zlib.crc32(record.payload, zlib.crc32(fields))
    return fields + _CHECKSUM.pack(checksum) + record.payload


def find(data: bytes, offset: int, *, after: int) -> Found | None:
    """Return the first whole record at or past `offset`; None: the rest is empty or damaged.

    Args:
        data: the bytes of a segment, or its beginning.
        offset: where to start looking, bytes.
        after: records up to this number are passed over: damage cannot bring an old one back.
    """
    while (offset := data.find(_MARKER, offset)) >= 0:
        payload_start = offset + HEADER_BYTES
        if payload_start > len(data):
            return None
        _, length, seq, flags = _FIELDS.unpack_from(data, offset)
        end = payload_start + length
        if end <= len(data) and seq > after:
            payload = data[payload_start:end]
            (checksum,) = _CHECKSUM.unpack_from(data, offset + _FIELDS.size)
            if checksum == zlib.crc32(payload, zlib.crc32(data[offset : offset + _FIELDS.size])):
                return Found(Record(seq, payload, flags), offset, end)
        offset += 1
    return None


def scan(data: bytes, *, after: int = 0) -> Iterator[Found]:
    """Yield every whole record in ascending order of ``seq``, past whatever damage lies between.

    Example:
        >>> two = encode(Record(1, b"a", 0)) + b"damage" + encode(Record(2, b"b", 0))
        >>> [found.record.payload for found in scan(two)]
        [b'a', b'b']
    """
    offset = 0
    while (found := find(data, offset, after=after)) is not None:
        yield found
        offset, after = found.end, found.record.seq


def thin(records: Sequence[Record]) -> tuple[list[Record], list[int]]:
    """Leave out every second thinnable record, but never the last record: it says how far the records go.

    Returns:
        The records that are kept, and the numbers of those that are left out.

    Example:
        >>> kept, left_out = thin([Record(seq, b"", THINNABLE) for seq in range(1, 7)])
        >>> [record.seq for record in kept], left_out
        ([1, 3, 5, 6], [2, 4])
    """
    kept: list[Record] = []
    left_out: list[int] = []
    second = False
    for record in records:
        if second and record.flags & THINNABLE and record is not records[-1]:
            left_out.append(record.seq)
        else:
            kept.append(record)
        second ^= bool(record.flags & THINNABLE)
    return kept, left_out
