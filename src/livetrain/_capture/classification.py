"""Whether a model's outputs are scores of classes: nothing is scored or labelled that only looks like it. No I/O.

Outputs of shape ``(N, K)`` may be class scores, an embedding, a reconstruction or the levels of a rank, and a data set has labels
in any case. What decides, first match wins:

1. The user says so: by ``accuracy=``, or by `class_names` with one name a column.
2. The loss says so: it is the cross-entropy of these outputs and targets, their mean or sum; or, over three batches, a constant
   multiple of it, of that with smoothed labels or of the focal loss; or the cross-entropy of each class for itself.
3. It is none where the outputs have as many values as an image, where there are class names of another number, where the loss is
   that of ranks (one column a threshold), where the outputs are zeros and ones with several a sample, where the targets are no
   classes, where one lies beyond the columns, or where they stay so far below the number of columns that classes would not.
4. Else it is one: the targets are whole numbers within the columns, and come near to their number.

Targets below 0 and 255 are *ignored*, and so is whatever lies beyond the columns where the first two rules decide.
"""

from __future__ import annotations

import math
import threading
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from livetrain._capture.reports import Reports

__all__ = ["Classification", "class_marks", "valid_targets"]

Array = NDArray[Any]

_IGNORED: Final = 255  # what data sets of segmentation call a pixel without a class
_NEAR: Final = 2e-4  # how far two sums of 32 bits over a batch may be apart
_CHANGED: Final = 1e-3  # how far two batches have to be apart to tell something
_TRIES: Final = 64  # batches whose loss is looked at
_UNLIKELY: Final = 0.01
_FEW: Final = 20  # columns, of which a batch of one class alone says nothing


class Classification:
    """What is known about a monitor's outputs so far; any background thread.

    Args:
        reports: where it is told, once, that there is no accuracy and no label.
        names: how many class names there are; None: none were given.

    Example:
        >>> logits, labels = np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([0, 1])
        >>> Classification(Reports(), None).judge(2, labels, scores=logits, loss=0.127)
        True
    """

    def __init__(self, reports: Reports, names: int | None) -> None:
        self._reports = reports
        self._lock = threading.Lock()
        self.names = names
        self.accepted = True  # what the last batch was found to be
        self._forget(0)

    def _forget(self, columns: int) -> None:
        self._columns = columns
        self._confirmed = False
        self._ranks = False
        self._choices = False  # zeros and ones, which choose several classes of a sample
        self._beyond = -1  # the highest target that no column stands for
        self._highest = self._lowest = -1
        self._seen = 0
        self._tries = 0
        self._last: dict[str, tuple[float, float, int]] = {}  # by the name of a loss

    @property
    def settled(self) -> bool:
        """Whether no further look at a loss would change anything."""
        return self._confirmed or self._tries >= _TRIES or self.names == self._columns > 0

    def judge(
        self,
        columns: int,
        targets: Array | None,
        *,
        scores: Array | None = None,
        loss: float | None = None,
        pixels: int | None = None,
    ) -> bool:
        """Say whether outputs are class scores.

        Args:
            columns: outputs a sample, K; 2 or more.
            targets: class indices (N,), or marks of classes (N, K); None: not known.
            scores: the outputs of the whole batch, shape (N, K); None: they are not looked at.
            loss: of the whole batch; None: not known.
            pixels: values of one image that came along; None: not known.
        """
        with self._lock, np.errstate(all="ignore"):
            if columns != self._columns:
                self._forget(columns)
            why = self._reason(columns, targets, scores, loss, pixels)
            self.accepted = not why
        if why:
            self._reports.guess(
                "classification",
                f"Outputs of {columns} columns are not shown as classes, and have no accuracy: {why}. If they are scores of "
                "classes, give class_names= with one name a column, or accuracy=",
            )
        return not why

    def _reason(
        self,
        columns: int,
        targets: Array | None,
        scores: Array | None,
        loss: float | None,
        pixels: int | None,
    ) -> str:
        """Return why they are no class scores; empty: they are."""
        if self.names == columns:
            return ""
        marks = None if targets is None else class_marks(targets, columns)
        if targets is not None and marks is None:
            return "" if _are_labels(targets, columns) else "the targets are no classes"
        if marks is not None:
            if scores is not None and not self.settled:
                self._try(scores, marks, loss)
                self._choices |= _choose_several(scores)
            self._count(marks, columns)
            if self._confirmed:
                return ""
        if pixels == columns:
            return "they have as many values as an image"
        if self.names is not None:
            return f"there are {self.names} class names"
        if marks is None:
            return ""
        if self._ranks:
            return "the loss is one of ranks"
        if self._choices:
            return "they are zeros and ones, several of them for one sample"
        if self._beyond >= 0:
            return f"a target is {self._beyond}, which none of them stands for"
        tells = self._highest > self._lowest or columns > _FEW
        if tells and ((self._highest + 1) / columns) ** self._seen < _UNLIKELY:
            return f"no target of {self._seen} is higher than {self._highest}"
        return ""

    def _count(self, marks: Array, columns: int) -> None:
        inside = marks[valid_targets(marks, columns)]
        self._seen += len(inside)
        if len(inside):
            self._highest = max(self._highest, int(inside.max()))
            lowest = int(inside.min())
            self._lowest = lowest if self._lowest < 0 else min(self._lowest, lowest)
        beyond = marks[(marks >= columns) & (marks != _IGNORED)]
        if len(beyond):
            self._beyond = max(self._beyond, int(beyond.max()))

    def _try(self, scores: Array, marks: Array, loss: float | None) -> None:
        """Look whether the loss is one of those that classes are learned by."""
        self._tries += 1
        if loss is None or not math.isfinite(loss) or loss == 0:
            return
        scores, columns = scores.astype(np.float64), scores.shape[1]
        valid = valid_targets(marks, columns)
        rows, classes = scores[valid], marks[valid]
        if len(rows):
            own = _class_losses(rows, classes)
            self._confirmed = any(_near(loss, own["mean"] * times) for times in (1, len(rows)))
            for name, found in own.items():
                exactly = (1.0, columns) if name == "each" else None
                self._confirmed |= self._is_multiple(name, found, loss, exactly)
        levels = marks[(marks >= 0) & (marks <= columns)]
        if len(levels) == len(marks) and not self._confirmed:
            mean = _rank_loss(scores, levels)
            self._ranks |= _near(loss, mean) or _near(loss, mean * columns)

    def _is_multiple(
        self, name: str, found: float, loss: float, exactly: tuple[float, ...] | None
    ) -> bool:
        """Return whether the loss was the same multiple of another over three batches that differ, or one of some exactly."""
        before, ratio, times = self._last.get(name, (0.0, 0.0, 0))
        if found <= 0 or not math.isfinite(found):
            return False
        if exactly is not None and not any(_near(loss, found * of) for of in exactly):
            return False
        if _near(found, before, _CHANGED):
            return False  # the same batch again tells nothing new
        times = times + 1 if _near(loss / found, ratio) else 1
        self._last[name] = (found, loss / found, times)
        return times >= 3


