"""The OneTrainer integration: callbacks in the place of its ``TrainCallbacks``, and commands for its ``TrainCommands``.

Nothing of OneTrainer is imported: what it hands over is read as it stands.
"""

from __future__ import annotations

import functools
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from livetrain._frameworks.guard import harmless
from livetrain._frameworks.loss_watch import LossWatch
from livetrain._frameworks.onetrainer import Recorder
from livetrain._frameworks.settings import given_options
from livetrain._monitor import Monitor
from livetrain._warnings import warn_once_a_minute
from livetrain.config import ControlOptions

__all__ = ["LiveTrainCallbacks", "bind"]

_NO_PAUSE = "OneTrainer cannot pause a training; stop it, and go on from its last backup."


_Method = Callable[..., None]
_NAMES = {
    "output": "sampler_output",
    "sample": "sampler_output",
    "max_sample": "max_step",
}
"""What some releases call an argument, and what it is called here."""


def _setter(name: str) -> _Method:
    def set_listener(
        self: LiveTrainCallbacks, listener: Callable[..., Any] | None = None, **by_name: Any
    ) -> None:
        self._listeners[name] = by_name.get(name, listener)

    set_listener.__doc__ = f"Have a function called whenever `{name}` is. None: none any more."
    return set_listener


def _callback(method: _Method) -> _Method:
    """Take arguments by position and by any release's names, pass them on, and raise nothing, even if they are not as expected."""
    name = method.__name__

    @functools.wraps(method)
    def called(self: LiveTrainCallbacks, *arguments: Any, **by_name: Any) -> None:
        known = {_NAMES.get(given, given): value for given, value in by_name.items()}
        try:
            method(self, *arguments, **known)
        except Exception as error:
            warn_once_a_minute(
                f"onetrainer:{name}",
                f"livetrain failed in {name} ({type(error).__name__}: {error}); the training goes on.",
                exc=True,
            )
            harmless(self._recorder.note)(name, f"{name}: {error!r:.200}")
        self._pass_on(name, *arguments, **by_name)

    return called


