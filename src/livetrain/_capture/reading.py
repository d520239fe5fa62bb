"""A number that may still be on its way from a device."""

from __future__ import annotations

import math
from typing import Any

from livetrain._capture.device import Pending, widen
from livetrain._capture.reports import Reports

__all__ = ["Reading", "take_reading"]


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

    def get(self) -> float | None:
        """Return the number, NaN and infinity too; None if there is none. Background threads only: it may wait for a device."""
        pending = self._pending
        if pending is not None:
            try:
                self._value = _number(widen(pending.read()))
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
        if isinstance(value, (str, bytes)):
            raise TypeError(f"{value!r} is text; give a number")
        size = math.prod(getattr(value, "shape", ()))
        if size != 1:
            raise ValueError(f"it holds {size} numbers where one is needed; give its mean()")
        device = find_device(value)
        if device is not None:
            return Reading(None, device.snapshot(value, None), what, reports)
        return Reading(_number(value))
    except Exception as error:
        reports.problem(what, f"{what} cannot be read: {error}")
        return Reading(None)


def _number(value: Any) -> float:
    item = getattr(value, "item", None)  # arrays and tensors of any shape and type, bfloat16 too
    return float(item() if callable(item) else value)
