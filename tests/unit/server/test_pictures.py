from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from livetrain.exceptions import ProtocolError
from livetrain.server.pictures import check_picture, picture_size


def picture(form: str, width: int, height: int, **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 90)).save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"exif": b"Exif\0\0" + b"x" * 5000}),
        ("PNG", {}),
    ],
)
def test_the_size_is_read_off_the_header(form: str, options: dict[str, object]) -> None:
    data = b"before" + picture(form, 37, 592, **options) + b"after"
    assert picture_size(data, 6, len(data) - 5) == (37, 592)
    check_picture(data, 6, len(data) - 5)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!doctype html><script>alert(1)</script>",
        b"GIF89a" + b"\0" * 40,
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xda" + b"\0" * 40,
        b"\xff\xd8\xff\xe0\x00\x00" * 100,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
    ],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        check_picture(data, 0, len(data))


def test_a_bomb_is_refused_by_its_dimensions() -> None:
    small = bytearray(picture("PNG", 8, 8))
    small[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(ProtocolError, match="60000 x 60000"):
        check_picture(bytes(small), 0, len(small))


@given(st.binary(max_size=100))
def test_any_bytes_are_judged(tail: bytes) -> None:
    data = b"\xff\xd8\xff" + tail
    try:
        width, height = picture_size(data, 0, len(data))
    except ProtocolError:
        return
    assert 0 <= width < 65536
    assert 0 <= height < 65536
