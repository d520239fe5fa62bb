"""Commands as a fold over a run's log: what is known, what is open, and what can be asked of a trainer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.commands import OLDER_CONTROLS, CommandBook, refusal, to_wire


def issue(
    book: CommandBook, command_id: str = "c", verb: str = "pause", expires_ms: int = 1000
) -> None:
    issued = pb.CommandIssued(
        command_id=command_id, verb=verb, issued_by="ada", expires_ms=expires_ms
    )
    book.apply(1, pb.TelemetryRequest(command_issued=issued))


def answer(book: CommandBook, state: int, command_id: str = "c", **more: object) -> None:
    result = pb.CommandResult(command_id=command_id, state=state, **more)
    book.apply(2, pb.TelemetryRequest(command_result=result))


def state(book: CommandBook) -> int:
    command = book.get("c")
    assert command is not None
    return command.state


def test_a_command_goes_through_its_states() -> None:
    book = CommandBook()
    issue(book)
    assert state(book) == pb.QUEUED
    for step in (pb.SENT, pb.ACCEPTED):
        answer(book, step)
        assert state(book) == step
    answer(book, pb.APPLIED, applied_step=7, values={"learning_rate": "0.1"}, ranks=[0])
    (command,) = book.newest(10)
    assert (command.state, command.applied_step, command.values) == (
        pb.APPLIED,
        7,
        {"learning_rate": "0.1"},
    )
    assert book.open(now_ms=0) == []


def test_what_is_final_stays_so() -> None:
    book = CommandBook()
    issue(book)
    answer(book, pb.REJECTED, message="no")
    answer(book, pb.ACCEPTED)
    assert state(book) == pb.REJECTED


def test_the_trainer_knows_better_than_our_guess_that_nobody_answers() -> None:
    book = CommandBook()
    issue(book)
    answer(book, pb.EXPIRED)
    answer(book, pb.APPLIED, applied_step=3)
    assert state(book) == pb.APPLIED


def test_ranks_that_applied_it_are_gathered() -> None:
    book = CommandBook()
    issue(book)
    for rank in (1, 0):
        answer(book, pb.APPLIED, ranks=[rank])
    assert book.newest(1)[0].ranks == [0, 1]


def test_past_its_lifetime_a_command_is_not_sent() -> None:
    book = CommandBook()
    issue(book, expires_ms=1000)
    assert [c.command_id for c in book.open(now_ms=999)] == ["c"]
    assert book.open(now_ms=1000) == []


def test_who_was_told_gets_time_to_answer() -> None:
    book = CommandBook()
    issue(book, expires_ms=1000)
    assert book.overdue(999, reachable=True) == []
    assert len(book.overdue(1000, reachable=True)) == 1, "never sent: nobody can answer"
    answer(book, pb.SENT)
    assert book.overdue(1000, reachable=True) == []
    assert len(book.overdue(6000, reachable=True)) == 1
    assert book.overdue(6000, reachable=False) == [], "away: its answer is still to come"
    assert len(book.overdue(61_000, reachable=False)) == 1


def test_only_so_many_are_remembered() -> None:
    book = CommandBook()
    for index in range(1200):
        issue(book, f"c{index}")
    assert len(book.newest(5000)) == 1000
    assert "c0" not in book
    assert "c1199" in book


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 7))))
def test_answers_in_any_order_never_undo_an_end(answers: list[tuple[str, int]]) -> None:
    book = CommandBook()
    ends: dict[str, int] = {}
    for name in "ab":
        issue(book, name)
    for name, what in answers:
        answer(book, what, name)
        command = book.get(name)
        assert command is not None
        if name in ends:
            assert command.state == ends[name] or (ends[name], command.state) == (
                pb.EXPIRED,
                pb.APPLIED,
            )
        if command.final:
            ends[name] = command.state


DECLARED = [
    pb.ControlDeclaration(verb="pause"),
    pb.ControlDeclaration(
        verb="set",
        parameters=[
            pb.ControlParameter(name="learning_rate", kind="float", minimum=0.0, maximum=10.0)
        ],
    ),
    pb.ControlDeclaration(
        verb="sample",
        parameters=[pb.ControlParameter(name="how", kind="choice", choices=["fast", "good"])],
    ),
]


@pytest.mark.parametrize(
    ("verb", "parameters", "why"),
    [
        ("stop", {}, "does not allow 'stop'"),
        ("explode", {}, "does not allow 'explode'"),
        ("set", {}, "Say what to set: learning_rate"),
        ("set", {"batch_size": "8"}, "takes no 'batch_size' here; it takes learning_rate"),
        ("set", {"learning_rate": "nan"}, "a finite number is needed"),
        ("set", {"learning_rate": "-1"}, "0 to 10 is allowed"),
        ("set", {"learning_rate": "1e9"}, "0 to 10 is allowed"),
        ("set", {"learning_rate": "abc"}, "a number is needed"),
        ("pause", {"for": "ever"}, "takes no 'for' here"),
        ("sample", {"how": "best"}, "one of fast, good is needed"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    verb: str, parameters: dict[str, str], why: str
) -> None:
    assert why in (refusal(DECLARED, verb, parameters, ended=False) or "")


@pytest.mark.parametrize("rate", ["0.1", "1e-4", "x0.5", "follow", "undo"])
def test_every_way_to_set_a_rate_is_taken(rate: str) -> None:
    assert refusal(DECLARED, "set", {"learning_rate": rate}, ended=False) is None


def test_a_run_that_ended_takes_nothing() -> None:
    assert refusal(DECLARED, "pause", {}, ended=True) == "The run has ended."


def test_an_older_trainer_is_told_each_value_by_a_command_of_its_own() -> None:
    book = CommandBook()
    parameters = {"learning_rate": "0.1", "batch_size": "8"}
    assert refusal(OLDER_CONTROLS, "set", parameters, ended=False) is None
    issued = pb.CommandIssued(command_id="c", verb="set", parameters=parameters, expires_ms=500)
    book.apply(1, pb.TelemetryRequest(command_issued=issued))
    (command,) = book.newest(1)
    told = to_wire(command, 100, older=True)
    assert {(m.type, tuple(m.parameters.items())) for m in told} == {
        (pb.ControlCommand.CHANGE_LEARNING_RATE, (("learning_rate", "0.1"),)),
        (pb.ControlCommand.ADJUST_BATCH_SIZE, (("batch_size", "8"),)),
    }
    (ours,) = to_wire(command, 100, older=False)
    assert (ours.verb, dict(ours.parameters), ours.ttl_ms) == ("set", parameters, 400)


def test_a_status_is_an_older_trainers_answer() -> None:
    book = CommandBook()
    issue(book, verb="stop")
    assert book.shown_by(pb.COMPLETED) is None, "it was not even sent"
    answer(book, pb.SENT)
    assert book.shown_by(pb.PAUSED) is None
    found = book.shown_by(pb.COMPLETED)
    assert found is not None
    assert found.command_id == "c"
