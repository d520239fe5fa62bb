"""A Lightning logger: what is logged in a module becomes curves of a run, with the callback or without it."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from livetrain._frameworks.guard import harmless
from livetrain._frameworks.settings import Settings, given_options
from livetrain._frameworks.table import table_text
from livetrain._lightning.experiment import LazyExperiment, silent_experiment
from livetrain._lightning.landmarks import tell_checkpoint
from livetrain._lightning.namespaces import follow
from livetrain._lightning.shared_run import SharedRun
from livetrain._monitor import Monitor
from livetrain.config import from_environment
from livetrain.exceptions import LivetrainError

__all__ = ["LiveTrainLogger"]

_Logger: Any = follow("loggers.logger", "Logger", abstract=True)


class LiveTrainLogger(_Logger):  # type: ignore[misc]  # mypy does not follow Lightning
    """A ``Logger`` of both Lightning namespaces: records ``self.log`` values and hyper-parameters, and needs no argument.

    Alone it opens a run of its own. Beside :class:`livetrain.LiveTrainCallback` both speak for one run: the callback then gives
    pictures, predictions, loss and all that the module logs, and the logger only what reaches no callback, such as what other
    callbacks log. Where the run is over and something else is logged, as by ``trainer.test`` after ``trainer.fit``, the same run is
    taken up again.

    Args:
        run: the run's name, which is ``logger.name`` too. None: ``$LIVETRAIN_RUN``, else ``"livetrain"``.
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
    NAME of ``self.log(NAME)``     its own      every ``Trainer(log_every_n_steps=)``, and at an epoch's end, under the
                                                names that Lightning gives: ``NAME_step``, ``NAME_epoch``
    NAME of ``log_metrics``        its own      each call
    pictures of ``log_image``      –            each call, as samples
    ``log_table``, ``log_text``    –            each call, its rows as lines of the run's log
    ============================== ============ ==================================================================

    The step is the one that Lightning gives. Hyper-parameters and the model's size are the run's settings; a checkpoint is an
    event.

    Example:
        >>> trainer = Trainer(logger=LiveTrainLogger(run="digits"))  # doctest: +SKIP
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
        super().__init__()
        owner = type(self).__name__
        options = given_options(owner, run, server, project, monitor_options)
        self._settings = Settings(owner=owner, options=options, monitor_factory=monitor_factory)
        self._name = run or from_environment(os.environ).run or "livetrain"
        self._version = uuid.uuid4().hex[:8]
        self._run = SharedRun()
        self._config: dict[str, Any] = {}
        self._known: dict[str, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Spawning strategies pickle what a Trainer holds; threads and connections stay behind.
        return {**self.__dict__, "_run": self._run.described()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._run = SharedRun.found(state["_run"])

    @property
    def name(self) -> str:
        """The run's name."""
        return self._name

    @property
    def version(self) -> str:
        """Tells this training's checkpoints from those of others under the same name."""
        return self._version

    @property
    def group_separator(self) -> str:
        """What stands between the parts of a name."""
        return "/"

    @property
    def experiment(self) -> Monitor:
        """The monitor, for whatever a logger has no method for; on ranks above 0 Lightning's dummy, on which all calls do nothing.

        Lightning asks for it before the callback knows what there is to say of the run, so the run begins with its first use.
        """
        return cast(
            Monitor,
            LazyExperiment(self._open)
            if _is_first_rank()
            else silent_experiment(self._run.monitor),
        )

    def _open(self) -> Monitor:
        run = self._run
        if run.monitor is None:
            said = {"config": self._config, "resume": run.place}
            run.monitor = self._settings.open({"run": self._name, **self._known, **said})
        return run.monitor

    @partial(harmless, but=(LivetrainError,))
    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        """Add settings to the run: a mapping or a namespace."""
        settings = params if isinstance(params, Mapping) else vars(params)
        self._config = {**self._config, **settings}
        if self._run.monitor is not None:
            self._run.monitor.update(config=self._config)

    @partial(harmless, but=(LivetrainError,))
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Record numbers; those that the callback gives already are left to it."""
        covered = self._run.covered() if self._run.covered is not None else {}
        numbers = {n: v for n, v in metrics.items() if n != "epoch" and n not in covered}
        if numbers and _is_first_rank():
            self._open().log(numbers, step=step)

    @harmless
    def log_graph(self, model: Any, input_array: Any = None) -> None:
        """Add the model's name and size to the settings."""
        weights = list(model.parameters())
        size = {
            "class": type(model).__name__,
            "parameters": sum(w.numel() for w in weights),
            "trainable": sum(w.numel() for w in weights if w.requires_grad),
        }
        self.log_hyperparams({"model": size})

    @harmless
    def log_image(
        self,
        key: str,
        images: Any,
        step: int | None = None,
        caption: Sequence[str] | None = None,
        **_: Any,
    ) -> None:
        """Record pictures, whole, under their key, and a caption each if there are any."""
        if _is_first_rank():
            for number, image in enumerate(images):
                said = "" if caption is None else f": {caption[number]}"
                self._open().log_sample(image, prompt=f"{key}{said}", step=step)

    @harmless
    def log_table(
        self,
        key: str,
        columns: Iterable[Any] | None = None,
        data: Any = None,
        dataframe: Any = None,
        step: int | None = None,
    ) -> None:
        """Record a table as lines of the run's log, up to 100 rows: a data frame, or rows and the names of their columns."""
        if _is_first_rank():
            text = table_text(columns, data if dataframe is None else dataframe)
            self._open().log_message("info", f"{key}\n{text}", step=step)

    def log_text(self, key: str, *args: Any, **kwargs: Any) -> None:
        """Record texts as a table: the arguments are those of `log_table`."""
        self.log_table(key, *args, **kwargs)

    @harmless
    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Record that a checkpoint was saved; the callback, if there is one, does."""
        path = str(getattr(checkpoint_callback, "_last_checkpoint_saved", "") or "")
        if path and self._run.covered is None and _is_first_rank():
            tell_checkpoint(self._open(), checkpoint_callback, path)

    def save(self) -> None:
        """Do nothing: records are sent as they come, and kept on the disk while the server is away."""

    @harmless
    def finalize(self, status: str) -> None:
        """End the run, as failed where an error is on its way; what is logged afterwards takes it up again."""
        monitor = self._run.monitor
        if self._run.covered is not None or monitor is None:
            return
        self.leave()
        # Lightning says "failed" while it handles the error.
        monitor.close_after(_current_error() if status == "failed" else None)

    # ------------------------------------------------------------ with the callback

    def join(
        self,
        settings: Settings,
        known: Mapping[str, Any],
        covered: Callable[[], Mapping[str, Any]],
    ) -> Monitor:
        """Share one run with the callback, and return its monitor.

        Args:
            settings: the callback's, which come before the logger's.
            known: arguments of the monitor that the Trainer knows.
            covered: tells what the callback gives itself.
        """
        config = {**(known.get("config") or {}), **self._config}
        self._known = {**known, **self._settings.options, "config": config, "resume": None}
        monitor = self._run.monitor
        if monitor is None:
            monitor = settings.open({**self._known, "resume": known.get("resume")})
        else:  # the script used it before training began
            later = ("class_names", "total_epochs", "batches_per_epoch", "batch_size")
            monitor.update(config=config, **{name: self._known.get(name) for name in later})
        self._run.monitor, self._run.covered = monitor, covered
        return monitor

    def leave(self) -> None:
        """The run is over, for now."""
        self._run.leave()


def _current_error() -> BaseException:
    return sys.exc_info()[1] or RuntimeError("the training failed")


def _is_first_rank() -> bool:
    from lightning_utilities.core.rank_zero import rank_zero_only  # Lightning's own, of either name

    return int(getattr(rank_zero_only, "rank", 0) or 0) == 0
