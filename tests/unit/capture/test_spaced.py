"""Pixels that are put together from planes as numbers of 32 bits are the pixels that they are byte by byte."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from livetrain._capture.images import Converter
from livetrain._capture.picture import encode_picture
from livetrain._capture.reports import Reports
from livetrain._capture.scaling import Scaling
from livetrain._capture.scratch import Scratch
from livetrain._capture.spaced import as_numbers, spaced, worth_spacing
from livetrain.config import ImageOptions

SIZE = 96


def planes_of(pixels: NDArray[Any]) -> NDArray[Any]:
    """The same images as planes, seen as height × width × channels."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)


def scaled(values: NDArray[Any], scaling: Scaling) -> tuple[NDArray[np.uint8], bool]:
    out = spaced(values.shape[:3], Scratch())
    return out, scaling.apply(planes_of(values), out, Scratch())


@pytest.mark.parametrize(
    ("scaling", "given_"),
    [
        (Scaling(0.0, 1.0), lambda k: k / np.float32(255)),
        (Scaling(-1.0, 1.0), lambda k: k / np.float32(127.5) - 1),
        (Scaling(0.0, 255.0), lambda k: k),
        (
            Scaling(0.0, 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            lambda k: (k / np.float32(255) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
        ),
    ],
)
def test_the_bytes_that_an_image_was_scaled_from_come_back(scaling: Scaling, given_: Any) -> None:
    levels = np.random.default_rng(0).permuted(np.tile(np.arange(256, dtype=np.float32), 6))
    pixels = levels.reshape(2, 16, 16, 3)
    out, inside = scaled(given_(pixels).astype(np.float32), scaling)
    assert inside
    assert (out == pixels).all()


@given(
    st.lists(
        st.floats(-0.5, 1.5, width=32)
        | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 1e30, -1e30, 6e-39]),
        min_size=3,
        max_size=12,
    ),
    st.booleans(),
)
def test_any_value_is_what_it_is_byte_by_byte_to_one_level(
    values: list[float], signed: bool
) -> None:
    images = np.resize(np.array(values, np.float32), (2, 2, 2, 3))
    scaling = Scaling(-1.0 if signed else 0.0, 1.0)
    plain = np.empty(images.shape, np.uint8)
    with np.errstate(all="ignore"):
        scaling.apply(planes_of(images), plain, Scratch())
        out, inside = scaled(images, scaling)
        levels = (images.astype(np.float64) - scaling.black) / (1 - scaling.black) * 255
    if inside:
        assert ((levels > -0.51) & (levels < 255.51)).all()
    else:
        # A zero with a minus sign is taken for a number below black: its image is looked at again.
        assert not (~np.signbit(levels) & (levels <= 255)).all()
    assert np.abs(out.astype(int) - plain).max() <= 1


def test_what_an_encoder_gets_is_the_same_picture() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 8, 3), dtype=np.uint8)
    room = spaced((2, 16, 8), Scratch())
    room[...] = pixels
    assert as_numbers(pixels) is None
    numbers = as_numbers(room)
    assert numbers is not None
    assert ((numbers >> 16) & 255 == pixels[..., 2]).all()
    for form in ("jpeg", "png"):
        made = [
            encode_picture(tall.reshape(32, 8, 3), tile_height=16, quality=90, form=form)
            for tall in (pixels, room)
        ]
        assert made[0] == made[1]


@pytest.mark.parametrize("shape", [(32, 32), (SIZE, SIZE), (256, 256), (1000, 1000)])
def test_a_converted_image_is_the_same_of_any_size_and_beside_a_busy_thread(
    shape: tuple[int, int],
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)) / np.float32(255)
    for crowded in (False, True):
        scratch = Scratch()
        scratch.crowded = crowded
        out = Converter(ImageOptions(), Reports()).convert(planes, "CHW", scratch)
        assert (as_numbers(out) is not None) == (worth_spacing(pixels.shape) and not crowded)
        assert (out == pixels).all()
        decoded = simplejpeg.decode_jpeg(
            encode_picture(out[0], tile_height=shape[0], quality=100, form="jpeg")[0]
        )
        assert decoded.shape == pixels[0].shape
