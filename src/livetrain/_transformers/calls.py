"""What a Hugging Face model was called with in a training step, and what it answered, seen by a hook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from livetrain._frameworks.batch import batch_length, find_logits
from livetrain._frameworks.hook import Hook
from livetrain._frameworks.reader import BatchReader

__all__ = ["Calls", "Seen"]

_IDS = "input_ids"


class Seen(NamedTuple):
    """The batches between two steps of the optimizer; of several the last, but for the loss.

    Attributes:
        batch: the model's arguments, by name.
        images: or token ids; None: neither was found.
        targets: None: none were found.
        logits: None: none that fit the batch.
        loss: of all batches of the step together; None: the model gave none.
    """

    batch: Mapping[str, Any]
    images: Any
    targets: Any
    logits: Any
    loss: Any


class Calls:
    """Watches one model while it trains.

    Args:
        reader: reads the model's arguments.
        texts: whether token ids are to be shown.
    """

    def __init__(self, reader: BatchReader, *, texts: bool) -> None:
        self._reader = reader
        self._texts = texts
        self._handle: Any = None
        self._last: Seen | None = None
        self._sum: Any = None
        self._batches = 0
        self._shared = False

    def attach(self, model: Any) -> None:
        """Register the hook."""
        self._handle = model.register_forward_hook(Hook(self._see), with_kwargs=True)

    def detach(self) -> None:
        """Take it away again."""
        if self._handle is not None:
            self._handle.remove()
        self._handle = self._last = None

    def take(self) -> Seen | None:
        """Return what was seen since the last step, None where the model was not called as itself."""
        last, self._last = self._last, None
        total, count, self._sum, self._batches = self._sum, self._batches, None, 0
        if last is None:
            return None
        # A loss that was divided by the items of all batches of the step is a part of a sum, any other one of a mean.
        loss = total if total is None or self._shared else total / count
        return last._replace(loss=loss)

    def _see(
        self, model: Any, given: tuple[Any, ...], named: Mapping[str, Any], output: Any
    ) -> None:
        if not model.training:
            return
        batch = named if named or not given else given[0]
        if self._texts and isinstance(batch, Mapping) and batch.get(_IDS) is not None:
            images, targets = batch[_IDS], batch.get("labels")
            if targets is not None and targets.ndim != 1:
                targets = None  # one a token: there is no class of a sample
        else:
            images, targets = self._reader.read(batch)
        logits = find_logits(output, batch_length(images if targets is None else targets))
        logits = logits.detach() if hasattr(logits, "detach") else logits
        batch = batch if isinstance(batch, Mapping) else {}
        self._last = Seen(batch, images, targets, logits, None)
        loss = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
        if loss is not None:
            loss = loss.detach()
            loss = loss.mean() if loss.ndim else loss
            self._sum = loss if self._sum is None else self._sum + loss
            self._batches += 1
            self._shared = batch.get("num_items_in_batch") is not None
