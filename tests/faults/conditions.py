"""Waiting for something to become true, with a deadline; a fault suite never just sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["wait_until"]

T = TypeVar("T")
_POLL_SECONDS = 0.01


def wait_until(condition: Callable[[], T], seconds: float, what: str) -> T:
    """Return the first true answer of `condition`.

    Raises:
        AssertionError: there was none within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(_POLL_SECONDS)
