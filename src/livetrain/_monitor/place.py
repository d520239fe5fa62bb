"""Where a training is: steps, batches and epochs, counted as it says what it did. Pure.

A step is a turn of the training's loop. `log_batch`, or the body of a loop over `steps`, makes one; numbers that are logged beside
it belong to the same turn, by these rules:

* a step that is given is the step;
* in the body of a loop over `steps` they belong to that body's step;
* before the first batch they open a step, which the first batch joins. Numbers under other names join it as well; where a name
  comes again, a turn is over and the next step begins. So a training that only logs numbers counts 0, 1, 2 and so on;
* after a batch they belong to it, but for names that were logged before the first batch: those belong to the batch to come, as
  they did in the first turn.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, Final

from livetrain.exceptions import UsageError

__all__ = ["Place", "whole"]

_LEADING: Final = 1 << 14  # names that are remembered to come before their batch


class Place:
    """The step, the batch and the epoch that come next.

    Args:
        step: the first.
        epoch: the first.

    Attributes:
        step: the one after the last that was taken.
        epoch: that the next batch belongs to.
        batch: the next batch's index in its epoch.
        logged: batches that were logged so far.
        epoch_open: whether a loop over `Monitor.steps` began this epoch, and nothing ended it yet.
        ran_empty: whether the loop over `Monitor.steps` began this epoch after a stop, and no batch came since: nothing of it is
            a result of training.

    Example:
        >>> place = Place()
        >>> place.step_of_numbers(None, ["lr"], in_body=False)
        (0, True)
        >>> place.take_step(None), place.take_step(7), place.step
        (0, 7, 8)
    """

    def __init__(self, step: int = 0, epoch: int = 0) -> None:
        self.step = step
        self.epoch = epoch
        self.batch = 0
        self.logged = 0
        self.epoch_open = False
        self.ran_empty = False
        self._turns = False  # whether a batch, or the body of a loop over `steps`, was ever a step
        self._logged_before = 0  # batches, when the body of the loop over `steps` began
        # Before the first batch: the names at the last step, which numbers alone have taken; None: none did.
        self._open: set[str] | None = None
        self._leading: set[str] = set()  # names that came before the first batch

    @property
    def last_step(self) -> int:
        """The step that was taken last; 0 before the first."""
        return max(self.step - 1, 0)

    def take_step(self, step: int | None) -> int:
        """Return the step of a batch: `step` itself if that is given, else the next, or the one that numbers opened before.

        Raises:
            UsageError: `step` is not a whole number from 0.
        """
        if step is not None:
            this = whole("step", step)
            self._open = None
        else:
            this = self._join()
        self._turns = True
        self.ran_empty = False
        self.step = this + 1
        return this

    def epoch_or(self, epoch: int | None) -> int:
        """Return `epoch`, or the current one where that is None.

        Raises:
            UsageError: it is not a whole number from 0.
        """
        return self.epoch if epoch is None else whole("epoch", epoch)

    def step_of(self, epoch: int, step: int | None = None) -> int:
        """Return the step that an epoch's numbers belong to; where no step was ever taken, the epoch stands in for it.

        Args:
            epoch: the one that they are of.
            step: as it was given, which comes first.

        Raises:
            UsageError: `step` is not a whole number from 0.
        """
        if step is not None:
            return whole("step", step)
        return self.step - 1 if self.step else epoch

    def last_step_or(self, step: int | None) -> int:
        """Return `step`, or the one that was taken last where that is None.

        Raises:
            UsageError: it is not a whole number from 0.
        """
        return self.last_step if step is None else whole("step", step)

    def batch_logged(self) -> None:
        """Count a batch."""
        self.batch += 1
        self.logged += 1

    def end_epoch(self, number: int) -> None:
        """The next batch belongs to the epoch after `number`."""
        self.epoch = number + 1
        self.batch = 0
        self.epoch_open = False

    def epoch_begins(self, *, stopped: bool) -> None:
        """A loop over `Monitor.steps` begins; `stopped`: it gives out no batch."""
        self.ran_empty = stopped

    def begin_body(self) -> int:
        """The body of a loop over `steps` begins; return the step that it is."""
        self.ran_empty = False
        self._logged_before = self.logged
        self.step = self._join()
        return self.step

    def end_body(self, step: int) -> tuple[int, bool]:
        """Return the step that the body was, and whether it logged no batch, so that the step was counted only here."""
        self._turns = True
        if self.logged != self._logged_before:
            return self.step - 1, False  # what the body called it
        self.step = step + 1
        self.batch += 1
        return step, True

    def step_of_numbers(
        self, step: int | None, names: Iterable[str], *, in_body: bool
    ) -> tuple[int, bool]:
        """Return the step that logged numbers belong to, and whether they begin a step of their own.

        Args:
            step: as it was given.
            names: of the numbers.
            in_body: whether the body of a loop over `steps` runs.

        Raises:
            UsageError: `step` is not a whole number from 0.
        """
        if step is not None:
            step = whole("step", step)
        if not in_body and not self._turns:
            return self._open_step(step, names)
        if step is not None:
            return step, False
        if in_body:
            to_be_logged = self.logged == self._logged_before
            return (self.step if to_be_logged else self.step - 1), False
        if self._leading and not self._leading.isdisjoint(names):
            return self.step, False
        return self.step - 1, False

    def _open_step(self, step: int | None, names: Iterable[str]) -> tuple[int, bool]:
        """Return the step of numbers that come before any batch, and whether they begin it."""
        if step is None and len(self._leading) < _LEADING:
            self._leading.update(names)
        last = self.step - 1
        joins = (
            self._open is not None and self._open.isdisjoint(names)
            if step is None
            else self._open is not None and step == last
        )
        if joins:
            assert self._open is not None
            self._open.update(names)
            return last, False
        this = self.step if step is None else step
        self.step, self._open = this + 1, set(names)
        return this, True

    def _join(self) -> int:
        """Return the next step, or the one that numbers opened, which is closed with this."""
        opened, self._open = self._open is not None, None
        return self.step - 1 if opened else self.step


def whole(name: str, value: Any) -> int:
    """Return a number that counts something.

    Raises:
        UsageError: it is not a whole number from 0; a bool counts nothing, although Python takes it for one.
    """
    try:
        number = -1 if _is_bool(value) else operator.index(value)
    except (TypeError, ValueError, RuntimeError):  # frameworks have errors of their own
        number = -1
    if number < 0:
        raise UsageError(
            f"{name}={value!r}: not a whole number from 0; give an int, or leave it out."
        )
    return number


def _is_bool(value: Any) -> bool:
    if type(value) is int:
        return False
    return isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool")
