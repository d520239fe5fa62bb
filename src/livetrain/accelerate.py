"""The Hugging Face Accelerate integration: a tracker for its ``Accelerator``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from livetrain._frameworks.guard import harmless
from livetrain._frameworks.settings import Settings, given_options
from livetrain._frameworks.table import table_text
from livetrain._monitor import Monitor
from livetrain._warnings import warn_once_a_minute
from livetrain.exceptions import LivetrainError

if TYPE_CHECKING:
    from accelerate import Accelerator, tracking
    from accelerate.state import PartialState
    from accelerate.tracking import GeneralTracker
    from accelerate.utils import broadcast_object_list
else:
    try:
        from accelerate import Accelerator, tracking
        from accelerate.state import PartialState
        from accelerate.tracking import GeneralTracker
        from accelerate.utils import broadcast_object_list
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "livetrain.accelerate needs Accelerate: pip install 'livetrain[accelerate]'."
        ) from error

__all__ = ["LiveTrainTracker", "broadcast"]


class LiveTrainTracker(GeneralTracker):  # type: ignore[misc]  # mypy does not follow Accelerate
    """A tracker for ``Accelerator(log_with=...)``: records what ``accelerator.log`` is given; needs no argument.

    A tracker sees numbers alone. For pictures, predictions, pause and stop ask for the monitor behind it:
    ``accelerator.get_tracker("livetrain", unwrap=True)``, on every process. Several processes are one run, for which the main
    process speaks. They are steered together where all of them loop over ``monitor.steps``; a loop without it calls
    ``monitor.sync(livetrain.accelerate.broadcast)`` on every process, at the same place in each step.

    Accelerate starts and hands out trackers on the main process alone. Importing this module has it do so with this one on
    every process; with other trackers nothing changes.

    Where Accelerate takes trackers of others by their names (from 1.15), ``log_with="livetrain"`` makes one, once this module is
    imported; its arguments are those of ``init_kwargs={"livetrain": {...}}``. A tracker serves one training after the other: each
    ``init_trackers`` begins a run.

    Args:
        project_name: what Accelerate gives a tracker that it makes itself; stands in for `project`.
        run: the run's name. None: ``$LIVETRAIN_RUN``, else the script's name and the time.
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
    NAME of ``accelerator.log``    its own      each call, at the step it is given, else the next; what is in a mapping
                                                is ``NAME/KEY``, a text a line of the run's log
    pictures of ``log_images``     –            each call, as samples, at the step it is given
    rows of ``log_table``          –            each call, as lines of the run's log
    ============================== ============ ==================================================================

    What ``accelerator.init_trackers`` is given as ``config`` are the run's settings; ``accelerator.end_training`` ends the run.

    Example:
        >>> accelerator = Accelerator(log_with=LiveTrainTracker())  # doctest: +SKIP
        >>> accelerator.init_trackers("digits", config={"lr": 0.1})  # doctest: +SKIP
        >>> monitor = accelerator.get_tracker("livetrain", unwrap=True)  # doctest: +SKIP
    """

    name = "livetrain"
    requires_logging_directory = False
    main_process_only = True

    def __init__(
        self,
        project_name: str | None = None,
        *,
        run: str | None = None,
        server: str | None = None,
        project: str | None = None,
        monitor_factory: Callable[..., Monitor] | None = None,
        **monitor_options: Any,
    ) -> None:
        super().__init__()
        owner = "LiveTrainTracker"
        listed = project_name if project is None else project
        options = given_options(owner, run, server, listed, monitor_options)
        self._settings = Settings(owner=owner, options=options, monitor_factory=monitor_factory)
        self._monitor: Monitor | None = None
        self._started = self._over = False

    @property
    def tracker(self) -> Monitor:
        """The monitor; it is made when Accelerate starts its trackers, or first asked for."""
        if self._monitor is None:
            state = PartialState()
            place = {"rank": state.process_index, "world_size": state.num_processes}
            self._monitor = self._settings.open(place)
            self._monitor.sync_in_steps(broadcast)
        return self._monitor

    def begin_anew(self) -> None:
        """Let the next training have a run of its own; what was opened and not yet started goes on."""
        if self._started or self._over:
            self.finish()
            self._monitor, self._started, self._over = None, False, False

    @partial(harmless, but=(LivetrainError,))
    def start(self) -> None:
        """Open the run; after the end of one, another one."""
        if self._over:
            self.begin_anew()
        self._started = True
        self.tracker  # noqa: B018  # asking for it makes it

    @harmless
    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        """Add settings to the run."""
        self.tracker.update(config=values)

    @harmless
    def log(self, values: Mapping[str, Any], step: int | None = None, **_: Any) -> None:
        """Record numbers, and what else `values` holds."""
        if self._is_over():
            return
        numbers: dict[str, Any] = {}
        for name, value in values.items():
            if isinstance(value, str):
                self.tracker.log_message("info", f"{name}: {value}", step=step)
            else:
                numbers[name] = value
        if numbers:
            self.tracker.log(numbers, step=step)

    @harmless
    def log_images(self, values: Mapping[str, Any], step: int | None = None, **_: Any) -> None:
        """Record pictures, whole, under their name; `values`: name to a list or a batch of them."""
        if self._is_over():
            return
        for name, images in values.items():
            for image in images:
                self.tracker.log_sample(image, prompt=name, step=step)

    @harmless
    def log_table(
        self,
        table_name: str,
        columns: Iterable[Any] | None = None,
        data: Any = None,
        dataframe: Any = None,
        step: int | None = None,
        **_: Any,
    ) -> None:
        """Record a table as lines of the run's log, up to 100 rows: a data frame, or rows and the names of their columns."""
        if not self._is_over():
            text = table_text(columns, data if dataframe is None else dataframe)
            self.tracker.log_message("info", f"{table_name}\n{text}", step=step)

    @harmless
    def finish(self) -> None:
        """End the run. What is logged afterwards is lost, with a warning, until the tracker is started again."""
        self._over = True
        if self._monitor is not None:
            self._monitor.close()

    def _is_over(self) -> bool:
        if self._over:
            warn_once_a_minute(
                "accelerate:over",
                "What is logged after accelerator.end_training is not recorded; accelerator.init_trackers begins another run.",
            )
        return self._over


