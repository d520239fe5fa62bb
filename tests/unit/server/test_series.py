from __future__ import annotations

import math

import pytest

from livetrain.server.series import Series
from tests.unit.server.store.examples import curve


def test_steps_that_come_again_are_put_in_order_and_kept() -> None:
    ordered = Series.of([3, 4, 5, 4, 5, 6], [1, 2, 3, 4, 5, 6], range(6)).by_step()
    assert ordered.steps.tolist() == [3, 4, 4, 5, 5, 6]
    assert ordered.values.tolist() == [1, 2, 4, 3, 5, 6]
    assert ordered.by_time().values.tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(None, None, [0, 1, 2, 3]), (1, 2, [1, 2]), (2, None, [2, 3]), (None, 0, [0]), (9, None, [])],
)
def test_a_stretch_of_steps(first: int | None, last: int | None, expected: list[int]) -> None:
    assert curve([1.0, 2, 3, math.nan]).between(first, last).steps.tolist() == expected
