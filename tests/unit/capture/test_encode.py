"""A frame's way to the wire: packing, order, and several threads at once."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import numpy as np
import pytest

from livetrain._capture.capture import Capture, encode
from livetrain._wire import Strip, ValueRange
from livetrain.config import ImageOptions
from tests.unit.capture.world import error, pictures, sent, take, tiles_of


@pytest.mark.parametrize("packing", ["auto", "strip", "tiles"])
def test_packing(packing: str) -> None:
    frame = sent(pictures(16, 40, 24), None, None, packing=packing)
    assert isinstance(frame.pictures, Strip) is (packing != "tiles")
    assert frame.count == 16
    assert [tile.shape for tile in tiles_of(frame)] == [(40, 24, 3)] * 16


def test_tiles_of_different_sizes_are_no_strip() -> None:
    images = [pictures(1, 8 + i % 2, 8)[0] for i in range(16)]
    assert isinstance(sent(images).pictures, tuple)


def test_tiles_of_one_size_in_the_end_are_a_strip() -> None:
    images = [pictures(1, 512, 512)[0], pictures(1, 1024, 1024)[0] / np.float32(255)] * 8
    frame = sent(images)
    assert isinstance(frame.pictures, Strip)
    assert frame.pictures.tile_height == 256


def test_a_strip_taller_than_a_jpeg_can_be_is_sent_as_tiles() -> None:
    captured = take(np.zeros((16, 4096, 8, 1), np.uint8), None, ImageOptions(max_size=4096))
    assert captured.frame is not None
    frame = encode(captured.frame, quality=85, max_size=4096, packing="strip")
    assert isinstance(frame.pictures, tuple)
    assert frame.pictures[0].height == 4096


def test_a_frame_can_be_encoded_twice_and_again_smaller() -> None:
    captured = take(pictures(16, 64, 64).astype(np.float32) / 127.5 - 1)
    assert captured.frame is not None
    one, two, small = (
        encode(captured.frame, quality=85, max_size=size, packing="strip")
        for size in (256, 256, 32)
    )
    assert {tile.shape for tile in tiles_of(small)} == {(32, 32, 3)}
    for first, second in zip(tiles_of(one), tiles_of(two), strict=True):
        assert error(first, second) < 2  # a strip, then tiles: it looks unchanged


def test_lower_quality_is_smaller() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 64, 64, 3), dtype=np.uint8)
    sizes = []
    for quality in (85, 75):
        captured = take(noise)
        assert captured.frame is not None
        pictures_ = encode(captured.frame, quality=quality, max_size=256, packing="strip").pictures
        assert isinstance(pictures_, Strip)
        sizes.append(len(pictures_.data))
    assert sizes[1] < sizes[0]


def test_threads_do_not_share_working_memory() -> None:
    capture = Capture(ImageOptions(format="png"), None, seed=0)
    failures: list[str] = []

    def work(shade: int) -> None:
        local = Capture(ImageOptions(format="png"), None, seed=shade)
        images = np.full((16, 3, 64, 64), shade / 255, np.float32)
        for _ in range(20):
            frame = local.take(images, None, loss=None, with_images=True).frame
            assert frame is not None
            for tile in tiles_of(encode(frame, quality=85, max_size=256, packing="strip")):
                if not (tile == shade).all():
                    failures.append(f"{shade}: {np.unique(tile)}")
            frame.release()

    threads = [threading.Thread(target=work, args=(shade,)) for shade in (10, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert not capture.gathering


def test_a_released_frame_has_nothing_to_encode() -> None:
    captured = take(pictures(16, 8, 8), np.arange(16))
    assert captured.frame is not None
    captured.frame.release()
    frame = encode(captured.frame, quality=85, max_size=256, packing="strip")
    assert frame.pictures == ()
    assert frame.predictions == ()


FLAT = np.linspace(0, 16, 16 * 20 * 20, dtype=np.float32).reshape(16, 20, 20)


@pytest.mark.parametrize(
    ("images", "more", "expected"),
    [
        (FLAT, {}, (0, 255, 0, 16)),
        (FLAT / 16, {}, (0, 1, 0, 1)),
        (FLAT / 8 - 1, {}, (-1, 1, -1, 1)),
        (FLAT - 100, {}, (-100, -84, -100, -84)),
        (FLAT.astype(np.float16), {}, (0, 255, 0, 16)),
        (FLAT.astype(np.uint16) * 200, {}, (0, 4095, 0, 3200)),
        (FLAT, {"value_range": (0.0, 16.0)}, (0, 16, 0, 16)),
        (FLAT / 16, {"mean": (0.5,), "std": (0.25,)}, (-2, 2, 0, 1)),
        (
            np.stack([FLAT / 16] * 3, 1),
            {"mean": (0.5, 0.5, 0.0), "std": (0.5, 0.25, 1.0)},
            (-2, 2, 0, 1),
        ),
        (FLAT.astype(np.uint8), {"value_range": (0.0, 16.0)}, (0, 16, 0, 16)),
        (FLAT.astype(np.uint8), {}, None),
        (FLAT > 8, {}, None),
        (np.full_like(FLAT, np.nan), {}, None),
    ],
)
def test_a_frame_says_how_its_numbers_are_shown_and_which_there_are(
    images: Any, more: dict[str, Any], expected: tuple[float, ...] | None
) -> None:
    told = sent(images, options=ImageOptions(gather_seconds=0.0, **more)).value_range
    assert (None if told is None else dataclasses.astuple(told)) == expected


def test_large_images_are_looked_at_before_they_are_reduced() -> None:
    images = np.zeros((2, 512, 512), np.float32)
    images[1, 100, 100] = 200.0
    told = sent(images).value_range
    assert told == ValueRange(0.0, 255.0, 0.0, 200.0)


def test_images_that_are_shown_differently_have_no_range_together() -> None:
    assert sent([FLAT[0], FLAT[1].astype(np.uint8)]).value_range is None
    told = sent([FLAT[14], FLAT[15, :10]]).value_range
    assert told == ValueRange(0.0, 255.0, float(FLAT[14].min()), float(FLAT[15, :10].max()))


def test_pictures_that_are_known_keep_the_range_that_was_told() -> None:
    options = ImageOptions(watch=list(range(16)))
    capture = Capture(options, None, seed=0)
    told = []
    for _ in range(3):
        captured = capture.take(FLAT, None, loss=None, ids=list(range(16)), with_images=True)
        assert captured.frame is not None
        told.append(encode(captured.frame, quality=85, max_size=256, packing="strip").value_range)
    assert told == [ValueRange(0.0, 255.0, 0.0, 16.0)] * 3
