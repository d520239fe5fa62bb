"""Recordings hold no picture, and the server takes what is left as it took the original."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from livetrain.exceptions import ProtocolError
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.limits import Limits
from livetrain.server.picture_removal import remove_data_urls, remove_pictures
from livetrain.server.pictures import picture_size
from livetrain.server.records import Record, read


def encoded(form: str, width: int = 48, height: int = 32) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((width, height), 90).convert("RGB").save(out, form)
    return out.getvalue()


def problem(raw: bytes) -> str:
    (record,) = read(raw, Limits())
    assert isinstance(record, Record)
    return record.problem


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_picture_becomes_a_header_of_its_size(form: str) -> None:
    picture = encoded(form)
    batch = pb.BatchData(
        batch_idx=7, batch_loss=0.5, images=[pb.ImageData(image_bytes=picture)] * 2
    )
    message = pb.TelemetryRequest(session_id="me", batch_data=batch)
    raw, removed = remove_pictures(message.SerializeToString())
    left = pb.TelemetryRequest.FromString(raw)
    assert removed == 2
    assert problem(raw) == problem(message.SerializeToString()) == ""
    for image in left.batch_data.images:
        assert len(image.image_bytes) < 64
        assert picture_size(image.image_bytes, 0, len(image.image_bytes)) == (48, 32)
        image.image_bytes = picture
    assert left == message


@pytest.mark.parametrize(
    "junk",
    [
        b"no picture at all, but some secret",
        b"\xff\xd8\xff and no frame",
        b"\x89PNG\r\n\x1a\n and no header",
        b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03 far too large",
    ],
)
def test_what_is_no_picture_is_refused_for_the_same_reason(junk: bytes) -> None:
    batch = pb.BatchData(images=[pb.ImageData(image_bytes=junk)])
    before = pb.TelemetryRequest(batch_data=batch).SerializeToString()
    raw, removed = remove_pictures(before)
    assert removed == 1
    assert junk not in raw
    assert problem(raw) == problem(before) != ""


def test_pictures_of_the_later_schema_and_of_strips_and_samples_go_too() -> None:
    picture = encoded("JPEG")
    image = pb.ImageData(image_bytes=picture).SerializeToString()
    later = b"\x1a" + bytes((len(image) & 0x7F | 0x80, len(image) >> 7)) + image
    size = len(later)
    batch = b"\x1a" + bytes((size & 0x7F | 0x80, size >> 7)) + later
    strip = pb.BatchData(strip=pb.ImageStrip(image_bytes=picture))
    sample = pb.Sample(image=pb.ImageData(image_bytes=picture))
    for raw in (
        batch,
        pb.TelemetryRequest(batch_data=strip).SerializeToString(),
        pb.TelemetryRequest(sample=sample).SerializeToString(),
    ):
        left, removed = remove_pictures(raw)
        assert removed == 1
        assert picture[:200] not in left
        assert len(left) < 80


@given(st.binary(max_size=200))
def test_any_bytes_are_borne(raw: bytes) -> None:
    try:
        left, removed = remove_pictures(raw)
    except ProtocolError:
        return
    if not removed:
        assert len(left) <= len(raw)  # a length may have been written in more bytes than it needs


def test_a_text_is_left_as_it_is_but_for_its_pictures() -> None:
    text = '{"images":[{"src":"data:image/jpeg;base64,' + "A" * 400 + '"}],"loss":0.5}'
    assert remove_data_urls(text) == (
        '{"images":[{"src":"data:image/jpeg;base64,"}],"loss":0.5}',
        1,
    )
    assert remove_data_urls('{"type":"ping"}') == ('{"type":"ping"}', 0)
