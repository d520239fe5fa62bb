"""From a frame's copies to what goes over the wire: pictures, predictions, captions. On background threads."""

from __future__ import annotations

import threading
import time
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from livetrain._capture.delta import content_hashes
from livetrain._capture.device import widen
from livetrain._capture.frame import CapturedFrame, Part
from livetrain._capture.layout import NotAnImageError
from livetrain._capture.picture import JPEG_LIMIT, encode_picture
from livetrain._capture.predictions import read_losses, read_targets
from livetrain._capture.reader import FrameReader
from livetrain._capture.reduction import reduce, shrink
from livetrain._capture.samples import rendered
from livetrain._capture.scratch import Scratch
from livetrain._wire import EncodedFrame, Strip, Tile, TilePrediction, ValueRange

__all__ = ["PICTURE_SIZE", "encode"]

T = TypeVar("T")
Pictures = Strip | tuple[Tile, ...]
Bytes = NDArray[np.uint8]

PICTURE_SIZE = 2048
"""Pixels of the longer side of a picture that is shown by itself."""

_SCRATCH = threading.local()  # working memory of each encoder thread
# A frame that does not expect to wait for the GIL waits for it much longer than one that does: one in so many seconds at most.
_CROWDED_SECONDS = 5.0
_crowded_until = 0.0  # of all threads: what one of them felt the others will


def encode(frame: CapturedFrame, *, quality: int, max_size: int, packing: str) -> EncodedFrame:
    """Turn a captured frame into what goes over the wire, on a background thread.

    Args:
        frame: not released yet.
        quality: of JPEGs, 1 to 100.
        max_size: pixels of the longer side of a tile.
        packing: "tiles", or "strip" (and "auto"): one picture of all tiles, where they are of one size.
    """
    reader, order = frame.reader, frame.order
    pictures, value_range = _pictures(frame, quality, max_size, packing)
    marks = reader.attempt("targets", lambda: _rows(frame, "targets"), None)
    targets: tuple[int, ...] = ()
    if marks is not None:
        targets = reader.attempt(
            "targets", lambda: read_targets(marks, reader.predictions.indices), targets
        )
    outputs = reader.attempt("predictions", lambda: _rows(frame, "predictions"), None)
    predictions: tuple[TilePrediction, ...] = ()
    shown = outputs is None or reader.attempt(
        "predictions", lambda: _are_of_classes(frame, outputs, marks, targets), True
    )
    if outputs is not None and shown:
        predictions = reader.attempt(
            "predictions", lambda: reader.predictions.read(outputs, marks), predictions
        )
    terms = reader.attempt("per_sample_loss", lambda: _rows(frame, "per_sample_loss"), None)
    losses: tuple[float | None, ...] = ()
    if terms is not None:
        losses = reader.attempt("per_sample_loss", lambda: read_losses(terms), losses)
    targets = _within(targets, outputs)
    predictions, targets = _reorder(predictions, order), _reorder(targets, order)
    return EncodedFrame(
        pictures if isinstance(pictures, Strip) else _reorder(pictures, order),
        predictions,
        targets if shown else (),
        _reorder(losses, order),
        _reorder(frame.sample_ids, order),
        _captions(reader, frame.count, predictions, targets),
        value_range,
    )


def _are_of_classes(
    frame: CapturedFrame, outputs: Any, given: Any, targets: tuple[int, ...]
) -> bool:
    """Return whether outputs may be shown as classes: those of another shape than (N, K) are read by rules of their own.

    Args:
        frame: of which they are.
        outputs: one row a tile.
        given: the targets as they were given; None: they were not.
        targets: what they were read as.
    """
    columns = _columns(outputs)
    if columns is None:
        return True
    if frame.is_of_classes is not None:
        return frame.is_of_classes()
    marks = widen(given) if isinstance(given, np.ndarray) else None
    if isinstance(given, list) and targets:
        marks = np.array(targets)
    return frame.reader.classification.judge(columns, marks, pixels=frame.pixels)


def _within(targets: tuple[int, ...], outputs: Any) -> tuple[int, ...]:
    """Return class indices, -1 for each that no column of the outputs stands for: it is an ignored one."""
    columns = _columns(outputs)
    return targets if columns is None else tuple(t if 0 <= t < columns else -1 for t in targets)


