"""What an older client's bytes say, in the schema of today. Pure.

Such clients have been generated from more than one schema under the same names. Two layouts of a batch are told apart by the wire
types of its fields. A parser would take a field of another wire type for one that is absent, and make a zero of it: here it is an
error that names the field.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import FieldDescriptor

from livetrain._protobuf import (
    FIXED32,
    FIXED64,
    LENGTH,
    VARINT,
    bytes_field,
    key,
    read_varint,
    varint,
)
from livetrain.exceptions import ProtocolError
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.limits import Limits
from livetrain.server.wire import Field, fields

__all__ = ["TOLD_CURVES", "OlderReader", "Translation", "misread_fields"]

TOLD_CURVES: Final = frozenset(
    {"loss", "accuracy", "epoch/loss", "epoch/accuracy", "learning_rate"}
)
"""Curves of numbers whose zero is not told until another value of them came."""

_REQUEST: Final = pb.TelemetryRequest.DESCRIPTOR
_BATCH: Final = pb.BatchData.DESCRIPTOR
_BATCH_FIELD: Final = 3
_IMAGES, _PREDICTIONS, _TRUTH, _LOSS, _ACCURACY = 4, 5, 6, 7, 8
_OURS: Final = 16
"""Fields from here on are additions of ours; older clients know none of them."""
_FIRST: Final = {number: number for number in range(1, 10)}
_LATER: Final = {1: 1, 2: 2, 3: _IMAGES, 4: _PREDICTIONS, 5: _TRUTH, 6: _LOSS, 7: _ACCURACY, 8: 9}
"""The fields of the later layout of a batch, and where today's schema has them: it has no size, so the others stand one lower."""
_FIRST_SIGNS: Final = frozenset({(3, VARINT), (6, VARINT), (6, LENGTH), (8, FIXED32), (9, VARINT)})
_LATER_SIGNS: Final = frozenset({(3, LENGTH), (6, FIXED32)})
"""Fields of a batch by number and wire type, by which one of the layouts is known."""
_PICTURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_TOO_MANY: Final = 20_000
_WORDS: Final = {
    VARINT: "a whole number",
    FIXED32: "a number of 4 bytes",
    FIXED64: "a number of 8 bytes",
    LENGTH: "a text, bytes or a message",
}
_FIXED32_TYPES: Final = frozenset(
    {FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_FIXED32, FieldDescriptor.TYPE_SFIXED32}
)
_FIXED64_TYPES: Final = frozenset(
    {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_SFIXED64}
)
_LENGTH_TYPES: Final = frozenset(
    {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_MESSAGE}
)

_LIMITS: Final = Limits()
_Piece = bytes | memoryview


class _Known(NamedTuple):
    name: str
    wire_types: frozenset[int]
    message: Any
    values: frozenset[int] | None


def _is_repeated(field: Any) -> bool:
    # Which of the two there is depends on the release of protobuf.
    if hasattr(field, "is_repeated"):
        return bool(field.is_repeated)
    return bool(field.label == FieldDescriptor.LABEL_REPEATED)


@cache
def _known_fields(descriptor: Any) -> dict[int, _Known]:
    found = {}
    for field in descriptor.fields:
        if field.type in _FIXED32_TYPES:
            wire_type = FIXED32
        elif field.type in _FIXED64_TYPES:
            wire_type = FIXED64
        else:
            wire_type = LENGTH if field.type in _LENGTH_TYPES else VARINT
        packed = {LENGTH} if _is_repeated(field) else set()
        values = frozenset(field.enum_type.values_by_number) if field.enum_type else None
        found[field.number] = _Known(
            field.name, frozenset({wire_type} | packed), field.message_type, values
        )
    return found


@cache
def _plain_tags(descriptor: Any) -> frozenset[int]:
    """Return what stands before those fields of a message that need no further look."""
    return frozenset(
        number << 3 | wire_type
        for number, known in _known_fields(descriptor).items()
        if known.message is None and known.values is None
        for wire_type in known.wire_types
    )


