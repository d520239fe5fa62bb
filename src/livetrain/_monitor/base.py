"""What the parts of a monitor share: the run that they speak of."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

from livetrain import _records
from livetrain._class_names import read_class_names
from livetrain._delivery.line import SMALL_BYTES, Lane
from livetrain._engine import Engine
from livetrain._launch import read_settings, training_config
from livetrain._monitor.loop import StepLoop
from livetrain._monitor.numbers import NumberReader, awaited
from livetrain._monitor.place import Place, whole
from livetrain._monitor.together import Together
from livetrain._steering.steering import Steering
from livetrain._text import text_of
from livetrain.exceptions import UsageError
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["ENDS", "Base"]

_STATUSES = {
    "initializing": pb.INITIALIZING,
    "running": pb.RUNNING,
    "paused": pb.PAUSED,
    "completed": pb.COMPLETED,
    "failed": pb.FAILED,
    "interrupted": pb.FAILED,
}
_MESSAGE_CHARS = 10_000
_NAME_CHARS = 256
ENDS = frozenset({"completed", "failed", "interrupted"})


class Base:
    """A run, where it stands, and what it is sent through."""

    _named: NumberReader
    _engine: Engine | None  # None: disabled, closed, or in a forked child
    _place: Place
    _steering: Steering
    _config: pb.TrainingConfig
    _settings: dict[str, Any]
    _status: str
    _message: str
    _loop: weakref.ref[StepLoop[Any]] | None  # the one that `steps` gave out last
    _together: Together | None  # by which `steps` lets several ranks be steered
    _together_left: float  # batches of this epoch that all ranks have ahead

    def set_status(self, status: str, message: str = "") -> None:
        """Say where the training stands: initializing, running, paused, completed, failed, or interrupted from outside.

        Raises:
            UsageError: another word.
        """
        if status not in _STATUSES:
            raise UsageError(
                f"set_status({status!r}): no such status; give one of {', '.join(_STATUSES)}."
            )
        self._tell_status(status, text_of(message, _MESSAGE_CHARS))

    def _tell_status(self, status: str, message: str, run_name: str = "") -> None:
        self._status, self._message = status, message
        record = _records.status(
            _STATUSES[status],
            message,
            self._config,
            interrupted=status == "interrupted",
            run_name=run_name,
        )
        self._put(record, Lane.CRITICAL)

    def begin_at(self, epoch: int, batch: int = 0) -> None:
        """Say where this training begins, when it does not begin at its start; for the time remaining, and to count on from there.

        Args:
            epoch: the epoch that it is in, from 0.
            batch: how many batches of it are over.

        Raises:
            UsageError: one of them is not a whole number from 0.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).begin_at(3, batch=120)
        """
        self._place.epoch, self._place.batch = whole("epoch", epoch), whole("batch", batch)
        if (engine := self._engine) is not None:
            engine.metering.meter.begin_at(self._place.epoch, self._place.batch)

    def update(
        self,
        *,
        config: Any = None,
        class_names: Iterable[Any] | None = None,
        total_epochs: int | None = None,
        batches_per_epoch: int | None = None,
        batch_size: int | None = None,
        run: str | None = None,
    ) -> None:
        """Say what became known about the run only after it began; None leaves what was said before.

        Args:
            config: settings to be added to those of before, or put in their place; a mapping, a namespace or the like.
            class_names: the label of each class index, from now on; as :class:`livetrain.Monitor` takes them.
            total_epochs: for the time remaining.
            batches_per_epoch: for the time remaining.
            batch_size: shown beside the run.
            run: what the run is called from now on.

        Raises:
            ConfigurationError: a value that cannot work.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).update(config={"seed": 1}, batches_per_epoch=100)
        """
        settings = {**self._settings, **read_settings(config)}
        labels = None if class_names is None else read_class_names(class_names)
        told = training_config(
            config=settings,
            class_names=labels,
            total_epochs=total_epochs,
            batches_per_epoch=batches_per_epoch,
            batch_size=batch_size,
        )
        self._settings = settings
        if told.class_names:
            del self._config.class_names[:]
        self._config.MergeFrom(told)
        if (engine := self._engine) is not None:
            name = "" if run is None else text_of(run, _NAME_CHARS)
            engine.describe(self._config, labels, name)
            self._tell_status(self._status, self._message, name)

    def read_numbers(self, values: Mapping[Any, Any]) -> dict[str, float]:
        """Return numbers as they would be recorded, by their names; it waits for those on a device. For integrations."""
        return awaited(self._named.read(values)[0])

    def _put(
        self, writer: _records.Writer, lane: Lane = Lane.DURABLE, size: int = SMALL_BYTES
    ) -> None:
        if (engine := self._engine) is not None:
            engine.put(writer, lane, size)

    def time_counted(self) -> float:
        """Return the seconds of the training's thread that were counted so far, or were a pause. For integrations."""
        engine = self._engine
        return (
            0.0
            if engine is None
            else engine.metering.training_seconds + self._steering.control.stood_still
        )

    def count_time(self, seconds: float) -> None:
        """Count what an integration takes on the training's thread against ``max_overhead``. For integrations."""
        if (engine := self._engine) is not None:
            engine.metering.spent(seconds)

    def lull(self) -> None:
        """Say that this thread is about to leave Python alone for a while, as in a backward pass: the background works then, and
        holds it up less. For integrations.
        """  # noqa: D205
        if (engine := self._engine) is not None:
            engine.lull()

    def _boundary(self, engine: Engine, batch_size: int = 0) -> None:
        loop = self._loop() if self._loop is not None else None
        if loop is not None and loop.batch_size:
            batch_size = loop.batch_size  # of the batch itself; what is logged may be a part of it
        self._steering.boundary(self._place.step, self._place.epoch, batch_size)
        engine.metering.step_begins(self._steering.control.stood_still)

    def _end_epoch(self, engine: Engine | None, number: int) -> None:
        if engine is not None:
            engine.metering.meter.epoch_ended(time.monotonic())
        self._place.end_epoch(number)

    def _step_of_numbers(self, step: int | None, names: Iterable[str]) -> tuple[int, bool]:
        loop = self._loop() if self._loop is not None else None
        in_body = loop is not None and loop.step is not None
        return self._place.step_of_numbers(step, names, in_body=in_body)
