"""Which axis is which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._capture.layout import NotAnImageError, read_layout

RULE = [
    # shape, expected, batched, order, height, width, channels, ambiguous
    ((64, 32, 40, 3), None, True, "HWC", 32, 40, 3, False),
    ((64, 3, 32, 40), None, True, "CHW", 32, 40, 3, False),
    ((64, 1, 28, 28), None, True, "CHW", 28, 28, 1, False),
    ((64, 28, 28, 1), None, True, "HWC", 28, 28, 1, False),
    ((64, 4, 32, 32), None, True, "CHW", 32, 32, 4, False),
    ((64, 2, 32, 32), None, True, "CHW", 32, 32, 2, False),
    ((64, 32, 32, 2), None, True, "HWC", 32, 32, 2, False),
    ((64, 3, 32, 2), None, True, "CHW", 32, 2, 3, False),
    ((64, 3, 5, 3), None, True, "HWC", 3, 5, 3, True),
    ((64, 1, 1, 1), None, True, "HWC", 1, 1, 1, True),
    ((64, 28, 28), 64, True, "HW", 28, 28, 1, False),
    ((3, 28, 28), 3, True, "HW", 28, 28, 1, False),
    ((64, 28, 28), None, True, "HW", 28, 28, 1, False),
    ((3, 28, 28), None, False, "CHW", 28, 28, 3, False),
    ((3, 28, 28), 1, False, "CHW", 28, 28, 3, False),
    ((28, 28, 3), None, False, "HWC", 28, 28, 3, False),
    ((1, 28, 28), 1, False, "CHW", 28, 28, 1, False),
    ((28, 20), None, False, "HW", 28, 20, 1, False),
    ((28, 20), 1, False, "HW", 28, 20, 1, False),
]


@pytest.mark.parametrize(
    ("shape", "expected", "batched", "order", "height", "width", "channels", "ambiguous"), RULE
)
def test_the_rule(
    shape: tuple[int, ...], expected: int | None, batched: bool, order: str, height: int, width: int, channels: int,
    ambiguous: bool,
) -> None:  # fmt: skip
    layout = read_layout(shape, "auto", expected)
    assert (layout.batched, layout.order) == (batched, order)
    assert (layout.height, layout.width, layout.channels) == (height, width, channels)
    assert bool(layout.guess) is ambiguous
    if ambiguous:
        assert "ImageOptions(layout='CHW') says otherwise" in layout.guess


@pytest.mark.parametrize(
    ("option", "shape", "order", "batched"),
    [
        ("NCHW", (8, 3, 5, 3), "CHW", True), ("CHW", (8, 3, 5, 3), "CHW", True), ("NHWC", (8, 3, 5, 3), "HWC", True),
        ("HWC", (3, 5, 3), "HWC", False), ("NCHW", (3, 5, 3), "CHW", False), ("HW", (3, 5), "HW", False),
        ("NHW", (3, 5, 4), "HW", True), ("NHW", (3, 5), "HW", False),
    ],
)  # fmt: skip
def test_what_the_user_says_holds(
    option: str, shape: tuple[int, ...], order: str, batched: bool
) -> None:
    layout = read_layout(shape, option)
    assert (layout.order, layout.batched, layout.guess) == (order, batched, "")


@pytest.mark.parametrize(
    ("shape", "option", "expected", "why"),
    [
        ((), "auto", None, "has 0 axes"), ((5,), "auto", None, "has 1 axes"), ((1, 2, 3, 4, 5), "auto", None, "has 5 axes"),
        ((64, 784), "auto", 64, "64 rows of 784 numbers; reshape"), ((8, 7, 9, 9), "auto", None, "no axis of 1 to 4 channels"),
        ((8, 0, 9, 3), "auto", None, "9 × 0 pixels"), ((8, 9, 9, 5), "NHWC", None, "has 5 channels"),
        ((8, 9), "NCHW", None, "layout='NCHW' does not fit"), ((8, 8, 8, 8, 8), "HWC", None, "does not fit"),
    ],
)  # fmt: skip
def test_what_is_no_image_says_why(
    shape: tuple[int, ...], option: str, expected: int | None, why: str
) -> None:
    with pytest.raises(NotAnImageError, match=why.replace("(", r"\(")):
        read_layout(shape, option, expected)


@given(
    st.lists(st.integers(0, 6), max_size=6).map(tuple),
    st.sampled_from(["auto", "HW", "HWC", "CHW", "NHW", "NHWC", "NCHW"]),
    st.one_of(st.none(), st.integers(0, 6)),
)
def test_every_pixel_is_accounted_for_or_the_shape_is_refused(
    shape: tuple[int, ...], option: str, expected: int | None
) -> None:
    try:
        layout = read_layout(shape, option, expected)
    except NotAnImageError:
        return
    pixels = layout.height * layout.width * layout.channels * (shape[0] if layout.batched else 1)
    product = 1
    for n in shape:
        product *= n
    assert pixels == product
    assert layout.height * layout.width > 0
    assert 1 <= layout.channels <= 4
