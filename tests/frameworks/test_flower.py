"""The strategy for Flower: a real simulation with four clients, and every turn of it on a grid in this process."""

from __future__ import annotations

import copy
import os
import random
import runpy
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from flwr.app import ArrayRecord, Context, Error, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import DifferentialPrivacyServerSideFixedClipping, FedAvg
from flwr.supercore.task_identity import TaskIdentity

import livetrain
from livetrain._console.server_process import ServerProcess
from livetrain.flower import LiveTrainStrategy
from livetrain.testing import RecordingMonitor
from tests.frameworks.flower_app import CLIENTS, EXAMPLE, ROUNDS
from tests.frameworks.world import Made, get, only_run, same, warnings_of

EXAMPLE_APP = runpy.run_path(str(EXAMPLE))
IDS = [11, 22, 33, 44]


class LocalGrid(Grid):
    """Clients in this process, which answer one after the other; `failing`: those that answer with an error."""

    def __init__(self, *failing: int) -> None:
        self._failing = failing
        self._waiting: dict[str, Message] = {}
        self.asked = 0

    def set_run(self, run: Any) -> None:
        raise NotImplementedError

    @property
    def run(self) -> Any:
        raise NotImplementedError

    def create_message(self, *args: Any, **kwargs: Any) -> Message:
        raise NotImplementedError

    def get_node_ids(self) -> Iterable[int]:
        return IDS

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        for message in messages:
            self.asked += 1
            name = str(self.asked)
            node = message.metadata.dst_node_id
            if node in self._failing:
                self._waiting[name] = Message(
                    Error(code=7, reason="out of power"), reply_to=message
                )
                continue
            state = RecordDict()
            settings = {"partition-id": IDS.index(node), "num-partitions": CLIENTS}
            context = Context(1, node, settings, state, {})
            self._waiting[name] = EXAMPLE_APP["client_app"](message, context)
        return list(self._waiting)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        # One a call, as if each took its time.
        return [self._waiting.pop(next(iter(self._waiting)))] if self._waiting else []

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        waiting = list(self.push_messages(messages))
        replies: list[Message] = []
        while len(replies) < len(waiting):
            replies.extend(self.pull_messages(waiting))
        return replies