class LiveTrainCallbacks:
    """Shows a OneTrainer training live. Give it where a ``TrainCallbacks`` is expected.

    It has that class's methods, each with its ``set_`` method, so that whatever else listens (OneTrainer's own window, for example)
    can be set on it as on the original; the older names ``on_update_progress`` and ``on_sample`` work too. Arguments are taken by
    position or by their names there. No method raises or returns anything.

    Args:
        run: the run's name. None: ``$LIVETRAIN_RUN``, else the script's name and the time.
        server: ``"host:port"`` of the server. None: ``$LIVETRAIN_SERVER``, else ``127.0.0.1:50051``.
        callbacks: called with all that this one is called with, e.g. the ``TrainCallbacks`` whose place it takes. None: nobody is.
        tensorboard: the folder ``tensorboard`` in OneTrainer's workspace: the losses and learning rates that it writes there are
            read while it trains, for releases that do not tell them. None: nothing is read.
        monitor_factory: makes the monitor, e.g. :class:`livetrain.testing.RecordingMonitor`. None: :class:`livetrain.Monitor`.
        **monitor_options: any other argument of :class:`livetrain.Monitor`.

    Raises:
        TypeError: an argument that :class:`livetrain.Monitor` does not have.

    What is logged:

    ===================== ========== ========================================================================
    key                   unit       when
    ===================== ========== ========================================================================
    ``loss``              the loss's each step, where this OneTrainer tells it or `tensorboard` is given
    ``smooth_loss``       the loss's each step, the same
    ``learning_rate``     1/step     each step, where `tensorboard` is given; ``lr/…`` where there are several
    ``epoch/loss``        the loss's each epoch, mean over the steps that were told
    ``perf/fps``          1/s        twice a second: steps a second, and the time remaining
    ===================== ========== ========================================================================

    Samples are recorded whole, with the kind ``default`` or ``custom``; how far one is is a line of the log every five seconds. The
    status follows OneTrainer's status texts: one that is repeated with every batch is told once, and of those that keep coming
    faster than one a second the newest.

    Example:
        >>> callbacks = LiveTrainCallbacks(enabled=False)
        >>> callbacks.on_update_status("Training ...")
    """

    def __init__(
        self,
        run: str | None = None,
        *,
        server: str | None = None,
        callbacks: Any = None,
        tensorboard: str | os.PathLike[str] | None = None,
        monitor_factory: Callable[..., Monitor] | None = None,
        **monitor_options: Any,
    ) -> None:
        options = {
            "control": ControlOptions(allow=("stop",), impossible={"pause": _NO_PAUSE}),
            **given_options(type(self).__name__, run, server, None, monitor_options),
        }
        self._next = callbacks
        self._listeners: dict[str, Callable[..., Any] | None] = {}
        self._commands: Any = None
        self._recorder = Recorder(monitor_factory or Monitor, options, self._offer)
        self._losses: LossWatch | None = None
        if tensorboard is not None:
            self._losses = LossWatch(Path(tensorboard), self._recorder.figures)
        _made(self)

    @property
    def monitor(self) -> Monitor | None:
        """Of the training that runs, or ran last; None before the first call."""
        return self._recorder.monitor

    # ------------------------------------------------------------ the six methods, and the older names

    @_callback
    def on_update_train_progress(self, train_progress: Any, max_step: int, max_epoch: int) -> None:
        """Record a step.

        Args:
            train_progress: has ``epoch``, ``epoch_step``, ``global_step`` and, in newer releases, ``loss`` and ``smooth_loss``.
            max_step: steps of an epoch.
            max_epoch: epochs of the training.
        """
        self._recorder.progress(train_progress, max_step, max_epoch)

    @_callback
    def on_update_status(self, status: str) -> None:
        """Record a status text."""
        self._recorder.status(str(status))

    @_callback
    def on_sample_default(self, sampler_output: Any) -> None:
        """Record a sample; `sampler_output` has a ``file_type`` and ``data``, or is the picture itself, as in older releases."""
        self._recorder.sample(sampler_output, "default")

    @_callback
    def on_update_sample_default_progress(self, step: int, max_step: int) -> None:
        """Say how far a sample is."""
        self._recorder.sampling(step, max_step)

    @_callback
    def on_sample_custom(self, sampler_output: Any) -> None:
        """Record a sample that somebody asked for."""
        self._recorder.sample(sampler_output, "custom")

    @_callback
    def on_update_sample_custom_progress(self, progress: int, max_progress: int) -> None:
        """Say how far a sample is that somebody asked for."""
        self._recorder.sampling(progress, max_progress)

    @_callback
    def on_update_progress(self, train_progress: Any, max_step: int, max_epoch: int) -> None:
        """Do what :meth:`on_update_train_progress` does, under its older name."""
        self._recorder.progress(train_progress, max_step, max_epoch)

    @_callback
    def on_sample(self, sampler_output: Any) -> None:
        """Do what :meth:`on_sample_default` does, under its older name."""
        self._recorder.sample(sampler_output, "default")

    # ------------------------------------------------------------ who else listens

    set_on_update_train_progress = _setter("on_update_train_progress")
    set_on_update_status = _setter("on_update_status")
    set_on_sample_default = _setter("on_sample_default")
    set_on_update_sample_default_progress = _setter("on_update_sample_default_progress")
    set_on_sample_custom = _setter("on_sample_custom")
    set_on_update_sample_custom_progress = _setter("on_update_sample_custom_progress")
    set_on_update_progress = _setter("on_update_progress")
    set_on_sample = _setter("on_sample")

    # ------------------------------------------------------------ commands, and the end

    def bind(self, commands: Any) -> None:
        """Carry out on `commands`, a ``TrainCommands``, what somebody asks for on the page; see :func:`bind`."""
        self._commands = commands
        if self.monitor is not None:
            harmless(self._offer)(self.monitor)

    def close(self, timeout: float = 2.0) -> bool:
        """Send what is left and end; the interpreter's end does the same. Returns whether the server committed everything."""
        harmless(self._recorder.finish)()
        if self._losses is not None:
            self._losses.close(min(timeout, 1.0))
        return self.monitor.close(timeout) if self.monitor is not None else True

    # ------------------------------------------------------------ within

    def _pass_on(self, name: str, *arguments: Any, **by_name: Any) -> None:
        for listener in (self._listeners.get(name), getattr(self._next, name, None)):
            if listener is not None:
                try:
                    listener(*arguments, **by_name)
                except Exception as error:  # the original swallows it without a word
                    warn_once_a_minute("onetrainer-listener", f"{name} of a listener: {error!r}")

    def _offer(self, monitor: Monitor) -> None:
        commands = self._commands
        if commands is None:
            return
        if (stop := getattr(commands, "stop", None)) is not None:
            monitor.on("stop", stop)
        for verb, title, name, said in (
            ("sample_now", "Sample now", "sample_default", "a sample comes after this step"),
            ("backup", "Back up", "backup", "a backup is made after this step"),
            ("save", "Save", "save", "the model is saved after this step"),
        ):
            if (method := getattr(commands, name, None)) is not None:
                monitor.on(verb, _carrying_out(method, said), title=title)


def _carrying_out(method: Callable[[], Any], said: str) -> Callable[[], str]:
    def carry_out() -> str:
        method()
        return said

    return carry_out


_newest: weakref.ref[LiveTrainCallbacks] | None = None
_waiting: list[Any] = []
"""Commands that were bound before there were any callbacks; the last alone."""


def _made(callbacks: LiveTrainCallbacks) -> None:
    global _newest
    _newest = weakref.ref(callbacks)
    if _waiting:
        callbacks.bind(_waiting.pop())


def bind(commands: Any, callbacks: LiveTrainCallbacks | None = None) -> None:
    """Carry out on OneTrainer's ``TrainCommands`` what somebody asks for on the page: stop, sample now, back up and save.

    It has no pause: one is refused, with that reason.

    Args:
        commands: the ``TrainCommands`` of the training; a method that it does not have is not offered.
        callbacks: of the same training. None: the :class:`LiveTrainCallbacks` made last, or, if there are none yet, the next.

    Example:
        >>> import types
        >>> callbacks = LiveTrainCallbacks(enabled=False)
        >>> bind(types.SimpleNamespace(stop=lambda: None, backup=lambda: None), callbacks)
    """
    found = callbacks or (_newest() if _newest is not None else None)
    if found is not None:
        found.bind(commands)
    else:
        _waiting[:] = [commands]
