"""Where images come from: arrays, tensors and lists of any framework, seen by what they have and not by their class.

No framework is imported here: an object of one that is not in ``sys.modules`` cannot exist.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from livetrain._capture.device import BFLOAT16, Device, Pending, device_of, from_torch
from livetrain._capture.layout import Layout, NotAnImageError, Order, read_layout

__all__ = ["Images", "copied", "host_array", "is_numeric", "open_images"]

Array = NDArray[np.generic]
FindDevice = Callable[[Any], Device | None]

SNAPSHOT_LIMIT = 4 << 20
"""Bytes of one image's snapshot; of a larger one every second (third, ...) row and column is taken."""


class Target(Protocol):
    """What images are copied into."""

    def add_rows(self, source: Array, picks: Sequence[int], order: Order) -> None:
        """Copy images of an array of shape (N, ...)."""

    def add_pending(
        self, pending: Pending, count: int, order: Order, *, single: bool = False
    ) -> None:
        """Take over images that a device is copying."""

    def add_samples(self, samples: Any, count: int) -> None:
        """Take over copies of what is no picture yet."""

    def add_error(self, error: str, count: int) -> None:
        """Leave the place of images that there are none of."""


class Images(Protocol):
    """A batch of images, opened but not read."""

    @property
    def count(self) -> int:
        """How many images there are."""

    @property
    def guess(self) -> str:
        """What was ambiguous, a sentence; empty where nothing was."""

    def take(self, picks: Sequence[int], into: Target) -> None:
        """Copy some of them into a frame."""


def open_images(
    images: Any,
    layout: str,
    expected: int | None,
    max_size: int,
    find_device: FindDevice = device_of,
) -> Images:
    """Open whatever was given as images; what cannot be an image is opened as tiles that say why.

    Args:
        images: a batch, or one image, as an array, a tensor or a PIL image; or a list of images or texts.
        layout: ``ImageOptions.layout``.
        expected: how many predictions or targets came along; None: none did.
        max_size: pixels that the longer side of a tile may have.
        find_device: tells where a tensor lives.
    """
    if isinstance(images, (list, tuple)):
        return _List(list(images), layout, max_size, find_device)
    if isinstance(images, np.ndarray) and images.dtype.kind in "OU" and images.ndim:
        return _List(list(images), layout, max_size, find_device)
    try:
        return _open(images, layout, expected, max_size, find_device)
    except Exception as error:
        return _Unreadable(expected or 1, _why(error))


def host_array(value: Any) -> Array:
    """Return a value in host memory as an array, shared where its framework allows that.

    Raises:
        Exception: whatever the value's own conversion raises.
    """
    if isinstance(value, np.ndarray):
        array: Array = np.asarray(value)
    else:
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.Tensor):
            return from_torch(torch, value)
        only_dlpack = hasattr(value, "__dlpack__") and not hasattr(value, "__array__")
        array = np.from_dlpack(value) if only_dlpack else np.asarray(value)
    # Of the types that NumPy has no name of its own for, bfloat16 is the common one. (A dtype's name is slow to ask for.)
    if array.dtype.kind == "V" and array.dtype.name == "bfloat16":
        return array.view(BFLOAT16)
    return array


def copied(array: Array) -> Array:
    """Return a copy of a small array of numbers, read-only.

    NumPy's own copy gives the GIL up, from 500 values on, and beside a thread that is busy in Python gets it back 5 ms later.
    """
    return np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)


def is_numeric(dtype: np.dtype[Any]) -> bool:
    """Return whether values of this type can be read as real numbers."""
    if dtype.kind in "biuf" or dtype == BFLOAT16:
        return True
    # The small floats of the ml_dtypes package (JAX, TensorFlow) are plain void to NumPy, but have a name.
    return (
        dtype.kind == "V"
        and dtype.fields is None
        and dtype.name.startswith(("float", "int", "uint"))
    )


def _open(
    value: Any, layout: str, expected: int | None, max_size: int, find_device: FindDevice
) -> Images:
    if not isinstance(value, np.ndarray):
        if value is None:
            raise NotAnImageError("None is not an image")
        if isinstance(value, (str, bytes, dict)):
            kind = type(value).__name__
            raise NotAnImageError(
                f"{kind} is not an image; give an array, a tensor, a PIL image or a list"
            )
        value = _adopt(value)
        device = find_device(value)
        if device is not None:
            shape = tuple(int(n) for n in value.shape)
            axes = read_layout(shape, layout, expected)
            itemsize = int(getattr(value.dtype, "itemsize", 4))
            return _OnDevice(value, device, axes, _stride(axes, itemsize, max_size))
    array = _from_pil(value, max_size) if _is_pil(value) else host_array(value)
    axes, step = _plan(array.shape, array.dtype, layout, expected, max_size)
    return _Batch(array if axes.batched else array[np.newaxis], axes, step)


