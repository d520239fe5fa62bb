"""The back-off: full jitter under a ceiling that doubles up to 2 s, and hands off the training's own randomness."""

from __future__ import annotations

import random

import pytest

from livetrain._delivery.backoff import full_jitter


@pytest.mark.parametrize(
    ("attempt", "ceiling"),
    [(1, 0.1), (2, 0.2), (3, 0.4), (4, 0.8), (5, 1.6), (6, 2.0), (7, 2.0), (10_000, 2.0)],
)
def test_anything_up_to_a_ceiling_that_doubles(attempt: int, ceiling: float) -> None:
    waits = [full_jitter(attempt) for _ in range(400)]
    assert 0.0 <= min(waits) < 0.1 * ceiling
    assert 0.9 * ceiling < max(waits) <= ceiling


def test_the_trainings_own_random_numbers_are_as_without_us() -> None:
    random.seed(7)
    before = random.getstate()
    full_jitter(3)
    assert random.getstate() == before


def test_processes_that_were_forked_from_one_do_not_come_back_in_step() -> None:
    assert len({full_jitter(6) for _ in range(50)}) > 40