class _Reading:
    """What was found in one message that is not as its schema has it."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.unknown: list[str] = []
        self._left = _TOO_MANY

    def look(self, raw: bytes, descriptor: Any, start: int, end: int) -> None:
        """Compare the fields of ``raw[start:end]`` with a message's. Nothing is made of a field that is as it should be.

        Raises:
            ProtocolError: the bytes are no message, or have too many fields.
        """
        plain = _plain_tags(descriptor)
        at = start
        while at < end:
            begin = at
            tag = raw[at]
            at += 1
            if tag >= 0x80:
                tag, at = read_varint(raw, begin)
            wire_type = tag & 7
            value = at
            if wire_type == LENGTH:
                size, value = read_varint(raw, at)
                at = value + size
            elif wire_type == VARINT:
                _, at = read_varint(raw, at) if raw[at : at + 1] >= b"\x80" else (0, at + 1)
            elif wire_type == FIXED32:
                at += 4
            elif wire_type == FIXED64:
                at += 8
            else:
                raise ProtocolError(f"wire type {wire_type} is not used by this protocol")
            if at > end or tag < 8:
                raise ProtocolError("a field goes past the end of its message")
            self._left -= 1
            if self._left < 0:
                raise ProtocolError(f"more than {_TOO_MANY} fields in one message")
            if tag not in plain:
                field = Field(tag >> 3, wire_type, begin, value, at)
                known = _known_fields(descriptor).get(tag >> 3)
                self.compare(raw, descriptor.name, known, field)

    def compare(self, raw: bytes, message: str, known: _Known | None, field: Field) -> None:
        """Compare a field with what a message has under its number, and what is in it."""
        if known is None:
            self.unknown.append(f"field {field.number} of {message}")
        elif field.wire_type not in known.wire_types:
            self.wrong.append(
                f"field {field.number} of {message} ({known.name}) came as {_WORDS[field.wire_type]}"
            )
        elif known.message is not None:
            self.look(raw, known.message, field.value, field.end)
        elif known.values is not None and field.wire_type == VARINT:
            value, _ = read_varint(raw, field.value)
            if value not in known.values:
                self.unknown.append(f"the value {value} as {known.name} of {message}")


def misread_fields(raw: bytes, descriptor: Any) -> list[str]:
    """Return what a parser would pass over in a message, as clauses: unknown fields, and those of another wire type.

    Args:
        raw: the bytes.
        descriptor: what kind of message they are.

    Raises:
        ProtocolError: they are no message.

    Example:
        >>> misread_fields(bytes([8, 1, 98, 0]), pb.Heartbeat.DESCRIPTOR)
        ['field 12 of Heartbeat']
    """
    reading = _Reading()
    reading.look(raw, descriptor, 0, len(raw))
    return reading.wrong + reading.unknown


@dataclass(frozen=True, slots=True)
class Translation:
    """A message of an older client in the schema of today.

    Attributes:
        raw: its bytes.
        remarks: what in it was not understood, as clauses; the rest was.
        problem: why its pictures and predictions cannot be shown, and are not in it; empty: nothing is wrong.
    """

    raw: bytes
    remarks: Sequence[str] = ()
    problem: str = ""


class OlderReader:
    """Reads the messages of one older client, one after the other.

    Args:
        told: the curves of :data:`TOLD_CURVES` that had a value before.

    Attributes:
        told: those that have one by now.
    """

    def __init__(self, told: Iterable[str] = ()) -> None:
        self.told = set(told) & TOLD_CURVES
        self._later = False
        self._later_loss = False

    def is_told(self, curve: str, value: float) -> bool:
        """Return whether a number that came, or was left out and is 0, is one; from another value than 0 on it is."""
        if value != 0:
            self.told.add(curve)
        return curve in self.told

    def translate(self, raw: bytes, top: Sequence[Field], limits: Limits = _LIMITS) -> Translation:
        """Return a message as today's schema has it.

        Args:
            raw: the message.
            top: its fields.
            limits: how much may belong to a batch's tiles.

        Raises:
            ProtocolError: something in it is not of either schema; the sentence names it.
        """
        reading = _Reading()
        known = _known_fields(_REQUEST)
        batches = [field for field in top if field.number == _BATCH_FIELD]
        for field in top:
            if field.number != _BATCH_FIELD or field.wire_type != LENGTH:
                reading.compare(raw, _REQUEST.name, known.get(field.number), field)
        if reading.wrong:
            raise ProtocolError(reading.wrong[0])
        if len(batches) > 1:
            raise ProtocolError("two batches in one message")
        if not batches:
            payload = any(known[field.number].message for field in top if field.number in known)
            if not payload and reading.unknown:
                raise ProtocolError(f"it has {reading.unknown[0]} and no payload that is known")
            return Translation(raw, reading.unknown)
        batch, problem = self._batch(raw, batches[0], reading, limits)
        view = memoryview(raw)
        pieces: list[_Piece] = []
        for field in top:
            if field is batches[0]:
                pieces += bytes_field(_BATCH_FIELD, batch)
            elif field.number in known:
                pieces.append(view[field.start : field.end])
        return Translation(b"".join(pieces), reading.unknown, problem)

    def _batch(
        self, raw: bytes, batch: Field, reading: _Reading, limits: Limits
    ) -> tuple[list[_Piece], str]:
        """Return a batch in pieces, and why its tiles are left out of it."""
        parts = fields(raw, batch.value, batch.end)
        places = self._layout(parts)
        known = _known_fields(_BATCH)
        view = memoryview(raw)
        numbers: list[_Piece] = []
        tiles: list[_Piece] = []
        values: dict[int, float] = {}
        count: dict[int, int] = {}
        problem = ""
        for part in parts:
            number = part.number if part.number >= _OURS else places.get(part.number, 0)
            field = known.get(number)
            if field is None:
                reading.unknown.append(f"field {part.number} of BatchData")
                continue
            if part.wire_type not in field.wire_types:
                raise ProtocolError(
                    f"field {part.number} of BatchData ({field.name}) came as {_WORDS[part.wire_type]}"
                )
            piece = _moved(view, part, number)
            if number in (_LOSS, _ACCURACY):
                (values[number],) = struct.unpack("<f", raw[part.value : part.end])
            elif field.message is None and number != _TRUTH:
                numbers += piece
            elif _is_picture(raw, part) and self._later:
                image = bytes_field(1, [view[part.value : part.end]])
                tiles += bytes_field(_IMAGES, image)
            else:
                tiles += piece
                count[number] = count.get(number, 0) + 1
                if count[number] > limits.tiles:
                    problem = problem or f"more than {limits.tiles} tiles in one batch"
                problem = problem or self._tile_problem(raw, part, field, reading, limits)
        if self._later and _ACCURACY in values and _LOSS not in values and not self._later_loss:
            raise ProtocolError(
                "field 7 of BatchData may be its loss or its accuracy: there is no other to tell"
            )
        self._later_loss |= self._later and _LOSS in values
        for number, curve in ((_LOSS, "loss"), (_ACCURACY, "accuracy")):
            value = values.get(number, 0.0)
            # A loss of 0 that is on the wire was told; an accuracy is a field that many fill with 0.
            if self.is_told(curve, value) or (number == _LOSS and number in values):
                numbers += [key(number, FIXED32), struct.pack("<f", value)]
        return (numbers, problem) if problem else (numbers + tiles, "")

    def _layout(self, parts: Sequence[Field]) -> dict[int, int]:
        """Return where today's schema has the fields of a batch; where its own do not tell, as with the batches before."""
        signs = {(part.number, part.wire_type) for part in parts}
        if signs & _LATER_SIGNS:
            if signs & _FIRST_SIGNS:
                raise ProtocolError("fields of two layouts of BatchData in one batch")
            self._later = True
        elif signs & _FIRST_SIGNS:
            self._later = False
        return _LATER if self._later else _FIRST

    def _tile_problem(
        self, raw: bytes, part: Field, field: _Known, reading: _Reading, limits: Limits
    ) -> str:
        """Return why what belongs to single tiles cannot be shown; empty: nothing is wrong."""
        if field.message is None:
            cut = part.wire_type == LENGTH and part.end > part.value and raw[part.end - 1] >= 0x80
            return (
                f"field {part.number} of BatchData ({field.name}) ends within a number"
                if cut
                else ""
            )
        size = part.end - part.value
        if field.name != "images" and size > limits.tile_bytes:
            return f"{size} bytes that belong to one tile; {limits.tile_bytes} are taken"
        wrong = len(reading.wrong)
        try:
            reading.look(raw, field.message, part.value, part.end)
        except ProtocolError as error:
            if self._later:
                raise ProtocolError(f"field {part.number} of BatchData: {error}") from None
            return str(error)
        return reading.wrong[wrong] if len(reading.wrong) > wrong else ""


def _moved(view: memoryview, part: Field, number: int) -> list[_Piece]:
    """Return a field under another number."""
    if number == part.number:
        return [view[part.start : part.end]]
    head = key(number, part.wire_type)
    if part.wire_type == LENGTH:
        head += varint(part.end - part.value)
    return [head, view[part.value : part.end]]


def _is_picture(raw: bytes, part: Field) -> bool:
    return part.wire_type == LENGTH and raw.startswith(_PICTURES, part.value, part.end)
