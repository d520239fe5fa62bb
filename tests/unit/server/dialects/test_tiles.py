"""Frames as older clients take them: each picture whole, whatever the trainer left out because it was unchanged."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.dialects.tiles import Tiles
from livetrain.server.strips import Splitter, UnsplitError
from livetrain.server.viewer import Frame
from tests.unit.server.dialects.world import run


class Cutter:
    def __init__(self) -> None:
        self.asked = 0
        self.broken = False

    async def split(self, strip: bytes, tile_height: int, count: int) -> list[bytes]:
        self.asked += 1
        if self.broken:
            raise UnsplitError("no")
        return [strip + bytes([n]) for n in range(count)]


def frame(number: int, batch: pb.BatchData) -> Frame:
    record = pb.TelemetryRequest(batch_data=batch)
    message = live.LiveMessage(frame=live.Frame(frame_number=number, record=record))
    return Frame(number, message.SerializeToString())


def image(data: bytes = b"", name: int = 0) -> pb.ImageData:
    return pb.ImageData(image_bytes=data, content_hash=name, format="jpeg", width=8)


def made() -> tuple[Tiles, Cutter]:
    cutter = Cutter()
    return Tiles(cast("Splitter", cutter)), cutter


def test_a_strip_is_cut_once_for_all_who_want_it() -> None:
    of, cutter = made()
    strip = pb.ImageStrip(image_bytes=b"s", tile_width=8, tile_height=4, count=3, channels=3)
    one = frame(1, pb.BatchData(strip=strip, batch_loss=0.5))
    for _ in range(3):
        record = asyncio.run(of.of(run(), one))
    batch = record.batch_data
    assert cutter.asked == 1
    assert [i.image_bytes for i in batch.images] == [b"s\0", b"s\1", b"s\2"]
    assert {(i.width, i.height, i.format) for i in batch.images} == {(8, 4, "jpeg")}
    assert (batch.batch_loss, batch.HasField("strip")) == (0.5, False)


def test_a_strip_that_cannot_be_cut_leaves_the_numbers() -> None:
    of, cutter = made()
    cutter.broken = True
    strip = pb.ImageStrip(image_bytes=b"s", count=3)
    record = asyncio.run(of.of(run(), frame(1, pb.BatchData(strip=strip, batch_loss=0.5))))
    assert (list(record.batch_data.images), record.batch_data.batch_loss) == ([], 0.5)
    assert of.uncut == 1


def test_a_picture_that_did_not_come_again_is_put_back() -> None:
    of, _ = made()
    kept = {7: image(b"cat", 7).SerializeToString(), 8: image(b"dog", 8).SerializeToString()}
    batch = pb.BatchData(images=[image(b"", 7), image(b"DOG", 8), image(b"", 9), image(b"none")])
    record = asyncio.run(of.of(run(1), replace(frame(1, batch), kept=kept)))
    assert [one.image_bytes for one in record.batch_data.images] == [b"cat", b"DOG", b"", b"none"]
    assert record.batch_data.images[0].width == 8
