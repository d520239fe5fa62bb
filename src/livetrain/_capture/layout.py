"""Which axis is which: the order of an image array's axes, read off its shape alone.

The rule for ``layout="auto"``, first match wins:

* four axes: the first is the batch; of the other three, a last axis of 1, 3 or 4 is channels, else
  a first one is, else a last or a first axis of 2 is;
* three axes: a batch of grey images when the first axis is as long as the batch is known to be
  (2 or more predictions or targets came with it); else one image, by the rule above; else a batch of grey images;
* two axes: one grey image, unless several predictions came with it: then these are rows of numbers, not images.

Where two readings were possible the one taken comes with a sentence that says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

__all__ = ["Layout", "NotAnImageError", "read_layout"]

Order = Literal["HW", "HWC", "CHW"]


class NotAnImageError(ValueError):
    """This cannot be shown as an image; the message is the sentence that stands on its tile."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The axes of an array of images.

    Attributes:
        batched: the first axis counts images; False: the array is one image.
        order: the axes of one image.
        height, width: pixels.
        channels: 1 to 4.
        guess: what was ambiguous and how it was taken, a sentence; empty where nothing was.
    """

    batched: bool
    order: Order
    height: int
    width: int
    channels: int
    guess: str = ""


@lru_cache(maxsize=256)
def read_layout(
    shape: tuple[int, ...], option: str = "auto", expected: int | None = None
) -> Layout:
    """Read an array's axes off its shape.

    Args:
        shape: of the whole array.
        option: ``ImageOptions.layout``; a batch axis may be missing in it or in the shape.
        expected: how many predictions or targets came with the images; None: none did.

    Raises:
        NotAnImageError: no reading of the shape is an image of 1 to 4 channels with at least a pixel.

    Example:
        >>> read_layout((64, 3, 32, 32)).order
        'CHW'
    """
    if option == "auto":
        batched, order, guess = _guess(shape, expected)
    else:
        batched, order = _as_told(shape, option)
        guess = ""
    axes = shape[1:] if batched else shape
    height, width, channels = (axes[1], axes[2], axes[0]) if order == "CHW" else (*axes, 1)[:3]
    if not 1 <= channels <= 4:
        raise NotAnImageError(
            f"shape {shape} read as {order} has {channels} channels; 1 to 4 can be shown"
        )
    if height == 0 or width == 0:
        raise NotAnImageError(f"an image of {width} × {height} pixels has nothing to show")
    return Layout(batched, order, height, width, channels, guess)


def _as_told(shape: tuple[int, ...], option: str) -> tuple[bool, Order]:
    order: Order = option.removeprefix("N")  # type: ignore[assignment]  # config allows only these words
    extra = len(shape) - len(order)
    if extra not in (0, 1):
        raise NotAnImageError(
            f"shape {shape} has {len(shape)} axes, which layout={option!r} does not fit"
        )
    return extra == 1, order


def _guess(shape: tuple[int, ...], expected: int | None) -> tuple[bool, Order, str]:
    several = expected is not None and expected >= 2
    if len(shape) == 4:
        order, guess = _channels(shape[1:], shape)
        return True, order, guess
    if len(shape) == 3:
        if several and shape[0] == expected:
            return True, "HW", ""
        try:
            order, guess = _channels(shape, shape)
        except NotAnImageError:
            return True, "HW", ""
        return False, order, guess
    if len(shape) == 2:
        if several:
            raise NotAnImageError(
                f"shape {shape} is {shape[0]} rows of {shape[1]} numbers; reshape them to (N, height, width)"
            )
        return False, "HW", ""
    raise NotAnImageError(f"shape {shape} has {len(shape)} axes; images have 2 to 4")


def _channels(axes: tuple[int, ...], shape: tuple[int, ...]) -> tuple[Order, str]:
    first, last = axes[0], axes[-1]
    for usual in ((1, 3, 4), (2,)):
        if last in usual:
            if first not in usual:
                return "HWC", ""
            return "HWC", (
                f"images of shape {shape} could have their channels first or last; they are taken as last. "
                f"ImageOptions(layout='CHW') says otherwise"
            )
        if first in usual:
            return "CHW", ""
    raise NotAnImageError(
        f"shape {shape} has no axis of 1 to 4 channels; choose some, e.g. images[:, :3]"
    )
