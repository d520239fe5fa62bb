"""Whose words count for a run, at which step it is, and which ranks take part, whoever speaks in whatever order."""

from __future__ import annotations

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.run import Run, Stream
from livetrain.server.sequencing import Sequencer
from tests.unit.server.test_run import new_run, record_of

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND


def add(run: Run, key: int, rank: int = 0, *, leftover: bool = False) -> Stream:
    stream = Stream(key, f"s{key}", rank, "", opened=True, order=Sequencer(), heard=run.heard)
    stream.leftover = leftover
    run.streams.add(stream)
    return stream


def say(run: Run, stream: Stream, at: int, **payload: object) -> bool:
    """Say something ``at`` seconds after the start; return whether other attempts moved for it."""
    stamp = {"timestamp_ms": NOW // 1000 + at * 1000}
    stream.hear(float(at), NOW // 1000 + at * 1000)
    moved = run.advance(stream, record_of(**stamp, **payload), NOW + at * SECOND)[1]
    return bool(moved)


def batch(step: int) -> dict[str, object]:
    return {"batch_data": pb.BatchData(step=step)}


def status(code: int) -> dict[str, object]:
    return {"status_update": pb.StatusUpdate(status=code)}  # type: ignore[arg-type]


def test_an_end_of_an_earlier_start_ends_nothing() -> None:
    run = new_run()
    first, second = add(run, 1), add(run, 2)
    say(run, first, 1, **batch(999))
    say(run, second, 2, **batch(500))
    say(run, first, 3, **status(pb.FAILED))
    assert (run.status, run.steps, run.ended_ms) == ("running", 501, 0)
    assert first.ended
    say(run, second, 4, **status(pb.COMPLETED))
    assert (run.status, run.ended_ms) == ("finished", NOW // 1000 + 4000)


def test_a_new_start_takes_back_the_end_of_the_earlier() -> None:
    run = new_run()
    first = add(run, 1)
    say(run, first, 1, **batch(9))
    update = pb.StatusUpdate(status=pb.FAILED, message="no", traceback="T", exit_code=1)
    say(run, first, 2, status_update=update)
    assert (run.traceback, run.exit_code) == ("T", 1)
    second = add(run, 2)
    assert run.status == "failed", "it has said nothing yet"
    say(run, second, 3, **status(pb.RUNNING))
    found = (run.status, run.traceback, run.exit_code, run.ended_ms, run.steps)
    assert found == ("running", "", None, 0, 10)


def test_a_start_that_comes_late_counts_for_its_own_time_only() -> None:
    run = new_run()
    run.created_ms = NOW // 1000 + 60_000
    newest = add(run, 1)
    say(run, newest, 100, **batch(500))
    late = add(run, 2, leftover=True)
    assert not say(run, late, 50, **status(pb.RUNNING))
    assert say(run, late, 51, **batch(900))
    say(run, late, 52, **status(pb.COMPLETED))
    assert (late.attempt, newest.attempt) == (1, 2)
    assert (run.status, run.steps) == ("running", 501)
    assert run.created_ms == NOW // 1000 + 50_000
    assert run.first_point_us == NOW + 51 * SECOND
    assert run.speaker is newest


def test_viewers_hear_once_where_a_later_start_began() -> None:
    run = new_run()
    first, second = add(run, 1), add(run, 2)
    say(run, first, 1, **batch(9))
    for step, told in ((700, True), (701, False), (600, False), (650, False)):
        stamp = {"timestamp_ms": NOW // 1000}
        assert run.advance(second, record_of(**stamp, **batch(step)), NOW)[0] is told
    assert [a.from_step for a in run.streams.attempts] == [9, 700]


def test_the_lowest_rank_that_speaks_is_heard() -> None:
    run = new_run()
    run.controls.world_size = 2
    one = add(run, 1, rank=1)
    say(run, one, 1, **batch(3))
    assert (run.status, run.steps) == ("running", 4)
    zero = add(run, 2, rank=0)
    say(run, zero, 2, **status(pb.PAUSED))
    say(run, one, 3, **status(pb.COMPLETED))
    assert run.status == "paused"


def test_ranks_of_an_earlier_start_are_not_those_of_the_newest() -> None:
    run = new_run()
    run.controls.world_size = 3
    for key, rank in ((1, 0), (2, 1), (3, 2)):
        say(run, add(run, key, rank), 1, **batch(999))
    run.controls.world_size = 2  # the second start has two
    for key, rank in ((4, 1), (5, 0)):
        say(run, add(run, key, rank), 100 + key, **batch(500))
    assert [(s.key, s.attempt) for s in run.streams.newest(2)] == [(5, 2), (4, 2)]
    assert run.steps == 501
    say(run, run.streams["s4"], 110, **batch(501))
    assert run.steps == 502, "any rank makes the steps"


def test_a_rank_that_is_not_back_yet_is_no_part_of_the_new_start() -> None:
    run = new_run()
    run.controls.world_size = 2
    for key, rank in ((1, 0), (2, 1)):
        say(run, add(run, key, rank), 1, **batch(999))
    say(run, add(run, 3, 0), 100, **batch(500))
    assert [s.key for s in run.streams.newest(2)] == [3]


def test_a_result_of_what_was_trained_before_begins_no_start() -> None:
    run = new_run()
    first, second = add(run, 1), add(run, 2)
    say(run, first, 1, **batch(9))
    second.resumed_step = 10
    say(run, second, 2, validation=pb.Validation(step=9, loss=0.5))
    say(run, second, 3, scalars=pb.Scalars(step=9, values=[pb.Scalar(name="test/f1", value=1.0)]))
    assert run.streams.attempts == [], "one start alone"
    say(run, second, 4, **batch(10))
    assert [a.from_step for a in run.streams.attempts] == [9, 10]


def test_a_batch_at_an_earlier_step_than_the_resumed_one_begins_a_start() -> None:
    run = new_run()
    first, second = add(run, 1), add(run, 2)
    say(run, first, 1, **batch(9))
    second.resumed_step = 10
    say(run, second, 2, **batch(9))
    assert [a.from_step for a in run.streams.attempts] == [9, 9]


def test_what_a_start_says_before_it_logs_anything_goes_with_the_newest() -> None:
    run = new_run()
    first, second = add(run, 1), add(run, 2)
    say(run, first, 1, **batch(9))
    say(run, second, 2, **status(pb.RUNNING))
    assert [run.streams.counting_attempt(one) for one in (first, second)] == [1, 1]
    say(run, second, 3, **batch(5))
    assert [run.streams.counting_attempt(one) for one in (first, second)] == [1, 2]


def test_a_later_start_that_logged_nothing_ends_the_run_though_the_one_before_it_came_late() -> (
    None
):
    run = new_run()
    first, last = add(run, 1), add(run, 3)
    say(run, first, 1, **batch(9))
    say(run, last, 30, **status(pb.FAILED))
    between = add(run, 4, leftover=True)
    say(run, between, 20, **batch(10))
    say(run, between, 21, **status(pb.COMPLETED))
    assert (run.status, run.speaker) == ("failed", last)
    assert [one.attempt for one in (first, between, last)] == [1, 2, 3]
