"""The batch size of a batch sampler, changed while it is drawn from."""

from __future__ import annotations

from typing import Any

from livetrain._steering.settings import declare, number_within

__all__ = ["BatchSize"]

_PENDING = (
    "pending until the loader makes batches of {size}: with its next one, or with the next epoch"
)
_PROVEN_BATCHES = 3
"""So many batches fit into memory before a larger size is believed."""


class BatchSize:
    """The batch size of a batch sampler, which reads its ``batch_size`` for each batch that it makes, or for each epoch.

    When it takes effect is up to the loader: workers have drawn some batches ahead, and PyTorch's sampler with ``drop_last``
    reads it when an epoch begins. So it is in effect when a batch of that size is seen, or, where the sizes of batches are
    not known, in the epoch after.

    Args:
        sampler: what has a ``batch_size``.
        low, high: what may be set.

    Example:
        >>> import types
        >>> size = BatchSize(types.SimpleNamespace(batch_size=32), 1, 512)
        >>> size.apply("64")
        >>> bool(size.waits())
        True
        >>> size.saw(64)
        >>> size.waits()
        ''
    """

    may_fail = False

    def __init__(self, sampler: Any, low: float, high: float) -> None:
        self._sampler = sampler
        self._low, self._high = max(low, 1), high
        self._effective: int = sampler.batch_size  # what batches were last known to have
        self._same_epoch = False  # as that in which it was set
        self._before: int | None = None  # what is gone back to while the size is not proven
        self._seen = 0
        self.declaration = declare("batch_size", "int", self._low, high, str(sampler.batch_size))

    def current(self) -> str:
        """Return what the sampler is told to make."""
        return str(self._sampler.batch_size)

    def check(self, text: str) -> None:
        """Raise `Refused` unless it is a whole number within the range."""
        number_within("batch_size", text, self._low, self._high, whole=True)

    def apply(self, text: str) -> None:
        """Write it into the sampler.

        Raises:
            Refused: it is none, or outside the range; nothing changes.
        """
        self.check(text)
        size = int(text)
        if size > self._effective:
            # Of two unproven sizes in a row, the one before both is known to fit.
            self._before = self._effective if self._before is None else self._before
        else:
            self._before = None
        self._seen = 0
        self._same_epoch = True
        self._sampler.batch_size = size

    def waits(self) -> str:
        """Say what it waits for; empty: the loader makes batches of this size."""
        if self._effective == self._sampler.batch_size:
            return ""
        return _PENDING.format(size=self._sampler.batch_size)

    def saw(self, size: int) -> None:
        """A batch of `size` was trained; 0: of a size that nobody knows."""
        if size == self._sampler.batch_size or not self._same_epoch:
            self._effective = self._sampler.batch_size
            self._seen += 1
            if self._seen >= _PROVEN_BATCHES:
                self._before = None

    def epoch_ended(self) -> None:
        """The next batch belongs to another epoch, for which the sampler is asked anew."""
        self._same_epoch = False

    def go_back(self) -> int | None:
        """Return to the size before, if the present one was not proven to fit; the size that did not fit, or None."""
        if self._before is None:
            return None
        tried: int = self._sampler.batch_size
        self._sampler.batch_size = self._effective = self._before
        self._before = None
        return tried

    def hold(self) -> None:
        """Nothing undoes it."""
