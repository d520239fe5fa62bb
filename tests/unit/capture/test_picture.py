"""JPEG or PNG, and how well either keeps a picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._capture.picture import encode_picture
from tests.unit.capture.world import decode, error, picture, pictures


@given(
    height=st.integers(1, 40), width=st.integers(1, 40), channels=st.sampled_from([1, 3, 4]), seed=st.integers(0, 9),
    flat=st.booleans(),
)  # fmt: skip
def test_a_png_keeps_every_pixel(
    height: int, width: int, channels: int, seed: int, flat: bool
) -> None:
    draw = np.random.default_rng(seed)
    image = draw.integers(0, 2 if flat else 256, (height, width, channels), dtype=np.uint8)
    data, form, sent = encode_picture(image, tile_height=height, quality=85, form="png")
    assert (form, sent) == ("png", channels)
    assert (decode(data) == image).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(16, 16), (64, 48), (256, 256), (171, 256)])
def test_a_jpeg_keeps_a_smooth_picture(size: tuple[int, int], channels: int) -> None:
    image = picture(*size, channels)
    data, form, sent = encode_picture(image, tile_height=size[0], quality=90, form="jpeg")
    assert (form, sent) == ("jpeg", min(channels, 3))
    assert error(decode(data), image[..., :3]) < 2.0


@pytest.mark.parametrize("side", [8, 28, 32, 130, 171, 256])
def test_tiles_of_a_strip_do_not_spill_into_one_another(side: int) -> None:
    tiles = pictures(16, side, side)
    tiles[::2] = 255 - tiles[::2] // 4  # neighbours that differ
    tall = tiles.reshape(-1, side, 3)
    data, _, _ = encode_picture(tall, tile_height=side, quality=90, form="jpeg")
    back = decode(data).reshape(tiles.shape)
    assert error(back, tiles) < 2.0
    edges = np.abs(back.astype(int) - tiles)[:, [0, -1]].mean()
    # Of halved colours the first and the last row take a quarter from the neighbour, when they are decoded.
    assert edges < (16 if side >= 128 and side % 16 == 0 else 6 if side % 8 else 3)


def test_masks_and_digits_become_a_png_where_that_is_smaller() -> None:
    mask = np.zeros((16 * 28, 28, 1), np.uint8)
    mask[5:20, 8:20] = 255
    data, form, _ = encode_picture(mask, tile_height=28, quality=85, form="auto")
    jpeg, _, _ = encode_picture(mask, tile_height=28, quality=85, form="jpeg")
    assert form == "png"
    assert len(data) < len(jpeg)
    assert (decode(data) == mask).all()


def test_photographs_stay_jpegs() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16 * 32, 32, 3), dtype=np.uint8)
    assert encode_picture(noise, tile_height=32, quality=85, form="auto")[1] == "jpeg"


def test_quality_counts() -> None:
    image = picture(128, 128) ^ np.random.default_rng(0).integers(
        0, 16, (128, 128, 3), dtype=np.uint8
    )
    sizes = [
        len(encode_picture(image, tile_height=128, quality=q, form="jpeg")[0]) for q in (30, 75, 95)
    ]
    assert sizes == sorted(sizes)
    assert sizes[2] > 1.5 * sizes[1]


def test_a_flat_looking_picture_stays_a_jpeg_where_that_is_smaller() -> None:
    image = np.full((160, 101, 1), 100, np.uint8)
    hidden = np.random.default_rng(0).integers(98, 103, (160, 5, 1), dtype=np.uint8)
    for column in range(3, 100, 10):  # between the columns that are looked at
        image[:, column : column + 5] = hidden
    data, form, _ = encode_picture(image, tile_height=160, quality=85, form="auto")
    png, _, _ = encode_picture(image, tile_height=160, quality=85, form="png")
    assert form == "jpeg"
    assert len(data) < len(png)
