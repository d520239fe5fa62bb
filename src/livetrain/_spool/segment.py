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
from itertools import groupby
from typing import NamedTuple, Protocol

__all__ = [
    "CRITICAL",
    "HEADER_BYTES",
    "NOTHING_STAYS",
    "REMAINDER",
    "THINNABLE",
    "Found",
    "Gone",
    "Record",
    "Thinner",
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
REMAINDER = 4
"""Flag: says what stood here and had to go."""


class Record(NamedTuple):
    """One record of a stream; ``flags`` is a sum of :data:`CRITICAL`, :data:`THINNABLE` and :data:`REMAINDER`."""

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


class Gone(NamedTuple):
    """A record that was left out, and how many points it held."""

    seq: int
    points: int


class Thinner(Protocol):
    """What the spool is told about records that have to go, which are bytes to it."""

    def remainder(self, record: bytes) -> tuple[int, bytes]:
        """Return how many points a record holds, and the smaller one that stays in its place; empty: none."""

    def joined(self, remainders: Sequence[bytes]) -> bytes:
        """Return one in place of several that stayed: the others will be holes, each of which stands for one point."""


class NothingStays:
    """Takes any record for one point, of which nothing stays."""

    def remainder(self, record: bytes) -> tuple[int, bytes]:
        """Return a point, and nothing that stays."""
        return 1, b""

    def joined(self, remainders: Sequence[bytes]) -> bytes:
        """Return the last: nothing ever stays."""
        return remainders[-1]


NOTHING_STAYS: Thinner = NothingStays()


def thin(
    records: Sequence[Record], thinner: Thinner = NOTHING_STAYS, sent_seq: int = 0
) -> tuple[list[Record], list[Gone]]:
    """Leave out every second thinnable record, and put together what stays of neighbours.

    The last record stays, or what stays of it: it says how far the records go. Where every second is none, the first goes of which
    something stays.

    Args:
        records: ascending.
        thinner: tells what stays of a record.
        sent_seq: what was sent up to here may arrive, and what stays of it is left as it is.

    Returns:
        The records that are kept, and those that are left out.

    Example:
        >>> kept, gone = thin([Record(seq, b"", THINNABLE) for seq in range(1, 7)])
        >>> [record.seq for record in kept], [seq for seq, _ in gone]
        ([1, 3, 5, 6], [2, 4])
    """
    kept: list[Record] = []
    gone: list[Gone] = []
    second = False
    for record in records:
        thinnable = bool(record.flags & THINNABLE)
        if second and thinnable:
            points, stays = thinner.remainder(record.payload)
            if stays or record is not records[-1]:
                gone.append(Gone(record.seq, points))
                if stays:
                    kept.append(Record(record.seq, stays, REMAINDER))
                second = False
                continue
        kept.append(record)
        second ^= thinnable
    if not gone:
        _thin_first(kept, gone, thinner)
    return _joined(kept, thinner, sent_seq), gone


def _thin_first(kept: list[Record], gone: list[Gone], thinner: Thinner) -> None:
    for place, record in enumerate(kept):
        if record.flags & THINNABLE:
            points, stays = thinner.remainder(record.payload)
            if stays:
                kept[place] = Record(record.seq, stays, REMAINDER)
                gone.append(Gone(record.seq, points))
                return


def _joined(records: list[Record], thinner: Thinner, sent_seq: int) -> list[Record]:
    def may_be_joined(record: Record) -> bool:
        return bool(record.flags & REMAINDER) and record.seq > sent_seq

    joined: list[Record] = []
    for remains, group in groupby(records, key=may_be_joined):
        members = list(group)
        if remains and len(members) > 1:
            payload = thinner.joined([member.payload for member in members])
            members = [Record(members[-1].seq, payload, REMAINDER)]
        joined += members
    return joined
