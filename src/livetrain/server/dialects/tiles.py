"""A frame as older clients take it: single pictures, each of them whole."""

from __future__ import annotations

from dataclasses import dataclass

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.run import Run
from livetrain.server.strips import Splitter, UnsplitError
from livetrain.server.viewer import Frame

__all__ = ["Tiles"]


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
            kept = frame.kept.get(image.content_hash)
            if kept is not None and not image.image_bytes:
                image.ParseFromString(kept)
        self._done = _Done(run.key, frame.number, record)
        return record

    def forget(self, run: Run) -> None:
        """Keep no picture of a run."""
        if self._done is not None and self._done.run_key == run.key:
            self._done = None

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
