"""A number that may still be on its way from a device."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from livetrain._capture.device import Pending, widen
from livetrain._capture.reports import Reports

__all__ = ["Reading", "number_of", "take_reading"]

_PLAIN = (float, int, np.floating, np.integer, np.bool_)
_TIME = "it is a time; give seconds as a number"


class Reading:
    """A number, now or later.

    Example:
        >>> Reading(0.5).get()
        0.5
    """

    __slots__ = ("_pending", "_reports", "_value", "_what")

    def __init__(
        self,
        value: float | None,
        pending: Pending | None = None,
        what: str = "value",
        reports: Reports | None = None,
    ) -> None:
        self._value = value
        self._pending = pending
        self._what = what
        self._reports = reports

    @property
    def given(self) -> bool:
        """Whether there is a number, or one may still come."""
        return self._value is not None or self._pending is not None

    @property
    def ready(self) -> float | None:
        """The number, where it is here already; None: there is none, or it is on its way."""
        return self._value

    @property
    def settled(self) -> bool:
        """Whether `get` waits for nothing."""
        return self._pending is None

    def get(self) -> float | None:
        """Return the number, NaN and infinity too; None if there is none. Background threads only: it may wait for a device."""
        pending = self._pending
        if pending is not None:
            try:
                self._value = number_of(widen(pending.read()))
            except Exception as error:
                if self._reports is not None:
                    self._reports.problem(self._what, f"{self._what} cannot be read: {error}")
            self._pending = None
        return self._value


def take_reading(value: Any, what: str, reports: Reports, find_device: Any) -> Reading:
    """Copy a number: at once from host memory, without waiting from a device.

    Args:
        value: a number, or an array or tensor of one; None: none was given.
        what: its name, for messages.
        reports: where it is told that it is not a number.
        find_device: tells where a tensor lives.
    """
    if value is None or type(value) is float:
        return Reading(value)
    try:
        if isinstance(value, _PLAIN):
            return Reading(_as_double(value))
        device = find_device(value) if hasattr(value, "shape") else None
        if device is not None:
            _check_size(value)
            return Reading(None, device.snapshot(value, None), what, reports)
        return Reading(number_of(value))
    except Exception as error:
        reports.problem(what, f"{what} cannot be read: {error}")
        return Reading(None)


def number_of(value: Any) -> float:
    """Return a value as the nearest double; it may be a number of any type, or an array or tensor of exactly one.

    Raises:
        Exception: it is no number, or one that is too large for a double; the message says which, in a clause.

    Example:
        >>> number_of(np.float32(0.5)), number_of(np.array([[3]]))
        (0.5, 3.0)
    """
    if isinstance(value, _PLAIN):
        return _as_double(value)
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"{repr(value)[:50]} is text; give a number")
    if isinstance(value, (list, tuple)):
        raise TypeError(f"it is a {type(value).__name__}; give a number, or a name for each")
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        raise ValueError("it is masked, so there is no number in it")
    _check_size(value)
    if getattr(getattr(value, "dtype", None), "kind", "") in ("m", "M"):
        raise TypeError(_TIME)
    item = getattr(value, "item", None)  # arrays and tensors of any shape and type, bfloat16 too
    if callable(item):
        inner = item()
        if type(inner) is not type(value):  # a long double gives itself
            return number_of(inner)
    return _as_double(value)


def _check_size(value: Any) -> None:
    size = math.prod(getattr(value, "shape", ()))
    if size != 1:
        raise ValueError(f"it holds {size} numbers where one is needed; give its mean()")


def _as_double(value: Any) -> float:
    if isinstance(value, np.timedelta64):  # to NumPy an integer
        raise TypeError(_TIME)
    if isinstance(value, complex):
        raise TypeError("it is a complex number; give its real part or its absolute value")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("it is too large for a double, whose largest is 1.8e308") from None
    except TypeError:
        raise TypeError(f"{type(value).__name__} is no number") from None
    if math.isinf(number) and not value == number:  # a Decimal or a long double beyond a double
        raise ValueError("it is too large for a double, whose largest is 1.8e308")
    return number
