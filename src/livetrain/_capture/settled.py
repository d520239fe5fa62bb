"""Those numbers of a batch that can go into columns at once, because nothing has to be waited for."""

from __future__ import annotations

from livetrain._capture.accuracy import BatchAccuracy
from livetrain._capture.reading import Reading

__all__ = ["settled_numbers"]

_NOTHING: tuple[tuple[str, ...], tuple[float, ...]] = ((), ())
_LOSS, _ACCURACY, _BOTH = ("loss",), ("accuracy",), ("loss", "accuracy")


def settled_numbers(
    loss: Reading, accuracy: Reading | BatchAccuracy, *, at_once: bool
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return the names and values of a batch's numbers; none if one of them has yet to be worked out or read from a device.

    Args:
        loss: of the batch.
        accuracy: the share of the batch that is right, 0 to 1.
        at_once: work out what takes no waiting, because so many batches wait for that already that memory would run out.

    Example:
        >>> settled_numbers(Reading(0.5), Reading(None), at_once=False)
        (('loss',), (0.5,))
    """
    if not loss.settled:
        return _NOTHING
    here = accuracy.settled if isinstance(accuracy, Reading) else at_once and accuracy.is_here
    if not here:
        return _NOTHING
    number, share = loss.get(), accuracy.get()
    if share is None:
        return _NOTHING if number is None else (_LOSS, (number,))
    return (_ACCURACY, (share,)) if number is None else (_BOTH, (number, share))
