"""What the training says: batches, numbers, epochs, messages and samples."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from livetrain import _records
from livetrain._delivery.line import SMALL_BYTES, Lane
from livetrain._engine import Engine
from livetrain._monitor.base import Base
from livetrain._monitor.place import whole
from livetrain.exceptions import UsageError
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Logbook"]

_PHASES = ("start", "progress", "end")
_NAME_CHARS = 256  # what the server takes as the name of a metric


class Logbook(Base):
    """The methods that record something."""

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
            targets: the true class indices ``(N,)``. None: not known.
            accuracy: 0 to 1. None: worked out from `preds` and `targets` where both are class scores and indices.
            epoch: None: the one after the last `log_epoch`.
            step: the global step, from 0. None: one more than the last.
            ids: what identifies each sample, ``(N,)``. None: nothing.
            per_sample_loss: ``(N,)``. None: not known.

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
        this_step = self._place.take_step(step)
        self._place.epoch = self._place.epoch_or(epoch)
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
            engine.batch_logged(now, this_step)
        except Exception as error:
            # Ours, not the training's: counted, said once a minute, never raised.
            engine.problem("internal_error", f"livetrain could not record a batch: {error!r}")
        self._place.batch_logged()
        engine.spent(time.perf_counter() - started)
        self._boundary(engine, captured_size)

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Record named numbers.

        Args:
            metrics: name to number, or to a tensor of one.
            step: None: that of the last `log_batch`, or the one that a loop over `steps` is on; without either, one more than
                the last.

        Raises:
            UsageError: `metrics` is not a mapping, or `step` not a whole number from 0.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).log({"gradient_norm": 1.5})
        """
        engine = self._engine
        if engine is None:
            return
        started = time.perf_counter()
        if not isinstance(metrics, Mapping):
            raise UsageError(
                f"log({metrics!r}): not a mapping; give for example {{'gradient_norm': 1.5}}."
            )
        at, alone = self._step_of_numbers(step)
        values = self._numbers(engine, metrics)
        engine.put(
            _records.scalars(at, values, self._place.epoch),
            Lane.POINT,
            SMALL_BYTES * (1 + len(values) // 4),
        )
        engine.spent(time.perf_counter() - started)
        if alone:
            self._boundary(engine)

    def log_epoch(self, epoch: int | None = None, **means: Any) -> None:
        """Record an epoch's means; the next batch belongs to the next epoch.

        Args:
            epoch: None: the one that the last batches belonged to.
            **means: ``loss``, ``accuracy``, ``learning_rate``, ``val_loss``, ``val_accuracy`` and any other; None is left out.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).log_epoch(0, loss=0.5, accuracy=0.9, val_loss=0.6)
        """
        engine = self._engine
        if engine is None:
            return
        number = self._place.epoch_or(epoch)
        engine.put(
            _records.epoch(number, self._place.step_of(number), self._numbers(engine, means)),
            Lane.CRITICAL,
        )
        self._end_epoch(engine, number)

    def log_validation(self, epoch: int | None = None, **values: Any) -> None:
        """Record a validation's result: ``loss``, ``accuracy`` and any other number; `epoch` None: the current one.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).log_validation(loss=0.6, accuracy=0.88)
        """
        engine = self._engine
        if engine is None:
            return
        number = self._place.epoch_or(epoch)
        engine.put(
            _records.validation(number, self._place.step_of(number), self._numbers(engine, values))
        )

    def log_message(self, level: str, text: str) -> None:
        """Record a line of the training's log; `level` is debug, info, warning, error or critical.

        Raises:
            UsageError: another level.
        """
        if level not in _records.LEVELS:
            raise UsageError(
                f"log_message({level!r}, ...): no such level; give one of {', '.join(_records.LEVELS)}."
            )
        line = str(text)[:10_000]
        self._put(_records.log(level, line), size=SMALL_BYTES + len(line))

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
            numbers = [self._numbers(engine, m) for m in (metrics, fit or {}, eval or {})]
            engine.put(
                _records.round_(
                    whole("round", round),
                    whole("total_rounds", total_rounds),
                    *numbers,
                    client=client,
                    phase=phase,
                ),
                Lane.CRITICAL if phase == "end" and not client else Lane.DURABLE,
            )

    def log_sample(self, image: Any, prompt: str | None = None, kind: str = "default") -> None:
        """Record a generated picture, whole; what cannot be an image is recorded with the reason.

        Copies the image and returns; it is encoded in the background.

        Args:
            image: as one of those that `log_batch` takes; shown at 2048 pixels at most.
            prompt: what it was made from. None: not said.
            kind: ``"default"`` or ``"custom"``.

        Example:
            >>> import numpy as np, livetrain
            >>> livetrain.Monitor(enabled=False).log_sample(np.zeros((64, 64, 3), np.uint8), "a dog")
        """
        engine = self._engine
        if engine is None:
            return
        started = time.perf_counter()
        step = self._place.last_step
        engine.put_sample(
            image, _records.sample(uuid.uuid4().hex, prompt or "", kind, step, self._place.epoch)
        )
        engine.spent(time.perf_counter() - started)

    def log_early_stopping(
        self,
        epoch: int,
        best_value: float | None = None,
        metric: str = "",
        patience: int | None = None,
        reason: str = "",
    ) -> None:
        """Record that the training stopped early, and what made it."""
        fields = {"epoch": epoch, "best_value": best_value, "metric": metric, "patience": patience}
        text = {key: str(value) for key, value in fields.items() if value not in (None, "")}
        self._put(
            _records.event(
                "early_stopping", reason or "stopped early", text, self._place.last_step
            ),
            Lane.CRITICAL,
        )

    def log_event(
        self, kind: str, message: str = "", fields: Mapping[str, Any] | None = None
    ) -> None:
        """Record that something happened, such as a checkpoint; it is listed, and marked at its step.

        Args:
            kind: a word, e.g. ``"checkpoint"``.
            message: a sentence. Empty: the kind says it all.
            fields: its particulars, name to whatever has a text; None is left out.

        Raises:
            UsageError: `kind` is empty or not text.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).log_event("checkpoint", "best so far", {"path": "best.pt"})
        """
        if not isinstance(kind, str) or not kind:
            raise UsageError(f"log_event({kind!r}): no kind; give a word such as 'checkpoint'.")
        text = {str(name): str(v)[:2000] for name, v in (fields or {}).items() if v is not None}
        self._put(
            _records.event(kind[:_NAME_CHARS], str(message)[:2000], text, self._place.last_step),
            Lane.CRITICAL,
        )

    def log_error(self, error: BaseException | str) -> None:
        """Record an error of the training; the run goes on unless `set_status("failed")` says otherwise."""
        kind = type(error).__name__ if isinstance(error, BaseException) else ""
        self._put(
            _records.event(
                "error", str(error)[:10_000], {"type": kind} if kind else {}, self._place.last_step
            ),
            Lane.CRITICAL,
        )

    def _numbers(self, engine: Engine, values: Mapping[str, Any]) -> dict[str, _records.Number]:
        # A number on a device is read later, in the background: reading it here would wait for the device.
        numbers: dict[str, _records.Number] = {}
        for given, value in values.items():
            name = str(given)[:_NAME_CHARS]
            if not name:
                engine.problem(
                    "unreadable", "A number was logged under an empty name; livetrain left it out."
                )
            elif type(value) is float or type(value) is int:
                numbers[name] = value
            elif value is not None:
                numbers[name] = engine.capture.reading(value)
        return numbers
