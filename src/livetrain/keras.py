"""The Keras 3 integration: a callback for ``model.fit``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from livetrain._ending import Unfinished, error_under_way
from livetrain._frameworks.guard import harmless
from livetrain._frameworks.settings import Settings, given_options, let_be_set
from livetrain._keras.session import Session
from livetrain._monitor import Monitor
from livetrain.exceptions import LivetrainError

if TYPE_CHECKING:
    from keras.callbacks import Callback
else:
    try:
        from keras.callbacks import Callback
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "livetrain.keras needs Keras 3: pip install 'livetrain[keras]'."
        ) from error

__all__ = ["LiveTrainCallback"]


class LiveTrainCallback(Callback):  # type: ignore[misc]  # mypy does not follow Keras
    """Shows the training of a Keras 3 model live; needs no argument.

    It sees inputs, targets, predictions and loss where the model computes its loss, and changes nothing in the training. That
    works where the training step runs as it is written: with the PyTorch back end, and with others under
    ``model.compile(run_eagerly=True)``. Where the step is compiled, loss and metrics go on, and one warning says so.

    Args:
        run: the run's name. None: ``$LIVETRAIN_RUN``, else the model's name.
        server: ``"host:port"`` of the server. None: ``$LIVETRAIN_SERVER``, else ``127.0.0.1:50051``.
        project: what the run is listed under. None: ``$LIVETRAIN_PROJECT``, else ``"default"``.
        read_batch: called as ``read_batch((x, y)) -> (images, targets)``, either None where there is none, for inputs of your own
            kind. None: tensors, sequences and mappings of the usual shapes and names are read.
        let_set: what the page may set: the optimizer's learning rate. Empty: nothing.
        monitor_factory: makes the monitor, e.g. :class:`livetrain.testing.RecordingMonitor`. None: :class:`livetrain.Monitor`.
        **monitor_options: any other argument of :class:`livetrain.Monitor`, e.g. ``max_fps=10`` or ``class_names=names``.

    Raises:
        TypeError: an argument that :class:`livetrain.Monitor` does not have.

    What is logged:

    ============================== ============ ==================================================================
    key                            unit         when
    ============================== ============ ==================================================================
    ``loss``                       the loss's   each batch; where the step is compiled the mean since the epoch began
    ``accuracy``                   share, 0..1  each batch with class scores and class indices
    ``learning_rate``              1            each batch
    NAME of a metric               its own      each batch, the mean since the epoch began, as Keras gives it
    ``epoch/loss``, ``epoch/NAME`` its own      each epoch, as Keras gives it
    ``val/loss``, ``val/NAME``     its own      each validation
    ``test/NAME``                  its own      each ``model.evaluate`` outside of a training, at its last step
    ============================== ============ ==================================================================

    A step is a batch, counted through all epochs. A training that a callback stopped early is an event. Keras tells its callbacks
    of no error: a run that an exception ended, caught or not, is marked failed when the process ends, or the next training begins.

    Attributes:
        monitor: the monitor of the training that runs, or ran last; None before the first.

    Example:
        >>> model.fit(x, y, callbacks=[LiveTrainCallback()])  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        run: str | None = None,
        server: str | None = None,
        project: str | None = None,
        read_batch: Callable[[Any], tuple[Any, Any]] | None = None,
        let_set: Sequence[str] = ("learning_rate",),
        monitor_factory: Callable[..., Monitor] | None = None,
        **monitor_options: Any,
    ) -> None:
        super().__init__()
        owner = "LiveTrainCallback"
        self._settings = Settings(
            owner=owner,
            options=given_options(owner, run, server, project, monitor_options),
            read_batch=read_batch,
            let_set=let_be_set(let_set),
            monitor_factory=monitor_factory,
        )
        self._session: Session | None = None
        self._place: Mapping[str, Any] | None = None  # of the run that is over
        self.monitor: Monitor | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Threads and connections stay behind, and so does the model, which Keras hangs on to each callback.
        return {**self.__dict__, "_session": None, "monitor": None, "_model": None}

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Open the run."""
        if self._session is not None:  # an error ended the training before, and nobody said so
            self._session.finish(error_under_way() or Unfinished())
        self._open(None, training=True)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note the epoch."""
        if self._session:
            self._session.begin_epoch(epoch)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note the rate."""
        if self._session:
            self._session.begin_batch()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the batch, and stop if someone asked for it."""
        if self._session:
            self._session.end_batch(batch, logs or {})
            if self._session.monitor.should_stop:
                self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the epoch and its validation."""
        if self._session:
            self._session.end_epoch(epoch, logs or {})

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log an evaluation outside of a training; those within are in the epoch's numbers."""
        if self._session is None:
            self._open(self._place, training=False)
            if self._session:
                self._session.end_test(logs or {})
            self._close()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Close the run as completed."""
        self._close()

    def _open(self, resume: Mapping[str, Any] | None, *, training: bool) -> None:
        # Misuse is said before the first step; a fault of ours there costs the view, not the training.
        opened = harmless(Session, but=(LivetrainError,))
        self._session = opened(self._settings, self.model, self.params, resume, training=training)
        self.monitor = self._session.monitor if self._session else None

    def _close(self) -> None:
        session, self._session = self._session, None
        if session:
            session.finish(None)
            self._place = session.monitor.resume_state()
