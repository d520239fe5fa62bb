"""Pictures of a batch: what a page could not read or decode is not shown, and said."""

from __future__ import annotations

import pytest

from livetrain._protobuf import bytes_field
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.keepsakes import Keepsakes
from livetrain.server.limits import Limits
from livetrain.server.records import Record, read


def png(side: int) -> bytes:
    size = side.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + size + size + b"\x08\x02\0\0\0" + b"\0" * 8


def batch_of(*parts: bytes) -> bytes:
    return bytes_of(3, b"".join(parts))


def bytes_of(number: int, body: bytes) -> bytes:
    return b"".join(bytes(piece) for piece in bytes_field(number, [body]))


def one_record(raw: bytes) -> Record:
    (record,) = read(raw, Limits())
    assert isinstance(record, Record), record
    return record


IMAGE = pb.BatchData(images=[pb.ImageData(image_bytes=png(8), format="png")]).SerializeToString()


def test_the_pixels_of_all_pictures_of_a_batch_are_bounded_together() -> None:
    side = 1448
    few = pb.BatchData(images=[pb.ImageData(image_bytes=png(side))] * 16)
    assert one_record(batch_of(few.SerializeToString())).frame is not None
    many = pb.BatchData(images=[pb.ImageData(image_bytes=png(side))] * 17)
    found = one_record(batch_of(many.SerializeToString()))
    assert (found.frame, "pixels together" in found.problem) == (None, True)
    largest = pb.BatchData(images=[pb.ImageData(image_bytes=png(5792))] * 64)
    assert "pixels together" in one_record(batch_of(largest.SerializeToString())).problem


def test_pictures_that_are_kept_for_a_frame_count_with_it() -> None:
    kept = Keepsakes()
    image = pb.ImageData(image_bytes=png(4096)).SerializeToString()  # half of what a frame may have
    assert len(kept.take([(number, image) for number in range(2)])) == 2
    assert list(kept.take([(number, image) for number in range(2, 5)])) == [2, 3]
    assert kept.take([(5, b"no picture at all")]) == {5: b"no picture at all"}
    assert len(kept.take([(number, None) for number in range(6)])) == 2


@pytest.mark.parametrize(
    "garbage",
    [
        bytes_of(5, b"\xff\xff\xff"),  # a prediction that ends within a number
        bytes_of(5, bytes_of(1, b"x")),  # the class as a text
        bytes_of(5, bytes_of(2, b"\xff\xfe")),  # a label that is no UTF-8
        bytes_of(5, bytes_of(4, bytes_of(1, b"xyz"))),  # the same, one level deeper
        bytes_of(6, b"\xff"),
        bytes_of(17, b"123"),
        bytes_of(20, b"\xff"),
        bytes_of(26, b"\xff"),
        bytes_of(4, bytes_of(1, png(8)) + bytes_of(3, b"8")),  # the width as a text
        bytes_of(4, bytes_of(1, png(8)) + bytes_of(2, b"\xff")),
        bytes_of(18, bytes_of(1, png(8)) + bytes_of(5, b"16")),
    ],
)
def test_a_tile_that_a_page_could_not_read_is_not_shown(garbage: bytes) -> None:
    found = one_record(batch_of(IMAGE, garbage))
    assert found.frame is None
    assert found.problem
    assert one_record(batch_of(IMAGE)).frame is not None


@pytest.mark.parametrize(
    "mistyped",
    [
        b"\x28\x05",  # a prediction that is a number
        b"\x20\x05",  # an image that is a number
        bytes_of(1, b"epoch"),
        bytes_of(7, b"loss"),
        bytes_of(98, b"of another time"),
    ],
)
def test_a_field_of_another_type_reaches_no_page(mistyped: bytes) -> None:
    found = one_record(batch_of(mistyped, IMAGE, mistyped) + bytes_of(2, b"a time"))
    assert found.frame is not None
    assert b"".join(found.frame) == batch_of(IMAGE)
    assert found.message == one_record(batch_of(IMAGE)).message


def test_what_a_newer_trainer_says_of_a_tile_hides_no_pictures() -> None:
    newer = bytes_of(5, pb.Prediction(predicted_class=1).SerializeToString() + bytes_of(99, b"x"))
    found = one_record(batch_of(IMAGE, newer, bytes_of(77, b"y")))
    assert (found.problem, found.frame is not None) == ("", True)
