"""What OneTrainer tells of a training, as records of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from livetrain._monitor import Monitor

__all__ = ["Recorder", "status_of"]

_WORDS = (
    (("starting", "loading"), "starting"),
    (("training",), "running"),
    (("paused",), "paused"),
    (("stopping",), "stopping"),
    (("stopped",), "stopped"),
    (("error", "failed"), "error"),
    (("completed", "finished"), "completed"),
)
_STATUSES = {
    "starting": "initializing",
    "running": "running",
    "paused": "paused",
    "stopping": "running",
    "stopped": "interrupted",
    "error": "failed",
    "completed": "completed",
}
_ENDS = frozenset({"stopped", "error", "completed"})
_STATUS_SECONDS = 1.0
_SAMPLING_SECONDS = 0.5


def status_of(text: str) -> str:
    """Return what one of OneTrainer's status texts means: the first of the words that is found in it, else ``"running"``.

    Example:
        >>> status_of("Training ..."), status_of("loading the model"), status_of("saving")
        ('running', 'starting', 'running')
    """
    lower = text.lower()
    found = (word for needles, word in _WORDS if any(needle in lower for needle in needles))
    return next(found, "running")


class Recorder:
    """Records trainings, one after the other, each in a run of its own.

    Args:
        make: makes a monitor.
        options: its arguments.
        offer: called with each monitor that was made.

    Attributes:
        monitor: of the training that runs, or ran last; None before the first.
    """

    def __init__(
        self,
        make: Callable[..., Monitor],
        options: Mapping[str, Any],
        offer: Callable[[Monitor], None],
    ) -> None:
        self._make = make
        self._options = options
        self._offer = offer
        self.monitor: Monitor | None = None
        self._forget()

    def _forget(self) -> None:
        """Begin anew: nothing was told of this training."""
        self._ended = False
        self._lengths = (0, 0)
        self._step: int | None = None
        self._epoch: int | None = None
        self._losses: list[float] = []
        self._status = ("", "")
        self._status_at = -_STATUS_SECONDS
        self._sampling_at = -_SAMPLING_SECONDS

    def _open(self) -> Monitor:
        if self.monitor is None or self._ended:
            if self.monitor is not None:
                self.monitor.close(0.5)
            self._forget()
            self.monitor = self._make(**self._options)
            self._offer(self.monitor)
        return self.monitor

    def progress(self, progress: Any, max_step: int, max_epoch: int) -> None:
        """Record a step; one that was told already is not told again."""
        monitor = self._open()
        step, epoch = int(progress.global_step), int(progress.epoch)
        if step == self._step:
            return  # told already
        if self._step is None:
            monitor.begin_at(epoch, int(getattr(progress, "epoch_step", 0)))
        elif self._epoch is not None and epoch != self._epoch:
            self._end_epoch(monitor, self._epoch)
        if (max_step, max_epoch) != self._lengths:
            self._lengths = max_step, max_epoch
            monitor.update(
                batches_per_epoch=int(max_step) or None, total_epochs=int(max_epoch) or None
            )
        self._step, self._epoch = step, epoch
        loss = getattr(progress, "loss", None)
        if loss is not None:
            self._losses.append(float(loss))
        monitor.log_batch(None, None, loss, epoch=epoch, step=step)
        if (smooth := getattr(progress, "smooth_loss", None)) is not None:
            monitor.log({"smooth_loss": smooth}, step=step)

    def _end_epoch(self, monitor: Monitor, epoch: int) -> None:
        losses, self._losses = self._losses, []
        if losses:
            monitor.log_epoch(epoch, loss=sum(losses) / len(losses))
        else:
            monitor.log_epoch(epoch)

    def status(self, text: str) -> None:
        """Record a status text, unless it is a repetition."""
        word = status_of(text)
        if self._ended and word in _ENDS:
            return  # the end was told
        now = time.monotonic()
        before, told = self._status
        if word == before and (text == told or now - self._status_at < _STATUS_SECONDS):
            return
        monitor = self._open()
        self._status, self._status_at = (word, text), now
        if word in _ENDS:
            self._ended = True
            if self._epoch is not None and self._losses:
                self._end_epoch(monitor, self._epoch)
        monitor.set_status(_STATUSES[word], text)

    def sample(self, output: Any, kind: str) -> None:
        """Record a sample's picture."""
        picture = getattr(output, "data", output)
        if callable(picture) or isinstance(
            picture, memoryview
        ):  # a PIL image, or an array, has a `data` of its own
            picture = output
        file_type = getattr(output, "file_type", None)
        if file_type is not None and "image" not in str(file_type).lower():
            return  # a video or a sound: there is nothing to show of it
        if picture is not None:
            self._open().log_sample(picture, kind=kind)

    def sampling(self, step: int, max_step: int) -> None:
        """Say how far a sample is, now and then."""
        now = time.monotonic()
        if now - self._sampling_at < _SAMPLING_SECONDS and step < max_step:
            return
        self._sampling_at = now
        word, text = self._status
        if word not in _ENDS:
            self._open().set_status(
                _STATUSES[word or "running"],
                f"sampling, step {step} of {max_step}" if step < max_step else text,
            )
