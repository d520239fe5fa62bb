"""What a model's outputs mean: a class, how sure, and the five best.

How outputs are read, by what they look like over the whole frame:

==================================================================  ==============================================
one row of numbers a sample, each row ≥ 0 with the sum 1            probabilities (one-hot too)
... all ≤ 0 and their exponentials' sum 1                           log-probabilities
... targets with several ones a row, or all from 0 to 1             multi-label: each class for itself
    without the sum 1                                               (sigmoid where outside 0 to 1)
... anything else                                                   logits: softmax
one integer or bool a sample                                        class indices; nobody said how sure
one number a sample, targets with fractions                         regression
... two class names, or targets of 0 and 1, or all from 0 to 1      binary score of class 1 (sigmoid outside 0 to 1)
... whole numbers, with targets or names of classes                 class indices
... anything else                                                   regression
a (label, confidence) pair a sample                                 as it says
a text a sample                                                     a class of that name, else a text without class
==================================================================  ==============================================

Once values outside 0 to 1 were seen, a frame that happens to lie inside is still read as logits.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetrain._capture.device import widen
from livetrain._capture.digits import written
from livetrain._capture.source import is_numeric
from livetrain._wire import ClassScore, TilePrediction

__all__ = ["PredictionReader", "read_losses", "read_targets"]

Floats = NDArray[Any]

_TOP = 5
_COARSE = 2e-2  # what rows of 16-bit probabilities are off from the sum 1
_FINE = 1e-3
_INT32 = 2**31 - 1
_UNKNOWN = TilePrediction(-1, "", None)


class PredictionReader:
    """Reads predictions; remembers whether logits were seen.

    Args:
        class_names: the label of each class index; None: the index is the label.

    Example:
        >>> PredictionReader(["cat", "dog"]).read(np.array([[0.0, 2.0]]), None)[0].label
        'dog'
    """

    def __init__(self, class_names: Sequence[str] | None) -> None:
        self._names = tuple(str(name) for name in class_names or ())
        self._indices = {name: index for index, name in enumerate(self._names)}
        self._logits_seen = False

    @property
    def indices(self) -> dict[str, int]:
        """The class index of each name."""
        return self._indices

    def read(self, values: Any, targets: Any) -> tuple[TilePrediction, ...]:
        """Return what the model said of each sample.

        Args:
            values: one row a sample: an array of shape (n,) or (n, classes), or a list, where None is no prediction.
            targets: what was right, an array or list of n; None: not given.

        Raises:
            ValueError: the values have a shape that no reading fits.
        """
        if isinstance(values, list):
            if not all(told := [value is not None for value in values]) and any(told):
                right = None if targets is None else _where(told, targets)
                said = iter(self.read(_where(told, values), right))
                return tuple(next(said) if one else _UNKNOWN for one in told)
            rows = [self._pair(value) for value in values]
            if all(row is not None for row in rows):
                return tuple(row for row in rows if row is not None)
            values = _stack(values)
        scores, coarse = _as_floats(values)
        scores = scores.reshape(scores.shape[0], *(n for n in scores.shape[1:] if n != 1))
        if scores.ndim == 1:
            return self._numbers(scores, values.dtype.kind in "biu", targets)
        if scores.ndim == 2:
            return self._classes(scores, _COARSE if coarse else _FINE, targets)
        raise ValueError(f"predictions of shape {values.shape} are not one row a sample")

    def label(self, index: int) -> str:
        """Return the name of a class."""
        return self._names[index] if 0 <= index < len(self._names) else str(index)

    def _pair(self, value: Any) -> TilePrediction | None:
        """Read a (label, confidence) pair or a text; None: neither."""
        if isinstance(value, str):
            return TilePrediction(self._indices.get(value, -1), value, None)
        if not (isinstance(value, tuple) and len(value) == 2):
            return None
        label, confidence = value
        if isinstance(confidence, np.ndarray) or not isinstance(confidence, numbers.Real):
            return None
        if isinstance(label, str):
            index, name = self._indices.get(label, -1), label
        elif isinstance(label, numbers.Integral) and not isinstance(confidence, numbers.Integral):
            index, name = _int32(int(label)), self.label(int(label))
        else:
            return None
        if confidence != confidence:
            return TilePrediction(index, name, None)
        score = _unit(float(confidence))
        return TilePrediction(index, name, score, (ClassScore(index, name, score),))

    def _classes(
        self, scores: Floats, tolerance: float, targets: Any
    ) -> tuple[TilePrediction, ...]:
        finite = scores[np.isfinite(scores).all(axis=1)]
        inside = bool(finite.size) and bool(
            (finite >= -tolerance).all() and (finite <= 1 + tolerance).all()
        )
        if inside and bool((np.abs(finite.sum(axis=1) - 1) <= tolerance).all()):
            return self._best(scores)
        # exp(-inf) is 0, as it should be: only NaN and +inf rule a log-probability out.
        sums = np.exp(np.minimum(scores, 1.0)).sum(axis=1)
        if bool((scores <= tolerance).all()) and bool((np.abs(sums - 1) <= tolerance).all()):
            return self._best(np.exp(scores))
        if not inside:
            self._logits_seen = True
        if _is_multi_label(targets, scores.shape) or (inside and not self._logits_seen):
            return self._several(scores if inside else _sigmoid(scores))
        return self._best(_softmax(scores))

    def _best(self, scores: Floats) -> tuple[TilePrediction, ...]:
        return tuple(self._one(row) for row in self._top(scores))

    def _several(self, scores: Floats) -> tuple[TilePrediction, ...]:
        return tuple(self._one(row, threshold=0.5) for row in self._top(scores))

    def _one(self, top: tuple[ClassScore, ...], threshold: float | None = None) -> TilePrediction:
        if not top:
            return TilePrediction(-1, "NaN", None)
        label = top[0].label
        if threshold is not None:
            label = ", ".join(score.label for score in top if score.score >= threshold) or "none"
        return TilePrediction(top[0].index, label, top[0].score, top)

    def _top(self, scores: Floats) -> list[tuple[ClassScore, ...]]:
        """Return the best five of each row, best first; none for a row with NaN in it."""
        count = min(_TOP, scores.shape[1])
        # Of equal scores the lower index comes first: all that reach the last place are sorted, and sorting is stable.
        last = -np.partition(-scores, count - 1, axis=1)[:, count - 1]
        best, best_values = [], []
        for row, least in zip(scores, last, strict=True):
            columns = np.flatnonzero(row >= least)
            order = columns[np.argsort(-row[columns], kind="stable")[:count]]
            best.append(order.tolist())
            best_values.append(row[order].tolist())
        broken = np.asarray(np.isnan(scores).any(axis=1)).tolist()
        return [
            ()
            if nan
            else tuple(
                ClassScore(i, self.label(i), _unit(v)) for i, v in zip(row, row_values, strict=True)
            )
            for row, row_values, nan in zip(best, best_values, broken, strict=True)
        ]

    def _numbers(self, values: Floats, integers: bool, targets: Any) -> tuple[TilePrediction, ...]:
        if integers:
            return tuple(self._index(int(v)) for v in values)
        kinds = _target_kinds(targets)
        finite = values[np.isfinite(values)]
        inside = bool(((finite >= 0) & (finite <= 1)).all())
        whole = bool((finite == np.rint(finite)).all()) and bool((finite >= 0).all())
        if kinds != "fractions":
            if (
                len(self._names) == 2
                or kinds == "binary"
                or (kinds == "none" and not self._names and inside)
            ):
                return self._binary(values if inside else _sigmoid(values))
            if whole and (self._names or kinds == "classes"):
                return tuple(self._index(int(v)) if math.isfinite(v) else _UNKNOWN for v in values)
        return tuple(TilePrediction(-1, written(v), None) for v in values.tolist())

    def _index(self, index: int) -> TilePrediction:
        return TilePrediction(_int32(index), self.label(index), None)

    def _binary(self, scores: Floats) -> tuple[TilePrediction, ...]:
        return self._best(np.stack([1 - scores, scores], axis=1))


def read_targets(values: Any, indices: dict[str, int]) -> tuple[int, ...]:
    """Return the right class of each sample, -1 where there is none, or several are; empty for regression targets.

    Args:
        values: an array of shape (n,), (n, 1) or (n, classes), or a list of numbers, names or arrays.
        indices: the class index of each name.

    Example:
        >>> read_targets(np.array([[0, 1], [1, 0]]), {})
        (1, 0)
    """
    if isinstance(values, list):
        if any(isinstance(value, str) for value in values):
            return tuple(indices.get(str(value), -1) for value in values)
        values = _stack([-1 if value is None else value for value in values])
    numbers_, _ = _as_floats(values)
    numbers_ = numbers_.reshape(numbers_.shape[0], *(n for n in numbers_.shape[1:] if n != 1))
    if numbers_.ndim == 2:
        best = numbers_.argmax(axis=1)
        alone = (numbers_ == numbers_.max(axis=1, keepdims=True)).sum(axis=1) == 1
        return tuple(
            int(i) if one and row[i] > 0 else -1
            for i, one, row in zip(best, alone, numbers_, strict=True)
        )
    if numbers_.ndim != 1 or not bool((numbers_ == np.rint(numbers_)).all()):
        return ()
    return tuple(_int32(int(value)) for value in numbers_)


def read_losses(values: Any) -> tuple[float | None, ...]:
    """Return one loss a sample; of several a sample (a loss per pixel) their mean.

    In a list, None is no loss. Where no sample has one, nothing is returned.
    """
    if isinstance(values, list) and not all(told := [value is not None for value in values]):
        if not any(told):
            return ()
        given = iter(read_losses(_where(told, values)))
        return tuple(next(given) if one else None for one in told)
    losses, _ = _as_floats(_stack(values) if isinstance(values, list) else values)
    return tuple(losses.reshape(losses.shape[0], -1).mean(axis=1).tolist())


def _where(told: list[bool], values: Any) -> Any:
    """Return the rows of an array or a list that are marked."""
    if isinstance(values, np.ndarray):
        return values[told]
    return [value for value, one in zip(values, told, strict=True) if one]


def _stack(values: list[Any]) -> NDArray[Any]:
    rows = np.array(
        [_as_floats(np.asarray(value))[0] if _is_array(value) else value for value in values]
    )
    if rows.dtype.kind not in "biuf":
        raise ValueError(
            f"{type(values[0]).__name__} is neither a number nor a (label, confidence) pair"
        )
    return rows


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind == "V"


def _as_floats(values: NDArray[Any]) -> tuple[Floats, bool]:
    """Return numbers of at least 32 bits, and whether they had only 16."""
    if not is_numeric(values.dtype):
        raise ValueError(f"values of type {values.dtype} are not numbers")
    wide = widen(values)
    coarse = values.dtype.itemsize < 4 and values.dtype.kind in "fV"
    if wide.dtype.kind == "f" and wide.dtype.itemsize >= 4:
        return wide, coarse
    return wide.astype(np.float32 if coarse else np.float64), coarse


def _softmax(logits: Floats) -> Floats:
    bounded = np.clip(logits, -1e30, 1e30)  # infinity minus infinity would be NaN
    powers = np.exp(bounded - bounded.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result


def _sigmoid(logits: Floats) -> Floats:
    result: Floats = 0.5 * (1 + np.tanh(0.5 * logits))  # never overflows
    return result


def _is_multi_label(targets: Any, shape: tuple[int, ...]) -> bool:
    """Return whether the targets mark classes one by one, and not exactly one a sample."""
    if not isinstance(targets, np.ndarray) or targets.shape != shape:
        return False
    marks, _ = _as_floats(targets)
    return bool(np.isin(marks, (0, 1)).all()) and not bool((marks.sum(axis=1) == 1).all())


def _target_kinds(targets: Any) -> str:
    if targets is None:
        return "none"
    if not isinstance(targets, np.ndarray):
        return "classes"
    values, _ = _as_floats(targets)
    finite = values[np.isfinite(values)]
    if bool(((finite == 0) | (finite == 1)).all()):
        return "binary"
    return "classes" if bool((finite == np.rint(finite)).all()) else "fractions"


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0) if value == value else 0.0


def _int32(index: int) -> int:
    return index if -_INT32 <= index <= _INT32 else -1
