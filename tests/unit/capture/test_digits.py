"""Numbers on tiles: few digits, but never so few that a value reads as a rounder one."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._capture.digits import written

# The page's `lib/number.ts` is held to the same examples.
EXAMPLES = json.loads(Path(__file__).parents[2].joinpath("golden/numbers.json").read_text("utf-8"))


@pytest.mark.parametrize(("value", "text"), EXAMPLES)
def test_a_value_has_the_digits_that_tell_it_from_a_rounder_one(value: str, text: str) -> None:
    assert written(float(value)) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_only_a_round_number_reads_as_one(value: float) -> None:
    text = written(value)
    if text in ("0", "1", "-1", "2", "10", "100"):
        assert math.isclose(value, float(text), rel_tol=1e-7)
