"""The Hugging Face Accelerate integration: a tracker for its ``Accelerator``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from livetrain._frameworks.guard import harmless
from livetrain._frameworks.settings import Settings, given_options
from livetrain._monitor import Monitor
from livetrain.exceptions import LivetrainError

if TYPE_CHECKING:
    from accelerate import Accelerator
    from accelerate.state import PartialState
    from accelerate.tracking import GeneralTracker
    from accelerate.utils import broadcast_object_list
else:
    try:
        from accelerate import Accelerator
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

    Args:
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
        *,
        run: str | None = None,
        server: str | None = None,
        project: str | None = None,
        monitor_factory: Callable[..., Monitor] | None = None,
        **monitor_options: Any,
    ) -> None:
        super().__init__()
        owner = "LiveTrainTracker"
        options = given_options(owner, run, server, project, monitor_options)
        self._settings = Settings(owner=owner, options=options, monitor_factory=monitor_factory)
        self._monitor: Monitor | None = None

    @property
    def tracker(self) -> Monitor:
        """The monitor; it is made when Accelerate starts its trackers, or first asked for."""
        if self._monitor is None:
            state = PartialState()
            place = {"rank": state.process_index, "world_size": state.num_processes}
            self._monitor = self._settings.open(place)
            self._monitor.sync_in_steps(broadcast)
        return self._monitor

    @partial(harmless, but=(LivetrainError,))
    def start(self) -> None:
        """Open the run."""
        self.tracker  # noqa: B018  # asking for it makes it

    @harmless
    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        """Add settings to the run."""
        self.tracker.update(config=values)

    @harmless
    def log(self, values: Mapping[str, Any], step: int | None = None, **_: Any) -> None:
        """Record numbers, and what else `values` holds."""
        numbers: dict[str, Any] = {}
        for name, value in values.items():
            if isinstance(value, str):
                self.tracker.log_message("info", f"{name}: {value}")
            else:
                numbers[name] = value
        if numbers:
            self.tracker.log(numbers, step=step)

    @harmless
    def log_images(self, values: Mapping[str, Any], step: int | None = None, **_: Any) -> None:
        """Record pictures, whole, under their name; `values`: name to a list or a batch of them."""
        for name, images in values.items():
            for image in images:
                self.tracker.log_sample(image, prompt=name)

    @harmless
    def finish(self) -> None:
        """End the run."""
        if self._monitor is not None:
            self._monitor.close()


def broadcast(value: Any) -> Any:
    """Return what the main process gives, on every process: for `Monitor.sync`.

    Args:
        value: a text on the main process; whatever the others give is left out.

    Example:
        >>> monitor.sync(livetrain.accelerate.broadcast)  # doctest: +SKIP
    """
    return broadcast_object_list([value])[0]


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
        return [one for one in accelerator.log_with or () if isinstance(one, LiveTrainTracker)]

    @wraps(init)
    def init_trackers(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = init(self, *args, **kwargs)
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

    for replaced in (init_trackers, get_tracker, end_training):
        replaced._livetrain = True  # type: ignore[attr-defined]
        setattr(accelerators, replaced.__name__, replaced)


if not hasattr(Accelerator.init_trackers, "_livetrain"):  # this module was loaded anew
    _on_every_process(Accelerator)
