from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
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


def numbers(place: Place, *names: str, step: int | None = None) -> int:
    at, _ = place.step_of_numbers(step, names, in_body=False)
    return at


def batch(place: Place, step: int | None = None) -> int:
    at = place.take_step(step)
    place.batch_logged()
    return at


def test_numbers_without_any_batch_are_steps_of_their_own() -> None:
    place = Place()
    assert place.step_of_numbers(None, ["a"], in_body=False) == (0, True)
    assert place.step_of_numbers(None, ["a"], in_body=False) == (1, True)
    assert (place.step, place.last_step) == (2, 1)


def test_numbers_of_one_turn_have_one_step_however_many_calls_they_take() -> None:
    place = Place()
    seen = [(numbers(place, "a"), numbers(place, "b", "c")) for _ in range(3)]
    assert seen == [(0, 0), (1, 1), (2, 2)]
    assert place.step_of_numbers(None, ["b"], in_body=False) == (3, True)
    assert place.step_of_numbers(None, ["a"], in_body=False) == (3, False)


def test_numbers_before_a_batch_have_its_step_in_every_turn() -> None:
    place = Place()
    turns = []
    for _ in range(3):
        turns.append((numbers(place, "lr"), numbers(place, "m"), batch(place), numbers(place, "g")))
    assert turns == [(0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 2)]


def test_now_and_then_counts_as_every_turn() -> None:
    place = Place()
    rates = []
    for turn in range(21):
        if turn % 10 == 0:
            rates.append(numbers(place, "lr"))
        assert batch(place) == turn
    assert rates == [0, 10, 20]


def test_numbers_after_a_batch_have_its_step() -> None:
    place = Place()
    for turn in range(3):
        assert (batch(place), numbers(place, "g"), numbers(place, "h")) == (turn, turn, turn)
    assert numbers(place, "g", step=9) == 9
    assert place.step == 3


def test_a_step_that_is_given_before_the_first_batch_is_the_turns() -> None:
    place = Place()
    assert place.step_of_numbers(40, ["lr"], in_body=False) == (40, True)
    assert place.step_of_numbers(40, ["lr"], in_body=False) == (40, False)
    assert (numbers(place, "m"), batch(place), batch(place)) == (40, 40, 41)


def test_a_batch_with_a_step_of_its_own_leaves_the_numbers_before_it_where_they_are() -> None:
    place = Place()
    assert (numbers(place, "lr"), batch(place, 100), numbers(place, "lr"), batch(place)) == (
        *(0, 100, 101, 101),
    )


def test_a_training_that_goes_on_counts_on() -> None:
    place = Place(step=50, epoch=2)
    assert (numbers(place, "lr"), batch(place), numbers(place, "lr"), batch(place)) == (
        *(50, 50, 51, 51),
    )


def test_numbers_before_the_first_loop_over_steps_have_its_first_step() -> None:
    place = Place()
    assert numbers(place, "val") == 0
    step = place.begin_body()
    assert step == 0
    assert place.step_of_numbers(None, ["lr"], in_body=True) == (0, False)
    place.end_body(step)
    assert place.begin_body() == 1
    place.end_body(1)
    assert numbers(place, "after") == 1, "no step of its own: the body was one"
    assert place.step == 2


@given(
    st.lists(st.sampled_from(["lr", "m"]), unique=True),
    st.lists(st.sampled_from(["g", "h"]), unique=True),
    st.integers(1, 5),
)
def test_every_turn_has_one_step_whatever_is_logged_around_its_batch(
    before: list[str], after: list[str], turns: int
) -> None:
    place = Place()
    for turn in range(turns):
        assert {numbers(place, name) for name in before} <= {turn}
        assert batch(place) == turn
        assert {numbers(place, name) for name in after} <= {turn}


def test_numbers_in_a_body_belong_to_its_batch_before_and_after_that_is_logged() -> None:
    place = Place()
    assert place.begin_body() == 0
    assert place.step_of_numbers(None, ["a"], in_body=True) == (0, False)
    place.take_step(None)
    place.batch_logged()
    assert place.step_of_numbers(None, ["a"], in_body=True) == (0, False)
    assert place.end_body(0) == (0, False)


def test_a_body_that_logs_no_batch_is_a_step_all_the_same() -> None:
    place = Place()
    step = place.begin_body()
    assert place.end_body(step) == (0, True)
    assert (place.step, place.batch, place.logged) == (1, 1, 0)


def test_an_epochs_numbers_stand_at_its_last_step_or_for_themselves() -> None:
    assert Place().step_of(4) == 4
    assert Place(step=10).step_of(4) == 9


def test_a_step_that_is_said_comes_first() -> None:
    assert Place(step=10).step_of(4, 50) == 50
    assert Place(step=10).last_step_or(50) == 50
    assert Place(step=10).last_step_or(None) == 9


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3), torch.tensor(3)])
def test_whole_numbers_of_any_type_count(value: Any) -> None:
    assert whole("step", value) == 3


@pytest.mark.parametrize(
    "value",
    [-1, 1.5, 3.0, "3", None, True, False, np.True_, np.float64(3), torch.tensor(True), [1, 2]],
)
def test_what_counts_nothing_is_refused_with_the_mend(value: Any) -> None:
    with pytest.raises(UsageError, match=r"epoch=.*: not a whole number from 0; give an int"):
        whole("epoch", value)
