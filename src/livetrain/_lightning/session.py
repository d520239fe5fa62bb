"""One training under Lightning: what is read at each of its moments, and given to the monitor."""

from __future__ import annotations

import logging
import math
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from livetrain._frameworks.batch import accuracy, batch_length, find_logits, read_batch
from livetrain._frameworks.figures import EpochMean, learning_rates
from livetrain._frameworks.tap import ForwardTap
from livetrain._lightning.metrics import (
    FreshMetrics,
    epoch_metrics,
    step_loss,
    step_metrics,
    validation_metrics,
)
from livetrain._monitor import Monitor
from livetrain.config import from_environment

__all__ = ["Config", "Session"]

_log = logging.getLogger("livetrain")

ReadBatch = Callable[[Any], tuple[Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the user said: all that a callback consists of until a training begins, and all of it that is pickled."""

    options: Mapping[str, Any] = field(default_factory=dict)
    submodule: str | None = None
    read_batch: ReadBatch | None = None
    let_set: tuple[str, ...] = ()
    monitor_factory: Callable[..., Monitor] | None = None


class Session:
    """One training, from its first batch to its end.

    Raises:
        ConfigurationError: the submodule is not there, or an option of the monitor cannot work.
    """

    def __init__(self, trainer: Any, module: Any, config: Config) -> None:
        self._config = config
        self._tap = ForwardTap()
        self._tap.attach(module, config.submodule)
        try:
            self.monitor = (config.monitor_factory or Monitor)(
                **describe_training(trainer, module, config.options)
            )
        except BaseException:
            self._tap.detach()
            raise
        if "learning_rate" in config.let_set:
            for optimizer in trainer.optimizers:
                self.monitor.attach(optimizer)
        self._metrics = FreshMetrics()
        self._loss, self._accuracy = EpochMean(), EpochMean()
        self._open_epoch: int | None = None
        self._batch: Any = None
        self._images: Any = None
        self._targets: Any = None
        self._rates: dict[str, Any] = {}
        self._speaks = (
            trainer.global_rank == 0
        )  # for the run; the other ranks tell of their batches
        self._warned = False

    def begin_epoch(self, trainer: Any) -> None:
        """Note which epoch the next batches belong to."""
        self.end_epoch(trainer)
        self._open_epoch = trainer.current_epoch

    def begin_batch(self, trainer: Any, batch: Any) -> None:
        """Read the batch, and watch for its logits."""
        self._read(batch)
        self._rates = learning_rates(trainer.optimizers)
        self._tap.arm(batch_length(self._images if self._targets is None else self._targets))

    def end_batch(self, trainer: Any, module: Any, outputs: Any, batch: Any) -> None:
        """Log one batch."""
        if batch is not self._batch:
            # A training_step that draws from the iterator itself: its batch is known only now.
            self._read(batch)
        size = batch_length(self._images if self._targets is None else self._targets)
        seen = self._tap.take()
        logits = find_logits(outputs, size) if isinstance(outputs, Mapping) else None
        logits = seen if logits is None else logits
        logged = self._metrics.take(trainer.callback_metrics)
        # Automatic optimisation hands out the loss divided by the batches that one step of the optimizer takes together.
        divided_by = trainer.accumulate_grad_batches if module.automatic_optimization else 1
        loss, share = step_loss(outputs, logged, divided_by), accuracy(logits, self._targets)
        self._loss.add(loss, size)
        self._accuracy.add(share, size)

        step = trainer.fit_loop.epoch_loop.total_batch_idx
        self.monitor.log_batch(
            self._images,
            logits,
            loss,
            targets=self._targets,
            accuracy=share,
            epoch=trainer.current_epoch,
            step=step,
        )
        scalars = {**step_metrics(logged), **self._rates}
        if scalars and self._speaks:
            self.monitor.log(scalars, step=step)
        self._warn_once(batch, logits)
        # The batch's memory belongs to the training again.
        self._batch = self._images = self._targets = None

    def obey(self, trainer: Any) -> None:
        """Let every rank do what was asked for, and stop if that was it."""
        if trainer.world_size > 1:
            self.monitor.sync(trainer.strategy.broadcast)
        if self.monitor.should_stop:
            trainer.should_stop = True

    def end_epoch(self, trainer: Any) -> None:
        """Log the epoch that was open, if one was.

        Called when the next one begins or the training ends: only then is what the module logs in its own
        ``on_train_epoch_end`` there, since Lightning asks callbacks before modules.
        """
        if self._open_epoch is None or not self._speaks:
            return
        epoch, self._open_epoch = self._open_epoch, None
        metrics = epoch_metrics(self._metrics.take(trainer.callback_metrics))
        self.monitor.log_epoch(
            epoch, loss=self._loss.take(), accuracy=self._accuracy.take(), **metrics
        )

    def end_validation(self, trainer: Any) -> None:
        """Log what the validation found."""
        values = validation_metrics(self._metrics.take(trainer.callback_metrics))
        if values and self._speaks:
            self.monitor.log_validation(trainer.current_epoch, **values)

    def finish(self, error: BaseException | None) -> None:
        """Let go of the module and the server; `error` is what ended the training, None: it came to its end."""
        self._tap.detach()
        if isinstance(error, SystemExit) and not error.code:
            # Lightning's answer to SIGTERM has no exit code, and would look like a script's orderly end.
            error = SystemExit(f"ended by {type(error).__name__}")
        self.monitor.close_after(error)

    def _read(self, batch: Any) -> None:
        self._batch = batch
        reader = self._config.read_batch or read_batch
        try:
            self._images, self._targets = reader(batch)
        except Exception as error:  # the reader is the user's, or the batch is stranger than we thought: training goes on
            self._images = self._targets = None
            self._warn(
                f"read_batch could not read a batch of type {_kind(batch)} ({type(error).__name__}: {error}); "
                "it must return (images, targets), either None."
            )

    def _warn_once(self, batch: Any, logits: Any) -> None:
        mends = []
        if self._images is None:
            mends.append(
                f"no images in a batch of type {_kind(batch)} (give read_batch=, a function batch -> (images, targets))"
            )
        if logits is None:
            mends.append(
                "no predictions (give submodule=, the name of the submodule whose output is the logits, "
                "or return {'loss': loss, 'logits': logits} from training_step)"
            )
        if mends:
            self._warn(
                f"LiveTrainCallback found {' and '.join(mends)}; loss and metrics are shown all the same."
            )

    def _warn(self, sentence: str) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(sentence)


def describe_training(trainer: Any, module: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the monitor: the user's own, and beside them what Trainer and module know."""
    known: dict[str, Any] = {
        "run": from_environment(os.environ).run or type(module).__name__,
        "config": dict(getattr(module, "hparams", {})),
        "total_epochs": _positive(trainer.max_epochs),
        "batches_per_epoch": _positive(trainer.num_training_batches),
        "batch_size": _positive(getattr(trainer.train_dataloader, "batch_size", None)),
        "class_names": _class_names(trainer, module),
        "rank": trainer.global_rank,
        "world_size": trainer.world_size,
    }
    if trainer.world_size > 1 and "session" not in options:
        known["session"] = trainer.strategy.broadcast(uuid.uuid4().hex)
    return {**{name: value for name, value in known.items() if value is not None}, **options}


def _class_names(trainer: Any, module: Any) -> list[str] | None:
    """Return the names that the module, its data module or its data set keep, as torchvision's data sets do."""
    dataset = getattr(trainer.train_dataloader, "dataset", None)
    for owner, attribute in (
        (module, "class_names"),
        (trainer.datamodule, "class_names"),
        (dataset, "classes"),
    ):
        names = getattr(owner, attribute, None)
        if (
            isinstance(names, Sequence)
            and not isinstance(names, str)
            and names
            and all(isinstance(n, str) for n in names)
        ):
            return list(names)
    return None


def _positive(value: Any) -> int | None:
    """Return a count, None for the infinities, -1 and None that Lightning knows for "no end"."""
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
        return None
    return int(value)


def _kind(batch: Any) -> str:
    if isinstance(batch, Mapping):
        return f"{type(batch).__name__} with the keys {', '.join(map(str, batch))}"
    return type(batch).__name__
