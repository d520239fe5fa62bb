"""What a batch and an output hold: images, targets, logits. Pure and duck-typed; nothing here raises on odd data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from livetrain._capture.accuracy import Share
from livetrain._capture.classification import class_marks
from livetrain._capture.device import device_of, widen
from livetrain._capture.source import host_array

__all__ = ["accuracy", "batch_length", "find_logits", "on_host", "read_batch"]

IMAGE_KEYS = ("image", "images", "img", "imgs", "pixel_values", "input", "inputs", "x", "data")
TARGET_KEYS = ("label", "labels", "target", "targets", "y", "class", "classes", "class_labels")
LOGITS_KEYS = ("logits", "preds", "predictions", "pred", "y_hat", "probs", "output", "outputs")
CHANNELS = (1, 3, 4)
NESTING = 3
"""How deep batches of batches are looked into: a CombinedLoader's dict of (views, label) is three deep."""


def read_batch(batch: Any, _depth: int = NESTING) -> tuple[Any, Any]:
    """Return the images and the targets of a batch, each None where none was recognised.

    Args:
        batch: a tensor of images; a sequence with images and, after them, targets; a mapping or object with the usual names
            (``image``, ``pixel_values``, ``x``, ..., ``label``, ``target``, ``y``, ...); or one of these inside another.

    Example:
        >>> import numpy as np
        >>> images, targets = read_batch({"pixel_values": np.zeros((4, 3, 8, 8)), "labels": np.arange(4)})
        >>> images.shape, targets
        ((4, 3, 8, 8), array([0, 1, 2, 3]))
    """
    if type(batch) in (list, tuple) and len(batch) == 2:
        # What most loaders give, on every step: not to be searched.
        images, targets = batch
        shape, marks = _shape(images), _shape(targets)
        if shape and marks and len(shape) in (3, 4) and 0 not in shape and marks == shape[:1]:
            return images, targets
    if _are_images(batch, listed=_depth < NESTING):
        return batch, None
    if _depth == 0:
        return None, None
    if isinstance(batch, Mapping):
        named, parts = batch, list(batch.values())
    elif _is_sequence(batch):
        named, parts = {}, list(batch)
    else:
        named, parts = getattr(batch, "__dict__", {}), []

    images = next(
        (named[key] for key in IMAGE_KEYS if _are_images(named.get(key), listed=True)), None
    )
    if images is not None:
        candidates = [named.get(key) for key in TARGET_KEYS]
        return images, _find_targets(candidates, batch_length(images))
    for place, part in enumerate(parts):
        images, targets = read_batch(part, _depth - 1)
        if images is None:
            continue
        if targets is None and not named:
            targets = _find_targets(parts[place + 1 :], batch_length(images))
        return images, targets
    return None, None


def batch_length(images: Any) -> int | None:
    """Return how many samples there are, None where that cannot be said."""
    try:
        return len(images)
    except TypeError:
        return None


def find_logits(output: Any, size: int | None, *, strict: bool = False) -> Any:
    """Return the logits or predictions in an output, None where nothing fits the batch.

    Args:
        output: a tensor of shape (size, classes) or (size,); a mapping or object that has one as ``logits``, ``preds``, ...; or a
            tuple with one in it.
        size: samples in the batch. None: nothing fits.
        strict: take float tensors of shape (size, 2 or more classes) alone. For outputs of modules that nobody named.
    """
    if size is None:
        return None
    shape = _shape(output)
    if shape is not None:
        fits = len(shape) in (1, 2) and shape[0] == size
        if strict:
            fits = fits and len(shape) == 2 and shape[1] >= 2 and _is_float(output)
        return output if fits else None
    if isinstance(output, Mapping):
        candidates = [output.get(key) for key in LOGITS_KEYS]
    elif isinstance(output, tuple) and not hasattr(output, "_fields"):
        candidates = list(output)
    elif isinstance(output, list):  # class indices or (label, confidence) pairs
        return output if len(output) == size and not strict else None
    else:
        candidates = [getattr(output, key, None) for key in LOGITS_KEYS]
    found = (find_logits(part, size, strict=strict) for part in candidates if part is not None)
    return next((logits for logits in found if logits is not None), None)


def on_host(value: Any) -> Any:
    """Return a number whose memory is the host's as a float, anything else as it is; nothing waits for a device.

    What is worked out with it from then on takes a tenth of the time that it takes a framework.
    """
    if isinstance(value, float) or getattr(value, "shape", None) != () or device_of(value):
        return value
    number: float = value.item()
    return number


