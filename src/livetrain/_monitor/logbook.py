"""What the training says: batches, numbers, epochs, messages and samples."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from livetrain import _records
from livetrain._delivery.line import SMALL_BYTES, Lane
from livetrain._engine import Engine
from livetrain._metric_names import metric_name
from livetrain._monitor.base import Base
from livetrain._monitor.event_fields import TEXT_CHARS, WORD_CHARS, event_fields
from livetrain._monitor.numbers import Numbers
from livetrain._monitor.place import whole
from livetrain._text import text_of
from livetrain.exceptions import UsageError
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Logbook"]

_PHASES = ("start", "progress", "end")
_LINE_CHARS = 10_000  # of a log line or an error
_SOURCE_CHARS = 256


class Logbook(Base):
    """The methods that record something."""

    _empty_epochs_told = False

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
        """Show a batch: 16 of its images with what the model made of them, and its loss.

        Copies what it shows and returns; everything else happens in the background. Never raises on data.

        Args:
            images: the batch, ``(N, H, W, C)``, ``(N, C, H, W)`` or ``(N, H, W)``, any numeric dtype, any array or
                tensor type, or a list of images. None: no pictures.
            preds: logits, log-probabilities or probabilities ``(N, classes)``, class indices ``(N,)``, binary scores ``(N,)``, or a
                list of (label, confidence). None: no predictions.
            loss: the batch's loss, a number or a tensor of one; NaN and infinity are recorded as such. None: none.
            targets: the true class indices ``(N,)``; what no column stands for (-1, -100, 255) is ignored. None: not known.
            accuracy: 0 to 1. None: worked out where `preds` are scores of classes and `targets` their indices. Whether outputs of
                shape ``(N, K)`` are such scores is taken from `class_names` or the loss; what only looks like them, as an
                embedding does, has no accuracy and no labels. Giving one says that they are.
            epoch: None: the one after the last `log_epoch`.
            step: the global step, from 0. None: one more than the last.
            ids: what identifies each sample, ``(N,)``. None: nothing.
            per_sample_loss: ``(N,)``. None: not known; in a list, None: not known of that sample.

        Raises:
            UsageError: `step` or `epoch` is not a whole number from 0.

        Example:
            >>> import numpy as np, livetrain
            >>> monitor = livetrain.Monitor(enabled=False)
            >>> monitor.log_batch(np.zeros((16, 8, 8), np.uint8), np.zeros((16, 10)), loss=2.3)
        """
        engine = self._engine
        if engine is None:
            return
        started = time.perf_counter()
        if step is not None and engine.refuses_step(step, ("loss",)):
            return
        this_step = self._place.take_step(step)
        self._place.epoch = self._place.epoch_or(epoch)
        if step is None and engine.refuses_step(this_step, ("loss",)):
            self._place.batch_logged()
            return
        captured_size = 0
        try:
            now = time.monotonic()
            shown = images is not None and engine.pictures
            reason = engine.admit(now, shown)
            captured = engine.capture.take(
                images,
                preds,
                loss=loss,
                targets=targets,
                accuracy=accuracy,
                ids=ids,
                per_sample_loss=per_sample_loss,
                with_images=shown and reason == pb.STRIP_REASON_NONE,
            )
            captured_size = captured.batch_size
            engine.put_batch(
                captured, reason or captured.reason, this_step, self._place.epoch, self._place.batch
            )
            engine.metering.batch_logged(now, this_step)
        except Exception as error:
            # Ours, not the training's: counted, said once a minute, never raised.
            engine.problem("internal_error", f"livetrain could not record a batch: {error!r}")
        self._place.batch_logged()
        engine.metering.spent(time.perf_counter() - started)
        self._boundary(engine, captured_size)

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Record named numbers.

        Args:
            metrics: name to number, or to an array or tensor of one; each is kept as the nearest double, NaN and infinities
                too. A mapping in it gives ``outer/inner``, None is left out. What is no number is left out with a warning that
                names it, and costs no other.
            step: None: that of the last `log_batch`, or the one that a loop over `steps` is on. Before the first batch: the first
                batch's, and where a name comes again, one more. So ``lr`` and ``loss`` of one turn have one step, and a training
                that only logs numbers counts 0, 1, 2 and so on.

        Raises:
            UsageError: `metrics` is not a mapping, or `step` not a whole number from 0.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).log({"gradient_norm": 1.5, "loss": {"box": 0.25, "class": 0.5}})
        """
        engine = self._engine
        if engine is None:
            return
        started = time.perf_counter()
        if not isinstance(metrics, Mapping):
            raise UsageError(
                f"log({metrics!r}): not a mapping; give for example {{'gradient_norm': 1.5}}."
            )
        if step is not None and engine.refuses_step(step, metrics):
            return
        try:
            at, begins = self._put_numbers(engine, metrics, step)
        except UsageError:
            raise
        except Exception as error:
            engine.problem("internal_error", f"livetrain could not record numbers: {error!r}")
            return
        engine.metering.spent(time.perf_counter() - started, at)
        if begins:
            self._boundary(engine)

    def log_epoch(self, epoch: int | None = None, *, step: int | None = None, **means: Any) -> None:
        """Record an epoch's means; the next batch belongs to the next epoch.

        Args:
            epoch: None: the one that the last batches belonged to.
            step: None: that of the last batch.
            **means: ``loss``, ``accuracy``, ``learning_rate`` (``lr`` too) and any other, shown as ``epoch/NAME``; what begins with
                ``val_`` or ``val/`` is a validation's, and shown as ``val/NAME``. None is left out.

        Raises:
            UsageError: `epoch` or `step` is not a whole number from 0.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).log_epoch(0, loss=0.5, accuracy=0.9, val_loss=0.6, val_ppl=12.5)
        """
        engine = self._engine
        if engine is None:
            return
        started = time.perf_counter()
        number = self._place.epoch_or(epoch)
        at = self._place.step_of(number, step)
        if self._ran_empty(step):
            return
        values, _ = self._numbers(engine, means)
        if not engine.refuses_step(at, means):
            engine.put(_records.epoch(number, at, values), Lane.CRITICAL)
            engine.metering.last_step = at
        self._end_epoch(engine, number)
        engine.metering.spent(time.perf_counter() - started)

    def log_validation(
        self, epoch: int | None = None, *, step: int | None = None, **values: Any
    ) -> None:
        """Record a validation's result, shown as ``val/NAME``.

        Args:
            epoch: None: the current one.
            step: None: that of the last batch.
            **values: ``loss``, ``accuracy`` and any other number, with ``val_`` before it or without. None is left out.

        Raises:
            UsageError: `epoch` or `step` is not a whole number from 0.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).log_validation(step=50, loss=0.6, accuracy=0.88)
        """
        engine = self._engine
        if engine is None:
            return
        started = time.perf_counter()
        number = self._place.epoch_or(epoch)
        at = self._place.step_of(number, step)
        if self._ran_empty(step):
            return
        numbers, _ = self._numbers(engine, values)
        if not engine.refuses_step(at, values):
            engine.put(_records.validation(number, at, numbers))
        engine.metering.spent(time.perf_counter() - started)

    def _ran_empty(self, step: int | None) -> bool:
        """Whether what is logged would be of an epoch without a batch, after a stop; said once."""
        if step is not None or not self._place.ran_empty:
            return False
        if not self._empty_epochs_told:
            self._empty_epochs_told = True
            by = self._steering.control.stopping.by
            self.log_message("info", f"{by}: epochs that ran empty after it are not recorded")
        return True

    def log_message(
        self, level: str, text: str, *, step: int | None = None, source: str = ""
    ) -> None:
        """Record a line of the training's log.

        Args:
            level: debug, info, warning, error or critical.
            text: up to 10,000 characters of it are kept.
            step: None: that of the last batch.
            source: what wrote it, such as ``"sampler"``; empty: the training itself.

        Raises:
            UsageError: another level, or `step` is not a whole number from 0.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).log_message("warning", "the gradient vanishes", step=100)
        """
        if level not in _records.LEVELS:
            raise UsageError(
                f"log_message({level!r}, ...): no such level; give one of {', '.join(_records.LEVELS)}."
            )
        line = text_of(text, _LINE_CHARS)
        at = self._place.last_step_or(step)
        self._put(
            _records.log(level, line, text_of(source, _SOURCE_CHARS), step=at),
            size=SMALL_BYTES + len(line),
        )

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
        """Record a federated round, or one client's part in it.

        Args:
            round: from 1, or 0 for what was measured before the first.
            total_rounds: how many there will be.
            metrics: name to number.
            fit: those of its fit. None: there are none.
            eval: those of its evaluation. None: there are none.
            client: whose part this is. Empty: the whole round.
            phase: ``"start"``, ``"progress"`` or ``"end"``.

        Raises:
            UsageError: `round` or `total_rounds` is not a whole number from 0, or another phase.

        Example:
            >>> import livetrain
            >>> monitor = livetrain.Monitor(enabled=False)
            >>> monitor.log_round(1, 10, {"accuracy": 0.7}, fit={"loss": 0.9})
            >>> monitor.log_round(1, 10, {}, fit={"loss": 0.8}, client="7", phase="progress")
        """
        if phase not in _PHASES:
            raise UsageError(
                f"log_round(..., phase={phase!r}): no such phase; give one of {', '.join(_PHASES)}."
            )
        if (engine := self._engine) is not None:
            started = time.perf_counter()
            numbers = [self._numbers(engine, m)[0] for m in (metrics, fit or {}, eval or {})]
            engine.put(
                _records.round_(
                    whole("round", round),
                    whole("total_rounds", total_rounds),
                    *numbers,
                    client=metric_name(client),
                    phase=phase,
                ),
                Lane.CRITICAL if phase == "end" and not client else Lane.DURABLE,
            )
            engine.metering.spent(time.perf_counter() - started)

    def log_sample(
        self,
        image: Any,
        prompt: str | None = None,
        kind: str = "default",
        *,
        step: int | None = None,
    ) -> None:
        """Record a generated picture, whole; what cannot be an image is recorded with the reason.

        Copies the image and returns; it is encoded in the background.

        Args:
            image: as one of those that `log_batch` takes; shown at 2048 pixels at most.
            prompt: what it was made from. None: not said.
            kind: ``"default"`` or ``"custom"``.
            step: None: that of the last batch.

        Raises:
            UsageError: `step` is not a whole number from 0.

        Example:
            >>> import numpy as np, livetrain
            >>> livetrain.Monitor(enabled=False).log_sample(np.zeros((64, 64, 3), np.uint8), "a dog", step=100)
        """
        engine = self._engine
        if engine is None:
            return
        started = time.perf_counter()
        at = self._place.last_step_or(step)
        text = "" if prompt is None else text_of(prompt, _LINE_CHARS)
        write = _records.sample(
            uuid.uuid4().hex, text, text_of(kind, WORD_CHARS), at, self._place.epoch
        )
        engine.put_sample(image, write)
        engine.metering.spent(time.perf_counter() - started)

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
        """Record that the training stopped early, and what made it; `step` None: at the last batch.

        Raises:
            UsageError: `step` is not a whole number from 0.
        """
        at = self._place.last_step_or(step)
        given = {"epoch": epoch, "best_value": best_value, "metric": metric, "patience": patience}
        fields = event_fields(given, empty=False)
        message = text_of(reason, TEXT_CHARS) or "stopped early"
        self._put(_records.event("early_stopping", message, fields, at), Lane.CRITICAL)

    def log_event(
        self,
        kind: str,
        message: str = "",
        fields: Mapping[str, Any] | None = None,
        *,
        step: int | None = None,
    ) -> None:
        """Record that something happened, such as a checkpoint; it is listed, and marked at its step.

        Args:
            kind: a word, e.g. ``"checkpoint"``.
            message: a sentence. Empty: the kind says it all.
            fields: its particulars, name to whatever has a text; None is left out, and so is what comes after 200 of them.
            step: None: that of the last batch.

        Raises:
            UsageError: `kind` is empty or not text, `fields` is not a mapping, or `step` not a whole number from 0.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).log_event("checkpoint", "best so far", {"path": "best.pt"})
        """
        if not isinstance(kind, str) or not kind:
            raise UsageError(f"log_event({kind!r}): no kind; give a word such as 'checkpoint'.")
        if fields is not None and not isinstance(fields, Mapping):
            raise UsageError(
                f"log_event(..., fields={fields!r}): not a mapping; give for example {{'path': 'best.pt'}}."
            )
        self._put(
            _records.event(
                text_of(kind, WORD_CHARS),
                text_of(message, TEXT_CHARS),
                event_fields(fields or {}),
                self._place.last_step_or(step),
            ),
            Lane.CRITICAL,
        )

    def log_error(self, error: BaseException | str, *, step: int | None = None) -> None:
        """Record an error of the training; the run goes on unless `set_status("failed")` says otherwise.

        Args:
            error: what was raised, or a sentence.
            step: None: that of the last batch.

        Raises:
            UsageError: `step` is not a whole number from 0.
        """
        kind = type(error).__name__ if isinstance(error, BaseException) else ""
        self._put(
            _records.event(
                "error",
                text_of(error, _LINE_CHARS),
                {"type": kind} if kind else {},
                self._place.last_step_or(step),
            ),
            Lane.CRITICAL,
        )

    def _put_numbers(
        self, engine: Engine, metrics: Mapping[Any, Any], step: int | None
    ) -> tuple[int, bool]:
        """Hand named numbers over; return their step, and whether they begin it."""
        epoch = self._place.epoch
        # A dictionary of plain numbers under names that were read before is not read again.
        shape = engine.shape_of(metrics) if type(metrics) is dict else None
        if shape is not None:
            at, begins = self._step_of_numbers(step, shape.names)
            if at > engine.max_step and engine.refuses_step(at, shape.names):
                return engine.max_step, begins
            if not engine.put_row(shape, at, metrics.values(), epoch):
                engine.put_numbers(at, self._numbers(engine, metrics)[0], epoch)
            return at, begins
        values, without = self._numbers(engine, metrics)
        names = values.keys() if not without else (*values, *without)
        at, begins = self._step_of_numbers(step, names)
        if at > engine.max_step and engine.refuses_step(at, names):
            return engine.max_step, begins
        engine.put_numbers(at, values, epoch)
        return at, begins

    def _numbers(self, engine: Engine, values: Mapping[Any, Any]) -> tuple[Numbers, Sequence[str]]:
        """Return numbers by their names, and the names that came without one.

        A number on a device is read later, in the background: reading it here would wait for the device.
        """
        try:
            return self._named.read(values)
        except Exception as error:  # a mapping of the user's own that fails
            engine.problem("unreadable", f"livetrain could not read logged numbers: {error!r}")
            return {}, ()