def valid_targets(marks: Array, columns: int) -> Array:
    """Return which targets stand for a column, a bool each; those that are ignored do not."""
    valid: Array = (marks >= 0) & (marks < columns)
    return valid


def class_marks(targets: Array, columns: int) -> Array | None:
    """Return the class index of each sample from targets that are such, or that mark one class a sample; None: they are neither.

    Args:
        targets: as they were given; indices (N,), or shares of each class (N, K) with the sum 1, such as one-hot rows.
        columns: outputs a sample, K.
    """
    if targets.dtype.kind not in "biuf":
        return None
    if targets.ndim == 2 and targets.shape[1] == columns:
        shares = targets.astype(np.float64)
        sums = shares.sum(axis=1)
        if bool((shares >= 0).all()) and bool((np.abs(sums - 1) < 1e-2).all()):
            best: Array = shares.argmax(axis=1)
            return best
        return None
    flat = targets.reshape(-1) if targets.ndim == 2 and targets.shape[1] == 1 else targets
    if flat.ndim != 1:
        return None
    if flat.dtype.kind == "f" and not bool((np.isfinite(flat) & (flat == np.rint(flat))).all()):
        return None
    return flat if flat.dtype.kind in "iu" else flat.astype(np.int64)


def _are_labels(targets: Array, columns: int) -> bool:
    """Return whether targets mark classes one by one, several a sample or none."""
    return (
        targets.ndim == 2
        and targets.shape[1] == columns
        and targets.dtype.kind in "biuf"
        and bool(((targets == 0) | (targets == 1)).all())
    )


def _choose_several(scores: Array) -> bool:
    """Return whether outputs are choices and no scores, some samples with several: the first of them is not the best."""
    ones = scores == 1
    chosen = ones.sum(axis=1)
    several = (chosen > 1) & (chosen < scores.shape[1])
    return bool(several.any()) and bool((ones | (scores == 0)).all())


def _class_losses(scores: Array, classes: Array) -> dict[str, float]:
    """Return what losses of classes would be, by their names."""
    rows = np.arange(len(scores))
    if bool((scores >= 0).all()) and bool((np.abs(scores.sum(axis=1) - 1) < 1e-2).all()):
        logs = np.log(np.maximum(scores, 1e-300))  # probabilities
    else:
        logs = scores - scores.max(axis=1, keepdims=True)
        logs = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
    right = -logs[rows, classes]
    chosen = np.exp(-right)
    ones = np.zeros(scores.shape)
    ones[rows, classes] = 1.0
    return {
        "mean": float(right.mean()),
        "smoothed": float((0.9 * right + 0.1 * -logs.mean(axis=1)).mean()),
        "focal": float(((1 - chosen) ** 2 * right).mean()),
        "each": float((np.logaddexp(0, scores) - ones * scores).mean()),
    }


def _rank_loss(scores: Array, ranks: Array) -> float:
    """Return the loss of outputs of which each says whether the rank is above one threshold."""
    above = ranks[:, np.newaxis] > np.arange(scores.shape[1])
    return float((np.logaddexp(0, scores) - above * scores).mean())


def _near(one: float, other: float, within: float = _NEAR) -> bool:
    return abs(one - other) <= within * max(abs(one), abs(other))
