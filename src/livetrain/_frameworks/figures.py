"""Numbers of a training that every framework has: epoch means and learning rates. Tensors stay on their device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livetrain._capture.accuracy import Share

__all__ = ["EpochMean", "EpochShare", "has_rates", "learning_rates"]


class EpochMean:
    """A mean over the batches of an epoch, weighted by their size, worked out where the values are."""

    def __init__(self) -> None:
        self._sum: Any = None
        self._weight = 0

    def add(self, value: Any, weight: int | None) -> None:
        """Count one batch; a value of None was not given."""
        if value is None:
            return
        share = value * (weight or 1)
        self._sum = share if self._sum is None else self._sum + share
        self._weight += weight or 1

    def take(self) -> Any:
        """Return the mean, None where nothing was counted, and begin again."""
        mean = None if self._sum is None else self._sum / self._weight
        self._sum, self._weight = None, 0
        return mean


class EpochShare:
    """The share of right answers over the batches of an epoch, counted where the answers are."""

    def __init__(self) -> None:
        self._right: Any = None
        self._of: Any = None

    def add(self, share: Share | None) -> None:
        """Count one batch; None: it has no answers."""
        if share is None:
            return
        self._right = share.right if self._right is None else self._right + share.right
        self._of = share.of if self._of is None else self._of + share.of

    def take(self) -> Share | None:
        """Return the share, None where nothing was counted, and begin again."""
        share = None if self._right is None else Share(self._right, self._of)
        self._right = self._of = None
        return share


def learning_rates(optimizers: list[Any]) -> dict[str, Any]:
    """Return ``learning_rate`` of a single optimizer with a single group, else one ``learning_rate/NAME/GROUP`` for each.

    What has no groups with a rate, as what frameworks put where a module wants no optimizer, has none of them.
    """
    rates: dict[str, Any] = {}
    for optimizer in filter(has_rates, optimizers):
        groups = optimizer.param_groups
        stem = "learning_rate"
        if len(optimizers) > 1:
            stem = f"learning_rate/{type(optimizer).__name__}"
            stem = next(
                s
                for n in range(len(optimizers))
                if not _taken(s := f"{stem}-{n}" if n else stem, rates)
            )
        for place, group in enumerate(groups):
            rate = group["lr"]
            # A capturable optimizer keeps its rate in a tensor that the scheduler overwrites in place.
            rates[f"{stem}/{place}" if len(groups) > 1 else stem] = (
                rate.clone() if hasattr(rate, "clone") else rate
            )
    return rates


def has_rates(optimizer: Any) -> bool:
    """Whether an optimizer has parameter groups, and each of them a learning rate."""
    groups: Any = getattr(optimizer, "param_groups", None)
    return bool(groups) and all("lr" in group for group in groups)


def _taken(stem: str, rates: Mapping[str, Any]) -> bool:
    return stem in rates or f"{stem}/0" in rates
