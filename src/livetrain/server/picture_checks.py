"""Which pictures of a record can be shown. Pure; nothing is decoded."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from livetrain.exceptions import ProtocolError
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.keepsakes import Hashed
from livetrain.server.limits import Limits
from livetrain.server.pictures import check_picture, picture_size
from livetrain.server.wire import Field, fields

__all__ = ["check_tiles", "take_picture"]

_CONTENT_HASH: Final = 17  # of an image
_SAMPLE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_tiles(raw: bytes, tiles: list[Field], limits: Limits, hashed: list[Hashed]) -> str:
    """Return why tiles cannot be shown, or nothing; note those that have a content hash."""
    counts: dict[int, int] = {}
    try:
        for field in tiles:
            number, size = field.number, field.end - field.value
            count = counts[number] = counts.get(number, 0) + 1
            if count > limits.tiles:
                raise ProtocolError(f"more than {limits.tiles} tiles in one batch")
            if number in (4, 18):
                content_hash, has_picture = 0, False
                for part in fields(raw, field.value, field.end, limit=64):
                    if part.number == 1 and part.end > part.value:
                        check_picture(raw, part.value, part.end)
                        has_picture = True
                    elif part.number == _CONTENT_HASH and part.end - part.value == 8:
                        content_hash = int.from_bytes(raw[part.value : part.end], "little")
                    elif part.number != 1 and part.end - part.value > limits.tile_bytes:
                        raise ProtocolError(f"{part.end - part.value} bytes of text at a picture")
                if number == 4 and content_hash:
                    whole = memoryview(raw)[field.value : field.end] if has_picture else None
                    hashed.append((content_hash, whole))
            elif size > limits.tile_bytes:
                raise ProtocolError(
                    f"{size} bytes that belong to one tile; {limits.tile_bytes} are taken"
                )
    except ProtocolError as error:
        return str(error)
    return ""


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
