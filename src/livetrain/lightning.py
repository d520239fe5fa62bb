"""The Lightning integration: one callback for ``lightning.pytorch`` and ``pytorch_lightning``."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from livetrain._lightning.session import Config, Session
from livetrain._monitor import Monitor
from livetrain.exceptions import ConfigurationError

__all__ = ["LiveTrainCallback"]


def _callback_bases() -> tuple[type, ...]:
    """Return the ``Callback`` of each namespace that is there: a Trainer takes those of its own namespace alone."""
    bases = []
    for namespace in ("lightning.pytorch", "pytorch_lightning"):
        try:
            bases.append(importlib.import_module(f"{namespace}.callbacks").Callback)
        except (
            Exception
        ):  # the namespace that the user does not use may be absent, or be too old for their torch
            continue
    if not bases:
        raise ModuleNotFoundError(
            "LiveTrainCallback needs Lightning: pip install 'livetrain[lightning]'."
        )
    return tuple(bases)


if TYPE_CHECKING:
    from lightning.pytorch.callbacks import Callback as _Callback
else:
    _Callback = type("_Callback", _callback_bases(), {})


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
        let_set: what the page may set: the optimizers' learning rate. Empty: nothing.
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
    ``accuracy``                   share, 0..1  each batch with class scores and class indices
    ``learning_rate``              1            each batch, as the batch used it; ``learning_rate/OPTIMIZER/GROUP``
                                                where there are several
    NAME of ``self.log(NAME)``     its own      each batch that logged it on the step
    ``epoch/loss``                 the loss's   each epoch, mean over its batches weighted by their sizes
    ``epoch/accuracy``             share, 0..1  each epoch, the same
    ``epoch/NAME``                 its own      each epoch that logged it on the epoch
    ``val/loss``, ``val/accuracy`` as above     each validation that logged ``val_loss``, ``val_acc`` or the like
    ``val/NAME``                   its own      each validation, for any other name; a leading ``val_`` is dropped
    ============================== ============ ==================================================================

    A step is a batch, counted through all epochs and on through a resumed checkpoint. Frames a second, time per batch and the
    machine's figures are the monitor's. The status goes from running to completed, failed or interrupted.

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
        monitor_factory: Callable[..., Monitor] | None = None,
        **monitor_options: Any,
    ) -> None:
        super().__init__()
        given = {"run": run, "server": server, "project": project}
        options = {
            **monitor_options,
            **{name: value for name, value in given.items() if value is not None},
        }
        _check_options(options)
        if isinstance(let_set, str) or not set(let_set) <= {"learning_rate"}:
            raise ConfigurationError(
                "let_set",
                let_set,
                "of a Lightning training the page can set the learning rate and nothing else",
                "give ('learning_rate',) or ()",
            )
        self._config = Config(
            options=options,
            let_set=tuple(let_set),
            submodule=submodule,
            read_batch=read_batch,
            monitor_factory=monitor_factory,
        )
        self._session: Session | None = None
        self.monitor: Monitor | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Spawning strategies pickle the callback, and deep copies are made of it. Threads and connections stay behind, and so
        # does the module, which Lightning hangs on to each callback by its `log` methods.
        kept = {
            name: value for name, value in self.__dict__.items() if name not in ("log", "log_dict")
        }
        return {**kept, "_session": None, "monitor": None}

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Open the run. Not in ``setup``: only now does Lightning know how many batches there are."""
        self._session = Session(trainer, pl_module, self._config)
        self.monitor = self._session.monitor

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

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Close the books of the last epoch. The run stays open: other callbacks' ends may yet fail."""
        if self._session:
            self._session.end_epoch(trainer)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Close the run as failed, or as interrupted from outside: Lightning calls no ``teardown`` after this."""
        self._close(exception)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Close the run as completed, if nothing else closed it."""
        self._close(None)

    def _close(self, error: BaseException | None) -> None:
        session, self._session = self._session, None
        if session:
            session.finish(error)


def _check_options(options: dict[str, Any]) -> None:
    """Raise now what the monitor would raise only when training begins, maybe hours in a queue later."""
    known = inspect.signature(Monitor).parameters
    for name in options:
        if name not in known:
            raise TypeError(
                f"LiveTrainCallback has no argument {name!r}; give one of {', '.join(known)}."
            )
