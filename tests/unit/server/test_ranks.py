"""What is said of several ranks: who is lost, who is missing, and for whom the others wait."""

from __future__ import annotations

from dataclasses import replace

import pytest

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.ranks import RankStanding, remarks
from livetrain.server.run import Stream
from livetrain.server.sequencing import Sequencer
from tests.unit.server.test_run import new_run, record_of

FINE = RankStanding(0, "alive", "running", "", 900, 50.0, 12.0, 0.2, 0)


def ranks(count: int, **changes: RankStanding) -> list[RankStanding]:
    return [changes.get(f"r{n}", replace(FINE, rank=n)) for n in range(count)]


def test_of_ranks_that_do_well_nothing_is_said() -> None:
    assert remarks(ranks(4), 4, 100.0) == []
    assert remarks(ranks(1), 4, 100.0) == [], "only one of them is meant to be seen"


def test_a_rank_that_others_wait_for_is_named_though_all_steps_take_as_long() -> None:
    slow = replace(FINE, rank=2, own_ms=48.0)
    (said,) = remarks(ranks(4, r2=slow), 4, 100.0)
    assert said == "The others wait for rank 2: of a step it takes 48 ms alone, they take 12 ms."


@pytest.mark.parametrize("own_ms", [14.0, 13.0, 11.0])
def test_a_small_difference_is_none(own_ms: float) -> None:
    assert remarks(ranks(2, r1=replace(FINE, rank=1, own_ms=own_ms)), 2, 100.0) == []


def test_without_a_sight_of_the_gradients_steps_are_compared() -> None:
    several = [
        replace(FINE, rank=n, own_ms=None, step_ms=step)
        for n, step in enumerate((20.0, 21.0, 60.0))
    ]
    (said,) = remarks(several, 3, 100.0)
    assert said == "Rank 2 is slower: 60 ms a step, the others take 20 ms."


@pytest.mark.parametrize(
    ("contact", "silent", "words"),
    [
        ("stale", 6.0, "Rank 1 has not been heard for 6 s."),
        ("lost", 31.0, "Rank 1 has not been heard for 31 s; ranks 0 and 2 go on."),
    ],
)
def test_a_rank_that_is_not_heard_is_said_in_words(contact: str, silent: float, words: str) -> None:
    quiet = replace(FINE, rank=1, contact=contact, silent_seconds=silent, steps=10)
    assert remarks(ranks(3, r1=quiet), 3, 100.0) == [words]


def test_a_rank_that_failed_says_why() -> None:
    failed = replace(
        FINE, rank=1, contact="ended", status="failed", message="RuntimeError: no peer"
    )
    assert remarks(ranks(2, r1=failed), 2, 100.0) == ["Rank 1 failed: RuntimeError: no peer."]


def test_ranks_that_never_came_are_missed_after_a_while() -> None:
    assert remarks(ranks(2), 4, 10.0) == []
    assert remarks(ranks(2), 4, 31.0) == ["Ranks 2 and 3 have not reported yet."]


def test_a_rank_far_behind_is_said_so() -> None:
    late = replace(FINE, rank=1, steps=850)
    assert remarks(ranks(2, r1=late), 2, 100.0) == ["Rank 1 is 50 steps behind."]


def stream(key: int, rank: int) -> Stream:
    return Stream(key, f"s{key}", rank, "", opened=True, order=Sequencer(), heard=100.0)


def test_rank_0_speaks_for_the_run_and_the_others_for_themselves() -> None:
    run = new_run()
    run.controls.world_size = 2
    first, second = stream(1, 0), stream(2, 1)
    run.streams.add(first)
    run.streams.add(second)
    ended = record_of(status_update=pb.StatusUpdate(status=pb.COMPLETED))
    for producer in (first, second):
        record = record_of(batch_data=pb.BatchData(step=9))
        run.advance(producer, record, 1_000)
    run.advance(second, ended, 1_000)
    assert (run.status, second.status, run.ended) == ("running", "finished", False)
    speed = record_of(performance_data=pb.PerformanceData(current_fps=20, own_ms=31))
    run.advance(second, speed, 1_000)
    assert run.performance is None, "the run is as fast as its rank 0"
    first.check_contact(100.0)
    second.check_contact(100.0)
    told = [rank.told() for rank in run.ranks(100.0)]
    assert [(r.rank, r.contact, r.steps) for r in told] == [(0, "alive", 10), (1, "ended", 10)]
    assert (told[1].step_ms, told[1].own_ms) == (50, 31)


def test_of_a_rank_that_was_started_again_the_newest_counts() -> None:
    run = new_run()
    run.controls.world_size = 2
    for one in (stream(1, 0), stream(3, 1), stream(2, 1)):
        run.streams.add(one)
    assert [s.key for s in run.streams.newest(2)] == [1, 3]


def test_a_run_of_one_rank_has_no_ranks_to_tell_of() -> None:
    run = new_run()
    run.streams.add(stream(1, 0))
    assert run.ranks(100.0) == []
