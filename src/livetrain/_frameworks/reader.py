"""Reads batches as the user said, or as they usually are, and says once what to give where that finds nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from livetrain._frameworks.batch import read_batch

__all__ = ["BatchReader", "ReadBatch"]

_log = logging.getLogger("livetrain")

ReadBatch = Callable[[Any], tuple[Any, Any]]


class BatchReader:
    """Finds images and targets in batches.

    Args:
        owner: the public class, for messages.
        read: the user's own way to read a batch; None: the usual kinds are read.
        mend: what to give where no predictions are found, a clause.

    Example:
        >>> BatchReader("LiveTrainCallback", None, "give submodule=").read([[[1]], [0]])
        (None, None)
    """

    def __init__(self, owner: str, read: ReadBatch | None, mend: str) -> None:
        self._owner = owner
        self._read = read or read_batch
        self._mend = mend
        self._warned = False

    def read(self, batch: Any) -> tuple[Any, Any]:
        """Return the images and the targets of a batch, each None where none was found."""
        try:
            images, targets = self._read(batch)
        except Exception as error:  # the reader is the user's, or the batch is stranger than we thought: training goes on
            self._warn(
                f"read_batch could not read a batch of type {_kind(batch)} ({type(error).__name__}: {error}); "
                "it must return (images, targets), either None."
            )
            return None, None
        return images, targets

    def check(self, batch: Any, images: Any, logits: Any) -> None:
        """Say, once, what was not found in a batch, and how to give it."""
        if self._warned or (images is not None and logits is not None):
            return
        mends = []
        if images is None:
            mends.append(
                f"no images in a batch of type {_kind(batch)} (give read_batch=, a function batch -> (images, targets))"
            )
        if logits is None:
            mends.append(f"no predictions ({self._mend})")
        self._warn(
            f"{self._owner} found {' and '.join(mends)}; loss and metrics are shown all the same."
        )

    def _warn(self, sentence: str) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(sentence)


def _kind(batch: Any) -> str:
    if isinstance(batch, Mapping):
        return f"{type(batch).__name__} with the keys {', '.join(map(str, batch))}"
    return type(batch).__name__
