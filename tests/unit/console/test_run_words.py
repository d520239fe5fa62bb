"""A run in words: nothing is said to be better than it is."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from livetrain._console import run_words
from livetrain._console.run_words import number_words, start_words, state_words, step_words


def test_the_examples_hold() -> None:
    assert doctest.testmod(run_words).failed == 0


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"status": "running", "contact": "alive"}, "running"),
        ({"status": "running", "contact": "stale"}, "running, stale"),
        ({"status": "paused", "contact": "lost", "remarks": ["Hm."]}, "paused, lost contact"),
        ({"status": "failed", "contact": "ended", "remarks": []}, "failed"),
        (
            {"status": "failed", "contact": "ended", "remarks": ["Rank 1 failed: KeyError: 'A'."]},
            "failed · rank 1 failed: KeyError: 'A'",
        ),
    ],
)
def test_how_a_run_stands(run: dict[str, Any], words: str) -> None:
    assert state_words(run) == words


@pytest.mark.parametrize("began", [1e18, -1e18])
def test_a_year_that_no_calendar_has_breaks_nothing(began: float) -> None:
    assert start_words({"created_at": began}) == "?"


def test_a_run_that_has_points_began_with_the_first() -> None:
    assert start_words({"created_at": 0.0, "started_at": 86_400 * 365.0}).startswith("1971-01-01")


@pytest.mark.parametrize(
    ("value", "words"),
    [(float("inf"), "inf"), (0.99999999, "0.99999999"), (1e-9, "1e-9"), (123456.0, "123456")],
)
def test_a_number_has_the_digits_that_it_has_on_the_page(value: float, words: str) -> None:
    assert number_words(value) == words


def test_a_step_is_counted_as_the_page_counts_it() -> None:
    assert [step_words(steps) for steps in (20, 1, 0, "x")] == [
        *("step 19", "step 0", "no step yet", "no step yet"),
    ]
