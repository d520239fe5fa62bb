"""The accuracy of a whole batch: of class scores and class indices, and of nothing that only looks like them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetrain._capture.classification import Classification, class_marks, valid_targets
from livetrain._capture.device import Device, Pending, widen
from livetrain._capture.reading import Reading, take_reading
from livetrain._capture.reports import Reports
from livetrain._capture.source import copied, host_array

__all__ = ["BatchAccuracy", "Share", "ShareReading", "take_accuracy"]

_MOST_SCORES = 1 << 16
"""Past this many scores the copy would cost the training thread more than the curve is worth: give ``accuracy=``."""

_MOST_LOOKED_AT = 1 << 20
"""Past this many scores none are copied to find out what they are."""

Array = NDArray[Any]
FindDevice = Callable[[Any], Device | None]


class Share:
    """A share of right answers that livetrain worked out on the training's thread: recorded only if it is one of classes.

    Args:
        right: how many answers were right, a number or a tensor of one.
        of: how many could have been, the same.

    Example:
        >>> float(Share(3, 4))
        0.75
    """

    __slots__ = ("of", "right")

    def __init__(self, right: Any, of: Any) -> None:
        self.right = right
        self.of = of

    @property
    def value(self) -> Any:
        """The share, 0 to 1, where its parts are; None or NaN where there was nothing to answer."""
        if isinstance(self.of, int):
            return self.right / self.of if self.of else None
        return self.right / self.of

    def __float__(self) -> float:
        value = self.value
        return math.nan if value is None else float(value)


class ShareReading(Reading):
    """A share that is read later, if by then the outputs were found to be class scores."""

    __slots__ = ("_classification", "_inner")

    def __init__(self, inner: Reading, classification: Classification) -> None:
        super().__init__(None)
        self._inner = inner
        self._classification = classification

    @property
    def given(self) -> bool:
        """Whether there is a number, or one may still come."""
        return self._inner.given

    @property
    def settled(self) -> bool:
        """Never: what the outputs are is found out in the background."""
        return False

    def get(self) -> float | None:
        """Return the share, None if the outputs are no class scores or there was nothing to answer."""
        if not self._classification.accepted:
            return None
        share = self._inner.get()
        return None if share is None or math.isnan(share) else share


class BatchAccuracy:
    """The share of a batch that is right: a number that is read later, in the background.

    Args:
        classification: says whether these are class scores.
        columns: outputs a sample.
        scores, targets: copies of the whole batch's; None: there are none.
        loss: of the batch, for it tells what the scores are.
        share: what was worked out already; None: it is to be worked out.
        pixels: values of one image that came along; None: not known.
    """

    __slots__ = (
        "_classification",
        "_columns",
        "_known",
        "_lock",
        "_loss",
        "_pixels",
        "_share",
        "scores",
        "targets",
    )

    def __init__(
        self,
        classification: Classification,
        columns: int,
        scores: Array | Pending | None,
        targets: Array | Pending | None,
        loss: Reading,
        share: Reading | None = None,
        pixels: int | None = None,
    ) -> None:
        self.scores = scores
        self.targets = targets
        self._classification = classification
        self._columns = columns
        self._loss = loss
        self._share = share
        self._pixels = pixels
        self._known: tuple[bool, float | None] | None = None
        self._lock = threading.Lock()  # an encoder's thread asks as well

    @property
    def copies(self) -> dict[str, Any]:
        """By the name of the frame's column."""
        columns = {"predictions": self.scores, "targets": self.targets}
        return {name: values for name, values in columns.items() if values is not None}

    @property
    def nbytes(self) -> int:
        """How much memory the copies take, bytes."""
        return sum(getattr(values, "nbytes", 0) for values in (self.scores, self.targets))

    @property
    def is_here(self) -> bool:
        """Whether `get` waits for no device."""
        copies = (self.scores, self.targets)
        here = all(values is None or isinstance(values, np.ndarray) for values in copies)
        return here and self._loss.settled and (self._share is None or self._share.settled)

    def is_of_classes(self) -> bool:
        """Say whether the outputs are class scores; waits for a device."""
        return self._read()[0]

    def get(self) -> float | None:
        """Return the share, 0 to 1; None if these were no class scores and class indices after all, or all are to be ignored."""
        return self._read()[1]

    def _read(self) -> tuple[bool, float | None]:
        with self._lock:
            if self._known is None:
                try:
                    self._known = self._work_out()
                except Exception:  # of a device; the frame that the same tensors belong to says it
                    self._known = True, None
                self._share = None
            return self._known

    def _work_out(self) -> tuple[bool, float | None]:
        classification = self._classification
        accepted, share = classification.accepted, None
        if self.targets is not None:
            scores = None if self.scores is None else widen(_arrived(self.scores))
            targets = _arrived(self.targets)
            accepted = classification.judge(
                self._columns, targets, scores=scores, loss=self._loss.get(), pixels=self._pixels
            )
            if scores is not None and self._share is None:
                share = _share(scores, targets)
        if not accepted:
            return False, None
        if self._share is not None:
            share = self._share.get()
        return True, None if share is None or math.isnan(share) else share


