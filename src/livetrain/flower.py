"""The Flower integration: a strategy around the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from livetrain._flower.rounds import Rounds
from livetrain._frameworks.guard import harmless
from livetrain._frameworks.settings import Settings, given_options
from livetrain._monitor import Monitor
from livetrain._warnings import warn_once_a_minute
from livetrain.exceptions import LivetrainError

if TYPE_CHECKING:
    from flwr.serverapp.strategy import Strategy
else:
    try:
        from flwr.serverapp.strategy import Strategy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "livetrain.flower needs Flower: pip install 'livetrain[flower]'."
        ) from error

__all__ = ["LiveTrainStrategy"]

_HOOKS = ("configure_train", "aggregate_train", "configure_evaluate", "aggregate_evaluate")
_OWN = ("_hooks", "_rounds", "_settings", "_strategy", "monitor")
_FACE = (*_HOOKS, "start", "summary")
_EVALUATE_FN = 3  # its place among the arguments of `start` that follow `num_rounds`


class LiveTrainStrategy(Strategy):  # type: ignore[misc]  # mypy does not follow Flower
    """Shows a federated training live: put it around the strategy that you have.

    The strategy inside decides everything, as it would alone; what goes to the clients and what comes from them is reported. When
    somebody stops the training, the rounds that are left are empty: no client is asked, and the last arrays are the result. A
    pause takes effect between two rounds.

    Args:
        strategy: the one that does the work.
        run: the run's name. None: ``$LIVETRAIN_RUN``, else the strategy's class name.
        server: ``"host:port"`` of the server. None: ``$LIVETRAIN_SERVER``, else ``127.0.0.1:50051``.
        project: what the run is listed under. None: ``$LIVETRAIN_PROJECT``, else ``"default"``.
        monitor_factory: makes the monitor, e.g. :class:`livetrain.testing.RecordingMonitor`. None: :class:`livetrain.Monitor`.
        **monitor_options: any other argument of :class:`livetrain.Monitor`.

    Raises:
        TypeError: an argument that :class:`livetrain.Monitor` does not have.

    What is logged, with the round as the step:

    ================================== ============ ==============================================================
    key                                unit         when
    ================================== ============ ==============================================================
    ``client/ID/fit/NAME``             its own      each client's answer to its training, as it comes
    ``client/ID/evaluation/NAME``      its own      each client's answer to its evaluation, as it comes
    ``round/fit/NAME``                 its own      each round, what the strategy aggregated of the trainings
    ``round/evaluation/NAME``          its own      each round, what it aggregated of the evaluations
    ``round/NAME``                     its own      each round, what ``evaluate_fn`` found; round 0 is before the first
    ``clients``, ``failures``          1            each round, answers and errors to its training
    ``seconds/round``                  seconds      each round
    ================================== ============ ==============================================================

    A client whose answer is an error is an event.

    Attributes:
        monitor: the monitor of the training that runs, or ran last; None before the first.

    Example:
        >>> LiveTrainStrategy(FedAvg()).start(grid, arrays, num_rounds=3)  # doctest: +SKIP
    """

    def __init__(
        self,
        strategy: Strategy,
        *,
        run: str | None = None,
        server: str | None = None,
        project: str | None = None,
        monitor_factory: Callable[..., Monitor] | None = None,
        **monitor_options: Any,
    ) -> None:
        owner = "LiveTrainStrategy"
        options = given_options(owner, run, server, project, monitor_options)
        self._settings = Settings(owner=owner, options=options, monitor_factory=monitor_factory)
        self._rounds: Rounds | None = None
        self._hooks: dict[str, Callable[..., Any]] = {}
        self.monitor: Monitor | None = None
        self._strategy = strategy

    def __getattr__(self, name: str) -> Any:
        # What scripts read of their strategy is the one's inside, and so is what they write.
        inside = self.__dict__.get("_strategy")
        if inside is None or name.startswith("__"):
            raise AttributeError(name)
        return getattr(inside, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._is_own(name):
            super().__setattr__(name, value)
        else:
            setattr(self._strategy, name, value)

    def __delattr__(self, name: str) -> None:
        if self._is_own(name):
            super().__delattr__(name)
        else:
            delattr(self._strategy, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self.__dict__.get("_strategy"))})

    def _is_own(self, name: str) -> bool:
        """Whether an attribute is one of this object, or of a class that somebody derived from ours."""
        if "_strategy" not in self.__dict__ or name in _OWN or name.startswith("__"):
            return True
        return name not in _FACE and hasattr(type(self), name)

    def summary(self) -> None:
        """Log the configuration of the strategy inside."""
        self._strategy.summary()

    def start(
        self, grid: Any, initial_arrays: Any, num_rounds: int = 3, *args: Any, **kwargs: Any
    ) -> Any:
        """Run the training, as the strategy inside does; the arguments are Flower's."""
        # Misuse is said before the first round; a fault of ours there costs the view, not the training.
        opened = harmless(Rounds, but=(LivetrainError,))
        self._rounds = rounds = opened(self._settings, self._strategy, num_rounds)
        self.monitor = rounds.monitor if rounds else None
        if rounds and len(args) > _EVALUATE_FN and args[_EVALUATE_FN] is not None:
            watched = rounds.evaluating(args[_EVALUATE_FN])
            args = (*args[:_EVALUATE_FN], watched, *args[_EVALUATE_FN + 1 :])
        elif rounds and kwargs.get("evaluate_fn") is not None:
            kwargs["evaluate_fn"] = rounds.evaluating(kwargs["evaluate_fn"])
        inside = self._strategy
        own_start = "start" in vars(inside) or type(inside).start is not Strategy.start
        self._hooks = {name: getattr(inside, name) for name in _HOOKS}
        error: BaseException | None = None
        try:
            with _watched(grid, rounds):
                if not own_start:
                    return super().start(grid, initial_arrays, num_rounds, *args, **kwargs)
                # A start of its own is to find our steps where it looks for its own.
                with _replaced(inside, {name: getattr(self, name) for name in _HOOKS}):
                    return inside.start(grid, initial_arrays, num_rounds, *args, **kwargs)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._rounds, self._hooks = None, {}
            if rounds:
                rounds.finish(error)

    def configure_train(
        self, server_round: int, arrays: Any, config: Any, grid: Any
    ) -> Iterable[Any]:
        """Ask the strategy which clients train; none, once the training was stopped."""
        return self._configure("train", server_round, arrays, config, grid)

    def configure_evaluate(
        self, server_round: int, arrays: Any, config: Any, grid: Any
    ) -> Iterable[Any]:
        """Ask the strategy which clients evaluate; none, once the training was stopped."""
        return self._configure("evaluate", server_round, arrays, config, grid)

    def aggregate_train(self, server_round: int, replies: Iterable[Any]) -> Any:
        """Have the strategy put the clients' trainings together."""
        replies = list(replies)
        result = self._of_strategy("aggregate_train")(server_round, replies)
        if self._rounds:
            self._rounds.trained(server_round, replies, result)
        return result

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Any]) -> Any:
        """Have the strategy put the clients' evaluations together."""
        replies = list(replies)
        result = self._of_strategy("aggregate_evaluate")(server_round, replies)
        if self._rounds:
            self._rounds.evaluated(server_round, replies, result)
        return result

    def _configure(self, what: str, server_round: int, *given: Any) -> Iterable[Any]:
        rounds = self._rounds
        if rounds and rounds.monitor.should_stop:
            return []
        messages = list(self._of_strategy(f"configure_{what}")(server_round, *given))
        if rounds:
            rounds.asked(what, server_round, messages)
        else:
            warn_once_a_minute(
                "flower:inside",
                "This federated training is not shown: another strategy runs it, and asks LiveTrainStrategy for its steps alone; "
                "put LiveTrainStrategy around the outermost one.",
            )
        return messages

    def _of_strategy(self, hook: str) -> Callable[..., Any]:
        """Return the strategy's own step, also while ours is in its place."""
        found: Callable[..., Any] = getattr(self._strategy, hook)
        return self._hooks[hook] if found == getattr(self, hook) else found


@contextmanager
def _watched(grid: Any, rounds: Rounds | None) -> Any:
    """See each answer when it comes: a round's answers are handed over together only when it ends."""
    real = getattr(grid, "pull_messages", None)
    if rounds is None or real is None:
        yield
        return

    def pull_messages(*args: Any, **kwargs: Any) -> Any:
        messages = list(real(*args, **kwargs))
        rounds.answered(messages)
        return messages

    with _replaced(grid, {"pull_messages": pull_messages}):
        yield


@contextmanager
def _replaced(owner: Any, methods: Mapping[str, Any]) -> Any:
    """Give an object, and not its class, other methods for a while."""
    before = {name: vars(owner)[name] for name in methods if name in vars(owner)}
    for name, method in methods.items():
        object.__setattr__(owner, name, method)
    try:
        yield
    finally:
        for name in methods:
            vars(owner).pop(name, None)
        vars(owner).update(before)
