"""Survives a batch size that does not fit into memory: back to the one before, and on with the next batch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from livetrain._steering.batch_size import BatchSize

__all__ = ["SizeGuard", "is_out_of_memory"]

_MOST_SKIPPED = 1000
"""Batches in a row: a sampler that is read once an epoch goes on with the size that did not fit until then."""


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory ran out, on whatever device.

    Example:
        >>> is_out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")), is_out_of_memory(ValueError("no"))
        (True, False)
    """
    if isinstance(error, MemoryError):
        return True
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error).lower()
    return "OutOfMemoryError" in names or (
        isinstance(error, RuntimeError)
        and ("out of memory" in text or "can't allocate memory" in text)
    )


class SizeGuard:
    """Takes back a batch size that was set from outside and does not fit.

    Args:
        sizes: the batch sizes that can be set.
        tell: called with the size that holds again and a sentence.
    """

    def __init__(self, sizes: list[BatchSize], tell: Callable[[str, str], None]) -> None:
        self._sizes = sizes
        self._tell = tell
        self._skipped = 0
        self._left_out = False

    @contextmanager
    def step(self) -> Iterator[None]:
        """One step of the training: out of memory in it because of a new batch size leaves out this batch, and no more.

        Raises:
            BaseException: whatever the step raises for another reason.
        """
        try:
            yield
        except Exception as error:
            if not is_out_of_memory(error) or not self._go_back():
                raise
            self._left_out = True
        else:
            return
        # Outside of the handler: until here the error's traceback held the step's tensors.
        _free_memory()

    def came_to_boundary(self, batch_size: int) -> bool:
        """The loop is done with a batch; return whether it was trained, and not left out here.

        Once a batch of the size that holds was trained, what runs out of memory has another reason. Of a batch whose size nobody
        knows (0) that can be said only in the next epoch: until then some of the size that did not fit may still come.
        """
        left_out, self._left_out = self._left_out, False
        if not left_out and all(
            batch_size == int(size.current()) or (not batch_size and not size.same_epoch)
            for size in self._sizes
        ):
            self._skipped = 0
        return not left_out

    def _go_back(self) -> bool:
        for size in self._sizes:
            if (tried := size.go_back()) is not None:
                self._skipped = 1
                why = f"out of memory with batches of {tried}: back to {size.current()}"
                self._tell(size.current(), why)
                return True
        # Batches that were drawn ahead still have the size that did not fit.
        self._skipped += 1 if self._skipped else 0
        return 0 < self._skipped <= _MOST_SKIPPED


def _free_memory() -> None:
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    if cuda is not None and cuda.is_available():
        cuda.empty_cache()
