"""The Flower integration: a strategy around the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from livetrain._flower.rounds import Rounds
from livetrain._frameworks.guard import harmless
from livetrain._frameworks.settings import Settings, given_options
from livetrain._monitor import Monitor
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
        self._strategy = strategy
        self._rounds: Rounds | None = None
        self.monitor: Monitor | None = None

    def __getattr__(self, name: str) -> Any:
        # What scripts read of their strategy is the one's inside.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._strategy, name)

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
        evaluate = kwargs.get("evaluate_fn")
        if rounds and evaluate is not None:
            kwargs["evaluate_fn"] = rounds.evaluating(evaluate)
        error: BaseException | None = None
        try:
            with _watched(grid, rounds):
                if type(self._strategy).start is Strategy.start:
                    return super().start(grid, initial_arrays, num_rounds, *args, **kwargs)
                # A start of its own is to find our steps where it looks for its own.
                with _replaced(self._strategy, {name: getattr(self, name) for name in _HOOKS}):
                    return self._strategy.start(grid, initial_arrays, num_rounds, *args, **kwargs)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._rounds = None
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
        result = type(self._strategy).aggregate_train(self._strategy, server_round, replies)
        if self._rounds:
            self._rounds.trained(server_round, replies, result)
        return result

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Any]) -> Any:
        """Have the strategy put the clients' evaluations together."""
        replies = list(replies)
        result = type(self._strategy).aggregate_evaluate(self._strategy, server_round, replies)
        if self._rounds:
            self._rounds.evaluated(server_round, replies, result)
        return result

    def _configure(self, what: str, server_round: int, *given: Any) -> Iterable[Any]:
        rounds = self._rounds
        if rounds and rounds.monitor.should_stop:
            return []
        ask = getattr(type(self._strategy), f"configure_{what}")
        messages = list(ask(self._strategy, server_round, *given))
        if rounds:
            rounds.asked(what, server_round, messages)
        return messages


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
