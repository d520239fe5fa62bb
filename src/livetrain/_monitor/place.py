"""Where a training is: steps, batches and epochs, counted as it says what it did. Pure."""

from __future__ import annotations

import operator
from typing import Any

from livetrain.exceptions import UsageError

__all__ = ["Place", "whole"]


class Place:
    """The step, the batch and the epoch that come next.

    Args:
        step: the first.
        epoch: the first.

    Attributes:
        step: of the next batch, through all epochs.
        epoch: that the next batch belongs to.
        batch: the next batch's index in its epoch.
        logged: batches that were logged so far.
        epoch_open: whether a loop over `Monitor.steps` began this epoch, and nothing ended it yet.

    Example:
        >>> place = Place()
        >>> place.take_step(None), place.take_step(7), place.step
        (0, 7, 8)
    """

    def __init__(self, step: int = 0, epoch: int = 0) -> None:
        self.step = step
        self.epoch = epoch
        self.batch = 0
        self.logged = 0
        self.epoch_open = False
        self._logged_before = 0  # batches, when the body of the loop over `steps` began

    @property
    def last_step(self) -> int:
        """The step that was taken last; 0 before the first."""
        return max(self.step - 1, 0)

    def take_step(self, step: int | None) -> int:
        """Return the next step, or `step` itself if that is given, and go on behind it.

        Raises:
            UsageError: it is not a whole number from 0.
        """
        this = self.step if step is None else whole("step", step)
        self.step = this + 1
        return this

    def epoch_or(self, epoch: int | None) -> int:
        """Return `epoch`, or the current one where that is None.

        Raises:
            UsageError: it is not a whole number from 0.
        """
        return self.epoch if epoch is None else whole("epoch", epoch)

    def step_of(self, epoch: int) -> int:
        """Return the step that an epoch's numbers belong to; where no step was ever taken, the epoch stands in for it."""
        return self.step - 1 if self.step else epoch

    def batch_logged(self) -> None:
        """Count a batch."""
        self.batch += 1
        self.logged += 1

    def end_epoch(self, number: int) -> None:
        """The next batch belongs to the epoch after `number`."""
        self.epoch = number + 1
        self.batch = 0
        self.epoch_open = False

    def begin_body(self) -> int:
        """The body of a loop over `steps` begins; return the step that it is."""
        self._logged_before = self.logged
        return self.step

    def end_body(self, step: int) -> tuple[int, bool]:
        """Return the step that the body was, and whether it logged no batch, so that the step was counted only here."""
        if self.logged != self._logged_before:
            return self.step - 1, False  # what the body called it
        self.step = step + 1
        self.batch += 1
        return step, True

    def step_of_numbers(self, step: int | None, *, in_body: bool) -> tuple[int, bool]:
        """Return the step that logged numbers belong to, and whether they are a step of their own.

        Args:
            step: as it was given.
            in_body: whether the body of a loop over `steps` runs.

        Raises:
            UsageError: `step` is not a whole number from 0.
        """
        if not in_body and not self.logged:
            return self.take_step(step), True
        if step is not None:
            return whole("step", step), False
        to_be_logged = in_body and self.logged == self._logged_before
        return (self.step if to_be_logged else self.step - 1), False


def whole(name: str, value: Any) -> int:
    """Return a number that counts something.

    Raises:
        UsageError: it is not a whole number from 0.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if number < 0:
        raise UsageError(
            f"{name}={value!r}: not a whole number from 0; give an int, or leave it out."
        )
    return number
