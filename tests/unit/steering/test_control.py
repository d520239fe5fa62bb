"""Commands: applied once, at a boundary, or refused with the reason; and a pause that always ends."""

from __future__ import annotations

import threading
import time
import types
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._steering.command import Command, Outcome, read_command
from livetrain._steering.control import Control
from livetrain._steering.rates import learning_rates
from livetrain.config import ControlOptions
from livetrain.proto import telemetry_pb2 as pb


def optimizer(groups: list[dict[str, float]]) -> Any:
    return types.SimpleNamespace(param_groups=groups)


class Desk:
    """A control with everything that it said, and a clock that the test moves."""

    def __init__(self, **options: Any) -> None:
        self.now = 0.0
        self.silent = 0.0
        self.outcomes: list[Outcome] = []
        self.statuses: list[tuple[str, str]] = []
        self.control = Control(
            ControlOptions(**options),
            answer=self.outcomes.append,
            announce=lambda status, message: self.statuses.append((status, message)),
            silence=lambda: self.silent,
            clock=lambda: self.now,
        )
        self.groups = [{"lr": 0.1}]
        self.control.allow_setting(
            *learning_rates(optimizer(self.groups), 0.0, 10.0, "learning_rate")
        )

    def give(self, verb: str, command_id: str = "", **parameters: str) -> None:
        command_id = command_id or f"c{len(self.outcomes)}"
        self.control.receive(Command(command_id, verb, parameters, issued_by="ada"))

    @property
    def last(self) -> Outcome:
        return self.outcomes[-1]


def test_a_value_is_set_at_the_boundary_and_not_before() -> None:
    desk = Desk()
    desk.give("set", learning_rate="0.01")
    assert (desk.last.state, desk.groups[0]["lr"]) == (pb.ACCEPTED, 0.1)
    desk.control.boundary(step=7)
    assert (desk.last.state, desk.last.applied_step) == (pb.APPLIED, 7)
    assert desk.last.values == {"learning_rate": "0.01"}
    assert desk.groups[0]["lr"] == 0.01


def test_a_command_is_not_carried_out_late_because_a_handler_before_it_took_long() -> None:
    desk = Desk()

    def long_work() -> None:
        desk.now += 10.0

    desk.control.allow_verb(pb.ControlDeclaration(verb="sample"), long_work)
    for name, verb, parameters, lifetime in (
        ("first", "sample", {}, None),
        ("late", "set", {"learning_rate": "0.5"}, 5.0),
        ("still good", "set", {"learning_rate": "0.2"}, 60.0),
    ):
        desk.control.receive(Command(name, verb, parameters, issued_by="ada", expires_at=lifetime))
    desk.control.boundary(step=3)
    ends = {outcome.command_id: outcome.state for outcome in desk.outcomes}
    assert ends == {"first": pb.APPLIED, "late": pb.EXPIRED, "still good": pb.APPLIED}
    assert desk.groups[0]["lr"] == 0.2


@pytest.mark.parametrize(
    ("verb", "parameters", "why"),
    [
        ("set", {"learning_rate": "nan"}, "not a finite number"),
        ("set", {"learning_rate": "-1"}, "outside 0 to 10"),
        ("set", {"learning_rate": "1e9"}, "outside 0 to 10"),
        ("set", {"learning_rate": "abc"}, "not a number"),
        ("set", {"batch_size": "0"}, "does not let batch_size be set"),
        ("set", {}, "needs a value"),
        ("explode", {}, "knows no command 'explode'"),
        ("stop", {}, "does not allow stop"),
    ],
)
def test_what_was_not_declared_is_refused_with_the_reason(
    verb: str, parameters: dict[str, str], why: str
) -> None:
    desk = Desk(allow=("pause", "resume"))
    desk.give(verb, **parameters)
    assert desk.last.state == pb.REJECTED
    assert why in desk.last.message
    desk.control.boundary(step=1)
    assert not desk.control.should_stop
    assert desk.groups == [{"lr": 0.1}]


def test_a_command_given_twice_is_applied_once_and_answered_twice() -> None:
    desk = Desk()
    for _ in range(2):
        desk.give("set", "same", learning_rate="x0.5")
    desk.control.boundary(step=1)
    desk.give("set", "same", learning_rate="x0.5")
    desk.control.boundary(step=2)
    assert desk.groups[0]["lr"] == 0.05
    assert [outcome.state for outcome in desk.outcomes] == [
        pb.ACCEPTED,
        pb.ACCEPTED,
        pb.APPLIED,
        pb.APPLIED,
    ]


def test_after_its_lifetime_a_command_is_never_applied() -> None:
    desk = Desk()
    desk.control.receive(Command("late", "stop", expires_at=5.0))
    desk.now = 5.1
    desk.control.boundary(step=1)
    assert desk.last.state == pb.EXPIRED
    assert not desk.control.should_stop