def broadcast(value: Any) -> Any:
    """Return what the main process gives, on every process: for `Monitor.sync`.

    Args:
        value: a text on the main process; whatever the others give is left out.

    Example:
        >>> monitor.sync(livetrain.accelerate.broadcast)  # doctest: +SKIP
    """
    return broadcast_object_list([value])[0]


_REPLACED = "_livetrain"
_NAMED = "_livetrain_tracker"
_ARGUMENTS = ("project_name", "config", "init_kwargs")  # of `Accelerator.init_trackers`


def _on_every_process(accelerators: Any) -> None:
    """Have Accelerate start, hand out and finish our trackers on the processes too where it leaves trackers alone."""
    init, find, end = (
        accelerators.init_trackers,
        accelerators.get_tracker,
        accelerators.end_training,
    )

    def ours(accelerator: Any) -> list[LiveTrainTracker]:
        if accelerator.is_main_process:
            return []
        # Those that were asked for by their name, which Accelerate makes on the main process.
        named = [getattr(accelerator, _NAMED)] if hasattr(accelerator, _NAMED) else []
        given = [one for one in accelerator.log_with or () if isinstance(one, LiveTrainTracker)]
        return [*given, *named]

    @wraps(init)
    def init_trackers(self: Any, *args: Any, **kwargs: Any) -> Any:
        # Accelerate adds its trackers again for each training: those of the last one would record this one too.
        for tracker in [one for one in self.trackers if isinstance(one, LiveTrainTracker)]:
            self.trackers.remove(tracker)
            tracker.begin_anew()
        for tracker in ours(self):
            tracker.begin_anew()
        made = init(self, *args, **kwargs)
        if not self.is_main_process and LiveTrainTracker.name in map(str, self.log_with or ()):
            given = {**dict(zip(_ARGUMENTS, args, strict=False)), **kwargs}
            options = (given.get("init_kwargs") or {}).get(LiveTrainTracker.name, {})
            setattr(self, _NAMED, LiveTrainTracker(given["project_name"], **options))
        for tracker in ours(self):
            tracker.start()
        return made

    @wraps(find)
    def get_tracker(self: Any, name: str, unwrap: bool = False) -> Any:
        for tracker in ours(self):
            if tracker.name == name:
                return tracker.tracker if unwrap else tracker
        return find(self, name, unwrap=unwrap)

    @wraps(end)
    def end_training(self: Any, *args: Any, **kwargs: Any) -> Any:
        for tracker in ours(self):
            tracker.finish()
        return end(self, *args, **kwargs)

    # By name: Accelerate's own decorators do not keep those of its methods.
    replaced = {
        "init_trackers": init_trackers,
        "get_tracker": get_tracker,
        "end_training": end_training,
    }
    for name, method in replaced.items():
        setattr(method, _REPLACED, True)
        setattr(accelerators, name, method)


if not hasattr(Accelerator.init_trackers, _REPLACED):  # else this module was loaded anew
    _on_every_process(Accelerator)
tracking.LOGGER_TYPE_TO_CLASS[LiveTrainTracker.name] = LiveTrainTracker