@lru_cache(maxsize=256)
def _plan(
    shape: tuple[int, ...], dtype: np.dtype[Any], layout: str, expected: int | None, max_size: int
) -> tuple[Layout, int]:
    """Return the axes, and every how manieth row and column are copied."""
    if not is_numeric(dtype):
        raise NotAnImageError(f"values of type {dtype} are not pixels")
    axes = read_layout(shape, layout, expected)
    return axes, _stride(axes, dtype.itemsize, max_size)


class _Batch:
    """An array in host memory, shape (N, ...)."""

    __slots__ = ("_array", "_order", "count", "guess")

    def __init__(self, array: Array, layout: Layout, step: int) -> None:
        self.count = len(array)
        self.guess = layout.guess
        self._order = layout.order
        if step > 1:
            array = array[_every(step, layout.order)]
        self._array = array

    def take(self, picks: Sequence[int], into: Target) -> None:
        into.add_rows(self._array, picks, self._order)


class _OnDevice:
    """A tensor in another memory, shape (N, ...) or one image."""

    def __init__(self, tensor: Any, device: Device, layout: Layout, step: int) -> None:
        self.count = int(tensor.shape[0]) if layout.batched else 1
        self.guess = layout.guess
        if step > 1:
            tensor = tensor[_every(step, layout.order)]
        self._tensor = tensor
        self._device = device
        self._layout = layout

    def take(self, picks: Sequence[int], into: Target) -> None:
        pending = self._device.snapshot(self._tensor, picks if self._layout.batched else None)
        into.add_pending(pending, len(picks), self._layout.order, single=not self._layout.batched)


class _List:
    """One image an item, each of its own size and type."""

    guess = ""

    def __init__(
        self, items: list[Any], layout: str, max_size: int, find_device: FindDevice
    ) -> None:
        self.count = len(items)
        self._items = items
        self._layout = layout
        self._max_size = max_size
        self._find_device = find_device

    def take(self, picks: Sequence[int], into: Target) -> None:
        for pick in picks:
            if isinstance(item := self._items[pick], str):
                into.add_samples([str(item)], 1)
                continue
            try:
                image = _open(item, self._layout, 1, self._max_size, self._find_device)
                if image.count != 1:
                    raise NotAnImageError(
                        f"an item of the list holds {image.count} images; give one an item"
                    )
                self.guess = self.guess or image.guess
                image.take([0], into)
            except Exception as error:
                into.add_error(_why(error), 1)


class _Unreadable:
    """Nothing that could be shown: a tile a sample, each with the reason."""

    guess = ""

    def __init__(self, count: int, why: str) -> None:
        self.count = count
        self._why = why

    def take(self, picks: Sequence[int], into: Target) -> None:
        into.add_error(self._why, len(picks))


def _adopt(value: Any) -> Any:
    """Return a tensor of a framework that we don't know (CuPy, ...) as one of PyTorch's, if it is not in host memory."""
    if (
        isinstance(value, np.ndarray)
        or hasattr(value, "__array__")
        or not hasattr(value, "__dlpack_device__")
    ):
        return value
    where, _ = value.__dlpack_device__()
    if int(where) == 1:  # kDLCPU
        return value
    torch = sys.modules.get("torch")
    if torch is None:
        raise NotAnImageError(f"{type(value).__name__} is not in host memory; give a copy that is")
    return torch.from_dlpack(value)


def _stride(layout: Layout, itemsize: int, max_size: int) -> int:
    """Return every how manieth row and column are copied: 1, unless the image is too large to copy on every step."""
    size = layout.height * layout.width * layout.channels * itemsize
    if size <= SNAPSHOT_LIMIT:
        return 1
    spare = max(layout.height, layout.width) // max_size  # what the area filter needs is left to it
    return max(1, min(math.ceil(math.sqrt(size / SNAPSHOT_LIMIT)), spare))


def _every(step: int, order: Order) -> tuple[Any, ...]:
    """Return the index of every so manieth row and column."""
    some = slice(None, None, step)
    return (..., some, some, slice(None)) if order == "HWC" else (..., some, some)


def _is_pil(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return False
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


_PLAIN_MODES = frozenset({"1", "L", "RGB", "RGBA", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"})


def _from_pil(image: Any, max_size: int) -> Array:
    step = _stride(
        Layout(False, "HWC", image.height, image.width, len(image.getbands())), 1, max_size
    )
    if step > 1:
        image = image.resize(
            (max(1, image.width // step), max(1, image.height // step)), 0
        )  # 0: nearest, as a stride is
    if image.mode not in _PLAIN_MODES:
        transparent = image.mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info
        image = image.convert("RGBA" if transparent else "RGB")
    return np.asarray(image)


def _why(error: Exception) -> str:
    return (
        str(error)
        if isinstance(error, NotAnImageError)
        else f"cannot be read: {type(error).__name__}: {error}"[:200]
    )
