"""What came with the images, copied row by row on the training thread: predictions, targets, losses, ids."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from livetrain._capture.device import Device, device_of
from livetrain._capture.layout import NotAnImageError
from livetrain._capture.source import copied, host_array

__all__ = ["Rows", "arrive", "length_of", "take_rows", "unwrap"]

FindDevice = Callable[[Any], Device | None]

_SMALL_BYTES = 1 << 14
"""Up to here all rows are copied: NumPy takes longer to read a list of picks than to copy this."""


class Rows:
    """Some rows of a copy, picked when they are read, in the background.

    Args:
        values: the copy, an array or what is on its way from a device; its first axis counts the samples.
        picks: which rows.
    """

    __slots__ = ("_picks", "_values")

    def __init__(self, values: Any, picks: Sequence[int]) -> None:
        self._values = values
        self._picks = picks

    def read(self) -> Any:
        """Return the rows; waits for a device."""
        return arrive(self._values)[list(self._picks)]


def unwrap(values: Any) -> Any:
    """Return the logits of a model output that carries them (an object or a dict with ``logits``), else the value itself."""
    if values is None or hasattr(values, "shape"):
        return values
    if isinstance(values, dict):
        return values.get("logits", values)
    logits = getattr(values, "logits", None)
    return values if logits is None or callable(logits) else logits


def length_of(values: Any) -> int | None:
    """Return how many rows there are; None if nothing was given, 1 for a single value."""
    if values is None:
        return None
    shape = getattr(values, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else 1
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        return 1
    return len(values)


def take_rows(values: Any, picks: Sequence[int], find_device: FindDevice = device_of) -> Any:
    """Copy some rows, so that nothing of the caller's is kept.

    Args:
        values: array, tensor or sequence; its first axis counts the samples. A single value counts as one row.
        picks: which rows.
        find_device: tells where a tensor lives.

    Returns:
        An array, a list of plain values, or what has to `arrive`.
    """
    if isinstance(values, (list, tuple)):
        return [_freeze(values[pick], find_device) for pick in picks]
    if not isinstance(values, np.ndarray):
        if isinstance(values, (str, bytes, numbers.Number)):
            return [values for _ in picks]
        device = find_device(values)
        if device is not None:
            return device.snapshot(values, picks if len(values.shape) else None)
    array = host_array(values)
    if not array.shape:
        array = array.reshape(1)
    if array.dtype.hasobject:
        return [_freeze(array[pick], find_device) for pick in picks]
    return Rows(copied(array), picks) if array.nbytes <= _SMALL_BYTES else array.take(picks, axis=0)


def _freeze(value: Any, find_device: FindDevice) -> Any:
    """Return a copy that shares nothing with the caller's value."""
    if value is None or isinstance(value, (str, bytes, numbers.Number)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(_freeze(item, find_device) for item in value)
    device = find_device(value)
    if device is not None:
        return device.snapshot(value, None)
    array = host_array(value)
    if array.dtype == object:
        raise NotAnImageError(f"{type(value).__name__} is neither a number nor a label")
    return array.copy() if array.ndim else array.copy()[()]


def arrive(value: Any) -> Any:
    """Return a value with everything in it that was on its way."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(arrive(item) for item in value)
    return value.read() if callable(getattr(value, "read", None)) else value
