"""One training under Lightning: what is read at each of its moments, and given to the monitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livetrain._frameworks.batch import batch_length, find_logits
from livetrain._frameworks.figures import has_rates, learning_rates
from livetrain._frameworks.guard import harmless
from livetrain._frameworks.metered import metered
from livetrain._frameworks.reader import BatchReader
from livetrain._frameworks.settings import Settings
from livetrain._frameworks.tap import ForwardTap
from livetrain._frameworks.training import Training
from livetrain._lightning.batch_size import LoaderSize
from livetrain._lightning.description import describe_training, stop_is_late
from livetrain._lightning.landmarks import Landmarks
from livetrain._lightning.logger import LiveTrainLogger
from livetrain._lightning.metrics import (
    FreshMetrics,
    epoch_metrics,
    evaluation_metrics,
    step_loss,
    step_metrics,
    validation_metrics,
)

__all__ = ["Config", "Session"]

_MEND = (
    "give submodule=, the name of the submodule whose output is the logits, "
    "or return {'loss': loss, 'logits': logits} from training_step"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(Settings):
    """What the user said.

    Attributes:
        submodule: the name of the one whose output is the logits; None: what looks like them.
        resume: whether a checkpoint leads back into the run that it was made in.
    """

    submodule: str | None = None
    resume: bool = True


class Session:
    """One training, from its first batch to its end; or one evaluation without a training.

    Args:
        trainer: Lightning's.
        module: the user's.
        config: the user's settings.
        resume: the run to go on with; None: a new one.
        known: what was known about the training that is evaluated; None: what the trainer knows now.
        training: False: nothing is trained, and this rank speaks alone.

    Raises:
        ConfigurationError: the submodule is not there, or an option of the monitor cannot work.
    """

    def __init__(
        self,
        trainer: Any,
        module: Any,
        config: Config,
        resume: Mapping[str, Any] | None = None,
        known: Mapping[str, Any] | None = None,
        *,
        training: bool = True,
    ) -> None:
        self._reader = BatchReader(config.owner, config.read_batch, _MEND)
        self._metrics = FreshMetrics()
        self._landmarks = Landmarks()
        self._open_epoch: int | None = None
        self._batch: Any = None
        self._images: Any = None
        self._targets: Any = None
        self._rates: dict[str, Any] = {}
        self._speaks = (
            trainer.global_rank == 0
        )  # for the run; the other ranks tell of their batches
        self._tap = ForwardTap()
        self._tap.attach(module, config.submodule)
        self.known = {**describe_training(trainer, module, training=training), **(known or {})}
        if "session" in config.options:
            self.known.pop("session", None)
        self._logger = next((x for x in trainer.loggers if isinstance(x, LiveTrainLogger)), None)
        try:
            self.monitor = (
                config.open({**self.known, "resume": resume})
                if self._logger is None
                else self._logger.join(
                    config, {**self.known, "resume": resume}, lambda: trainer.callback_metrics
                )
            )
        except BaseException:
            self._tap.detach()
            raise
        # The run is open, and nobody would end it if something raised from here on.
        self._training = Training(self.monitor)
        if "learning_rate" in config.let_set:
            for optimizer in filter(has_rates, trainer.optimizers):
                harmless(self.monitor.attach)(optimizer)
        self._size = (
            harmless(LoaderSize.attach)(trainer, module, self.monitor)
            if training and "batch_size" in config.let_set
            else None
        )

    @harmless
    def begin_epoch(self, trainer: Any) -> None:
        """Note which epoch the next batches belong to."""
        self.end_epoch(trainer)
        self._open_epoch = trainer.current_epoch
        if self._size is not None:
            self._size.begin_epoch(trainer)

    @harmless
    @metered
    def begin_batch(self, trainer: Any, batch: Any) -> None:
        """Read the batch, and watch for its logits."""
        if self._speaks:
            self._landmarks.tell(trainer, self.monitor)
        self._read(batch)
        self._rates = learning_rates(trainer.optimizers)
        self._tap.arm(batch_length(self._images if self._targets is None else self._targets))

    @harmless
    def lull(self) -> None:
        """The backward pass is next, which leaves Python alone: good for what works in the background."""
        self.monitor.lull()

    @harmless
    @metered
    def end_batch(self, trainer: Any, module: Any, outputs: Any, batch: Any) -> None:
        """Log one batch."""
        if batch is not self._batch:
            # A training_step that draws from the iterator itself: its batch is known only now.
            self._read(batch)
        images, targets = self._images, self._targets
        # The batch's memory belongs to the training again.
        self._batch = self._images = self._targets = None
        size = batch_length(images if targets is None else targets)
        seen = self._tap.take()
        logits = find_logits(outputs, size) if isinstance(outputs, Mapping) else None
        logits = seen if logits is None else logits
        logged = self._metrics.take(trainer.callback_metrics)
        # Automatic optimisation hands out the loss divided by the batches that one step of the optimizer takes together.
        divided_by = trainer.accumulate_grad_batches if module.automatic_optimization else 1
        self._training.batch(
            images,
            logits,
            step_loss(outputs, logged, divided_by),
            targets=targets,
            epoch=trainer.current_epoch,
            step=trainer.fit_loop.epoch_loop.total_batch_idx,
            numbers={**step_metrics(logged), **self._rates} if self._speaks else {},
            said=logged.get("accuracy"),
        )
        self._reader.check(batch, images, logits)

    def obey(self, trainer: Any) -> None:
        """Let every rank do what was asked for, and stop if that was it."""
        if trainer.world_size > 1:
            self.monitor.sync(trainer.strategy.broadcast)
        if self.monitor.should_stop:
            trainer.should_stop = True
            if why := stop_is_late(trainer):
                self.monitor.stop_is_late(why)

    @harmless
    def end_epoch(self, trainer: Any) -> None:
        """Log the epoch that was open, if one was.

        Called when the next one begins or the training ends: only then is what the module logs in its own
        ``on_train_epoch_end`` there, since Lightning asks callbacks before modules.
        """
        if self._open_epoch is None or not self._speaks:
            return
        self._landmarks.tell(trainer, self.monitor)
        epoch, self._open_epoch = self._open_epoch, None
        logged = self._metrics.take(trainer.callback_metrics)
        said = {"accuracy": logged["accuracy"]} if "accuracy" in logged else {}
        self._training.end_epoch(epoch, {**epoch_metrics(logged), **said})

    @harmless
    def end_validation(self, trainer: Any) -> None:
        """Log what the validation found."""
        values = validation_metrics(self._metrics.take(trainer.callback_metrics))
        if self._speaks:
            self._training.validated(trainer.current_epoch, values)

    @harmless
    def end_test(self, trainer: Any) -> None:
        """Log what the test found, at the last step of the training."""
        values = evaluation_metrics(self._metrics.take(trainer.callback_metrics), "test")
        if values:
            self.monitor.log(values, step=max(int(self.monitor.resume_state()["step"]) - 1, 0))

    @harmless
    def saving(self) -> None:
        """A checkpoint is being made."""
        self._landmarks.saving()

    @harmless
    def finish(self, trainer: Any, error: BaseException | None) -> None:
        """Let go of the module and the server; `error` is what ended the training, None: it came to its end."""
        self._tap.detach()
        if self._size is not None:
            self._size.detach()
        if self._speaks:
            harmless(self._landmarks.tell)(trainer, self.monitor)
        self.monitor.close_after(error)
        if self._logger is not None:
            self._logger.leave()

    def _read(self, batch: Any) -> None:
        self._batch = batch
        self._images, self._targets = self._reader.read(batch)
