"""A federated training with Flower, whose clients are in this process: its strategy is steered, or a client's own loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg
from flwr.supercore.task_identity import TaskIdentity

from livetrain.flower import LiveTrainStrategy
from tests.steering.case import Case, Trace
from tests.steering.steered import Maker
from tests.steering.trainings.line import Line
from tests.steering.trainings.schedulers import RATE

__all__ = ["SCHEDULERS", "train"]

SCHEDULERS = {"none": 1.0, "decays": 0.9}
"""What the strategy multiplies the rate by after each round, which it tells its clients."""


class Rounds(FedAvg):
    """Tells its clients which rate to train with, and notes the weight after each round."""

    def __init__(self, case: Case, trace: Trace | None) -> None:
        super().__init__(fraction_evaluate=0.0, min_available_nodes=1, min_train_nodes=1)
        self._case, self._trace = case, trace

    def configure_train(
        self, server_round: int, arrays: Any, config: Any, grid: Any
    ) -> Iterable[Any]:
        config["lr"] = RATE * SCHEDULERS[self._case.scheduler] ** (server_round - 1)
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(self, server_round: int, replies: Iterable[Any]) -> Any:
        replies = list(replies)
        result = super().aggregate_train(server_round, replies)
        if self._trace is not None and replies:
            self._trace.moved(server_round, float(_weight(result[0])[0]))
        return result


class Clients(Grid):
    """Asks clients that are in this process, one after the other.

    Args:
        nodes: how many there are.
        work: what each does: given its arrays and its rate, it returns the arrays that it made of them.
    """

    def __init__(self, nodes: int, work: Any) -> None:
        self._nodes, self._work = nodes, work
        self._answers: list[Message] = []

    def set_run(self, run: Any) -> None:
        raise NotImplementedError

    @property
    def run(self) -> Any:
        raise NotImplementedError

    def create_message(self, *args: Any, **kwargs: Any) -> Message:
        raise NotImplementedError

    def get_node_ids(self) -> Iterable[int]:
        return list(range(1, self._nodes + 1))

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        for message in messages:
            arrays = self._work(message.content["arrays"], message.content["config"]["lr"])
            content = RecordDict(
                {"arrays": arrays, "metrics": MetricRecord({"num-examples": 1, "loss": 1.0})}
            )
            self._answers.append(Message(content, reply_to=message))
        return [str(place) for place in range(len(self._answers))]

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        answers, self._answers = self._answers, []
        return answers

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        return self.pull_messages(self.push_messages(messages))


def train(case: Case, make: Maker) -> Trace:
    """Train as a row says; a round is a step of the monitor.

    ``case.options``: ``steered="client"``: the only client has a monitor of its own, which goes on in each round, and each of its
    batches is a step.
    """
    trace = Trace()
    arrays = ArrayRecord([np.zeros(1)])
    with _within_a_run():
        if case.options.get("steered") == "client":
            client = Client(case, make, trace)
            Rounds(case, None).start(Clients(1, client.work), arrays, num_rounds=case.epochs)
        else:
            strategy = LiveTrainStrategy(Rounds(case, trace), monitor_factory=make)
            strategy.start(Clients(3, _one_step), arrays, num_rounds=case.epochs)
    return trace


class Client:
    """A client's own loop: another optimizer and another monitor in each round, in one run."""

    def __init__(self, case: Case, make: Maker, trace: Trace) -> None:
        self._case, self._make, self._trace = case, make, trace
        self._kept: Any = None
        self._round = 0

    def work(self, arrays: ArrayRecord, rate: float) -> ArrayRecord:
        line = Line()
        with torch.no_grad():
            line.weight.copy_(torch.from_numpy(_weight(arrays)))
        optimizer = torch.optim.SGD(line.parameters(), lr=rate)
        with self._make("client", resume=self._kept) as monitor:
            monitor.attach(optimizer)
            for index, batch in enumerate(monitor.steps([torch.ones(2)] * self._case.batches)):
                optimizer.zero_grad()
                loss = line(batch)
                loss.backward()
                optimizer.step()
                step = self._round * self._case.batches + index
                self._trace.moved(step, line.weight.item())
                monitor.log_batch(None, None, loss)
            self._kept = monitor.resume_state()
        self._round += 1
        return ArrayRecord([line.weight.detach().numpy()])


def _one_step(arrays: ArrayRecord, rate: float) -> ArrayRecord:
    return ArrayRecord([_weight(arrays) - rate])


def _weight(arrays: ArrayRecord) -> Any:
    (weight,) = arrays.to_numpy_ndarrays()
    return weight


@contextmanager
def _within_a_run() -> Iterator[None]:
    """Give messages what a running server gives them."""
    names = ("_task_id", "_run_id", "_node_id")
    before = {name: vars(TaskIdentity)[name] for name in names}
    for name in names:
        setattr(TaskIdentity, name, 1)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(TaskIdentity, name, value)
