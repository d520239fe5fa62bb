"""Attempts are numbered in the order in which they were started, however late their records come."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from livetrain.server.attempts import attempt_of, later_attempts


@dataclass(eq=False)
class One:
    attempt: int = 1
    from_step: int | None = 0
    first_us: int = 0
    leftover: bool = False


def test_the_first_is_1_and_each_later_start_counts_on() -> None:
    first, second = One(1, 0, 10), One(2, 500, 20)
    assert attempt_of(One(from_step=None), []) == 1
    assert attempt_of(One(from_step=None), [first, second]) == 3


def test_a_stream_that_logged_nothing_does_not_count() -> None:
    assert attempt_of(One(first_us=9), [One(1, None, 5)]) == 1


def test_a_spool_of_an_earlier_start_that_comes_late_takes_its_place() -> None:
    second = One(1, 500, 20)
    late = One(first_us=10, leftover=True)
    late.attempt = attempt_of(late, [second])
    assert late.attempt == 1
    assert later_attempts(late, [second]) == [second]


def test_a_spool_of_the_newest_start_is_the_newest() -> None:
    first = One(1, 0, 10)
    late = One(first_us=20, leftover=True)
    late.attempt = attempt_of(late, [first])
    assert (late.attempt, later_attempts(late, [first])) == (2, ())


def test_streams_of_an_older_database_are_one_attempt_together() -> None:
    older = [One(1, 0, 0), One(1, 0, 0)]
    assert attempt_of(One(first_us=9), older) == 2


@given(order=st.permutations(range(6)))
def test_in_whatever_order_spools_come_the_numbers_are_those_of_the_starts(
    order: list[int],
) -> None:
    there: list[One] = []
    for started in order:
        one = One(from_step=None, first_us=1 + started, leftover=True)
        one.attempt = attempt_of(one, there)
        for other in later_attempts(one, there):
            other.attempt += 1
        one.from_step = started
        there.append(one)
    assert [one.attempt for one in sorted(there, key=lambda one: one.first_us)] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
