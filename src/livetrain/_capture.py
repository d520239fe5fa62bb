"""The training thread's side of images and predictions: pick, copy, hand over, and nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from livetrain._device import Device, device_of
from livetrain._frame import CapturedFrame, FrameReader, encode
from livetrain._gathering import Gathering
from livetrain._outputs import length_of, unwrap
from livetrain._reading import Reading, take_reading
from livetrain._reports import Reports
from livetrain._ring import Ring, Slot
from livetrain._sampling import Draw, Watch
from livetrain._snapshot import Snapshot
from livetrain._source import Images, host_array, open_images
from livetrain._wire import EncodedFrame, Strip, Tile
from livetrain.config import TILES, ImageOptions
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Capture", "Captured", "CapturedFrame", "Reading", "encode"]

SLOTS = 6
"""Frames in memory at once: being gathered, waiting, and one an encoder thread."""

_PICTURE_SIZE = 2048  # px of the longer side of a single picture


@dataclass(frozen=True, slots=True)
class Captured:
    """What one call left.

    Attributes:
        frame: the frame that it completed; None: none.
        loss, accuracy: to be read in the background.
        batch_size: samples in the batch; 0: not known, or an empty one.
        problems: what could not be read or was guessed since the last call, sentences.
        gathering: the images went into a frame that a later call will complete.
        reason: a ``StripReason``: why a frame that was asked for is not there.
    """

    frame: CapturedFrame | None
    loss: Reading
    accuracy: Reading
    batch_size: int
    problems: tuple[str, ...] = ()
    gathering: bool = False
    reason: int = pb.STRIP_REASON_NONE


class Capture:
    """Takes frames from the training; one a monitor.

    Args:
        options: how images are read and chosen.
        class_names: the label of each class index; None: the index is the label.
        seed: of the draw; None: from the operating system.
        find_device: tells where a tensor lives.
        clock: seconds, monotonic.

    Example:
        >>> import numpy as np
        >>> capture = Capture(ImageOptions(), None)
        >>> captured = capture.take(np.zeros((16, 8, 8), np.uint8), None, loss=0.5, with_images=True)
        >>> encode(captured.frame, quality=85, max_size=256, packing="strip").count
        16
    """

    def __init__(
        self,
        options: ImageOptions,
        class_names: Sequence[str] | None,
        *,
        seed: int | None = None,
        find_device: Callable[[Any], Device | None] = device_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reports = Reports()
        self._options = options
        self._reader = FrameReader(options, class_names, self.reports)
        self._draw = Draw(seed)
        self._watch = Watch(options.watch) if options.watch is not None else None
        self._ring = Ring(SLOTS)
        self._find_device = find_device
        self._clock = clock
        self._gathering: Gathering | None = None
        # Never waited for: a second thread, or a signal handler inside a call, does without images.
        self._busy = threading.Lock()

    @property
    def gathering(self) -> bool:
        """Whether a frame is under way, which the images of the next batches belong to."""
        return self._gathering is not None

    def take(
        self,
        images: Any,
        preds: Any,
        *,
        loss: Any,
        targets: Any = None,
        accuracy: Any = None,
        ids: Any = None,
        per_sample_loss: Any = None,
        with_images: bool,
    ) -> Captured:
        """Copy what a frame needs; the caller may change all it gave at once. Never raises on data.

        Args:
            images: a batch in any layout, a list, or one image.
            preds: one row a sample; None: none.
            loss: a number, or a tensor of one; None: none.
            targets: one a sample; None: not known.
            accuracy: a number, or a tensor of one; None: none.
            ids: what identifies each sample; None: nothing.
            per_sample_loss: one a sample; None: not known.
            with_images: False: only loss and accuracy are taken.
        """
        frame, gathering = None, False
        reason: int = pb.STRIP_REASON_NONE
        preds = unwrap(preds)
        size = length_of(preds)
        size = length_of(targets) if size is None else size
        if not with_images:
            size = length_of(images) if size is None else size
        elif self._busy.acquire(blocking=False):
            try:
                opened = open_images(
                    images, self._options.layout, size, self._options.max_size, self._find_device
                )
                size = opened.count
                columns = (preds, targets, per_sample_loss)
                frame, reason = self._gather(opened, columns, ids)
                gathering = self._gathering is not None and frame is None
            except Exception as error:
                self.reports.problem(
                    "images", f"images cannot be read: {type(error).__name__}: {error}"
                )
                reason = pb.STRIP_REASON_UNREADABLE
            finally:
                self._busy.release()
        else:
            reason = pb.STRIP_REASON_SUPERSEDED
        return Captured(
            frame,
            self.reading(loss, "loss"),
            self.reading(accuracy, "accuracy"),
            size or 0,
            self.reports.drain(),
            gathering,
            reason,
        )

    def reading(self, value: Any, what: str = "value") -> Reading:
        """Copy a number, or a tensor of one, without waiting for a device."""
        return take_reading(value, what, self.reports, self._find_device)

    def picture(self, image: Any) -> Tile:
        """Encode one picture at once, up to 2048 pixels; for a picture now and then."""
        slot_frame = self._single(image)
        try:
            encoded = encode(
                slot_frame, quality=self._options.quality, max_size=_PICTURE_SIZE, packing="tiles"
            )
        finally:
            slot_frame.release()
        assert not isinstance(encoded.pictures, Strip)
        return encoded.pictures[0]

    def confirm_sent(self, frame: EncodedFrame) -> None:
        """These pictures were handed to the transport: unchanged ones need not travel again."""
        if isinstance(frame.pictures, tuple):
            self._reader.delta.confirm(tile.content_hash for tile in frame.pictures if tile.data)

    def forget_sent(self) -> None:
        """The other side may know no picture, as after a reconnect: send each anew."""
        self._reader.delta.forget()

    def _gather(
        self, images: Images, columns: Sequence[Any], ids: Any
    ) -> tuple[CapturedFrame | None, int]:
        """Add a batch to the frame in the making; return it when it is complete, and why there is none."""
        if images.count == 0:
            self.reports.problem("batch", "the batch is empty")
            return None, pb.STRIP_REASON_NONE
        gathering = self._gathering
        if gathering is None:
            slot = self._ring.lend()
            if slot is None:
                return None, pb.STRIP_REASON_SUPERSEDED
            wanted = TILES if self._watch is None else len(self._watch)
            gathering = Gathering(
                self._reader, self._ring, slot, wanted, self._clock(), self._find_device
            )
        self._gathering = None
        try:
            self._add(gathering, images, columns, self._read_ids(ids, images.count))
            late = self._clock() - gathering.since >= self._options.gather_seconds
        except BaseException:  # Ctrl-C in a copy too: the slot would be lost
            gathering.abandon()
            raise
        if gathering.empty:
            gathering.abandon()
            return None, pb.STRIP_REASON_NONE
        if gathering.missing > 0 and not late:
            self._gathering = gathering
            return None, pb.STRIP_REASON_NONE
        return gathering.finish(), pb.STRIP_REASON_NONE

    def _add(
        self,
        gathering: Gathering,
        images: Images,
        columns: Sequence[Any],
        ids: Sequence[Hashable] | None,
    ) -> None:
        watch = self._watch
        if watch is not None and ids is not None:
            picks = watch.find(ids, gathering.seen)
            if picks:
                gathering.follow(ids, picks, watch.places)
                gathering.add(images, picks, columns, ids)
            return
        if watch is not None:
            self.reports.guess(
                "watch",
                "watch= needs ids= in log_batch: without them the samples are drawn at random",
            )
        gathering.add(images, self._draw.pick(images.count, gathering.missing), columns, ids)

    def _read_ids(self, ids: Any, count: int) -> Sequence[Hashable] | None:
        if ids is None:
            return None
        return self._reader.attempt("ids", lambda: self._ids(ids, count), None)

    def _ids(self, ids: Any, count: int) -> Sequence[Hashable]:
        if not isinstance(ids, (list, tuple, range)):
            if self._find_device(ids) is not None:
                raise ValueError("they are on a device; give a list, or a copy in host memory")
            ids = host_array(ids).tolist()
        if len(ids) != count:
            raise ValueError(f"{len(ids)} ids for {count} images")
        return ids  # type: ignore[no-any-return]  # whatever a list holds

    def _single(self, image: Any) -> CapturedFrame:
        snapshot = Snapshot(Slot(), 1)
        opened = open_images(image, self._options.layout, 1, _PICTURE_SIZE, self._find_device)
        opened.take([0], snapshot)
        return CapturedFrame(self._reader, snapshot.parts, 1, None, None, None, ())
