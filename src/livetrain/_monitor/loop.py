"""A loop over batches that stops when it is asked to, and knows how long it waited for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

__all__ = ["StepLoop", "length_of_batch", "length_of_epoch"]

T = TypeVar("T")

_NESTING = 4
"""How deep batches of batches are looked into."""


class StepLoop(Generic[T]):
    """Gives out what a loader gives, once.

    Args:
        loader: any iterable.
        stopped: asked before each batch.
        next_step: asked when a batch came: the step that it is.
        done: called when the loop's body is done with a batch, with that step, and the seconds that the loader and the body took.

    Attributes:
        step: the one whose body runs now; None: none does.
        batch_size: samples in the batch that was given out last; 0: that cannot be said.

    Example:
        >>> list(StepLoop([1, 2], lambda: False, lambda: 0, lambda step, waited, worked: None))
        [1, 2]
    """

    def __init__(
        self,
        loader: Iterable[T],
        stopped: Callable[[], bool],
        next_step: Callable[[], int],
        done: Callable[[int, float, float], None],
    ) -> None:
        self.step: int | None = None
        self.batch_size = 0
        self._loader = loader
        self._stopped = stopped
        self._next_step = next_step
        self._done = done

    def __iter__(self) -> Iterator[T]:
        batches = iter(self._loader)
        over = object()
        while not self._stopped():
            asked = time.perf_counter()
            batch = next(batches, over)
            if batch is over:
                return
            came = time.perf_counter()
            self.batch_size = length_of_batch(batch)
            self.step = step = self._next_step()
            try:
                yield batch  # type: ignore[misc]  # it is none of ours, so it is the loader's
            finally:  # the body may be left by a `break` or an error, and this be told of it late, on any thread
                self.step = None
            self._done(step, came - asked, time.perf_counter() - came)


def length_of_epoch(loader: Iterable[object]) -> int | None:
    """Return how many batches a loader gives, None where it does not say."""
    try:
        length = len(loader)  # type: ignore[arg-type]  # whether it has one is what is asked
    except (
        Exception
    ):  # a loader of the user's: PyTorch's own raises TypeError over an endless data set
        return None
    return length if length > 0 else None


def length_of_batch(batch: object) -> int:
    """Return how many samples a batch has, from the first dimension of its first array; 0 where that cannot be said.

    Example:
        >>> import numpy as np
        >>> length_of_batch((np.zeros((32, 3, 8, 8)), np.zeros(32))), length_of_batch({"x": np.zeros((16, 5))})
        (32, 16)
        >>> length_of_batch("text"), length_of_batch(7)
        (0, 0)
    """
    try:
        for _ in range(_NESTING):
            if shape := getattr(batch, "shape", None):
                return int(shape[0])
            if isinstance(batch, Mapping):
                batch = next(iter(batch.values()), None)
            elif isinstance(batch, (list, tuple)):
                batch = batch[0] if batch else None
            else:
                return 0
    except Exception:  # a class of the user's, with a shape or a length of its own kind
        return 0
    return 0
