"""One training under a framework, as its monitor is told of it: what every integration does alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from livetrain._class_names import ordered_labels
from livetrain._frameworks.batch import accuracy, batch_length, on_host
from livetrain._frameworks.figures import EpochMean, EpochShare
from livetrain._frameworks.metered import metered
from livetrain._monitor import Monitor
from livetrain.exceptions import ConfigurationError

__all__ = ["Training", "class_names_of", "labels_of", "positive"]


class Training:
    """Tells a monitor of batches and epochs, and works out the epochs' means.

    Args:
        monitor: open.

    Attributes:
        monitor: what is told.
    """

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self._loss, self._accuracy = EpochMean(), EpochShare()

    @metered
    def batch(
        self,
        images: Any,
        logits: Any,
        loss: Any,
        *,
        targets: Any,
        epoch: int,
        step: int,
        numbers: Mapping[str, Any],
        said: Any = None,
    ) -> None:
        """Log a batch, and what else belongs to its step; every value may stay on its device.

        `said` is what the training itself calls its accuracy; None: nothing, and one is worked out where there are classes.
        """
        size = batch_length(images if targets is None else targets)
        loss, share = on_host(loss), accuracy(logits, targets)
        self._loss.add(loss, size)
        self._accuracy.add(share)
        self.monitor.log_batch(
            images,
            logits,
            loss,
            targets=targets,
            accuracy=share if said is None else said,
            epoch=epoch,
            step=step,
        )
        if numbers:
            self.monitor.log(numbers, step=step)

    def end_epoch(self, epoch: int, metrics: Mapping[str, Any]) -> None:
        """Log an epoch: the means of its batches, weighted by their sizes, and what the framework gives beside them."""
        means = {"loss": self._loss.take(), "accuracy": self._accuracy.take()}
        self.monitor.log_epoch(epoch, **{**means, **_others(metrics)})

    def validated(self, epoch: int, found: Mapping[str, Any]) -> None:
        """Log what a validation found, if it found anything."""
        if values := _others(found):
            self.monitor.log_validation(epoch, **values)


def _others(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return metrics but for those that the monitor's methods take themselves: an epoch or a step is known anyway."""
    return {n: v for n, v in metrics.items() if n not in ("self", "epoch", "step")}


def class_names_of(*places: tuple[Any, str]) -> list[str] | None:
    """Return the first labels of classes among attributes; None where there are none.

    Args:
        *places: (object, attribute), as data sets keep the names of their classes.

    Example:
        >>> from types import SimpleNamespace
        >>> class_names_of((SimpleNamespace(), "classes"), (SimpleNamespace(classes=["cat", "dog"]), "classes"))
        ['cat', 'dog']
    """
    for owner, attribute in places:
        if (labels := labels_of(getattr(owner, attribute, None))) is not None:
            return labels
    return None


def labels_of(names: object) -> list[str] | None:
    """Return what a framework has as the names of classes, by their indices; None where that is something else.

    Example:
        >>> labels_of({1: "dog", 0: "cat"}), labels_of({"cat": "Felis"})
        (['cat', 'dog'], None)
    """
    try:
        labels = ordered_labels(names) if isinstance(names, Iterable) else []
    except ConfigurationError:
        return None
    return labels if labels and all(isinstance(label, str) for label in labels) else None


def positive(value: Any) -> int | None:
    """Return a count, None for the infinities, -1, 0 and None that frameworks have for "no end"."""
    if not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        return None
    return int(value)
