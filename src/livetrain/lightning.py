"""The Lightning integration: a callback and a logger, each for ``lightning.pytorch`` and ``pytorch_lightning``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from livetrain._frameworks.guard import harmless
from livetrain._frameworks.settings import given_options, let_be_set
from livetrain._lightning.logger import LiveTrainLogger
from livetrain._lightning.namespaces import follow
from livetrain._lightning.session import Config, Session
from livetrain._monitor import Monitor
from livetrain.exceptions import LivetrainError

__all__ = ["LiveTrainCallback", "LiveTrainLogger"]

if TYPE_CHECKING:
    _Callback = Any  # of either namespace, and no error in the Trainer of the other
else:
    _Callback = follow("callbacks.callback", "Callback")


class LiveTrainCallback(_Callback):  # type: ignore[misc]  # mypy does not follow Lightning
    """Shows a Lightning training live; needs no argument.

    It takes images and targets from the batch, the loss from what ``training_step`` returns, and predictions from ``logits`` or
    ``preds`` in it or else from the module's own output, seen by a forward hook. It works in a ``Trainer`` of either namespace
    and changes nothing in the training. Several ranks are one run: rank 0 speaks for it, the others tell of their batches.
    Where images or predictions cannot be found, loss and metrics go on and one warning says what to give.

    Args:
        run: the run's name. None: ``$LIVETRAIN_RUN``, else the module's class name.
        server: ``"host:port"`` of the server. None: ``$LIVETRAIN_SERVER``, else ``127.0.0.1:50051``.
        project: what the run is listed under. None: ``$LIVETRAIN_PROJECT``, else ``"default"``.
        submodule: name of the submodule whose output is the logits, e.g. ``"model.head"``. None: found as said above.
        read_batch: called as ``read_batch(batch) -> (images, targets)``, either None where there is none, for batches of your own
            kind. None: tensors, sequences, mappings and objects of the usual shapes and names are read.
        let_set: what the page may set: the optimizers' ``"learning_rate"``, and if you say so the loader's ``"batch_size"``, which
            takes effect with the next epoch. Empty: nothing.
        resume: whether a training that goes on from a checkpoint goes on in the run that the checkpoint was made in. The checkpoint
            then holds what lets others write to that run.
        monitor_factory: makes the monitor, e.g. :class:`livetrain.testing.RecordingMonitor`. None: :class:`livetrain.Monitor`.
        **monitor_options: any other argument of :class:`livetrain.Monitor`, e.g. ``max_fps=10`` or ``class_names=names``.

    Raises:
        TypeError: an argument that :class:`livetrain.Monitor` does not have.
        ConfigurationError: when training begins, a submodule that is not there.

    What is logged:

    ============================== ============ ==================================================================
    key                            unit         when
    ============================== ============ ==================================================================
    ``loss``                       the loss's   each batch, undivided under gradient accumulation
    ``accuracy``                   share, 0..1  each batch with class scores and class indices, of what is a
                                                classification; what the module logs as ``accuracy`` comes first
    ``learning_rate``              1            each batch, as the batch used it; ``learning_rate/OPTIMIZER/GROUP``
                                                where there are several
    NAME of ``self.log(NAME)``     its own      each batch that logged it on the step
    ``epoch/loss``                 the loss's   each epoch, mean over its batches weighted by their sizes
    ``epoch/accuracy``             share, 0..1  each epoch, the same
    ``epoch/NAME``                 its own      each epoch that logged it on the epoch
    ``val/loss``, ``val/accuracy`` as above     each validation that logged ``val_loss``, ``val_acc`` or the like
    ``val/NAME``                   its own      each validation, for any other name; a leading ``val_`` is dropped, and
                                                ``/dataloader_idx_N`` stays where there are several loaders
    ``test/NAME``                  its own      each test, at the training's last step; a leading ``test_`` is dropped
    ============================== ============ ==================================================================

    A step is a batch, counted through all epochs and on through a resumed checkpoint. Frames a second, time per batch and the
    machine's figures are the monitor's. The status goes from running to completed, failed or interrupted. A checkpoint that was
    saved and an early stop are events. ``trainer.validate`` and ``trainer.test`` after a training go on in its run, before one
    they are a run of their own; the sanity check is not shown.

    Attributes:
        monitor: the monitor of the training that runs, or ran last; None before the first.

    Example:
        >>> trainer = Trainer(callbacks=[livetrain.LiveTrainCallback()])  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        run: str | None = None,
        server: str | None = None,
        project: str | None = None,
        submodule: str | None = None,
        read_batch: Callable[[Any], tuple[Any, Any]] | None = None,
        let_set: Sequence[str] = ("learning_rate",),
        resume: bool = True,
        monitor_factory: Callable[..., Monitor] | None = None,
        **monitor_options: Any,
    ) -> None:
        super().__init__()
        owner = "LiveTrainCallback"
        options = given_options(owner, run, server, project, monitor_options)
        self._config = Config(
            owner=owner,
            options=options,
            let_set=let_be_set(let_set, "batch_size"),
            submodule=submodule,
            read_batch=read_batch,
            monitor_factory=monitor_factory,
            resume=resume,
        )
        self._resume: Mapping[str, Any] | None = None  # from a checkpoint
        self._last: tuple[Mapping[str, Any], Mapping[str, Any]] | None = (
            None  # the training that is over
        )
        self._session: Session | None = None
        self.monitor: Monitor | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Spawning strategies pickle the callback, and deep copies are made of it. Threads and connections stay behind, and so
        # does the module, which Lightning hangs on to each callback by its `log` methods.
        kept = {
            name: value for name, value in self.__dict__.items() if name not in ("log", "log_dict")
        }
        return {**kept, "_session": None, "_last": None, "monitor": None}

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of the callback: the way back into this run."""
        if not self._config.resume or self.monitor is None:
            return {}
        return {"run": self.monitor.resume_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the way back that a checkpoint kept; the next training or evaluation goes it."""
        if self._config.resume:
            self._resume = state_dict.get("run")

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Forget the way back that belongs to an earlier call of the Trainer."""
        self._resume = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Open the run. Not in ``setup``: only now does Lightning know how many batches there are."""
        self._open(trainer, pl_module, self._resume)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Close the books of the epoch before."""
        if self._session:
            self._session.begin_epoch(trainer)

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Watch what the module makes of the batch."""
        if self._session:
            self._session.begin_batch(trainer, batch)

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
        """Let the background work now, when it is in nobody's way."""
        if self._session:
            self._session.lull()

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log the batch, and stop if someone asked for it."""
        if self._session:
            if batch is not None:
                self._session.end_batch(trainer, pl_module, outputs, batch)
            self._session.obey(trainer)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Log the validation; the sanity check comes before the run is open."""
        if self._session:
            self._session.end_validation(trainer)

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Open the run where nothing is trained."""
        self._open_evaluation(trainer, pl_module)

    def on_test_start(self, trainer: Any, pl_module: Any) -> None:
        """Do the same."""
        self._open_evaluation(trainer, pl_module)

    def on_test_end(self, trainer: Any, pl_module: Any) -> None:
        """Log the test."""
        if self._session:
            self._session.end_test(trainer)

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Note that a checkpoint is made."""
        if self._session:
            self._session.saving()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Close the books of the last epoch. The run stays open: other callbacks' ends may yet fail."""
        if self._session:
            self._session.end_epoch(trainer)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Close the run as failed, or as interrupted from outside: Lightning calls no ``teardown`` after this."""
        self._close(trainer, exception)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Close the run as completed, if nothing else closed it."""
        self._close(trainer, None)

    def _open(
        self,
        trainer: Any,
        module: Any,
        resume: Any,
        known: Mapping[str, Any] | None = None,
        *,
        training: bool = True,
    ) -> None:
        # Misuse is said before the first step; a fault of ours there costs the view, not the training.
        opened = harmless(Session, but=(LivetrainError,))
        self._session = opened(trainer, module, self._config, resume, known, training=training)
        self.monitor = self._session.monitor if self._session else None

    def _open_evaluation(self, trainer: Any, module: Any) -> None:
        if self._session or trainer.sanity_checking or trainer.global_rank != 0:
            return
        resume, known = self._last or (None, None)
        if self._resume:
            resume, known = self._resume, None
        self._open(trainer, module, resume, known, training=False)

    def _close(self, trainer: Any, error: BaseException | None) -> None:
        session, self._session = self._session, None
        if session:
            session.finish(trainer, error)
            self._last = session.monitor.resume_state(), session.known
