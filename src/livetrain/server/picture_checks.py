"""Which pictures of a record can be shown. Pure; nothing is decoded."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from livetrain._protobuf import FIXED32, FIXED64, LENGTH, VARINT
from livetrain.exceptions import ProtocolError
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.keepsakes import Hashed
from livetrain.server.limits import Limits
from livetrain.server.pictures import check_picture, check_pixels, picture_size
from livetrain.server.wire import Field, count_elements, fields

__all__ = ["check_tiles", "is_of_batch", "take_picture"]

_CONTENT_HASH: Final = 17  # of an image
_IMAGES: Final = frozenset({4, 18})
"""Fields of a batch with pictures; of the others that belong to a tile none is large."""
_NUMBER: Final = frozenset({VARINT})
_BYTES: Final = frozenset({LENGTH})
_OF_BATCH: Final[Mapping[int, frozenset[int]]] = {
    **dict.fromkeys((1, 2, 3, 9, 16, 21), _NUMBER),
    **dict.fromkeys((4, 5, 18, 19, 20, 24), _BYTES),
    **dict.fromkeys((7, 8), frozenset({FIXED32})),
    **dict.fromkeys((22, 23), frozenset({FIXED64})),
    **dict.fromkeys((6, 26), frozenset({VARINT, LENGTH})),
    17: frozenset({FIXED32, LENGTH}),
    25: frozenset({FIXED64, LENGTH}),
}
_OF_PICTURE: Final[Mapping[int, Mapping[int, frozenset[int]]]] = {
    4: {
        **dict.fromkeys((1, 2, 6, 16), _BYTES),
        **dict.fromkeys((3, 4, 5), _NUMBER),
        17: frozenset({FIXED64}),
    },
    18: {**dict.fromkeys((1, 2), _BYTES), **dict.fromkeys((3, 4, 5, 6), _NUMBER)},
}
"""How the fields of a batch, of an image and of a strip stand on the wire. Whoever reads them in a browser does not look."""
_SAMPLE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_of_batch(field: Field) -> bool:
    """Return whether a batch has a field of that number and type."""
    return field.wire_type in _OF_BATCH.get(field.number, ())


def check_tiles(raw: bytes, tiles: list[Field], limits: Limits, hashed: list[Hashed]) -> str:
    """Return why tiles cannot be shown, or nothing; note those that have a content hash."""
    counts: dict[int, int] = {}
    small: list[bytes] = []
    pixels = 0
    try:
        for field in tiles:
            number, size = field.number, field.end - field.value
            count = counts[number] = counts.get(number, 0) + 1
            if count > limits.tiles:
                raise ProtocolError(f"more than {limits.tiles} tiles in one batch")
            if number in _IMAGES:
                pixels += _check_image(raw, field, limits, hashed)
            elif size > limits.tile_bytes:
                raise ProtocolError(
                    f"{size} bytes that belong to one tile; {limits.tile_bytes} are taken"
                )
            else:
                small.append(raw[field.start : field.end])
        check_pixels(pixels)
        _check_readable(b"".join(small), limits)
    except ProtocolError as error:
        return str(error)
    return ""


def _check_image(raw: bytes, field: Field, limits: Limits, hashed: list[Hashed]) -> int:
    """See that an image or a strip can be shown, and return how many pixels it has."""
    content_hash, has_picture, pixels = 0, False, 0
    for part in fields(raw, field.value, field.end, limit=64):
        if part.wire_type not in _OF_PICTURE[field.number].get(part.number, (part.wire_type,)):
            raise ProtocolError(f"field {part.number} of a picture is of another type than it has")
        size = part.end - part.value
        if part.number == 1:
            if size:
                pixels += check_picture(raw, part.value, part.end)
                has_picture = True
        elif part.number == _CONTENT_HASH and size == 8:
            content_hash = int.from_bytes(raw[part.value : part.end], "little")
        elif size > limits.tile_bytes:
            raise ProtocolError(f"{size} bytes of text at a picture")
        elif part.wire_type == LENGTH:
            _check_text(raw[part.value : part.end])
    if field.number == 4 and content_hash:
        whole = memoryview(raw)[field.value : field.end] if has_picture else None
        hashed.append((content_hash, whole))
    return pixels


def _check_text(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        raise ProtocolError("text at a picture that is not UTF-8") from None


def _check_readable(small: bytes, limits: Limits) -> None:
    """See that predictions, truths, losses and texts of tiles are what they should be: a page reads all of it or nothing."""
    if len(small) > 2 * limits.elements:  # a field takes two bytes or more
        count_elements(small, pb.BatchData.DESCRIPTOR, limit=limits.elements)
    try:
        batch = pb.BatchData.FromString(small)
    except DecodeError:
        raise ProtocolError("predictions or texts of tiles that cannot be read") from None
    size = batch.ByteSize()
    known = pb.BatchData()
    known.CopyFrom(batch)
    known.DiscardUnknownFields()
    if known.ByteSize() != size and _has_mistyped(batch):
        raise ProtocolError(
            "predictions or texts of tiles with a field of another type than it has"
        )


def _has_mistyped(message: Message) -> bool:
    """Return whether a field of a message has the number of a known one and another type; a new field has a new number."""
    numbers = message.DESCRIPTOR.fields_by_number
    unknown = UnknownFieldSet(message)
    if any(unknown[place].field_number in numbers for place in range(len(unknown))):
        return True
    return any(
        _has_mistyped(inner)
        for field, value in message.ListFields()
        if field.message_type is not None
        for inner in ([value] if isinstance(value, Message) else value)
    )


def take_picture(sample: pb.Sample) -> tuple[bytes, str]:
    """Take a sample's picture out of its record, for a place of its own; return it, and why it cannot be shown.

    What it says of its format and size becomes what its header says; an id that would need quoting in an address becomes another.
    """
    if not _SAMPLE_ID.fullmatch(sample.sample_id):
        sample.sample_id = hashlib.sha256(sample.sample_id.encode()).hexdigest()[:32]
    picture = sample.image.image_bytes
    sample.image.ClearField("image_bytes")
    if not picture:
        sample.image.error = sample.image.error or "There is no picture."
        return b"", ""
    try:
        check_picture(picture, 0, len(picture))
    except ProtocolError as error:
        sample.image.error = str(error)
        return b"", str(error)
    sample.image.format = "jpeg" if picture.startswith(b"\xff\xd8") else "png"
    sample.image.width, sample.image.height = picture_size(picture, 0, len(picture))
    return picture, ""
