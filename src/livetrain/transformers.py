"""The Hugging Face Transformers integration: a callback for its ``Trainer``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from livetrain._ending import Unfinished, error_under_way
from livetrain._frameworks.guard import harmless
from livetrain._frameworks.settings import given_options, let_be_set
from livetrain._monitor import Monitor
from livetrain._transformers.session import Config, Session
from livetrain.exceptions import LivetrainError

if TYPE_CHECKING:
    from transformers import TrainerCallback
else:
    try:
        from transformers import TrainerCallback
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "livetrain.transformers needs Transformers: pip install 'livetrain[transformers]'."
        ) from error

__all__ = ["LiveTrainCallback"]

_PLACE = "livetrain"
"""Where a checkpoint's state keeps the way back into the run."""


class LiveTrainCallback(TrainerCallback):  # type: ignore[misc]  # mypy does not follow Transformers
    """Shows the training of a Hugging Face ``Trainer`` live; needs no argument.

    It sees what the model is called with, and what it answers, by a forward hook: images (``pixel_values``) or token ids
    (``input_ids``, written out by a copy of the Trainer's tokenizer), ``labels``, ``logits`` and ``loss``. It changes nothing in
    the training. Several ranks are one run: rank 0 speaks for it, the others tell of their steps.

    Args:
        run: the run's name. None: ``$LIVETRAIN_RUN``, else ``TrainingArguments(run_name=)``, else the model's class name.
        server: ``"host:port"`` of the server. None: ``$LIVETRAIN_SERVER``, else ``127.0.0.1:50051``.
        project: what the run is listed under. None: ``$LIVETRAIN_PROJECT``, else ``"default"``.
        read_batch: called as ``read_batch(batch) -> (images, targets)`` with the model's arguments by name, either None where there
            is none. None: found as said above.
        let_set: what the page may set: the optimizer's learning rate. Empty: nothing.
        resume: whether a training that goes on from a checkpoint goes on in the run that the checkpoint was made in. The
            checkpoint's ``trainer_state.json`` then holds what lets others write to that run.
        monitor_factory: makes the monitor, e.g. :class:`livetrain.testing.RecordingMonitor`. None: :class:`livetrain.Monitor`.
        **monitor_options: any other argument of :class:`livetrain.Monitor`, e.g. ``max_fps=10`` or ``class_names=names``.

    Raises:
        TypeError: an argument that :class:`livetrain.Monitor` does not have.

    What is logged:

    ============================== ============ ==================================================================
    key                            unit         when
    ============================== ============ ==================================================================
    ``loss``                       the loss's   each step, over all batches that it accumulated
    ``accuracy``                   share, 0..1  each step with class scores and class indices, of its last batch
    ``learning_rate``              1            each step, as the step used it, of the first parameter group;
                                                ``learning_rate/GROUP`` of others, where it differs
    NAME that the Trainer logs     its own      every ``logging_steps``, e.g. ``grad_norm``; at the end ``train_loss``
    ``epoch/loss``                 the loss's   each epoch, mean over its steps
    ``epoch/accuracy``             share, 0..1  each epoch, the same
    ``val/loss``, ``val/NAME``     its own      each evaluation, without the leading ``eval_``; no run times
    ``test/NAME``                  its own      each ``Trainer.predict``, at the training's last step
    ============================== ============ ==================================================================

    A step is one of the optimizer, from 0: ``state.global_step - 1``. A checkpoint and a training that stopped early are events.
    The Trainer tells its callbacks of no error: a run that an exception ended, caught or not, is marked failed when the
    process ends, or the next training begins.

    Attributes:
        monitor: the monitor of the training that runs, or ran last; None before the first.

    Example:
        >>> trainer = Trainer(model, args, callbacks=[LiveTrainCallback()])  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        run: str | None = None,
        server: str | None = None,
        project: str | None = None,
        read_batch: Callable[[Any], tuple[Any, Any]] | None = None,
        let_set: Sequence[str] = ("learning_rate",),
        resume: bool = True,
        monitor_factory: Callable[..., Monitor] | None = None,
        **monitor_options: Any,
    ) -> None:
        owner = "LiveTrainCallback"
        self._config = Config(
            owner=owner,
            options=given_options(owner, run, server, project, monitor_options),
            read_batch=read_batch,
            let_set=let_be_set(let_set),
            monitor_factory=monitor_factory,
            resume=resume,
        )
        self._session: Session | None = None
        self._place: Mapping[str, Any] | None = None  # of the run that is over
        self.monitor: Monitor | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Hyper-parameter searches pickle callbacks; threads and connections stay behind.
        return {**self.__dict__, "_session": None, "monitor": None}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Open the run."""
        kept = state.stateful_callbacks.get(_PLACE) if self._config.resume else None
        resume = kept["attributes"].get("run") if isinstance(kept, Mapping) else None
        if self._session is not None:  # an error ended the training before, and nobody said so
            before, error = self._session, error_under_way()
            if getattr(args, "auto_find_batch_size", False) and error is None:
                error = _did_not_fit(before.batch_size, getattr(state, "train_batch_size", None))
                before.finish(args, state, error)
                # The Trainer begins the same training again: another attempt of the same run.
                resume = {**before.monitor.resume_state(), "step": 0, "epoch": 0}
            else:
                before.finish(args, state, error or Unfinished())
        self._session = self._open(args, state, kwargs, kwargs.get("optimizer"), resume)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note the epoch."""
        if self._session:
            self._session.begin_epoch(state)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note the rates."""
        if self._session:
            self._session.begin_step()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Log the step, and stop if someone asked for it."""
        if self._session is None:
            return control
        self._session.end_step(state)
        if self._session.stopping():
            control.should_training_stop = True
        if self._config.resume and self.monitor is not None and state.is_world_process_zero:
            # A checkpoint that is made now holds it.
            place = {"run": self.monitor.resume_state()}
            state.stateful_callbacks[_PLACE] = {"args": {}, "attributes": place}
        return control

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Log the epoch."""
        if self._session:
            self._session.end_epoch()

    def on_log(
        self,
        args: Any,
        state: Any,
        control: Any,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Record what the Trainer logs."""
        if self._session and logs:
            self._session.log(logs)

    def on_evaluate(
        self,
        args: Any,
        state: Any,
        control: Any,
        metrics: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Log an evaluation, be it within a training, after it or without one."""
        self._evaluated(args, state, kwargs, lambda session: session.end_evaluation(metrics or {}))

    def on_predict(
        self, args: Any, state: Any, control: Any, metrics: Mapping[str, Any], **kwargs: Any
    ) -> None:
        """Log the metrics of a prediction."""
        self._evaluated(args, state, kwargs, lambda session: session.end_prediction(metrics))

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Mark the checkpoint."""
        if self._session:
            self._session.saved(args, state)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the run as completed."""
        session, self._session = self._session, None
        if session:
            session.finish(args, state, None)
            self._place = session.monitor.resume_state()

    def _open(
        self, args: Any, state: Any, kwargs: Mapping[str, Any], optimizer: Any, resume: Any
    ) -> Any:
        # Misuse is said before the first step; a fault of ours there costs the view, not the training.
        session = harmless(Session, but=(LivetrainError,))(
            self._config,
            args,
            state,
            kwargs.get("model"),
            kwargs.get("processing_class", kwargs.get("tokenizer")),
            optimizer,
            _broadcast,
            resume,
        )
        self.monitor = session.monitor if session else None
        return session

    def _evaluated(
        self, args: Any, state: Any, kwargs: Mapping[str, Any], log: Callable[[Session], object]
    ) -> None:
        if self._session is not None:
            log(self._session)
        elif state.is_world_process_zero:
            session = self._open(args, state, kwargs, None, self._place)
            if session:
                log(session)
                session.monitor.close_after(None)
                self._place = session.monitor.resume_state()


def _did_not_fit(size: int | None, next_size: int | None) -> Unfinished:
    return Unfinished(
        f"out of memory with batches of {size}: the Trainer begins again with {next_size}, as auto_find_batch_size=True says"
    )


def _broadcast(value: Any) -> Any:
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value])[0]
