"""The Ultralytics integration: callbacks for a YOLO model's training."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from livetrain._ending import Unfinished, error_under_way
from livetrain._frameworks.batch import batch_length, find_logits
from livetrain._frameworks.figures import learning_rates
from livetrain._frameworks.guard import harmless
from livetrain._frameworks.hook import Hook
from livetrain._frameworks.settings import Settings, given_options
from livetrain._frameworks.training import Training, labels_of
from livetrain._monitor import Monitor
from livetrain.config import from_environment
from livetrain.exceptions import LivetrainError

__all__ = ["LiveTrainCallbacks"]

_EVENTS = (
    "train_start",
    "train_batch_start",
    "train_batch_end",
    "fit_epoch_end",
    "model_save",
    "train_end",
)


class LiveTrainCallbacks:
    """Shows the training of an Ultralytics model live: ``LiveTrainCallbacks().add_to(model)`` before ``model.train(...)``.

    It sees each batch by a forward hook, and for classification what the model made of it; it changes nothing in the training. For
    detection and the other tasks pictures, losses and metrics are shown, and no classes. Of several GPUs, which Ultralytics
    trains on in processes of its own, nothing is seen.

    Args:
        run: the run's name. None: ``$LIVETRAIN_RUN``, else the task and the name of Ultralytics' own folder.
        server: ``"host:port"`` of the server. None: ``$LIVETRAIN_SERVER``, else ``127.0.0.1:50051``.
        project: what the run is listed under. None: ``$LIVETRAIN_PROJECT``, else ``"default"``.
        monitor_factory: makes the monitor, e.g. :class:`livetrain.testing.RecordingMonitor`. None: :class:`livetrain.Monitor`.
        **monitor_options: any other argument of :class:`livetrain.Monitor`.

    Raises:
        TypeError: an argument that :class:`livetrain.Monitor` does not have.

    What is logged:

    ============================== ============ ==================================================================
    key                            unit         when
    ============================== ============ ==================================================================
    ``loss``                       the losses'  each batch, the sum of the parts
    ``loss/PART``                  its own      each batch, e.g. ``loss/box_loss``, where there are several
    ``accuracy``                   share, 0..1  each batch, for classification
    ``learning_rate/GROUP``        1            each batch; ``learning_rate`` where there is one parameter group
    ``epoch/loss``                 the losses'  each epoch, mean over its batches
    ``val/NAME``                   its own      each epoch's validation, e.g. ``val/accuracy_top1``, ``val/mAP50(B)``
    ============================== ============ ==================================================================

    A step is a batch, counted through all epochs. Each saved model is an event. The page can set the learning rate, and stop
    between two batches. Ultralytics tells of no error: a run that an exception ended, caught or not, is marked failed
    when the process ends.

    Attributes:
        monitor: the monitor of the training that runs, or ran last; None before the first.

    Example:
        >>> model = YOLO("yolo11n-cls.yaml")  # doctest: +SKIP
        >>> LiveTrainCallbacks().add_to(model)  # doctest: +SKIP
        >>> model.train(data="digits")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        run: str | None = None,
        server: str | None = None,
        project: str | None = None,
        monitor_factory: Callable[..., Monitor] | None = None,
        **monitor_options: Any,
    ) -> None:
        owner = "LiveTrainCallbacks"
        options = given_options(owner, run, server, project, monitor_options)
        self._settings = Settings(owner=owner, options=options, monitor_factory=monitor_factory)
        self._training: Training | None = None
        self._batch: Any = None
        self._logits: Any = None
        self.monitor: Monitor | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # Ultralytics copies what hangs on a model; threads and connections stay behind.
        return _again, (self._settings,)

    def add_to(self, model: Any) -> None:
        """Have a model's next trainings shown."""
        for event in _EVENTS:
            act = getattr(self, f"_{event}")
            but = (LivetrainError,) if event == "train_start" else ()
            model.add_callback(f"on_{event}", harmless(act, but=but))

    def _train_start(self, trainer: Any) -> None:
        if self._training is not None:
            self._finish(error_under_way() or Unfinished())
        args = {n: v for n, v in vars(trainer.args).items() if v is not None}
        self.monitor = self._settings.open(
            {
                "run": from_environment(os.environ).run
                or f"{args.get('task')} {trainer.save_dir.name}",
                "config": args,
                "class_names": labels_of(trainer.data.get("names")),
                "total_epochs": trainer.epochs,
                "batches_per_epoch": len(trainer.train_loader),
                "batch_size": trainer.batch_size if trainer.batch_size > 0 else None,
            }
        )
        self.monitor.expect_end()
        self._training, self._batch, self._logits, self._step = (
            Training(self.monitor),
            None,
            None,
            0,
        )
        self._rates: dict[str, Any] = {}
        self._open_epoch: int | None = None
        self._classifies = args.get("task") == "classify"
        harmless(self.monitor.attach)(trainer.optimizer)
        module = getattr(trainer.model, "module", trainer.model)  # of what several processes share
        self._handles = [module.register_forward_hook(Hook(self._see_batch))]
        if self._classifies:
            self._handles.append(module.model[-1].register_forward_hook(Hook(self._see_head)))

    def _see_batch(self, module: Any, given: tuple[Any, ...], output: Any) -> None:
        if module.training and given:
            self._batch = given[0] if isinstance(given[0], Mapping) else {"img": given[0]}

    def _see_head(self, module: Any, given: Any, output: Any) -> None:
        if module.training and hasattr(output, "detach"):
            self._logits = output.detach()

    def _train_batch_start(self, trainer: Any) -> None:
        self._rates = learning_rates([trainer.optimizer])

    def _train_batch_end(self, trainer: Any) -> None:
        if self._training is None:
            return
        batch, self._batch = self._batch, None
        logits, self._logits = self._logits, None
        batch = batch if batch is not None else {}
        images = batch.get("img")
        targets = batch.get("cls") if self._classifies else None
        parts = trainer.loss_items if isinstance(trainer.loss_items, Mapping) else {}
        loss = sum(parts.values()) if parts else trainer.loss.detach()
        several = {f"loss/{name}": part for name, part in parts.items()} if len(parts) > 1 else {}
        self._open_epoch = trainer.epoch
        self._training.batch(
            images,
            find_logits(logits, batch_length(images)),
            loss,
            targets=targets,
            epoch=trainer.epoch,
            step=self._step,
            numbers={**several, **self._rates},
        )
        self._step += 1
        if self._training.monitor.should_stop:
            trainer.stop = True

    def _fit_epoch_end(self, trainer: Any) -> None:
        if self._training is None or self._open_epoch is None:
            return  # the last look at the best model belongs to no epoch
        epoch, self._open_epoch = self._open_epoch, None
        self._training.end_epoch(epoch, {})
        found = {
            n.removeprefix("metrics/").removeprefix("val/"): v for n, v in trainer.metrics.items()
        }
        self._training.validated(epoch, found)

    def _model_save(self, trainer: Any) -> None:
        if self._training is not None:
            best = trainer.best_fitness == trainer.fitness
            fields = {"path": trainer.best if best else trainer.last, "fitness": trainer.fitness}
            self._training.monitor.log_event(
                "checkpoint", "best so far" if best else "saved", fields
            )

    def _train_end(self, trainer: Any) -> None:
        self._finish(None)

    def _finish(self, error: BaseException | None) -> None:
        training, self._training = self._training, None
        if training is not None:
            for handle in self._handles:
                handle.remove()
            training.monitor.close_after(error)


def _again(settings: Settings) -> LiveTrainCallbacks:
    made = LiveTrainCallbacks()
    made._settings = settings
    return made
