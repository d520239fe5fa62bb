"""The optimizer of a Keras model, as one of PyTorch would look: a group with a rate that can be read and written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from livetrain._steering.rates import Rates

__all__ = ["KerasOptimizer", "has_schedule"]


class KerasOptimizer:
    """Stands for the optimizer of a model, whichever that is when it is asked.

    Args:
        model: compiled.

    Attributes:
        param_groups: one, with ``lr``.
    """

    def __init__(self, model: Any) -> None:
        self.param_groups: Sequence[Any] = [_Group(model)]
        self._rates: Rates | None = None
        self._lent = False

    def rates_attached(self, rates: Rates) -> None:
        """Take the rates that can be set; called when it is attached."""
        self._rates = rates

    def lend(self) -> None:
        """Let callbacks that write the rate between two epochs, as most do, find the schedule's own."""
        if self._rates is not None and not self._lent:
            self._lent = True
            self._rates.lend()

    def take_back(self) -> None:
        """See that what was set holds, whatever was written since the last batch."""
        if self._rates is None:
            return
        if self._lent:
            self._lent = False
            self._rates.take_back()
        self._rates.hold()


class _Group:
    """A group with no parameters that anybody could look at, and a rate: the same object as long as it is the same number."""

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
        return self[name] if name == "lr" else default


def has_schedule(model: Any) -> bool:
    """Return whether the optimizer works out its rate itself, from the number of its steps: Keras lets nobody set it then."""
    return callable(getattr(model.optimizer, "_learning_rate", None))