def test_several_values_are_set_together_or_not_at_all() -> None:
    desk = Desk()
    desk.give("set", learning_rate="0.5", batch_size="8")
    assert desk.last.state == pb.REJECTED
    desk.control.boundary(step=1)
    assert desk.groups[0]["lr"] == 0.1


def test_a_handler_that_fails_is_told_to_who_asked_and_not_to_the_training() -> None:
    desk = Desk()

    def fail() -> None:
        raise RuntimeError("no disk")

    desk.control.allow_verb(pb.ControlDeclaration(verb="save"), fail)
    desk.give("save")
    desk.control.boundary(step=1)
    assert (desk.last.state, desk.last.message) == (pb.COMMAND_FAILED, "RuntimeError: no disk")


def test_a_stop_is_applied_when_the_training_has_ended_and_not_before() -> None:
    desk = Desk()
    desk.give("stop")
    desk.control.boundary(step=3)
    assert (desk.control.should_stop, desk.control.stopping.by) == (True, "stopped by ada")
    assert (desk.last.state, desk.last.pending) == (pb.ACCEPTED, True)
    assert desk.last.message == "told at step 3; it is applied when the training has ended"
    desk.control.stopping.heeded = True
    desk.control.ended(step=3)
    assert (desk.last.state, desk.last.applied_step) == (pb.APPLIED, 3)
    assert desk.last.message == "stopped by ada"
    desk.control.dismiss("the training ended")
    assert desk.last.state == pb.APPLIED


@pytest.mark.parametrize(
    ("heeded", "until", "meanwhile", "state"),
    [
        (False, "", "goes on: the loop does not ask monitor.should_stop", pb.COMMAND_FAILED),
        (True, "", "goes on", pb.APPLIED),
        (True, "min_epochs=8", "goes on: min_epochs=8", pb.APPLIED),
    ],
)
def test_a_training_that_goes_on_after_a_stop_says_so(
    heeded: bool, until: str, meanwhile: str, state: pb.CommandState
) -> None:
    desk = Desk()
    desk.give("stop")
    desk.control.boundary(step=57)
    desk.control.stopping.heeded, desk.control.stopping.until = heeded, until
    for step in range(58, 80):
        desk.control.boundary(step=step)
    said = [outcome.message for outcome in desk.outcomes if outcome.pending]
    assert said[1:] == [f"told at step 57, {meanwhile}"], "said once"
    desk.control.ended(step=80)
    assert desk.last.state == state
    assert desk.control.stopping.ignored(80) == (state == pb.COMMAND_FAILED)
    if state == pb.APPLIED:
        assert desk.last.applied_step == 80


def test_a_loop_that_ended_and_goes_on_elsewhere_is_not_stopped() -> None:
    desk = Desk()
    desk.give("stop")
    desk.control.boundary(step=5)
    desk.control.ended(step=5)
    assert desk.last.state == pb.APPLIED
    desk.control.boundary(step=6)
    assert desk.last.state == pb.COMMAND_FAILED
    assert desk.last.message == "its loop ended at step 5, and the training went on after it"


def in_thread(control: Control) -> threading.Thread:
    thread = threading.Thread(target=control.boundary, args=(4,), daemon=True)
    thread.start()
    return thread


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.001)


def test_a_paused_training_stands_still_until_it_is_resumed_and_takes_commands_meanwhile() -> None:
    desk = Desk()
    desk.give("pause")
    training = in_thread(desk.control)
    wait_for(lambda: desk.control.paused)
    desk.give("set", learning_rate="0.2")
    wait_for(lambda: desk.groups[0]["lr"] == 0.2)
    desk.give("pause")
    wait_for(lambda: desk.last.state == pb.REJECTED)
    assert "paused already by ada" in desk.last.message
    assert training.is_alive()
    desk.give("resume")
    training.join(10.0)
    assert not training.is_alive()
    assert desk.statuses == [("paused", "paused by ada"), ("running", "resumed by ada")]


def pass_awake(desk: Desk, seconds: float, *, silent: bool) -> None:
    """Let time go by in which the paused training looks around."""
    end = desk.now + seconds
    while desk.now < end and desk.control.paused:
        forward = min(4.5, end - desk.now)
        desk.silent += forward if silent else 0.0
        desk.now = at = desk.now + forward
        wait_for(lambda at=at: desk.control._awake._looked == at or not desk.control.paused)