def _columns(outputs: Any) -> int | None:
    """Return how many outputs there are a sample; None where they are not of shape (N, K)."""
    if not isinstance(outputs, np.ndarray):
        return None
    shape = [n for n in outputs.shape[1:] if n != 1]
    return int(shape[0]) if len(shape) == 1 else None


def _rows(frame: CapturedFrame, name: str) -> Any:
    """Return what was given for each tile, or None."""
    values = frame.read(name)
    if values is not None and len(values) != frame.count:
        raise ValueError(f"{len(values)} rows for {frame.count} images")
    return values


def _reorder(values: tuple[T, ...], order: tuple[int, ...] | None) -> tuple[T, ...]:
    return values if order is None or not values else tuple(values[i] for i in order)


def _captions(
    reader: FrameReader,
    count: int,
    predictions: tuple[TilePrediction, ...],
    targets: tuple[int, ...],
) -> tuple[str, ...]:
    formatter = reader.options.formatter
    if formatter is None:
        return ()
    captions: list[str] = []
    for index in range(count):
        prediction = predictions[index] if predictions else None
        target = targets[index] if targets else None
        try:
            captions.append(str(formatter(index, prediction, target)))
        except Exception as error:
            reader.reports.problem(
                "formatter", f"formatter failed with {type(error).__name__}: {error}"
            )
            captions.append("")
    return tuple(captions)


def _pictures(
    frame: CapturedFrame, quality: int, max_size: int, packing: str
) -> tuple[Pictures, ValueRange | None]:
    global _crowded_until
    scratch: Scratch | None = getattr(_SCRATCH, "scratch", None)
    if scratch is None:
        scratch = _SCRATCH.scratch = Scratch()
    scratch.begin()
    began, worked = time.perf_counter(), time.thread_time()
    scratch.crowded = began < _crowded_until
    pictures = _encode_pictures(frame, quality, max_size, packing, scratch)
    # Waiting that much longer than working is waiting for the GIL.
    worked, now = time.thread_time() - worked, time.perf_counter()
    if now - began > 2 * worked + 0.002:
        _crowded_until = now + _CROWDED_SECONDS
    return pictures


def _encode_pictures(
    frame: CapturedFrame, quality: int, max_size: int, packing: str, scratch: Scratch
) -> tuple[Pictures, ValueRange | None]:
    parts = rendered(frame, max_size)
    rows = [_arrive(frame.reader, part) for part in parts]
    digests = _digests(frame, parts, rows, f"{quality} {max_size}")
    every = frame.reader.converter.seen.begin_frame(crowded=scratch.crowded)
    blocks: list[Bytes | str | list[Tile]] = []
    ranges: list[ValueRange | None] = []
    for part, raw, mine in zip(parts, rows, digests, strict=True):
        if known := _known(frame.reader, mine):
            blocks.append(known)
            ranges.append(frame.reader.last_range)
        else:
            converted, told = _convert(frame.reader, part, raw, max_size, scratch, every)
            blocks.append(converted)
            if not isinstance(converted, str):
                ranges.append(told)
    value_range = _together(ranges)
    if not frame.alone:
        frame.reader.last_range = value_range
    images = [block for block in blocks if isinstance(block, np.ndarray)]
    form = frame.reader.options.format
    one_size = len(images) == len(blocks) > 0 and len({image.shape[1:] for image in images}) == 1
    if packing != "tiles" and one_size and not any(map(any, digests)) and frame.order is None:
        tall = images[0] if len(images) == 1 else np.concatenate(images)
        count, height, width, channels = tall.shape
        if count * height <= JPEG_LIMIT:
            picture = tall.reshape(count * height, width, channels)
            data, used, sent = encode_picture(
                picture, tile_height=height, quality=quality, form=form
            )
            return Strip(data, used, width, height, count, sent), value_range
    tiles: list[Tile] = []
    for block, mine in zip(blocks, digests, strict=True):
        if isinstance(block, str):
            tiles += [Tile(b"", "", 0, 0, 0, error=block)] * len(mine)
        elif isinstance(block, list):
            tiles += block
        else:
            for image, digest in zip(block, mine, strict=True):
                tiles.append(_tile(frame.reader, image, digest, quality, form))
    return tuple(tiles), value_range


