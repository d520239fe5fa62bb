"""What capture tests share: decoding what was encoded, photographs without noise, and one call from images to tiles."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livetrain._capture.capture import Capture, Captured, encode
from livetrain._wire import EncodedFrame, Strip, Tile
from livetrain.config import ImageOptions


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth picture, which a JPEG keeps: shape (height, width, channels), from 0 to 255."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width, 2)
    planes = [
        0.5 + 0.5 * np.sin(3 * x + 2 * y * (seed % 5 + 1) / 3 + channel + seed)
        for channel in range(channels)
    ]
    scaled = np.stack(planes, axis=-1)
    scaled -= scaled.min()
    return np.rint(255 * scaled / max(float(scaled.max()), 1e-9)).astype(np.uint8)


def pictures(count: int, height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    return np.stack([picture(height, width, channels, seed) for seed in range(count)])


def decode(data: bytes) -> NDArray[np.uint8]:
    """Pixels of a JPEG or PNG, shape (height, width, channels)."""
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def tiles_of(frame: EncodedFrame) -> list[NDArray[np.uint8]]:
    """The pixels of every tile, whichever way they are packed."""
    if isinstance(frame.pictures, Strip):
        strip = frame.pictures
        tall = decode(strip.data)
        assert tall.shape == (strip.tile_height * strip.count, strip.tile_width, strip.channels)
        return list(tall.reshape(strip.count, strip.tile_height, strip.tile_width, strip.channels))
    assert all(isinstance(tile, Tile) for tile in frame.pictures)
    return [decode(tile.data) for tile in frame.pictures]


def take(
    images: Any,
    preds: Any = None,
    options: ImageOptions | None = None,
    names: Any = None,
    **more: Any,
) -> Captured:
    """One call of a new capture that does not wait for more images."""
    capture = Capture(options or ImageOptions(gather_seconds=0.0), names, seed=0)
    return capture.take(images, preds, loss=more.pop("loss", None), with_images=True, **more)


def sent(
    images: Any,
    preds: Any = None,
    options: ImageOptions | None = None,
    names: Any = None,
    packing: str = "strip",
    **more: Any,
) -> EncodedFrame:
    """What goes over the wire for a batch."""
    captured = take(images, preds, options, names, **more)
    assert captured.frame is not None
    encoded = encode(captured.frame, quality=95, max_size=256, packing=packing)
    captured.frame.release()
    return encoded


def error(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The mean difference of two pictures, in steps of 255."""
    assert a.shape == b.shape, (a.shape, b.shape)
    return float(np.abs(a.astype(float) - b.astype(float)).mean())
