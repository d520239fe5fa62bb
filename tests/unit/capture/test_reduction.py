"""Smaller pictures: each pixel is the mean of its area, tiles keep their aspect and do not mix."""

from __future__ import annotations

import numpy as np
import pytest

from livetrain._capture.layout import Order
from livetrain._capture.reduction import reduce, shrink
from livetrain._capture.scratch import Scratch
from livetrain.config import ImageOptions
from tests.unit.capture.world import error, pictures, sent, tiles_of


def test_a_reduced_picture_is_the_mean_of_the_area_of_each_pixel() -> None:
    batch = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)
    for size, factor in ((48, 2), (24, 4), (12, 8)):
        small = reduce(batch, size)
        mean = batch.reshape(3, 64 // factor, factor, 96 // factor, factor, 3).mean(axis=(2, 4))
        assert np.abs(small - mean).max() <= 1.0


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(300, 200), (257, 100), (1000, 333), (999, 999), (5000, 3)])
def test_reduced_tiles_keep_their_aspect_and_do_not_mix(
    channels: int, size: tuple[int, int]
) -> None:
    plain = np.stack([np.full((*size, channels), shade, np.uint8) for shade in (0, 255, 60)])
    small = reduce(plain, 256)
    longer = max(size)
    assert small.shape == (3, *(max(1, round(n * 256 / longer)) for n in size), channels)
    assert (
        [int(tile.min()) for tile in small] == [int(tile.max()) for tile in small] == [0, 255, 60]
    )


def test_small_images_are_sent_as_they_are() -> None:
    batch = pictures(2, 30, 20)
    assert reduce(batch, 30) is batch


def test_a_factor_that_is_no_whole_number_averages_too() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2, 480, 480, 3), dtype=np.uint8)
    small = reduce(noise, 200)
    assert abs(small.mean() - noise.mean()) < 1
    assert small.std() < 0.55 * noise.std()  # 2.4 × 2.4 pixels into one


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("crowded", [False, True])
@pytest.mark.parametrize("order", ["HW", "CHW"])
def test_planes_of_floats_are_averaged_before_they_become_bytes(
    factor: int, crowded: bool, order: Order
) -> None:
    shape = (5, 96, 144) if order == "HW" else (5, 3, 96, 144)
    rows = np.random.default_rng(0).random(shape, np.float32)
    scratch = Scratch()
    scratch.crowded = crowded
    for _ in range(2):
        scratch.begin()
        small = shrink(rows, order, 144 // factor, scratch)
        height, width = 96 // factor, 144 // factor
        areas = rows.reshape(*shape[:-2], height, factor, width, factor)
        assert np.allclose(small, areas.mean(axis=(-3, -1)), atol=1e-6)


def test_what_is_no_plane_of_floats_or_does_not_fit_is_left_to_reduce() -> None:
    for rows, order, size in (
        (np.zeros((2, 3, 64, 64), np.uint8), "CHW", 32),
        (np.zeros((2, 64, 64, 3), np.float32), "HWC", 32),
        (np.zeros((2, 3, 63, 64), np.float32), "CHW", 32),
        (np.zeros((2, 3, 40, 40), np.float32), "CHW", 32),
        (np.zeros((2, 3, 64, 64), np.float32)[..., ::-1], "CHW", 32),
    ):
        assert shrink(rows, order, size, Scratch()) is rows  # type: ignore[arg-type]


def test_large_batches_of_floats_are_shown_as_they_look() -> None:
    large = pictures(16, 512, 384)
    planes = (large.transpose(0, 3, 1, 2) / np.float32(255)).astype(np.float32)
    frame = sent(np.ascontiguousarray(planes), None, ImageOptions(format="png"))
    means = large.reshape(16, 256, 2, 192, 2, 3).mean(axis=(2, 4))
    for tile, mean in zip(tiles_of(frame), means, strict=True):
        assert error(tile, mean) < 0.6


def test_infinity_in_a_large_image_costs_its_own_area() -> None:
    planes = np.full((16, 1, 512, 512), 0.5, np.float32)
    planes[:, :, 0, 0], planes[:, :, 100, 100] = np.inf, np.nan
    with np.errstate(all="raise"):
        tiles = tiles_of(sent(planes, None, ImageOptions(format="png")))
    for tile in tiles:
        assert (tile[0, 0, 0], tile[50, 50, 0], tile[9, 9, 0]) == (255, 0, 127)
