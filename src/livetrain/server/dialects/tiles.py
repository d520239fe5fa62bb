"""A frame as older clients take it: single pictures, each of them whole."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.run import Run
from livetrain.server.strips import Splitter, UnsplitError
from livetrain.server.viewer import Frame

__all__ = ["Tiles"]

_REMEMBERED_BYTES: Final = 16 * 1024 * 1024


@dataclass(slots=True)
class _Done:
    run_key: int
    number: int
    record: pb.TelemetryRequest


class Tiles:
    """Takes frames apart: cuts strips, and puts pictures that a trainer did not send again back in.

    Args:
        splitter: cuts strips.

    Attributes:
        uncut: frames whose strip could not be cut, and that are shown without pictures.
    """

    def __init__(self, splitter: Splitter) -> None:
        self._splitter = splitter
        self._known: OrderedDict[tuple[int, int], pb.ImageData] = OrderedDict()
        self._known_bytes = 0
        self._done: _Done | None = None
        self.uncut = 0

    async def warm(self) -> None:
        """Have what cuts strips ready before the first comes."""
        await self._splitter.start()

    async def of(self, run: Run, frame: Frame) -> pb.TelemetryRequest:
        """Return a frame's record with single pictures. It is shared: not to be changed."""
        done = self._done
        if done is not None and (done.run_key, done.number) == (run.key, frame.number):
            return done.record
        record = live.LiveMessage.FromString(frame.message).frame.record
        batch = record.batch_data
        if batch.HasField("strip"):
            await self._cut(batch)
        for image in batch.images:
            self._remember(run.key, image)
        self._done = _Done(run.key, frame.number, record)
        return record

    def forget(self, run: Run) -> None:
        """Keep no picture of a run."""
        if self._done is not None and self._done.run_key == run.key:
            self._done = None
        for key in [key for key in self._known if key[0] == run.key]:
            self._known_bytes -= len(self._known.pop(key).image_bytes)

    async def _cut(self, batch: pb.BatchData) -> None:
        strip = batch.strip
        try:
            pictures = await self._splitter.split(strip.image_bytes, strip.tile_height, strip.count)
        except UnsplitError:
            self.uncut += 1
            pictures = []
        width, height, channels = strip.tile_width, strip.tile_height, strip.channels
        batch.ClearField("strip")
        del batch.images[:]
        for picture in pictures:
            batch.images.add(
                image_bytes=picture, format="jpeg", width=width, height=height, channels=channels
            )

    def _remember(self, run_key: int, image: pb.ImageData) -> None:
        if not image.content_hash:
            return
        key = (run_key, image.content_hash)
        known = self._known.pop(key, None)
        if known is None and image.image_bytes:
            known = pb.ImageData()
            known.CopyFrom(image)
            self._known_bytes += len(image.image_bytes)
        elif known is None:
            return
        elif not image.image_bytes:
            image.CopyFrom(known)
        self._known[key] = known
        while self._known_bytes > _REMEMBERED_BYTES:
            _, oldest = self._known.popitem(last=False)
            self._known_bytes -= len(oldest.image_bytes)
