"""Ranks agree on what is done before which step, by a broadcast that is not ours."""

from __future__ import annotations

import queue
import threading
import types
from collections.abc import Callable
from typing import Any

import pytest
import torch.distributed as dist

import livetrain
from livetrain._ranks.abilities import Abilities
from livetrain._steering.agreement import Agreement
from livetrain._steering.command import Command, Outcome
from livetrain._steering.control import Control
from livetrain._steering.rates import learning_rates
from livetrain.config import ControlOptions
from livetrain.proto import telemetry_pb2 as pb


class Rank:
    """One rank; what rank 0 broadcasts is passed on by hand."""

    def __init__(
        self, number: int, inbox: list[Any], silent: bool = False, store: Any = None
    ) -> None:
        self.number = number
        self.inbox = inbox
        self.now = 0.0
        self.broadcasts = 0
        self.outcomes: list[Outcome] = []
        self.groups = [{"lr": 0.1}]
        self.control = Control(ControlOptions(), self.outcomes.append, rank=number)
        optimizer = types.SimpleNamespace(param_groups=self.groups)
        self.control.allow_setting(learning_rates(optimizer, 0.0, 10.0, "learning_rate")[0])
        self.agreement = Agreement(
            self.control,
            number,
            Abilities(number, 2, lambda: store, number=0),
            silent=lambda: silent,
            clock=lambda: self.now,
        )

    def broadcast(self, text: Any) -> Any:
        self.broadcasts += 1
        if self.number:
            assert text is None
            return self.inbox.pop(0)
        self.inbox.append(text)
        return text

    def sync(self, step: int) -> None:
        self.agreement.sync(self.broadcast, step)

    def give(self, verb: str, **parameters: str) -> None:
        name = f"c{len(self.outcomes)}"
        self.control.receive(Command(name, verb, parameters, issued_by="ada"))


def pair(**options: Any) -> tuple[Rank, Rank]:
    inbox: list[Any] = []
    return Rank(0, inbox, **options), Rank(1, inbox, **options)


def test_all_apply_it_before_the_same_step_and_each_says_so() -> None:
    first, second = pair()
    for step in range(1, 30):
        if step == 7:
            first.give("set", learning_rate="0.5")
        for rank in (first, second):
            rank.now += 0.05
            rank.sync(step)
        assert first.groups == second.groups
    applied = [[o for o in r.outcomes if o.state == pb.APPLIED] for r in (first, second)]
    assert [len(outcomes) for outcomes in applied] == [1, 1]
    assert applied[0][0].applied_step == applied[1][0].applied_step >= 7
    assert first.groups == [{"lr": 0.5}]


@pytest.mark.parametrize(
    ("step_seconds", "at_most", "at_least"),
    [(0.001, 15, 10), (0.05, 600, 450), (1.0, 1000, 1000)],
)
def test_quick_steps_do_not_pay_for_a_broadcast_each(
    step_seconds: float, at_most: int, at_least: int
) -> None:
    first, second = pair()
    for step in range(1000):
        for rank in (first, second):
            rank.now += step_seconds
            rank.sync(step)
    assert first.broadcasts == second.broadcasts
    assert at_least <= first.broadcasts <= at_most
    assert first.inbox == [], "every broadcast of rank 0 was heard by the other"


def test_a_training_that_nobody_can_reach_agrees_once() -> None:
    first, second = pair(silent=True)
    for step in range(500):
        for rank in (first, second):
            rank.sync(step)
    assert (first.broadcasts, second.broadcasts) == (1, 1)


def test_while_paused_they_go_on_agreeing_so_that_none_waits_for_long() -> None:
    first, second = pair()
    line: queue.Queue[str] = queue.Queue()
    beats = threading.Semaphore(0)

    def say(text: str) -> str:
        line.put(text)
        beats.release()
        return text

    first.give("pause")
    loops = [
        threading.Thread(target=first.agreement.sync, args=(say, 5), daemon=True),
        threading.Thread(
            target=second.agreement.sync, args=(lambda _: line.get(timeout=20), 5), daemon=True
        ),
    ]
    for loop in loops:
        loop.start()
    for _ in range(4):
        assert beats.acquire(timeout=20), "rank 0 lets the others hear of it all along"
    assert first.control.paused
    assert second.control.paused
    assert all(loop.is_alive() for loop in loops)
    first.give("set", learning_rate="0.5")
    first.give("resume")
    for loop in loops:
        loop.join(20)
        assert not loop.is_alive()
    assert first.groups == second.groups == [{"lr": 0.5}]
    assert not second.control.paused