def take_accuracy(
    preds: Any,
    targets: Any,
    find_device: FindDevice,
    classification: Classification | None = None,
    *,
    loss: Reading | None = None,
    given: Share | None = None,
    pixels: int | None = None,
    reports: Reports | None = None,
) -> BatchAccuracy | None:
    """Copy class scores ``(N, classes)`` and class indices ``(N,)``; None where the two are anything else, or large.

    Training thread: it copies, and waits for no device.

    Args:
        preds: the model's outputs.
        targets: what was right.
        find_device: tells where a tensor lives.
        classification: says whether these are class scores; None: nothing is known but this batch.
        loss: of the batch; None: not known.
        given: the share, where that was worked out already.
        pixels: values of one image that came along; None: not known.
        reports: where it is told what cannot be read.
    """
    reports = reports or Reports()
    classification = classification or Classification(reports, None)
    loss = loss or Reading(None)
    shape: tuple[int, ...] = tuple(getattr(preds, "shape", ()))
    if len(shape) != 2 or shape[1] < 2 or not shape[0]:
        return None
    scores, columns = shape[0] * shape[1], shape[1]
    if given is None and scores > _MOST_SCORES:
        return None
    wanted: tuple[int, ...] | None = getattr(targets, "shape", None)
    if wanted is None:
        targets = np.asarray(targets)
        wanted = targets.shape
    if given is None:
        if tuple(wanted) != (shape[0],) or not _is_integer(targets):
            return None
        copies = _copied(preds, find_device), _copied(targets, find_device)
        return BatchAccuracy(classification, columns, *copies, loss, pixels=pixels)
    share = take_reading(given.value, "accuracy", reports, find_device)
    looked_at = marks = None
    if not classification.settled:  # what is copied is for the judgement alone
        marks = _copied(targets, find_device)
        looked_at = _copied(preds, find_device) if scores <= _MOST_LOOKED_AT else None
    return BatchAccuracy(classification, columns, looked_at, marks, loss, share, pixels)


def _share(scores: Array, targets: Array) -> float | None:
    """Return the share of right answers among the targets that stand for a column; None: there are none."""
    marks = class_marks(targets, scores.shape[1])
    if marks is None or not scores.size:
        return None
    valid = valid_targets(marks, scores.shape[1])
    count = int(np.count_nonzero(valid))
    return int(np.count_nonzero(scores.argmax(axis=1) == marks)) / count if count else None


def _is_integer(values: Any) -> bool:
    kind = getattr(values.dtype, "kind", None)
    return kind in "iu" if kind is not None else "int" in str(values.dtype)


def _copied(values: Any, find_device: FindDevice) -> Array | Pending:
    device = find_device(values)
    return copied(host_array(values)) if device is None else device.snapshot(values, None)


def _arrived(values: Array | Pending) -> Array:
    return values if isinstance(values, np.ndarray) else values.read()
