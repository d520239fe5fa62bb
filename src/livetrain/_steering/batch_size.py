"""The batch size of a batch sampler, changed while it is drawn from."""

from __future__ import annotations

from typing import Any

from livetrain._steering.settings import Refused, declare, number_within

__all__ = ["BatchSize"]

_PENDING = (
    "pending until the loader makes batches of {size}: with its next one, or with the next epoch"
)
_UNSEEN = (
    "set, and pending: whether the loader makes batches of {size} is not known, since no batch of the sampler's own size was "
    "seen so far; loop over monitor.steps(loader), or give whole batches to log_batch"
)
_NEVER = (
    "a whole epoch went by without a batch of {size}: the loader does not draw from this batch sampler; attach the one that "
    "it draws from"
)
_PROVEN_BATCHES = 3
"""So many batches fit into memory before a larger size is believed."""


class BatchSize:
    """The batch size of a batch sampler, which reads its ``batch_size`` for each batch that it makes, or for each epoch.

    When it takes effect is up to the loader: workers have drawn some batches ahead, and PyTorch's sampler with ``drop_last``
    reads it when an epoch begins. So it is in effect when a batch of that size is seen, and not before.

    Args:
        sampler: what has a ``batch_size``.
        low, high: what may be set.
        before: the sampler that stood here before, as where a loop makes its loader anew for each epoch: what was set holds on.

    Example:
        >>> import types
        >>> size = BatchSize(types.SimpleNamespace(batch_size=32), 1, 512)
        >>> size.saw(32)
        >>> size.apply("64")
        >>> bool(size.waits())
        True
        >>> size.saw(64)
        >>> size.waits()
        ''
    """

    may_fail = False

    def __init__(
        self, sampler: Any, low: float, high: float, before: BatchSize | None = None
    ) -> None:
        self._sampler = sampler
        self._low, self._high = max(low, 1), high
        self._effective: int = sampler.batch_size  # what batches were last known to have
        self._comparable = False  # whether a batch of the sampler's size was ever seen
        self._epochs = 0  # that ended since it was set
        self._batches = 0  # that were seen in this epoch
        self._before: int | None = None  # what is gone back to while the size is not proven
        self._seen = 0
        self._set: int | None = None  # from the page
        self.declaration = declare("batch_size", "int", self._low, high, str(sampler.batch_size))
        if before is not None and before._set is not None:
            self._set = sampler.batch_size = before._set
            self._effective, self._comparable = before._effective, before._comparable
            self._before, self._seen = before._before, before._seen
            self._epochs, self._batches = before._epochs, before._batches

    def holds(self, sampler: Any) -> bool:
        """Return whether it is this sampler's."""
        return self._sampler is sampler

    def current(self) -> str:
        """Return what the sampler is told to make."""
        return str(self._sampler.batch_size)

    def check(self, text: str) -> None:
        """Raise `Refused` unless it is a whole number within the range, and there are so many samples."""
        size = int(number_within("batch_size", text, self._low, self._high, whole=True))
        samples = _samples(self._sampler)
        if samples is not None and size > samples:
            what = (
                "no batch at all, since drop_last leaves out what is not full"
                if getattr(self._sampler, "drop_last", False)
                else "no batch of that size"
            )
            raise Refused(f"batch_size={size}: the loader has {samples:,} samples, and so {what}")

    def apply(self, text: str) -> None:
        """Write it into the sampler.

        Raises:
            Refused: it is none, or outside the range; nothing changes.
        """
        self.check(text)
        size = int(float(text))
        if size > self._effective:
            # Of two unproven sizes in a row, the one before both is known to fit.
            self._before = self._effective if self._before is None else self._before
        else:
            self._before = None
        self._seen = self._epochs = 0
        self._sampler.batch_size = self._set = size

    def waits(self) -> str:
        """Say what it waits for; empty: the loader makes batches of this size."""
        if self._effective == self._sampler.batch_size:
            return ""
        if self._epochs and not self._comparable:
            return _UNSEEN.format(size=self._sampler.batch_size)
        return _PENDING.format(size=self._sampler.batch_size)

    def lost(self) -> str:
        """Say why what was set is not what holds, and why it is not to be waited for; empty: it holds, or may yet."""
        now = self._sampler.batch_size
        if self._set is None:
            return ""
        if now != self._set:
            self._set, self._effective = None, now
            return f"something else set the batch size to {now}"
        if self._effective != now and self._comparable and self._epochs > 1:
            self._set, self._effective = None, now
            return _NEVER.format(size=now)
        return ""

    def saw(self, size: int) -> None:
        """A batch of `size` was trained; 0: of a size that nobody knows."""
        self._batches += 1
        if size == self._sampler.batch_size:
            self._effective, self._comparable = size, True
            self._seen += 1
            if self._seen >= _PROVEN_BATCHES:
                self._before = None

    def epoch_ended(self) -> None:
        """The next batch belongs to another epoch, for which the sampler is asked anew."""
        if self._batches:
            self._epochs += 1
        self._batches = 0

    @property
    def same_epoch(self) -> bool:
        """Whether the epoch in which it was set, or taken back, goes on."""
        return not self._epochs

    def go_back(self) -> int | None:
        """Return to the size before, if the present one was not proven to fit; the size that did not fit, or None."""
        if self._before is None:
            return None
        tried: int = self._sampler.batch_size
        self._sampler.batch_size = self._effective = self._before
        self._before = self._set = None
        self._epochs = 0
        return tried

    def hold(self) -> None:
        """Nothing undoes it."""


def _samples(sampler: Any) -> int | None:
    """Return how many samples a batch sampler draws from; None where it does not say."""
    try:
        return len(sampler.sampler)
    except Exception:  # a sampler of the user's, with or without a length
        return None
