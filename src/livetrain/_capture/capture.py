"""The training thread's side of images and predictions: pick, copy, hand over, and nothing else."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from livetrain._capture.accuracy import BatchAccuracy, Share, ShareReading, take_accuracy
from livetrain._capture.device import Device, device_of
from livetrain._capture.encode import PICTURE_SIZE, encode
from livetrain._capture.frame import CapturedFrame
from livetrain._capture.outputs import length_of, unwrap
from livetrain._capture.reader import FrameReader
from livetrain._capture.reading import Reading, take_reading
from livetrain._capture.reports import Reports
from livetrain._capture.ring import Ring, Slot
from livetrain._capture.samples import Samples
from livetrain._capture.sampling import Draw, Watch
from livetrain._capture.source import Images, host_array, open_images
from livetrain.config import TILES, ImageOptions
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Capture", "Captured", "CapturedFrame", "Reading", "encode"]

SLOTS = 8
"""Frames in memory at once: one being gathered, three that wait, and one an encoder thread."""

_NONE: int = pb.STRIP_REASON_NONE
_NO_COPIES: dict[str, Any] = {}


class Captured(NamedTuple):  # made on every step: a frozen dataclass takes three times as long
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
    accuracy: Reading | BatchAccuracy
    batch_size: int
    problems: tuple[str, ...] = ()
    gathering: bool = False
    reason: int = _NONE


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
        self._wanted = TILES if self._watch is None else len(self._watch)
        self._gathering: CapturedFrame | None = None
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
            accuracy: a number, or a tensor of one; None: that of the whole batch, where `preds` are class scores and
                `targets` class indices.
            ids: what identifies each sample; None: nothing.
            per_sample_loss: one a sample; None: not known.
            with_images: False: only loss and accuracy are taken.
        """
        frame, reason = None, _NONE
        size = pixels = None
        try:
            preds = unwrap(preds)
            size = length_of(targets) if preds is None else length_of(preds)
            if size is None and not with_images:
                size = length_of(images)
            if preds is not None and not self._reader.classification.settled:
                pixels = _pixels(images, size)
        except Exception as error:
            self._reader.problem("predictions", error)
        read_loss = take_reading(loss, "loss", self.reports, self._find_device)
        taken = self.accuracy(accuracy, preds, targets, read_loss, pixels=pixels)
        if not with_images:
            pass
        elif self._busy.acquire(blocking=False):
            try:
                opened = self._open(images, size)
                size = opened.count
                columns = {
                    "predictions": preds,
                    "targets": targets,
                    "per_sample_loss": per_sample_loss,
                }
                frame, reason = self._gather(opened, columns, taken, ids, pixels)
            except Exception as error:
                self._reader.problem("images", error)
                reason = pb.STRIP_REASON_UNREADABLE
            finally:
                self._busy.release()
        else:
            reason = pb.STRIP_REASON_SUPERSEDED
        return Captured(
            frame,
            read_loss,
            taken,
            size or 0,
            self.reports.drain(),
            with_images and frame is None and self._gathering is not None,
            reason,
        )

    def _open(self, images: Any, size: int | None) -> Images:
        options = self._options
        if options.render is not None and images is not None:
            return Samples(images, self._find_device)
        return open_images(images, options.layout, size, options.max_size, self._find_device)

    def accuracy(
        self, given: Any, preds: Any, targets: Any, loss: Reading, *, pixels: int | None = None
    ) -> Reading | BatchAccuracy:
        """Take the accuracy that was given, else one that is worked out in the background if these are class scores.

        Args:
            given: a number, a tensor of one, or a `Share` that was worked out already; None: none was given.
            preds: the outputs for the whole batch; None: not known.
            targets: what was right; None: not known.
            loss: of the batch.
            pixels: values of one image; None: not known.
        """
        share = given if isinstance(given, Share) else None
        if (given is None or share is not None) and preds is not None and targets is not None:
            try:
                worked_out = take_accuracy(
                    preds,
                    targets,
                    self._find_device,
                    self._reader.classification,
                    loss=loss,
                    given=share,
                    pixels=pixels,
                    reports=self.reports,
                )
            except Exception:  # whatever it is about these values, the tiles say it
                worked_out = None
            if worked_out is not None or share is not None:
                return worked_out or Reading(None)
        return take_reading(given, "accuracy", self.reports, self._find_device)

    def reading(self, value: Any, what: str) -> Reading:
        """Copy a number, or a tensor of one, without waiting for a device; a `Share` is one only of class scores."""
        if not isinstance(value, Share):
            return take_reading(value, what, self.reports, self._find_device)
        share = take_reading(value.value, what, self.reports, self._find_device)
        return ShareReading(share, self._reader.classification)

    def single(self, image: Any) -> CapturedFrame:
        """Copy one image, to be shown by itself. Never raises on data.

        Args:
            image: an array, a tensor or a PIL image.
        """
        frame = CapturedFrame(self._reader, Slot(), 1, alone=True)
        try:
            opened = open_images(image, self._options.layout, 1, PICTURE_SIZE, self._find_device)
            if opened.count:
                opened.take([0], frame)
        except Exception as error:
            self._reader.problem("images", error)
        if not frame.count:
            frame.add_error("there is no image in it", 1)
        return frame

    def name_classes(self, names: Sequence[str]) -> None:
        """Take other labels for the classes, for what is read from now on."""
        self._reader.name_classes(names)

    def _gather(
        self,
        images: Images,
        columns: dict[str, Any],
        accuracy: Reading | BatchAccuracy,
        ids: Any,
        pixels: int | None,
    ) -> tuple[CapturedFrame | None, int]:
        """Add a batch to the frame in the making; return it when it is complete, and why there is none."""
        count = images.count
        if count == 0:
            self.reports.problem("batch", "the batch is empty")
            return None, _NONE
        frame, self._gathering = self._gathering, None
        if frame is None:
            slot = self._ring.lend()
            if slot is None:
                return None, pb.STRIP_REASON_SUPERSEDED
            frame = CapturedFrame(self._reader, slot, self._wanted, self._ring)
        try:
            known = None if ids is None else self._read_ids(ids, count)
            picks = self._pick(frame, count, known)
            if picks:
                images.take(picks, frame)
                if images.guess:
                    self.reports.guess("layout", images.guess)
                copies = accuracy.copies if isinstance(accuracy, BatchAccuracy) else _NO_COPIES
                frame.pixels = pixels
                if isinstance(accuracy, BatchAccuracy):
                    frame.is_of_classes = accuracy.is_of_classes
                elif accuracy.given:  # the user says so
                    frame.is_of_classes = _yes
                for name, values in columns.items():
                    if values is not None:
                        self._add(frame, name, values, picks, count, copies.get(name))
                if known is not None:
                    frame.add_ids(known, picks)
        except BaseException:  # Ctrl-C in a copy too: the slot would be lost
            frame.release()
            raise
        if frame.count < frame.wanted and not self._is_late(frame):
            if frame.count:
                self._gathering = frame
            else:
                frame.release()
            return None, _NONE
        return frame, _NONE

    def _is_late(self, frame: CapturedFrame) -> bool:
        """Return whether the frame is to be shown although it is not full."""
        if not frame.count:
            return False
        now = self._clock()
        if frame.since is None:
            frame.since = now
        return now - frame.since >= self._options.gather_seconds

    def _pick(
        self, frame: CapturedFrame, count: int, ids: Sequence[Hashable] | None
    ) -> Sequence[int]:
        watch = self._watch
        if watch is None:
            return self._draw.pick(count, frame.wanted - frame.count)
        if ids is None:
            self.reports.guess(
                "watch",
                "watch= needs ids= in log_batch: without them the samples are drawn at random",
            )
            return self._draw.pick(count, frame.wanted - frame.count)
        picks = watch.find(ids, frame.seen)
        frame.follow(ids, picks, watch.places)
        return picks

    def _add(
        self,
        frame: CapturedFrame,
        name: str,
        values: Any,
        picks: Sequence[int],
        count: int,
        copied: Any,
    ) -> None:
        try:
            frame.add_column(name, values, picks, count, self._find_device, copied)
        except Exception as error:
            self._reader.problem(name, error)

    def _read_ids(self, ids: Any, count: int) -> Sequence[Hashable] | None:
        try:
            if not isinstance(ids, (list, tuple, range)):
                if self._find_device(ids) is not None:
                    raise ValueError("they are on a device; give a list, or a copy in host memory")
                ids = host_array(ids).tolist()
            if len(ids) != count:
                raise ValueError(f"{len(ids)} ids for {count} images")
        except Exception as error:
            self._reader.problem("ids", error)
            return None
        return ids  # type: ignore[no-any-return]  # whatever a list holds


def _yes() -> bool:
    return True


def _pixels(images: Any, count: int | None) -> int | None:
    """Return how many values one image of a batch has; None where that cannot be said."""
    shape = getattr(images, "shape", None)
    if not isinstance(shape, tuple) or len(shape) < 3 or shape[0] != count:
        return None
    return math.prod(shape[1:])