def accuracy(logits: Any, targets: Any) -> Share | None:
    """Return the share of right answers, on a device as tensors there, so that nothing waits for it.

    Targets that stand for no column are ignored ones, and left out. None where the question makes no sense: no class scores, or no
    class index for each sample. Whether these really are class scores is found out in the background.
    """
    if getattr(logits, "shape", None) is None or getattr(targets, "shape", None) is None:
        return None
    if device_of(logits) is None and device_of(targets) is None:
        try:
            return _accuracy_on_host(widen(host_array(logits)), host_array(targets))
        except Exception:  # sparse, quantised or the like: no class scores
            return None
    scores, classes = _shape(logits), _shape(targets)
    if (
        scores is None
        or classes is None
        or len(scores) != 2
        or scores[1] < 2
        or not _is_float(logits)
        or not hasattr(logits, "argmax")
    ):
        return None
    if classes != scores and (classes != scores[:1] or _is_float(targets)):
        return None
    if (
        classes == scores
    ):  # soft or one-hot targets, each row with the sum 1; of any other there is no share
        marks = (targets >= 0).all() & (abs(targets.sum(-1) - 1) < 1e-2).all()
        right = (logits.argmax(-1) == targets.argmax(-1)).sum()
        return Share(right * marks, marks * scores[0])
    right = (logits.argmax(-1) == targets).sum()
    return Share(right, ((targets >= 0) & (targets < scores[1])).sum())


def _accuracy_on_host(scores: NDArray[Any], classes: NDArray[Any]) -> Share | None:
    # On every step: an array's own attributes are quicker to ask for than those of a framework's tensor.
    if scores.ndim != 2 or scores.shape[1] < 2 or scores.dtype.kind != "f" or not len(scores):
        return None
    of = len(scores)
    if classes.shape == scores.shape:  # soft or one-hot targets
        marks = class_marks(classes, scores.shape[1])
        if marks is None:
            return None
        classes = marks
    elif classes.shape != scores.shape[:1] or classes.dtype.kind == "f":
        return None
    else:
        # Counting bytes takes a tenth of the time that a sum does.
        inside: bytes = ((classes >= 0) & (classes < scores.shape[1])).tobytes()
        of = inside.count(1)
    right: bytes = (scores.argmax(-1) == classes).tobytes()
    return Share(right.count(1), of)


def _find_targets(candidates: Sequence[Any], size: int | None) -> Any:
    for candidate in candidates:
        shape = _shape(candidate)
        if shape is None:
            if (
                isinstance(candidate, (list, tuple))
                and len(candidate) == size
                and _all_numbers(candidate)
            ):
                return candidate
        elif len(shape) == 1 and shape[0] == size:
            return candidate
        elif len(shape) == 2 and shape[0] == size:
            if shape[1] == 1:
                return candidate.reshape(-1)
            return candidate.argmax(-1) if _marks_classes(candidate) else candidate
    return None


def _marks_classes(values: Any) -> bool:
    """Return whether rows in host memory are shares of classes with the sum 1, one-hot ones for example."""
    try:
        return (
            device_of(values) is None
            and class_marks(host_array(values), values.shape[1]) is not None
        )
    except Exception:  # sparse, quantised or the like
        return False


def _are_images(value: Any, *, listed: bool) -> bool:
    """Tell whether these are the images of a batch; `listed`: also if they are a list, as those of unequal sizes are.

    Not so for a whole batch: default collation makes it a list too, of images and targets.
    """
    shape = _shape(value)
    if shape is not None:
        return len(shape) in (3, 4) and 0 not in shape
    return listed and isinstance(value, list) and bool(value) and all(map(_is_picture, value))


def _is_picture(value: Any) -> bool:
    shape = _shape(value) or ()
    return len(shape) == 3 and (shape[0] in CHANNELS or shape[2] in CHANNELS)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _shape(value: Any) -> tuple[int, ...] | None:
    shape = getattr(value, "shape", None)
    return tuple(shape) if isinstance(shape, tuple) else None


def _is_float(value: Any) -> bool:
    dtype = getattr(value, "dtype", "")
    floating = getattr(
        dtype, "is_floating_point", None
    )  # PyTorch's; a type's text is slow to ask for
    return floating if isinstance(floating, bool) else "float" in str(dtype)


def _all_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int) for value in values)
