"""The accuracy of a whole batch, worked out in the background from class scores and class indices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetrain._capture.device import Device, Pending, widen
from livetrain._capture.source import copied, host_array

__all__ = ["BatchAccuracy", "take_accuracy"]

_MOST_SCORES = 1 << 16
"""Past this many scores the copy would cost the training thread more than the curve is worth: give ``accuracy=``."""

Array = NDArray[Any]


class BatchAccuracy:
    """The share of a batch that is right: a number that is read later, in the background.

    Attributes:
        scores, targets: copies of the whole batch's, which its frame takes its rows from too.
    """

    __slots__ = ("scores", "targets")

    def __init__(self, scores: Array | Pending, targets: Array | Pending) -> None:
        self.scores = scores
        self.targets = targets

    @property
    def copies(self) -> dict[str, Any]:
        """By the name of the frame's column."""
        return {"predictions": self.scores, "targets": self.targets}

    def get(self) -> float | None:
        """Return the share, 0 to 1; None if these were no class scores and class indices after all."""
        try:
            scores, targets = widen(_arrived(self.scores)), _arrived(self.targets)
        except Exception:  # of a device; the frame that the same tensors belong to says it
            return None
        if scores.ndim != 2 or targets.shape != scores.shape[:1] or not scores.size:
            return None
        return float(np.mean(np.argmax(scores, axis=1) == targets))


def take_accuracy(
    preds: Any, targets: Any, find_device: Callable[[Any], Device | None]
) -> BatchAccuracy | None:
    """Copy class scores ``(N, classes)`` and class indices ``(N,)``; None where the two are anything else, or large.

    Training thread: it copies, and waits for no device.
    """
    shape: tuple[int, ...] = tuple(getattr(preds, "shape", ()))
    wanted: tuple[int, ...] | None = getattr(targets, "shape", None)
    if len(shape) != 2 or shape[1] < 2 or not 0 < shape[0] * shape[1] <= _MOST_SCORES:
        return None
    if wanted is None:
        targets = np.asarray(targets)
        wanted = targets.shape
    if tuple(wanted) != (shape[0],) or not _is_integer(targets):
        return None
    return BatchAccuracy(_copied(preds, find_device), _copied(targets, find_device))


def _is_integer(values: Any) -> bool:
    kind = getattr(values.dtype, "kind", None)
    return kind in "iu" if kind is not None else "int" in str(values.dtype)


def _copied(values: Any, find_device: Callable[[Any], Device | None]) -> Array | Pending:
    device = find_device(values)
    return copied(host_array(values)) if device is None else device.snapshot(values, None)


def _arrived(values: Array | Pending) -> Array:
    return values if isinstance(values, np.ndarray) else values.read()
