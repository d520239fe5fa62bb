"""Commands as a fold over a run's log: what is known, what is open, and what can be asked of a trainer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.commands import OLDER_CONTROLS, CommandBook, moved_on, refusal, to_wire


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
        answer(book, pb.APPLIED, f"c{index}")
    assert len(book.newest(5000)) == 1000
    assert "c0" not in book
    assert "c1199" in book


WEIGHTS = [
    pb.COMMAND_STATE_UNKNOWN,
    pb.QUEUED,
    pb.SENT,
    pb.ACCEPTED,
    pb.EXPIRED,
    pb.APPLIED,
    pb.COMMAND_FAILED,
    pb.REJECTED,
]


@given(st.lists(st.sampled_from(WEIGHTS)))
def test_the_heaviest_answer_counts_in_whatever_order_they_come(answers: list[int]) -> None:
    book = CommandBook()
    issue(book)
    for what in answers:
        answer(book, what)
    assert state(book) == max([pb.QUEUED, *answers], key=WEIGHTS.index)


def test_one_rank_that_fails_makes_it_fail_whoever_speaks_first() -> None:
    for order in ((0, 1), (1, 0)):
        book = CommandBook()
        issue(book)
        for rank in order:
            if rank:
                answer(book, pb.COMMAND_FAILED, message="rank 1: no such setting", ranks=[1])
            else:
                answer(book, pb.APPLIED, applied_step=7, ranks=[0])
        (command,) = book.newest(1)
        assert (command.state, command.ranks, command.applied_step) == (pb.COMMAND_FAILED, [0], 7)
        assert command.message == "rank 1: no such setting"


def test_a_rank_that_counts_another_step_is_told_of() -> None:
    book = CommandBook()
    issue(book)
    answer(book, pb.APPLIED, applied_step=7, ranks=[0])
    answer(book, pb.APPLIED, applied_step=8, ranks=[1])
    (command,) = book.newest(1)
    assert (command.applied_step, command.message) == (7, "rank 1 counts step 8")


def test_what_was_taken_and_waits_for_the_next_epoch_does_not_expire() -> None:
    book = CommandBook()
    issue(book, verb="set", expires_ms=1000)
    answer(book, pb.ACCEPTED, message="pending until then", pending=True)
    assert book.overdue(900_000, reachable=True) == []
    assert len(book.overdue(900_000, reachable=False)) == 1, "but for a trainer that is gone"
    answer(book, pb.APPLIED, applied_step=90, values={"b": "64"}, previous={"b": "32"})
    (command,) = book.newest(1)
    assert (command.pending, command.message, command.previous) == (False, "", {"b": "32"})


def test_an_open_command_is_not_forgotten_and_there_are_only_so_many() -> None:
    book = CommandBook()
    issue(book, "first")
    for index in range(1200):
        issue(book, f"c{index}")
        answer(book, pb.REJECTED, f"c{index}")
    assert [command.command_id for command in book.unfinished()] == ["first"]
    assert len(book.newest(5000)) == 1000
    assert book.full is None
    for index in range(255):
        issue(book, f"open{index}")
    assert book.full == "256 commands of this run wait already."


def set_by(book: CommandBook, who: str, command_id: str, offset: int, **values: str) -> None:
    issued = pb.CommandIssued(
        command_id=command_id, verb="set", issued_by=who, parameters=values, expires_ms=1000
    )
    book.apply(offset, pb.TelemetryRequest(command_issued=issued))


def test_who_does_not_know_the_last_change_is_told_of_it() -> None:
    book = CommandBook()
    assert moved_on(book.last_set(["learning_rate"]), None) is None
    set_by(book, "ada", "a", 1, learning_rate="0.1")
    set_by(book, "bob", "b", 2, learning_rate="0.2")
    set_by(book, "eve", "e", 3, batch_size="9")
    answer(book, pb.APPLIED, "b", applied_step=70)
    last = book.last_set(["learning_rate"])
    assert moved_on(last, book.get("b")) is None
    why = moved_on(last, book.get("a"))
    assert why is not None
    assert why.startswith("The run moved on: bob set learning_rate=0.2 at step 70.")
    answer(book, pb.COMMAND_FAILED, "b")  # without effect in the end
    assert moved_on(book.last_set(["learning_rate"]), book.get("a")) is None
    assert moved_on(book.last_set(["learning_rate"]), book.get("b")) is None, "they know more"


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


def test_what_a_trainer_said_is_impossible_is_refused_with_its_reason() -> None:
    declared = [pb.ControlDeclaration(verb="pause", impossible="OneTrainer cannot pause.")]
    assert refusal(declared, "pause", {}, ended=False) == "OneTrainer cannot pause."