def test_a_failed_broadcast_comes_through() -> None:
    first, _ = pair()

    def fail(_: Any) -> Any:
        raise RuntimeError("connection closed by peer")

    with pytest.raises(RuntimeError, match="closed by peer"):
        first.agreement.sync(fail, 1)


def test_what_was_decided_when_a_rank_is_gone_is_answered_as_failed() -> None:
    first, _ = pair()
    first.give("set", learning_rate="0.5")

    def fail(_: Any) -> Any:
        raise RuntimeError("connection closed by peer")

    with pytest.raises(RuntimeError):
        first.agreement.sync(fail, 3)
    assert first.groups == [{"lr": 0.1}]
    last = first.outcomes[-1]
    why = "the ranks could not agree on it before step 3 (RuntimeError)"
    assert (last.state, last.message) == (pb.COMMAND_FAILED, why)


@pytest.mark.parametrize("broadcast", [lambda text: None, lambda text: [text], lambda text: "else"])
def test_a_function_that_is_no_broadcast_is_refused(broadcast: Callable[[Any], Any]) -> None:
    first, _ = pair()
    with pytest.raises(livetrain.UsageError, match="has to return what rank 0 gave"):
        first.agreement.sync(broadcast, 1)


def test_a_rank_that_fails_says_so_and_one_without_the_handler_says_nothing() -> None:
    first, second = pair()
    first.control.allow_verb(pb.ControlDeclaration(verb="sample"), lambda: "drawn")
    first.give("sample")
    first.give("pause")
    first.give("resume")
    first.give("resume")  # refused by both alike
    second.control._settings.clear()
    first.give("set", learning_rate="0.5")
    for step in (1, 2):  # what comes after the handler waits for the next look at the clock
        for rank in (first, second):
            rank.sync(step)
    ends = [o for o in first.outcomes if o.state != pb.ACCEPTED]
    assert [o.state for o in ends] == [
        *(pb.APPLIED, pb.APPLIED, pb.APPLIED, pb.REJECTED, pb.APPLIED)
    ]
    (failed,) = [o for o in second.outcomes if o.state not in (pb.APPLIED, pb.ACCEPTED)]
    assert (failed.state, failed.message) == (
        pb.COMMAND_FAILED,
        "rank 1: this training does not let learning_rate be set",
    )
    assert len(second.outcomes) == 3, "pause, resume, and the failure"


def test_ranks_that_are_out_of_step_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    first, second = pair()
    first.sync(4)
    second.sync(5)
    assert "rank 1 is at step 5 where rank 0 is at 4" in caplog.text


def test_one_rank_alone_never_broadcasts() -> None:
    monitor = livetrain.Monitor(enabled=False)
    monitor.sync(lambda _: pytest.fail("asked"))


def test_a_monitor_that_is_disabled_takes_part_so_that_no_rank_waits() -> None:
    heard: list[Any] = []
    for rank in (0, 1):
        monitor = livetrain.Monitor(enabled=False, rank=rank, world_size=2)
        for _ in range(20):
            monitor.sync(lambda text: heard.append(text) or text or heard[0])
    assert len(heard) == 2, "once each, and never again: nobody can give it a command"


def test_what_one_rank_does_not_let_be_set_is_set_on_none() -> None:
    first, second = pair(store=dist.HashStore())
    second.control.forget_setting("learning_rate")
    first.give("set", learning_rate="0.5")
    for step in range(1, 30):
        for rank in (first, second):
            rank.now += 0.05
            rank.sync(step)
    (outcome,) = [o for o in first.outcomes if o.state == pb.REJECTED]
    assert "rank 1 does not let learning_rate be set" in outcome.message
    assert "attach on every rank" in outcome.message
    assert first.groups == second.groups == [{"lr": 0.1}]
    assert second.outcomes == []
