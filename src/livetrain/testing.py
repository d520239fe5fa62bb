"""Fakes for tests: of livetrain's own, and of the scripts that use it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec

from livetrain._capture.accuracy import Share
from livetrain._capture.capture import Capture
from livetrain._class_names import read_class_names
from livetrain._delivery.server_limits import MAX_STEP, step_beyond
from livetrain._metric_names import validation_name
from livetrain._monitor import Monitor
from livetrain._monitor.numbers import NumberReader, awaited
from livetrain._monitor.place import whole
from livetrain._resume import ResumeState
from livetrain.config import ImageOptions
from livetrain.exceptions import UsageError

__all__ = ["LoggedBatch", "RecordingMonitor"]

_P = ParamSpec("_P")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedBatch:
    """What one `log_batch` was given; `step` and `epoch` as the monitor counted them."""

    images: Any
    preds: Any
    loss: Any
    targets: Any
    accuracy: Any
    epoch: int
    step: int
    ids: Any
    per_sample_loss: Any


def _called_like(
    template: Callable[_P, None],
) -> Callable[[Callable[..., None]], Callable[_P, None]]:
    """Give a method the signature of another one, for people and for type checkers."""
    return functools.wraps(template)


class RecordingMonitor(Monitor):
    """A monitor that sends nothing and keeps everything, for as long as the test needs it.

    It takes the arguments of :class:`livetrain.Monitor`, raises on the same misuse, and needs no server. Batches hold what they
    were given, not copies. Numbers are read as a monitor reads them: what is none is left out with a warning. What stands at a
    step that no server takes is left out too.

    Attributes:
        options: the arguments it was made with.
        batches: one :class:`LoggedBatch` for each `log_batch`.
        scalars: (step, name to number) for each `log`.
        epochs, validations: (epoch, name to number) for each `log_epoch` and `log_validation`, of the latter without a ``val_``
            before the name; None is left out.
        epoch_steps, validation_steps: the step of each of them.
        statuses: (status, message), as `set_status` was given them.
        messages: (level, text).
        message_steps: the step of each line.
        rounds: (round, total_rounds, metrics, fit, eval).
        client_rounds: (client, phase, round, metrics, fit, eval) for each part of one client, and each start of a round.
        events: (kind, message, fields).
        event_steps: the step of each event.
        updates: what `update` was given, None left out.
        samples: (image, prompt, kind).
        sample_steps: the step of each sample.
        early_stoppings: name to value.
        errors: what `log_error` was given.
        attached: what `attach` was given.
        closed: whether `close` was called, or the ``with`` block left.
        ended_by: the exception that left the ``with`` block; None: it came to its end.
        should_stop: set it, to ask the training to stop.

    Example:
        >>> monitor = RecordingMonitor("digits")
        >>> monitor.log_batch(None, None, loss=0.5)
        >>> monitor.batches[0].loss, monitor.batches[0].step
        (0.5, 0)
    """

    @_called_like(Monitor.__init__)
    def __init__(self, run: str | None = None, **options: Any) -> None:
        super().__init__(run, **{**options, "enabled": False})
        self.options = {"run": run, **options}
        images = options.get("images") or ImageOptions()
        names = options.get("class_names")
        self._capture = Capture(images, None if names is None else read_class_names(names))
        self._named = NumberReader(self._capture.reading, self._capture.reports)
        self.batches: list[LoggedBatch] = []
        self.scalars: list[tuple[int, dict[str, float]]] = []
        self.epochs: list[tuple[int, dict[str, float]]] = []
        self.validations: list[tuple[int, dict[str, float]]] = []
        self.epoch_steps: list[int] = []
        self.validation_steps: list[int] = []
        self.event_steps: list[int] = []
        self.message_steps: list[int] = []
        self.sample_steps: list[int] = []
        self.statuses: list[tuple[str, str]] = []
        self.messages: list[tuple[str, str]] = []
        self.rounds: list[
            tuple[int, int, Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]
        ] = []
        self.client_rounds: list[
            tuple[str, str, int, Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]
        ] = []
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.updates: list[dict[str, Any]] = []
        self.samples: list[tuple[Any, str | None, str]] = []
        self.early_stoppings: list[dict[str, Any]] = []
        self.errors: list[BaseException | str] = []
        self.attached: list[Any] = []
        self.closed = False
        self.ended_by: BaseException | None = None
        self.should_stop = False

    def log_batch(
        self,
        images: Any,
        preds: Any,
        loss: Any,
        *,
        targets: Any = None,
        accuracy: Any = None,
        epoch: int | None = None,
        step: int | None = None,
        ids: Any = None,
        per_sample_loss: Any = None,
    ) -> None:
        """Keep a batch."""
        if _is_beyond(step):
            return
        step = self._place.take_step(step)
        self._place.batch_logged()
        if isinstance(
            accuracy, Share
        ):  # an integration's, which stands only where there are classes
            told = self._capture.reading(loss, "loss")
            accuracy = self._capture.accuracy(accuracy, preds, targets, told).get()
        self._place.epoch = self._place.epoch_or(epoch)
        if _is_beyond(step):
            return
        self.batches.append(
            LoggedBatch(
                images=images,
                preds=preds,
                loss=loss,
                targets=targets,
                accuracy=accuracy,
                epoch=self._place.epoch,
                step=step,
                ids=ids,
                per_sample_loss=per_sample_loss,
            )
        )

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Keep named numbers."""
        if not isinstance(metrics, Mapping):
            raise UsageError(f"log({metrics!r}): not a mapping; give for example {{'norm': 1.5}}.")
        if _is_beyond(step):
            return
        values, without = self._named.read(metrics)
        at, _ = self._step_of_numbers(step, (*values, *without))
        if not _is_beyond(at):
            self.scalars.append((at, awaited(values)))

    def log_epoch(self, epoch: int | None = None, *, step: int | None = None, **means: Any) -> None:
        """Keep an epoch's means."""
        number = self._place.epoch_or(epoch)
        at = self._place.step_of(number, step)
        read = self.read_numbers(means)
        if not _is_beyond(at):
            self.epoch_steps.append(at)
            self.epochs.append((number, read))
        self._end_epoch(None, number)

    def log_validation(
        self, epoch: int | None = None, *, step: int | None = None, **values: Any
    ) -> None:
        """Keep a validation's result."""
        number = self._place.epoch_or(epoch)
        at = self._place.step_of(number, step)
        found = {validation_name(n) or n: v for n, v in self.read_numbers(values).items()}
        if not _is_beyond(at):
            self.validation_steps.append(at)
            self.validations.append((number, found))

    def log_message(
        self, level: str, text: str, *, step: int | None = None, source: str = ""
    ) -> None:
        """Keep a line."""
        super().log_message(level, text, step=step, source=source)
        self.message_steps.append(self._place.last_step_or(step))
        self.messages.append((level, text))

    def log_round(
        self,
        round: int,  # the field's word
        total_rounds: int,
        metrics: Mapping[str, Any],
        fit: Mapping[str, Any] | None = None,
        eval: Mapping[str, Any] | None = None,
        *,
        client: str = "",
        phase: str = "end",
    ) -> None:
        """Keep a federated round, or a client's part."""
        whole("round", round)
        whole("total_rounds", total_rounds)
        metrics, fit, eval = (self.read_numbers(given or {}) for given in (metrics, fit, eval))
        if client or phase != "end":
            self.client_rounds.append((client, phase, round, metrics, fit, eval))
        else:
            self.rounds.append((round, total_rounds, metrics, fit, eval))

    def log_sample(
        self,
        image: Any,
        prompt: str | None = None,
        kind: str = "default",
        *,
        step: int | None = None,
    ) -> None:
        """Keep a generated picture."""
        self.sample_steps.append(self._place.last_step_or(step))
        self.samples.append((image, prompt, kind))

    def log_early_stopping(
        self,
        epoch: int,
        best_value: float | None = None,
        metric: str = "",
        patience: int | None = None,
        reason: str = "",
        *,
        step: int | None = None,
    ) -> None:
        """Keep that the training stopped early."""
        super().log_early_stopping(epoch, best_value, metric, patience, reason, step=step)
        self.early_stoppings.append(
            {
                "epoch": epoch,
                "best_value": best_value,
                "metric": metric,
                "patience": patience,
                "reason": reason,
            }
        )

    def log_event(
        self,
        kind: str,
        message: str = "",
        fields: Mapping[str, Any] | None = None,
        *,
        step: int | None = None,
    ) -> None:
        """Keep that something happened."""
        super().log_event(kind, message, fields, step=step)
        self.event_steps.append(self._place.last_step_or(step))
        self.events.append((kind, message, dict(fields or {})))

    def log_error(self, error: BaseException | str, *, step: int | None = None) -> None:
        """Keep an error."""
        super().log_error(error, step=step)
        self.errors.append(error)

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
        """Keep what became known."""
        known = {
            "config": config,
            "class_names": class_names,
            "total_epochs": total_epochs,
            "batches_per_epoch": batches_per_epoch,
            "batch_size": batch_size,
            "run": run,
        }
        given: dict[str, Any] = {name: v for name, v in known.items() if v is not None}
        super().update(**given)
        if class_names is not None:
            self._capture.name_classes(read_class_names(class_names))
        self.updates.append(given)

    def resume_state(self) -> dict[str, Any]:
        """Return a state that another `RecordingMonitor` finds in its options, and begins at its step."""
        rates = self._steering.rates_state()
        return ResumeState(
            "recorded", "recorded", self._place.step, self._place.epoch, rates
        ).as_dict()

    def attach(self, target: Any, scheduler: Any = None) -> None:
        """Keep an optimizer or batch sampler."""
        super().attach(target, scheduler)
        self.attached.append(target)

    def set_status(self, status: str, message: str = "") -> None:
        """Keep a status."""
        super().set_status(status, message)
        self.statuses.append((status, message))

    def close(self, timeout: float = 2.0) -> bool:
        """Note that it was closed."""
        return self.close_after(None, timeout)

    def close_after(self, error: BaseException | None, timeout: float = 2.0) -> bool:
        """Note that it was closed, and by what."""
        if not self.closed:
            self.closed, self.ended_by = True, error
        return True

    @property
    def should_stop(self) -> bool:
        """Whether the test asked for a stop."""
        return self._stop

    @should_stop.setter
    def should_stop(self, stop: bool) -> None:
        self._stop = stop


def _is_beyond(step: Any) -> bool:
    return step_beyond(step, MAX_STEP) is not None