@pytest.fixture(autouse=True)
def within_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give messages what a running server gives them."""
    for name in ("_task_id", "_run_id", "_node_id"):
        monkeypatch.setattr(TaskIdentity, name, 1)


def arrays() -> ArrayRecord:
    torch.manual_seed(0)
    return ArrayRecord(EXAMPLE_APP["network"]().state_dict())


def start(strategy: Any, grid: Grid | None = None, rounds: int = ROUNDS, **options: Any) -> Any:
    random.seed(0)  # Flower draws the clients with it, and the order of a sum shows in its last bit
    return strategy.start(grid or LocalGrid(), arrays(), num_rounds=rounds, **options)


@pytest.fixture
def made() -> Made:
    return Made()


@pytest.mark.timeout(300)  # each simulation starts Ray, which starts processes that import PyTorch
def test_a_simulation_arrives_whole_and_learns_what_it_learns_alone(
    server: ServerProcess, tmp_path: Path
) -> None:
    for word in ("alone", "watched"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.frameworks.flower_app", str(tmp_path), word],
            cwd=Path(__file__).parents[2],
            # As docs/howto/flower.md says: Ray's processes are forked, and gRPC now and then aborts one of them else.
            env={**os.environ, "OMP_NUM_THREADS": "1", "GRPC_ENABLE_FORK_SUPPORT": "0"},
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    alone, watched = (torch.load(tmp_path / f"{word}.pt") for word in ("alone", "watched"))
    assert same(alone.values(), watched.values())
    run, curves = only_run(server)
    assert (run["name"], run["status"]) == ("federated", "finished")
    rounds = list(range(1, ROUNDS + 1))
    clients = {name.split("/")[1] for name in curves if name.startswith("client/")}
    assert len(clients) == CLIENTS
    for client in clients:
        assert curves[f"client/{client}/fit/loss"]["steps"] == rounds
        assert curves[f"client/{client}/evaluation/accuracy"]["steps"] == rounds
    assert curves["round/fit/loss"]["steps"] == rounds
    assert curves["clients"]["values"] == [CLIENTS] * ROUNDS
    accuracy = curves["round/evaluation/accuracy"]["values"]
    assert accuracy[-1] > max(0.5, accuracy[0])


def test_each_turn_of_each_client_is_told(made: Made) -> None:
    result = start(LiveTrainStrategy(FedAvg(), monitor_factory=made))
    monitor = made.only
    assert monitor.options["run"] == "FedAvg"
    assert monitor.options["config"]["rounds"] == ROUNDS
    told = [(phase, client, number) for client, phase, number, *_ in monitor.client_rounds]
    for number in range(1, ROUNDS + 1):
        assert {(p, c) for p, c, n in told if n == number and p == "start"} == {
            ("start", str(node)) for node in IDS
        }
        fits = [entry for entry in monitor.client_rounds if entry[2] == number and entry[4]]
        evaluations = [entry for entry in monitor.client_rounds if entry[2] == number and entry[5]]
        assert sorted(entry[0] for entry in fits) == sorted(map(str, IDS))
        assert sorted(entry[0] for entry in evaluations) == sorted(map(str, IDS))
        assert all(set(entry[4]) == {"loss", "num-examples"} for entry in fits)
    assert [number for number, *_ in monitor.rounds] == [1, 2, 3]
    for number, total, metrics, fit, evaluation in monitor.rounds:
        assert (total, metrics) == (ROUNDS, {})
        assert fit["loss"] == pytest.approx(result.train_metrics_clientapp[number]["loss"])
        found = result.evaluate_metrics_clientapp[number]
        assert evaluation["accuracy"] == pytest.approx(found["accuracy"])
    assert [step for step, _ in monitor.scalars] == [1, 2, 3]
    assert (monitor.closed, monitor.ended_by) == (True, None)


def test_a_client_is_told_of_when_it_answers_and_not_when_the_round_ends(made: Made) -> None:
    seen: list[int] = []

    class Watching(LocalGrid):
        def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
            seen.append(sum(phase == "progress" for _, phase, *_ in made.only.client_rounds))
            return super().pull_messages(message_ids)

    start(LiveTrainStrategy(FedAvg(fraction_evaluate=0.0), monitor_factory=made), Watching(), 1)
    assert seen[:4] == [0, 1, 2, 3]


def test_what_the_server_finds_itself_ends_the_round(made: Made) -> None:
    def evaluate(number: int, weights: ArrayRecord) -> MetricRecord:
        return MetricRecord({"accuracy": number / 10})

    strategy = LiveTrainStrategy(FedAvg(), monitor_factory=made)
    result = start(strategy, evaluate_fn=evaluate)
    assert [(n, m) for n, _, m, _, _ in made.only.rounds] == [
        (0, {"accuracy": 0.0}),
        *((n, {"accuracy": n / 10}) for n in (1, 2, 3)),
    ]
    assert sorted(result.evaluate_metrics_serverapp) == [0, 1, 2, 3]


def test_a_client_that_fails_is_an_event_and_counted(made: Made) -> None:
    start(LiveTrainStrategy(FedAvg(), monitor_factory=made), LocalGrid(22), 1)
    monitor = made.only
    assert (
        "client_failed",
        "out of power",
        {"client": "22", "round": 1, "code": 7},
    ) in monitor.events
    assert monitor.scalars[0][1]["failures"] == 1
    assert monitor.scalars[0][1]["clients"] == 3


@pytest.mark.parametrize("central", [True, False])
def test_a_stop_leaves_the_rest_of_the_rounds_empty(central: bool) -> None:
    class StoppingAfterTwo(RecordingMonitor):
        def log(self, *args: Any, **options: Any) -> None:
            super().log(*args, **options)
            self.should_stop = len(self.scalars) >= 2

    grid = LocalGrid()
    strategy = LiveTrainStrategy(FedAvg(), monitor_factory=StoppingAfterTwo)
    asked: list[int] = []

    def evaluate(number: int, weights: ArrayRecord) -> MetricRecord:
        asked.append(number)
        return MetricRecord({"accuracy": 0.5})

    result = start(strategy, grid, 9, **({"evaluate_fn": evaluate} if central else {}))
    assert grid.asked == 2 * 2 * CLIENTS
    assert asked == ([0, 1, 2] if central else [])
    assert sorted(result.train_metrics_clientapp) == [1, 2]
    two = start(FedAvg(), LocalGrid(), 2)
    assert same(
        result.arrays.to_torch_state_dict().values(), two.arrays.to_torch_state_dict().values()
    )
    assert isinstance(strategy.monitor, StoppingAfterTwo)
    assert strategy.monitor.closed


@pytest.mark.parametrize("there", [True, False])
def test_the_arrays_are_the_same_bit_for_bit_with_and_without(
    there: bool, request: pytest.FixtureRequest
) -> None:
    def trained(strategy: Any) -> list[torch.Tensor]:
        return list(start(strategy).arrays.to_torch_state_dict().values())

    request.getfixturevalue("server" if there else "no_server")
    alone, again = trained(FedAvg()), trained(FedAvg())
    assert same(alone, again)
    assert same(alone, trained(LiveTrainStrategy(FedAvg())))


def test_a_strategy_with_a_start_of_its_own_is_watched_too(made: Made) -> None:
    class Own(FedAvg):
        def start(self, grid: Any, initial_arrays: Any, num_rounds: int = 3, **kwargs: Any) -> Any:
            return super().start(grid, initial_arrays, num_rounds=1, **kwargs)

    own = Own()
    start(LiveTrainStrategy(own, monitor_factory=made))
    assert [number for number, *_ in made.only.rounds] == [1]
    assert "configure_train" not in vars(own)


def test_an_error_ends_the_run_as_failed_and_leaves_nothing_behind(made: Made) -> None:
    error = ValueError("bad weights")

    class Broken(FedAvg):
        def aggregate_train(self, server_round: int, replies: Any) -> Any:
            raise error

    grid = LocalGrid()
    with pytest.raises(ValueError, match="bad weights"):
        start(LiveTrainStrategy(Broken(), monitor_factory=made), grid)
    assert made.only.ended_by is error
    assert "pull_messages" not in vars(grid)


def test_a_fault_of_ours_costs_the_view_and_not_the_training(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("ours")

    alone = start(FedAvg()).arrays.to_torch_state_dict().values()
    result = start(LiveTrainStrategy(FedAvg(), monitor_factory=broken))
    assert same(alone, result.arrays.to_torch_state_dict().values())
    monkeypatch.setattr("livetrain._flower.rounds._numbers", broken)
    result = start(LiveTrainStrategy(FedAvg(), monitor_factory=made))
    assert same(alone, result.arrays.to_torch_state_dict().values())
    assert made.only.closed


def test_what_is_set_on_it_is_set_on_the_strategy(made: Made) -> None:
    inside = FedAvg()
    strategy = LiveTrainStrategy(inside, monitor_factory=made)
    strategy.fraction_train = 0.5
    strategy.fraction_train *= 0.5
    strategy.min_available_nodes, strategy.of_my_own, strategy._private = 3, ["kept"], 1
    assert (inside.fraction_train, inside.min_available_nodes) == (0.25, 3)
    assert (inside.of_my_own, inside._private, strategy._private) == (["kept"], 1, 1)
    del strategy.of_my_own
    assert not hasattr(inside, "of_my_own")
    assert "fraction_train" in dir(strategy)
    strategy.fraction_train = 1.0
    start(strategy, rounds=1)
    assert strategy.monitor is made.only
    assert "monitor" not in vars(inside)
    twin = copy.deepcopy(strategy)
    twin.fraction_train = 0.75
    assert (twin.fraction_train, strategy.fraction_train) == (0.75, 1.0)


def test_a_class_derived_from_it_keeps_its_own(made: Made) -> None:
    class Counting(LiveTrainStrategy):
        trained = 0

        def __init__(self, strategy: Any, **options: Any) -> None:
            self.before = "kept"
            super().__init__(strategy, **options)
            self.limit = 7

        @property
        def twice(self) -> int:
            return 2 * self.trained

        @twice.setter
        def twice(self, value: int) -> None:
            self.trained = value // 2

        def aggregate_train(self, server_round: int, replies: Any) -> Any:
            self.trained += 1
            return super().aggregate_train(server_round, replies)

    inside = FedAvg()
    strategy = Counting(inside, monitor_factory=made)
    start(strategy, rounds=2)
    strategy.twice = 8
    assert (strategy.trained, strategy.before, strategy.limit) == (4, "kept", 7)
    assert not {"trained", "twice", "before"} & vars(inside).keys()


@pytest.mark.parametrize("own_start", [True, False])
@pytest.mark.parametrize("outside", [True, False])
def test_a_step_of_ones_own_is_taken(made: Made, own_start: bool, outside: bool) -> None:
    """Set on the strategy, or on what stands around it."""

    class Own(FedAvg):
        def start(self, *args: Any, **kwargs: Any) -> Any:
            return super().start(*args, **kwargs)

    inside = Own() if own_start else FedAvg()
    strategy = LiveTrainStrategy(inside, monitor_factory=made)
    plain = inside.aggregate_train
    seen: list[int] = []

    def aggregate_train(server_round: int, replies: Any) -> Any:
        seen.append(server_round)
        return plain(server_round, replies)

    (strategy if outside else inside).aggregate_train = aggregate_train
    start(strategy)
    assert seen == [1, 2, 3]
    assert [number for number, *_ in made.only.rounds] == [1, 2, 3]
    assert vars(inside)["aggregate_train"] is aggregate_train


def test_an_evaluation_that_is_given_by_its_place_is_seen(made: Made) -> None:
    def evaluate(number: int, weights: ArrayRecord) -> MetricRecord:
        return MetricRecord({"accuracy": number / 10})

    strategy = LiveTrainStrategy(FedAvg(), monitor_factory=made)
    strategy.start(LocalGrid(), arrays(), 1, 3600, None, None, evaluate)
    assert [(n, m) for n, _, m, _, _ in made.only.rounds] == [
        (0, {"accuracy": 0.0}),
        (1, {"accuracy": 0.1}),
    ]


def test_inside_another_strategy_it_says_that_it_shows_nothing(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    within = LiveTrainStrategy(FedAvg(), monitor_factory=made)
    start(DifferentialPrivacyServerSideFixedClipping(within, 0.0, 1.0, CLIENTS))
    (said,) = warnings_of(caplog)
    assert "put LiveTrainStrategy around the outermost one" in said
    outside = LiveTrainStrategy(
        DifferentialPrivacyServerSideFixedClipping(FedAvg(), 0.0, 1.0, CLIENTS),
        monitor_factory=made,
    )
    start(outside)
    assert [number for number, *_ in made.only.rounds] == [1, 2, 3]


def test_misuse_is_said_before_the_first_round(server: ServerProcess) -> None:
    with pytest.raises(TypeError, match="LiveTrainStrategy has no argument 'max_fsp'"):
        LiveTrainStrategy(FedAvg(), max_fsp=3)
    with pytest.raises(livetrain.ConfigurationError, match="not host:port"):
        start(LiveTrainStrategy(FedAvg(), server="nowhere"))
    assert LiveTrainStrategy(FedAvg(fraction_train=0.5)).fraction_train == 0.5
    assert get(server, "/api/runs")["runs"] == []
