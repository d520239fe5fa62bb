"""Is it a picture? Answered from its first bytes: nothing is ever decoded here.

A viewer's browser decodes what trainers send, so what is not a JPEG or PNG, or would take an absurd amount of memory to
decode, does not reach it.
"""

from __future__ import annotations

from livetrain.exceptions import ProtocolError

__all__ = ["MAX_PIXELS", "check_picture", "check_pixels", "picture_size"]

MAX_PIXELS = 32 * 1024 * 1024
"""Of one picture, and of those of one frame together: 16 tiles of 1,448 x 1,448. Four bytes each once it is decoded."""

_PNG = b"\x89PNG\r\n\x1a\n"
# The start-of-frame markers; C4, C8 and CC in between are tables.
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_SEGMENTS = 64


def picture_size(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Return the width and height in pixels that a JPEG or PNG says it has.

    Raises:
        ProtocolError: it is neither, or its header is cut off.
    """
    if data.startswith(_PNG, start, end):
        if end - start < 33 or data[start + 12 : start + 16] != b"IHDR":
            raise ProtocolError("a PNG without a header")
        return int.from_bytes(data[start + 16 : start + 20], "big"), int.from_bytes(
            data[start + 20 : start + 24], "big"
        )
    if not data.startswith(b"\xff\xd8\xff", start, end):
        raise ProtocolError("image bytes that are neither JPEG nor PNG")
    at = start + 2
    for _ in range(_SEGMENTS):
        if at + 9 > end or data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker in _FRAMES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(
                data[at + 5 : at + 7], "big"
            )
        if marker in (0xD9, 0xDA):  # the end, or the scan, before any frame
            break
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    raise ProtocolError("a JPEG without a frame header")


def check_picture(data: bytes, start: int, end: int) -> int:
    """See that ``data[start:end]`` says that it is a picture of a bearable size, and return how many pixels that are.

    Raises:
        ProtocolError: it is not; the sentence says why.
    """
    width, height = picture_size(data, start, end)
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise ProtocolError(
            f"a picture of {width} x {height} pixels; 1 to {MAX_PIXELS} together are taken"
        )
    return width * height


def check_pixels(pixels: int) -> None:
    """See that the pictures of one frame are of a bearable size together: a viewer decodes all of them at once.

    Raises:
        ProtocolError: they are not.
    """
    if pixels > MAX_PIXELS:
        raise ProtocolError(
            f"pictures of {pixels} pixels together; {MAX_PIXELS} are taken for one batch"
        )
