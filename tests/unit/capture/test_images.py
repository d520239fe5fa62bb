"""Right pixels, whatever they came as: proved by decoding what would have been sent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from livetrain._capture.images import Converter
from livetrain._capture.layout import NotAnImageError
from livetrain._capture.reports import Reports
from livetrain._capture.scratch import Scratch
from livetrain.config import ImageOptions
from tests.unit.capture.world import error, picture, pictures, sent, tiles_of

DTYPES = {
    "bool": lambda image: image > 127,
    "uint8": lambda image: image,
    "int16": lambda image: image.astype(np.int16),
    "int64": lambda image: image.astype(np.int64),
    "uint16": lambda image: image.astype(np.uint16) * 257,
    "float16": lambda image: (image / 255).astype(np.float16),
    "float32": lambda image: (image / np.float32(255)).astype(np.float32),
    "float64": lambda image: image / 255.0,
}
ORDERS: dict[str, tuple[int, ...]] = {"NHWC": (0, 1, 2, 3), "NCHW": (0, 3, 1, 2)}


def converted(images: NDArray[Any], order: str, **options: Any) -> NDArray[np.uint8]:
    reports = Reports()
    return Converter(ImageOptions(**options), reports).convert(images, order, Scratch())  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (32, 32), (40, 24), (150, 130)])
def test_every_type_order_and_number_of_channels(
    dtype: str, order: str, channels: int, size: tuple[int, int]
) -> None:
    batch = pictures(16, *size, channels)
    given_ = DTYPES[dtype](batch).transpose(ORDERS[order])
    options = ImageOptions(layout=order, format="png")  # type: ignore[arg-type]
    expected = np.where(batch > 127, 255, 0) if dtype == "bool" else batch
    for tile, image in zip(tiles_of(sent(given_, None, options)), expected, strict=True):
        assert error(tile, image) <= (0.6 if dtype == "float16" else 0.0)


@pytest.mark.parametrize("order", ORDERS)
def test_what_a_jpeg_keeps(order: str) -> None:
    batch = pictures(16, 64, 48)
    frame = sent(batch.transpose(ORDERS[order]), None, ImageOptions(format="jpeg"))
    for tile, image in zip(tiles_of(frame), batch, strict=True):
        assert error(tile, image) < 2.0


def test_a_jpeg_has_the_colours_of_four_channels_and_a_png_all_four() -> None:
    batch = pictures(16, 40, 40, 4)
    jpegs = tiles_of(sent(batch, None, ImageOptions(format="jpeg")))
    assert max(error(t, i[..., :3]) for t, i in zip(jpegs, batch, strict=True)) < 2.0
    pngs = tiles_of(sent(batch, None, ImageOptions(format="png")))
    assert all((t == i).all() for t, i in zip(pngs, batch, strict=True))


def test_two_channels_are_red_and_green() -> None:
    batch = pictures(16, 12, 20, 2)
    options = ImageOptions(format="png")
    for given_ in (batch, batch.transpose(0, 3, 1, 2), batch.astype(np.float32) / 255):
        tiles = tiles_of(sent(given_, None, options))
        assert all((t[..., :2] == i).all() for t, i in zip(tiles, batch, strict=True))
        assert not any(t[..., 2].any() for t in tiles)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)], ids=["0..1", "-1..1", "0..255"]
)
@pytest.mark.parametrize("order", ["HWC", "CHW"])
def test_ranges_are_read_off_the_values_and_bytes_come_back_exactly(
    dtype: Any, low: float, high: float, order: str
) -> None:
    every_byte = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    values = (low + every_byte / 255.0 * (high - low)).astype(dtype)
    if order == "CHW":
        values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
    exact = np.abs(converted(values, order).astype(int) - every_byte).max()
    assert exact <= (1 if dtype is np.float16 else 0)


@pytest.mark.parametrize("order", ["HWC", "CHW"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_mean_and_std_are_undone(order: str, dtype: Any) -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    batch = pictures(3, 33, 31)
    values = ((batch / 255.0 - mean) / std).astype(dtype)
    if order == "CHW":
        values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
    back = converted(values, order, mean=mean, std=std)
    assert np.abs(back.astype(int) - batch).max() <= (1 if dtype is np.float16 else 0)


def test_mean_and_std_of_images_from_0_to_255() -> None:
    batch = pictures(2, 8, 8)
    values = (batch - np.float32(120)) / np.float32(60)
    assert (
        np.abs(converted(values, "HWC", mean=(120.0,), std=(60.0,)).astype(int) - batch).max() == 0
    )


def test_mean_and_std_of_another_number_of_channels_are_left_out_and_told() -> None:
    reports = Reports()
    converter = Converter(ImageOptions(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)), reports)
    grey = picture(8, 8, 1)[np.newaxis] / np.float32(255)
    assert (converter.convert(grey, "HWC", Scratch()) == picture(8, 8, 1)).all()
    assert "mean and std have 3 numbers and the images 1 channels" in reports.drain()[0]


def test_a_range_that_the_user_names() -> None:
    values = np.linspace(-5, 10, 256, dtype=np.float32).reshape(1, 16, 16)
    assert (converted(values, "HW", value_range=(-5.0, 10.0)).ravel() == np.arange(256)).all()
    mask = np.array([[[0, 1], [1, 0]]], np.uint8)
    assert converted(mask, "HW", value_range=(0, 1)).ravel().tolist() == [0, 255, 255, 0]


def test_values_outside_the_range_are_black_and_white() -> None:
    values = np.array([-9, 0, 0.5, 1, 9], np.float32).reshape(1, 1, 5)
    for dtype in (np.float16, np.float32, np.float64):
        got = converted(values.astype(dtype), "HW", value_range=(0.0, 1.0)).ravel().tolist()
        assert got == [0, 0, 127, 255, 255]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("low", [0.0, -1.0])
def test_nan_is_black_and_infinity_is_white_or_black(dtype: Any, low: float) -> None:
    values = np.full((1, 4, 4), 0.5, dtype)
    values[0, 0] = [np.nan, np.inf, -np.inf, low]
    got = converted(values, "HW")
    assert got[0, 0, :, 0].tolist() == [0, 255, 0, 0]
    assert 126 <= got[0, 1, 0, 0] <= 192


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint16])
def test_one_pixel_that_a_look_at_some_rows_misses_counts(dtype: Any) -> None:
    batch = np.zeros((16, 256, 256, 3), dtype)
    batch[:, ::2] = 1
    batch[3, 101, 7, 1] = 200
    tiles = converted(batch, "HWC")
    assert tiles[3, 101, 7, 1] == 200
    assert tiles[3, 100, 7, 1] == 1


def test_nothing_but_nan_is_black() -> None:
    assert not converted(np.full((2, 4, 4), np.nan, np.float32), "HW").any()


@settings(max_examples=200)
@given(
    count=st.integers(1, 4),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    channels=st.integers(1, 4),
    dtype=st.sampled_from(["uint8", "float32", "float16", "float64", "int64", "uint16"]),
    order=st.sampled_from(["HWC", "CHW"]),
    flips=st.tuples(*[st.sampled_from([1, -1, 2])] * 4),
    seed=st.integers(0, 9),
)
def test_any_strides(
    count: int,
    height: int,
    width: int,
    channels: int,
    dtype: str,
    order: str,
    flips: tuple[int, int, int, int],
    seed: int,
) -> None:
    """Negative, stepped and read-only: what arrives is what numpy shows."""
    draw = np.random.default_rng(seed)
    shape = (count * 2, height * 2, width * 2, channels)
    base = draw.integers(0, 256, shape, dtype=np.uint8)
    view = base[:: flips[0], :: flips[1], :: flips[2], :: flips[3] if abs(flips[3]) == 1 else 1]
    view = view[:count, :height, :width]
    values = DTYPES[dtype](view)
    if dtype == "uint8":
        values = view
        values.flags.writeable = False
    if order == "CHW":
        values = values.transpose(0, 3, 1, 2)
    options = ImageOptions(
        layout="N" + order,  # type: ignore[arg-type]
        format="png",
        gather_seconds=0.0,
        value_range={"int64": (0, 255), "uint16": (0, 65535)}.get(dtype, "auto"),  # type: ignore[arg-type]
    )
    tiles = tiles_of(sent(values, None, options))
    tolerance = 1 if dtype == "float16" else 0
    for tile, image in zip(tiles, view, strict=True):
        shown = tile[..., : image.shape[2]]
        if dtype.startswith("float") and view.max() < 250:
            continue  # a handful of dark pixels: 0..1 all the same
        assert np.abs(shown.astype(int) - image).max() <= tolerance


def test_bfloat16_of_torch() -> None:
    batch = torch.from_numpy(pictures(16, 20, 20)).permute(0, 3, 1, 2)
    tiles = tiles_of(sent((batch / 255.0).bfloat16(), None, ImageOptions(format="png")))
    for tile, image in zip(tiles, pictures(16, 20, 20), strict=True):
        assert np.abs(tile.astype(int) - image).max() <= 1


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16"]
)
def test_pil_images_of_every_mode(mode: str) -> None:
    grey = Image.fromarray(picture(24, 32, 1)[..., 0])
    image = (
        Image.fromarray(picture(24, 32)) if mode in ("RGB", "RGBA", "CMYK", "YCbCr", "P") else grey
    )
    converted_ = image.convert(mode)
    tile = tiles_of(sent([converted_] * 16, None, ImageOptions(format="png")))[0]
    assert tile.shape[:2] == (24, 32)
    if mode in ("L", "RGB"):
        assert (tile == np.asarray(image).reshape(tile.shape)).all()
    if mode in ("CMYK", "RGBA", "YCbCr"):
        assert error(tile[..., :3], np.asarray(image)) < 4


@pytest.mark.parametrize("size", [(10000, 10000), (1, 10000), (10000, 3), (3000, 2000)])
def test_very_large_images(size: tuple[int, int]) -> None:
    ramps = [((np.arange(n) + 0.5) * 127.5 / n).astype(np.uint8) for n in size]
    image = np.add.outer(*ramps)
    tile = tiles_of(sent(image[np.newaxis], None, ImageOptions(layout="NHW", gather_seconds=0.0)))[
        0
    ]
    height, width = tile.shape[:2]
    assert max(height, width) == 256
    assert abs(height - max(1, round(size[0] * 256 / max(size)))) <= 1
    yy, xx = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    assert error(tile[..., 0], 127.5 * (xx[None] + yy[:, None])) < 3


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(NotAnImageError, match="complex64"):
        converted(np.zeros((1, 2, 2), np.complex64), "HW")
