"""The fastai integration: a callback for its ``Learner``."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from livetrain._ending import Unfinished, error_under_way
from livetrain._frameworks.batch import batch_length, find_logits
from livetrain._frameworks.guard import harmless
from livetrain._frameworks.own_rates import OwnRates
from livetrain._frameworks.reader import BatchReader
from livetrain._frameworks.settings import Settings, given_options
from livetrain._frameworks.training import Training, class_names_of, positive
from livetrain._monitor import Monitor
from livetrain.config import from_environment
from livetrain.exceptions import LivetrainError

if TYPE_CHECKING:
    from fastai.callback.core import Callback, CancelFitException
else:
    try:
        from fastai.callback.core import Callback, CancelFitException
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "livetrain.fastai needs fastai: pip install 'livetrain[fastai]'."
        ) from error

__all__ = ["LiveTrainCallback"]

_MEND = "the model's answer needs class scores of shape (samples, classes)"


class LiveTrainCallback(Callback):  # type: ignore[misc]  # mypy does not follow fastai
    """Shows the training of a fastai ``Learner`` live; needs no argument.

    It reads inputs, targets, predictions and loss from the learner after each training batch, and changes nothing in the training.
    The learning rate finder and predictions are not shown.

    Args:
        run: the run's name. None: ``$LIVETRAIN_RUN``, else the model's class name.
        server: ``"host:port"`` of the server. None: ``$LIVETRAIN_SERVER``, else ``127.0.0.1:50051``.
        project: what the run is listed under. None: ``$LIVETRAIN_PROJECT``, else ``"default"``.
        read_batch: called as ``read_batch((*xb, *yb)) -> (images, targets)``, either None where there is none. None: tensors,
            sequences and mappings of the usual shapes and names are read.
        monitor_factory: makes the monitor, e.g. :class:`livetrain.testing.RecordingMonitor`. None: :class:`livetrain.Monitor`.
        **monitor_options: any other argument of :class:`livetrain.Monitor`.

    Raises:
        TypeError: an argument that :class:`livetrain.Monitor` does not have.

    What is logged:

    ============================== ============ ==================================================================
    key                            unit         when
    ============================== ============ ==================================================================
    ``loss``                       the loss's   each batch
    ``accuracy``                   share, 0..1  each batch with class scores and class indices
    ``learning_rate``              1            each batch, that of the last layer group
    ``epoch/loss``                 the loss's   each epoch, mean over its batches
    ``epoch/accuracy``             share, 0..1  each epoch, the same
    ``val/loss``, ``val/METRIC``   its own      each epoch's validation
    ============================== ============ ==================================================================

    A step is a batch, counted through all epochs of one ``fit``. A learning rate that the page set holds until the end of the
    ``fit``. fastai tells its callbacks of no error: a run that an exception ended, caught or not, is marked failed when the process
    ends, or the next training begins.

    Attributes:
        monitor: the monitor of the training that runs, or ran last; None before the first.

    Example:
        >>> learn = Learner(dls, model, cbs=[LiveTrainCallback()])  # doctest: +SKIP
    """

    order = 70  # after the schedulers and the recorder

    def __init__(
        self,
        *,
        run: str | None = None,
        server: str | None = None,
        project: str | None = None,
        read_batch: Callable[[Any], tuple[Any, Any]] | None = None,
        monitor_factory: Callable[..., Monitor] | None = None,
        **monitor_options: Any,
    ) -> None:
        super().__init__()
        owner = "LiveTrainCallback"
        settings = Settings(
            owner=owner,
            options=given_options(owner, run, server, project, monitor_options),
            read_batch=read_batch,
            monitor_factory=monitor_factory,
        )
        self._livetrain = _Fit(settings)

    @property
    def monitor(self) -> Monitor | None:
        """The monitor of the training that runs, or ran last; None before the first."""
        return self._livetrain.monitor

    def __getstate__(self) -> dict[str, Any]:
        # `Learner.export` pickles callbacks; threads and connections stay behind.
        return {**self.__dict__, "_livetrain": _Fit(self._livetrain.settings)}

    def before_fit(self) -> None:
        """Open the run."""
        self._close(error_under_way() or Unfinished())
        if not hasattr(self.learn, "lr_finder") and not hasattr(self.learn, "gather_preds"):
            harmless(self._open, but=(LivetrainError,))()

    def before_batch(self) -> None:
        """See that a rate which was set holds, whatever a scheduler wrote."""
        fit = self._livetrain
        if fit.training is not None and fit.rates is not None and self.training:
            fit.rates.take_back()

    def after_batch(self) -> None:
        """Log a training batch, and stop if someone asked for it."""
        training = self._livetrain.training
        if training is not None and self.training:
            harmless(self._log_batch)(training)
            if self._livetrain.rates is not None:
                self._livetrain.rates.lend()
            if training.monitor.should_stop:
                raise CancelFitException

    def after_epoch(self) -> None:
        """Log the epoch and its validation."""
        if self._livetrain.training is not None:
            harmless(self._log_epoch)(self._livetrain.training)

    def after_fit(self) -> None:
        """Close the run as completed."""
        self._close(None)

    def _open(self) -> None:
        fit, model, loaders = self._livetrain, self.learn.model, self.learn.dls
        monitor = fit.settings.open(
            {
                "run": from_environment(os.environ).run or type(model).__name__,
                "config": {"model": type(model).__name__, "optimizer": type(self.opt).__name__},
                "class_names": class_names_of((loaders, "vocab")),
                "total_epochs": positive(self.learn.n_epoch),
                "batches_per_epoch": positive(len(loaders.train)),
                "batch_size": positive(getattr(loaders.train, "bs", None)),
            }
        )
        fit.begin(monitor, self.opt)

    def _log_batch(self, training: Training) -> None:
        fit = self._livetrain
        batch = (*map(_plain, self.learn.xb), *map(_plain, self.learn.yb))
        images, targets = fit.reader.read(batch)
        logits = find_logits(
            _plain(self.learn.pred), batch_length(images if targets is None else targets)
        )
        step, fit.step = fit.step, fit.step + 1
        training.batch(
            images,
            logits,
            _plain(self.learn.loss),
            targets=targets,
            epoch=self.learn.epoch,
            step=step,
            numbers={"learning_rate": float(self.opt.hypers[-1]["lr"])},
        )
        fit.reader.check(batch, images, logits)

    def _log_epoch(self, training: Training) -> None:
        training.end_epoch(self.learn.epoch, {})
        names, values = self.learn.recorder.metric_names[1:], self.learn.final_record
        found = {n.removeprefix("valid_"): v for n, v in zip(names, values, strict=False)}
        found = {
            n: v for n, v in found.items() if n not in ("train_loss", "time") and v is not None
        }
        training.validated(self.learn.epoch, found)

    def _close(self, error: BaseException | None) -> None:
        training, self._livetrain.training = self._livetrain.training, None
        if training is not None:
            training.monitor.close_after(error)


class _Fit:
    """What the callback knows of one ``fit``, under one name.

    A callback of fastai reads from its learner and the learner's model whatever it has not itself, and warns of each attribute that
    it has and they have too.

    Attributes:
        settings: the user's.
        monitor: of the training that runs, or ran last.
        training: the one that runs; None: none does.
        reader: reads its batches.
        rates: of the optimizer, as the page sets them; None: none trains.
        step: of the next batch.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.monitor: Monitor | None = None
        self.training: Training | None = None
        self.reader = BatchReader(settings.owner, settings.read_batch, _MEND)
        self.rates: OwnRates | None = None
        self.step = 0

    def begin(self, monitor: Monitor, optimizer: Any) -> None:
        """A training begins."""
        self.monitor = monitor
        monitor.expect_end()
        self.rates = OwnRates(lambda: _groups(optimizer))
        monitor.attach(self.rates)
        self.rates.lend()
        self.step = int(monitor.resume_state()["step"])
        self.reader = BatchReader(self.settings.owner, self.settings.read_batch, _MEND)
        self.training = Training(monitor)


def _groups(optimizer: Any) -> Sequence[Any]:
    """Return what the steps of an optimizer read their rates from; a wrapper's ``hypers`` are copies."""
    inside = getattr(getattr(optimizer, "opt", None), "param_groups", None)
    return list(optimizer.hypers) if inside is None else inside


def _plain(value: Any) -> Any:
    """Return a tensor without the graph and without the kind that fastai gives it; anything else as it is."""
    if not hasattr(value, "detach"):
        return value
    import torch

    return value.detach().as_subclass(torch.Tensor)
