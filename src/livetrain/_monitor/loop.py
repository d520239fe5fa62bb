"""A loop over batches that stops when it is asked to, and knows how long it waited for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

__all__ = ["StepLoop", "length_of_epoch"]

T = TypeVar("T")


class StepLoop(Generic[T]):
    """Gives out what a loader gives, once.

    Args:
        loader: any iterable.
        stopped: asked before each batch.
        next_step: asked when a batch came: the step that it is.
        done: called when the loop's body is done with a batch, with that step, and the seconds that the loader and the body took.

    Attributes:
        step: the one whose body runs now; None: none does.

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
