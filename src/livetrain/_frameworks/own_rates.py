"""The learning rates of an optimizer that is none of PyTorch's, in the form that `Monitor.attach` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from livetrain._frameworks.guard import harmless

if TYPE_CHECKING:
    from livetrain._steering.rates import Rates

__all__ = ["OwnRates"]


class OwnRates:
    """Stands for an optimizer: what is set holds in its steps, and between two of them its framework finds the schedule's rates.

    A framework's schedule may compute the next rate from the one that it finds, or write one that is like it; neither is guessed,
    since nothing of ours is there when it looks.

    Args:
        groups: returns them as they are now, each with a rate as its ``"lr"``, which can be read and written.

    Example:
        >>> import livetrain
        >>> group = {"lr": 0.1}
        >>> rates = OwnRates(lambda: [group])
        >>> livetrain.Monitor(enabled=False).attach(rates)
        >>> rates.lend()
        >>> rates.take_back()
        >>> group
        {'lr': 0.1}
    """

    def __init__(self, groups: Callable[[], Sequence[Any]]) -> None:
        self._groups = groups
        self._rates: Rates | None = None
        self._lent = False

    @property
    def param_groups(self) -> Sequence[Any]:
        """The groups; a state that is loaded may put new ones in their place."""
        return self._groups()

    def rates_attached(self, rates: Rates) -> None:
        """Take the rates that can be set; called when it is attached."""
        self._rates = rates

    @harmless
    def lend(self) -> None:
        """Put the schedule's rates back: a step was made, and what was to be done after it."""
        if self._rates is not None and not self._lent:
            self._lent = True
            self._rates.lend()

    @harmless
    def take_back(self) -> None:
        """See that what was set holds: a step is made next, and its rates were written."""
        if self._rates is None:
            return
        if self._lent:
            self._lent = False
            self._rates.take_back()
        self._rates.hold()
