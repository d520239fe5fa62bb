"""One training of a Keras model: what is read at each of its moments, and given to the monitor."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from livetrain._frameworks.batch import batch_length, find_logits
from livetrain._frameworks.guard import harmless
from livetrain._frameworks.own_rates import OwnRates
from livetrain._frameworks.reader import BatchReader
from livetrain._frameworks.settings import Settings
from livetrain._frameworks.training import Training, positive
from livetrain._keras.loss_tap import LossTap
from livetrain._keras.optimizer import KerasGroup, has_schedule
from livetrain.config import from_environment

__all__ = ["Session"]

_log = logging.getLogger("livetrain")

_MEND = "the model's answer needs class scores of shape (samples, classes)"


class Session:
    """One training, from its first batch to its end; or one evaluation without a training.

    Args:
        settings: the user's.
        model: the user's.
        params: what Keras tells its callbacks: ``epochs`` and ``steps``.
        resume: the run to go on with; None: a new one.
        training: False: nothing is trained.

    Raises:
        ConfigurationError: an option of the monitor cannot work.
    """

    def __init__(
        self,
        settings: Settings,
        model: Any,
        params: Mapping[str, Any] | None,
        resume: Mapping[str, Any] | None,
        *,
        training: bool,
    ) -> None:
        params = params or {}
        known = {
            "run": from_environment(os.environ).run or model.name,
            "config": {"model": _describe(model)},
            "total_epochs": positive(params.get("epochs")) if training else None,
            "batches_per_epoch": positive(params.get("steps")) if training else None,
            "resume": resume,
        }
        self.monitor = settings.open(known)
        if training:
            self.monitor.expect_end()
        self._model = model
        self._training = Training(self.monitor)
        self._reader = BatchReader(settings.owner, settings.read_batch, _MEND)
        self._tap = LossTap()
        self._epoch = 0
        self._epoch_start = self._step = int(self.monitor.resume_state()["step"])
        self._rate: Any = None
        self._rates: OwnRates | None = None
        if not training:
            return
        if _is_compiled(model):
            _log.warning(
                "LiveTrainCallback shows loss and metrics alone, since Keras compiles the training step; "
                "give model.compile(run_eagerly=True) to see batches."
            )
        else:
            self._tap.attach(model)
        if "learning_rate" in settings.let_set and getattr(model, "optimizer", None) is not None:
            if has_schedule(model):
                self.monitor.log_message(
                    "info",
                    "the learning rate cannot be set: the optimizer has a LearningRateSchedule, which Keras lets nobody override",
                )
            else:
                group = KerasGroup(model)
                self._rates = OwnRates(lambda: [group])
                self.monitor.attach(self._rates)

    @harmless
    def begin_epoch(self, epoch: int) -> None:
        """Note which epoch the next batches belong to."""
        self._epoch, self._epoch_start = epoch, self._step

    @harmless
    def begin_batch(self) -> None:
        """See that a rate that was set holds, and note the one that the batch is learned with."""
        if self._rates is not None:
            self._rates.take_back()
        rate: Any = getattr(self._model.optimizer, "learning_rate", None)
        rate = getattr(rate, "value", rate)
        # It may be a variable that is overwritten in place.
        self._rate = rate.detach().clone() if hasattr(rate, "detach") else rate

    @harmless
    def end_batch(self, batch: int, logs: Mapping[str, Any]) -> None:
        """Log one batch, or the last of several that one call trained."""
        step = self._epoch_start + batch
        self._step = step + 1
        seen = self._tap.take()
        numbers = {name: value for name, value in logs.items() if name not in ("loss", "accuracy")}
        if self._rate is not None:
            numbers["learning_rate"] = self._rate
        if seen is None:
            self._training.batch(
                None,
                None,
                logs.get("loss"),
                targets=None,
                epoch=self._epoch,
                step=step,
                numbers=numbers,
            )
            return
        images, targets = self._reader.read((seen.x, seen.y))
        logits = find_logits(seen.predictions, batch_length(images if targets is None else targets))
        self._training.batch(
            images,
            logits,
            seen.loss,
            targets=targets,
            epoch=self._epoch,
            step=step,
            numbers=numbers,
        )
        self._reader.check((seen.x, seen.y), images, logits)

    @harmless
    def end_epoch(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Log an epoch, and the validation that Keras puts beside it."""
        if self._rates is not None:
            self._rates.lend()
        own = {n: v for n, v in logs.items() if not n.startswith("val_") and n != "learning_rate"}
        self._training.end_epoch(epoch, own)
        found = {n.removeprefix("val_"): v for n, v in logs.items() if n.startswith("val_")}
        self._training.validated(epoch, found)

    @harmless
    def end_test(self, logs: Mapping[str, Any]) -> None:
        """Log an evaluation at the last step of the training."""
        if logs:
            self.monitor.log({f"test/{n}": v for n, v in logs.items()}, step=max(self._step - 1, 0))

    @harmless
    def finish(self, error: BaseException | None) -> None:
        """Let go of the model and the server."""
        if self._rates is not None:
            self._rates.take_back()
        self._tap.detach()
        stopped = getattr(self._model, "stop_training", False) and not self.monitor.should_stop
        if stopped and error is None and self._step > self._epoch_start:
            self.monitor.log_early_stopping(self._epoch, reason="a callback stopped the training")
        self.monitor.close_after(error)


def _is_compiled(model: Any) -> bool:
    import keras

    if keras.backend.backend() == "torch":
        return bool(model.jit_compile)
    return not model.run_eagerly or keras.backend.backend() == "jax"


def _describe(model: Any) -> dict[str, Any]:
    described = {"class": type(model).__name__}
    optimizer = getattr(model, "optimizer", None)
    if model.built:
        described["parameters"] = model.count_params()
    if optimizer is not None:
        described["optimizer"] = type(optimizer).__name__
    return described
