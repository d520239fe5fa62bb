"""Numbers on tiles: few digits, but never so few that a value reads as a rounder one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._capture.digits import written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.041234, "0.0412"), (12.3456, "12.35"), (12345.0, "12345"), (12345.67, "12346"),
        (-0.5, "-0.5"), (0.5, "0.5"), (9.0, "9"), (1.234e-5, "1.23e-5"), (3e-4, "3e-4"),
        (0.001, "0.001"), (1.5e9, "1.5e9"), (1.23456e9, "1.23e9"), (0.0, "0"), (-0.0, "0"),
        (math.nan, "NaN"), (math.inf, "∞"), (-math.inf, "-∞"), (5e-324, "5e-324"),
        (0.9996, "0.9996"), (0.99996, "0.99996"), (2.9999, "2.9999"), (999999.7, "999999.7"),
        (0.00099999, "9.9999e-4"), (0.9999999999, "1 - 1e-10"), (-2.9999999998, "-3 + 2e-10"),
        (0.1 + 0.2, "0.3"), (float(np.float32(0.1)), "0.1"), (1.7976931348623157e308, "1.80e308"),
    ],
)  # fmt: skip
def test_a_value_has_the_digits_that_tell_it_from_a_rounder_one(value: float, text: str) -> None:
    assert written(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_only_a_round_number_reads_as_one(value: float) -> None:
    text = written(value)
    if text in ("0", "1", "-1", "2", "10", "100"):
        assert math.isclose(value, float(text), rel_tol=1e-7)