def _known(reader: FrameReader, digests: list[int]) -> list[Tile] | None:
    """Return the tiles of a part as they were encoded before, if all of them were: it needs no conversion then."""
    tiles = [reader.delta.find(digest) for digest in digests if digest]
    known = [tile for tile in tiles if tile is not None]
    return known if len(known) == len(digests) else None


def _tile(reader: FrameReader, image: Bytes, digest: int, quality: int, form: str) -> Tile:
    height, width, _ = image.shape
    if digest and (known := reader.delta.find(digest)) is not None:
        return known
    data, used, sent = encode_picture(image, tile_height=height, quality=quality, form=form)
    tile = Tile(data, used, width, height, sent, content_hash=digest)
    if digest:
        reader.delta.keep(tile)
    return tile


def _arrive(reader: FrameReader, part: Part) -> NDArray[Any] | str:
    """Return a part's copies, or why there are none."""
    if part.error:
        return part.error
    try:
        rows = part.read()
    except Exception as error:
        reader.problem("images", error)
        return f"cannot be read: {type(error).__name__}: {error}"[:200]
    return (
        rows
        if len(rows) == part.count
        else f"{len(rows)} images came where {part.count} were asked for"
    )


def _convert(
    reader: FrameReader,
    part: Part,
    rows: NDArray[Any] | str,
    max_size: int,
    scratch: Scratch,
    every: bool,
) -> tuple[Bytes | str, ValueRange | None]:
    """Return a part's images as bytes, or why there are none, and which numbers are shown how; None: as bytes always are.

    With `every` each of their numbers is looked at.
    """
    if isinstance(rows, str):
        return rows, None
    try:
        with np.errstate(all="ignore"):  # what is infinite or no number is shown, not warned about
            small = shrink(rows, part.order, max_size, scratch)
            pixels, shown = reader.converter.convert_range(small, part.order, scratch)
            seen = None
            if shown is not None:
                seen = reader.converter.seen.of(rows, every=every)
        told = None if shown is None or seen is None else ValueRange(*shown, *seen)
        return reduce(pixels, max_size), told
    except NotAnImageError as error:
        return str(error), None
    except Exception as error:
        reader.problem("images", error)
        return f"cannot be read: {type(error).__name__}: {error}"[:200], None


def _together(ranges: list[ValueRange | None]) -> ValueRange | None:
    """Return what holds for all parts of a frame; None: nothing does, since they are not shown alike."""
    if not ranges or None in ranges or len({(r.shown_low, r.shown_high) for r in ranges if r}) != 1:
        return None
    told = [r for r in ranges if r is not None]
    return ValueRange(
        told[0].shown_low,
        told[0].shown_high,
        min(r.seen_low for r in told),
        max(r.seen_high for r in told),
    )


def _digests(
    frame: CapturedFrame, parts: list[Part], rows: list[NDArray[Any] | str], how: str
) -> list[list[int]]:
    """Return the content hash of each part's tiles, 0 where it need not be remembered; `how`: they are encoded."""
    reader, ids = frame.reader, frame.sample_ids
    followed = reader.options.watch is not None and bool(ids)
    looks: list[list[bool]] = []
    count = 0
    for part, raw in zip(parts, rows, strict=True):
        places = range(count, count + part.count)
        count += part.count
        if isinstance(raw, str):
            looks.append([False] * part.count)
        else:
            keys = [ids[i] for i in places] if ids else places
            looks.append(reader.delta.look_known(keys, part.bytes(raw)))
    # A random draw now and then repeats a picture: only where most stay is it worth to send them one by one.
    if not followed and 2 * sum(map(sum, looks)) < count:
        return [[0] * part.count for part in parts]
    digests: list[list[int]] = []
    for part, raw, mine in zip(parts, rows, looks, strict=True):
        if isinstance(raw, str):
            digests.append([0] * part.count)
            continue
        hashes = content_hashes(part.bytes(raw), f"{raw.shape[1:]}{raw.dtype}{how}")
        digests.append(
            [h if followed or looked else 0 for h, looked in zip(hashes, mine, strict=True)]
        )
    return digests
