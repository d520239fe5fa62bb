from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._monitor.place import Place, whole
from livetrain.exceptions import UsageError


def test_steps_count_through_epochs_and_batches_do_not() -> None:
    place = Place()
    seen = []
    for epoch in range(2):
        for _ in range(3):
            seen.append((place.epoch, place.batch, place.take_step(None)))
            place.batch_logged()
        place.end_epoch(epoch)
    assert seen == [(0, 0, 0), (0, 1, 1), (0, 2, 2), (1, 0, 3), (1, 1, 4), (1, 2, 5)]
    assert (place.last_step, place.logged) == (5, 6)


@given(st.lists(st.none() | st.integers(0, 1000), max_size=20))
def test_a_step_is_the_one_that_is_given_or_one_more_than_the_last(
    given_: list[int | None],
) -> None:
    place, last = Place(), -1
    for step in given_:
        last = last + 1 if step is None else step
        assert place.take_step(step) == last
        assert (place.step, place.last_step) == (last + 1, last)


def test_numbers_without_any_batch_are_steps_of_their_own() -> None:
    place = Place()
    assert place.step_of_numbers(None, in_body=False) == (0, True)
    assert place.step_of_numbers(None, in_body=False) == (1, True)
    place.take_step(None)
    place.batch_logged()
    assert place.step_of_numbers(None, in_body=False) == (2, False)
    assert place.step_of_numbers(9, in_body=False) == (9, False)
    assert place.step == 3


def test_numbers_in_a_body_belong_to_its_batch_before_and_after_that_is_logged() -> None:
    place = Place()
    assert place.begin_body() == 0
    assert place.step_of_numbers(None, in_body=True) == (0, False)
    place.take_step(None)
    place.batch_logged()
    assert place.step_of_numbers(None, in_body=True) == (0, False)
    assert place.end_body(0) == (0, False)


def test_a_body_that_logs_no_batch_is_a_step_all_the_same() -> None:
    place = Place()
    step = place.begin_body()
    assert place.end_body(step) == (0, True)
    assert (place.step, place.batch, place.logged) == (1, 1, 0)


def test_an_epochs_numbers_stand_at_its_last_step_or_for_themselves() -> None:
    assert Place().step_of(4) == 4
    assert Place(step=10).step_of(4) == 9


@pytest.mark.parametrize("value", [-1, 1.5, "3", None])
def test_what_counts_nothing_is_refused_with_the_mend(value: Any) -> None:
    with pytest.raises(UsageError, match=r"epoch=.*: not a whole number from 0; give an int"):
        whole("epoch", value)