@pytest.mark.parametrize("end", ["lease", "contact", "stop"])
def test_a_pause_always_ends(end: str) -> None:
    desk = Desk(pause_lease_seconds=20.0, lost_contact_seconds=15.0)
    desk.give("pause")
    training = in_thread(desk.control)
    wait_for(lambda: desk.control.paused)
    if end != "stop":
        pass_awake(desk, 20.0 if end == "lease" else 15.0, silent=end == "contact")
    else:
        desk.give("stop")
    training.join(10.0)
    assert not training.is_alive()
    assert desk.statuses[-1][0] == "running"
    assert desk.control.should_stop == (end == "stop")


def test_a_pause_goes_on_after_the_process_was_asleep() -> None:
    desk = Desk(pause_lease_seconds=100.0, lost_contact_seconds=15.0)
    desk.give("pause")
    training = in_thread(desk.control)
    wait_for(lambda: desk.control.paused)
    # Stopped for an hour by SIGSTOP: all that time it heard nobody.
    desk.now = desk.silent = 3600.0
    wait_for(lambda: desk.control._awake.slept == 3600.0)
    desk.give("set", learning_rate="0.2")
    wait_for(lambda: desk.groups[0]["lr"] == 0.2)
    assert desk.control.paused, "it was the process that was silent"
    pass_awake(desk, 15.0, silent=True)
    training.join(10.0)
    assert not training.is_alive()
    assert "no contact with the server for 15 s" in desk.statuses[-1][1]


def test_a_monitor_that_is_closed_in_a_pause_lets_the_training_go_on() -> None:
    desk = Desk()
    desk.give("pause")
    training = in_thread(desk.control)
    wait_for(lambda: desk.control.paused)
    desk.control.dismiss("the training ended")
    training.join(10.0)
    assert not training.is_alive()
    assert desk.statuses[-1] == ("running", "the training ended")


def test_a_handler_that_logs_comes_to_no_boundary_within_the_boundary() -> None:
    desk = Desk()
    reached = []

    def handler() -> None:
        reached.append(desk.groups[0]["lr"])
        desk.give("set", learning_rate="0.2")
        desk.control.boundary(step=2)  # as log_batch does
        reached.append(desk.groups[0]["lr"])

    desk.control.allow_verb(pb.ControlDeclaration(verb="sample"), handler)
    desk.give("sample")
    desk.control.boundary(step=1)
    assert reached == [0.1, 0.1]
    assert desk.groups[0]["lr"] == 0.2, "given by the handler, applied after it"


def test_resume_without_a_pause_is_refused() -> None:
    desk = Desk()
    desk.give("resume")
    desk.control.boundary(step=1)
    assert (desk.last.state, desk.last.message) == (pb.REJECTED, "the training is not paused")


def test_more_commands_than_a_training_can_hold_are_refused() -> None:
    desk = Desk()
    for index in range(300):
        desk.give("set", f"c{index}", learning_rate="0.2")
    refused = [outcome for outcome in desk.outcomes if outcome.state == pb.REJECTED]
    assert len(refused) == 300 - 256


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["x0.5", "follow", "nan"]), st.booleans())
    )
)
def test_each_command_has_one_end_however_often_it_comes(
    series: list[tuple[str, str, bool]],
) -> None:
    desk = Desk()
    for command_id, value, boundary in series:
        desk.give("set", command_id, learning_rate=value)
        if boundary:
            desk.control.boundary(step=1)
    desk.control.boundary(step=2)
    ends: dict[str, set[tuple[int, str]]] = {}
    for outcome in desk.outcomes:
        if outcome.state in (pb.APPLIED, pb.REJECTED):
            ends.setdefault(outcome.command_id, set()).add((outcome.state, str(outcome.values)))
    assert ends.keys() == {command_id for command_id, _, _ in series}
    assert all(len(end) == 1 for end in ends.values())


def test_an_older_servers_command_means_the_same() -> None:
    message = pb.ControlCommand(
        type=pb.ControlCommand.CHANGE_LEARNING_RATE,
        parameters={"learning_rate": "0.1", "batch_size": "9"},
    )
    command = read_command(message, now=10.0)
    assert (command.verb, command.parameters, command.expires_at) == (
        "set",
        {"learning_rate": "0.1"},
        None,
    )
    assert command.command_id
    lasting = read_command(pb.ControlCommand(verb="pause", command_id="7", ttl_ms=2500), now=10.0)
    assert (lasting.command_id, lasting.expires_at) == ("7", 12.5)


def test_what_is_impossible_is_declared_with_the_reason_and_refused_with_it() -> None:
    desk = Desk(impossible={"pause": "OneTrainer cannot pause."})
    declared = {one.verb: one.impossible for one in desk.control.declarations()}
    assert declared == {"resume": "", "stop": "", "set": "", "pause": "OneTrainer cannot pause."}
    desk.give("pause")
    desk.control.boundary(step=1)
    assert (desk.last.state, desk.last.message) == (pb.REJECTED, "OneTrainer cannot pause.")
    assert not desk.control.paused
