"""Reads the losses that OneTrainer writes for TensorBoard, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from livetrain._frameworks.event_files import EventFiles, Figure
from livetrain._warnings import warn_once_a_minute

__all__ = ["LossWatch", "name_of"]

_SECONDS: Final = 1.0
_NAMES: Final = {"loss/train_step": "loss", "smooth_loss/train_step": "smooth_loss"}
_VALIDATION: Final = "loss/validation_step/"


def name_of(tag: str) -> str:
    """Return what a tag of OneTrainer's is called here.

    Example:
        >>> name_of("loss/train_step"), name_of("loss/validation_step/cats"), name_of("lr/unet")
        ('loss', 'val/loss/cats', 'lr/unet')
    """
    if tag.startswith(_VALIDATION):
        return f"val/loss/{tag.removeprefix(_VALIDATION)}"
    return _NAMES.get(tag, tag)


class LossWatch:
    """Passes on what is written below a folder from now on.

    Args:
        folder: where OneTrainer writes for TensorBoard.
        take: called on this watch's thread with a step and the numbers of it, by name; that of a learning rate is
            ``learning_rate`` where there is one alone.
    """

    def __init__(self, folder: Path, take: Callable[[int, dict[str, float]], object]) -> None:
        self._files = EventFiles(folder)
        self._take = take
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._watch, name="livetrain-onetrainer", daemon=True
        )
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Pass on what was written last, and end; wait for that no longer than so many seconds."""
        self._ended.set()
        self._thread.join(timeout)

    def _watch(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(_SECONDS)
            try:
                self._pass_on()
            except Exception as error:
                warn_once_a_minute(
                    "onetrainer-losses",
                    f"OneTrainer's TensorBoard folder cannot be read: {error!r}",
                )

    def _pass_on(self) -> None:
        by_step: dict[int, list[Figure]] = {}
        for figure in self._files.read():
            by_step.setdefault(figure.step, []).append(figure)
        for step, figures in sorted(by_step.items()):
            values = {name_of(figure.tag): figure.value for figure in figures}
            rates = [name for name in values if name.startswith("lr/")]
            if len(rates) == 1:
                values["learning_rate"] = values.pop(rates[0])
            # They are written before the step is counted, and told after it.
            self._take(step + 1, values)
