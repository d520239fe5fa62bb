"""The learning rate of a Keras model, as the group of an optimizer of PyTorch would have it."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["KerasGroup", "has_schedule"]


class KerasGroup:
    """A group with no parameters that anybody could look at, and a rate: the same object as long as it is the same number.

    Args:
        model: compiled; the rate is that of its optimizer, whichever that is when it is asked.
    """

    costly = True  # reading it may wait for a device

    def __init__(self, model: Any) -> None:
        self._model = model
        self._rate = math.nan

    def __getitem__(self, name: str) -> float:
        if name != "lr":
            raise KeyError(name)
        rate = float(self._model.optimizer.learning_rate)
        if rate != self._rate:
            self._rate = rate
        return self._rate

    def __setitem__(self, name: str, value: float) -> None:
        self._model.optimizer.learning_rate = value

    def get(self, name: str, default: Any = None) -> Any:
        """Return the rate; of any other name `default`."""
        return self[name] if name == "lr" else default


def has_schedule(model: Any) -> bool:
    """Return whether the optimizer works out its rate itself, from the number of its steps: Keras lets nobody set it then."""
    return callable(getattr(model.optimizer, "_learning_rate", None))
