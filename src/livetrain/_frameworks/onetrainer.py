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
_STATUS_BURST = 5.0
"""So many texts that mean the same are told at once; then one a second, the newest: some trainers write numbers into them."""
_SAMPLING_SECONDS = 5.0


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
        self._tells_loss = False
        self._word = self._text = ""
        self._waits: str | None = None
        self._room, self._room_at = _STATUS_BURST, time.monotonic()
        self._sampling_at = -_SAMPLING_SECONDS
        self._misread: set[str] = set()

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
        step, epoch = int(progress.global_step), int(progress.epoch)
        if self._ended and self._step is not None and step == self._step + 1:
            self._ended = False  # what sounded like its end was none
        monitor = self._open()
        self._tell_waiting(monitor)
        if step == self._step:
            return  # told already
        within = _whole(getattr(progress, "epoch_step", None))
        if self._step is None:
            monitor.begin_at(epoch, max(0, (within or 0) - 1))
        elif self._epoch is not None and epoch != self._epoch:
            self._end_epoch(monitor, self._epoch)
        lengths = _whole(max_step) or 0, _whole(max_epoch) or 0
        if lengths != self._lengths:
            self._lengths = lengths
            monitor.update(batches_per_epoch=lengths[0] or None, total_epochs=lengths[1] or None)
        self._step, self._epoch = step, epoch
        loss = self._number(progress, "loss")
        if loss is not None:
            self._tells_loss = True
            self._losses.append(loss)
        if within is not None:
            monitor._place.batch = within  # as it says, not as we would count
        monitor.log_batch(None, None, loss, epoch=epoch, step=step)
        if (smooth := self._number(progress, "smooth_loss")) is not None:
            monitor.log({"smooth_loss": smooth}, step=step)

    def _number(self, progress: Any, name: str) -> float | None:
        """Return a number of a progress; None: it has none, or something that is none, of which the run's log is told once."""
        given = getattr(progress, name, None)
        if given is None:
            return None
        try:
            return float(given)
        except Exception as error:
            self.note(name, f"{name}: {given!r:.100} is no number ({error!s:.100})")
            return None

    def note(self, about: str, what: str) -> None:
        """Say in the run's log what was not understood, once for each thing that it is about; nothing before there is a run."""
        if self.monitor is not None and about not in self._misread:
            self._misread.add(about)
            self.monitor.log_message("warning", f"Not understood: {what}.", source="livetrain")

    def figures(self, step: int, values: Mapping[str, float]) -> None:
        """Record numbers of a step that OneTrainer wrote elsewhere; nothing for those that it tells."""
        if self.monitor is None:
            return
        known = ("loss", "smooth_loss") if self._tells_loss else ()
        found = {name: value for name, value in values.items() if name not in known}
        if found:
            self.monitor.log(found, step=step)

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
        if word == self._word and text == self._text:
            self._waits = None
            return
        monitor = self._open()
        if word == self._word and not self._has_room():
            self._waits = text
            return
        if word != self._word:
            self._tell_waiting(monitor, late=True)
        self._tell(monitor, word, text)

    def _has_room(self) -> bool:
        """Take room for a text that means what the one before meant; False: such texts come too fast."""
        now = time.monotonic()
        self._room = min(_STATUS_BURST, self._room + now - self._room_at)
        self._room_at = now
        if self._room < 1:
            return False
        self._room -= 1
        return True

    def _tell_waiting(self, monitor: Monitor, *, late: bool = False) -> None:
        """Tell the text that waits, if one does and it is its turn; ``late``: something else comes after it."""
        if self._waits is not None and (late or self._has_room()):
            self._tell(monitor, self._word, self._waits)

    def _tell(self, monitor: Monitor, word: str, text: str) -> None:
        self._word, self._text, self._waits = word, text, None
        if word in _ENDS:
            self._ended = True
            if self._epoch is not None and self._losses:
                self._end_epoch(monitor, self._epoch)
        monitor.set_status(_STATUSES[word], text)

    def finish(self) -> None:
        """Tell what waits to be told, before the end."""
        if self.monitor is not None:
            self._tell_waiting(self.monitor, late=True)

    def sample(self, output: Any, kind: str) -> None:
        """Record a sample's picture."""
        picture = getattr(output, "data", output)
        if callable(picture) or isinstance(
            picture, memoryview
        ):  # a PIL image, or an array, has a `data` of its own
            picture = output
        file_type = getattr(output, "file_type", None)
        if file_type is not None and "image" not in str(file_type).lower():
            self.note("file_type", f"a sample of the type {file_type!s:.40}, which is not shown")
            return
        if picture is not None:
            self._open().log_sample(picture, kind=kind)

    def sampling(self, step: int, max_step: int) -> None:
        """Say how far a sample is, now and then."""
        now = time.monotonic()
        if self._ended or step >= max_step or now - self._sampling_at < _SAMPLING_SECONDS:
            return
        self._sampling_at = now
        self._open().log_message("debug", f"Sampling, step {step} of {max_step}.", source="sampler")


def _whole(given: Any) -> int | None:
    """Return a whole number from 0; None: it is none."""
    try:
        return max(0, int(given))
    except Exception:
        return None
