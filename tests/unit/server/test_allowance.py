from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livetrain.server.allowance import Allowance


@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(1, 1000)), min_size=1, max_size=50),
    st.floats(1, 1e6),
    st.floats(0, 10),
)
def test_who_waits_as_told_never_takes_more_than_is_allowed(
    steps: list[tuple[float, int]], per_second: float, burst: float
) -> None:
    allowance, now, taken = Allowance(per_second, burst), 0.0, 0
    for pause, amount in steps:
        now += pause
        before = taken
        taken += amount
        now += allowance.take(amount, now)
        assert allowance.wait(now) <= 1e-6 * max(1.0, now)
        # What came before the last amount is paid for by the time that has passed, but for the burst.
        assert before <= per_second * (now + burst) * 1.000001 + amount


def test_a_burst_is_free_and_comes_back() -> None:
    allowance = Allowance(10, 5)
    assert [allowance.take(10, now=100.0) for _ in range(5)] == [0.0] * 5
    assert allowance.take(1, now=100.0) > 0
    assert allowance.wait(now=105.2) == 0.0
    assert allowance.take(50, now=200.0) == 0.0, (
        "what was not used is saved up, but no more than the burst"
    )
    assert allowance.take(10, now=200.0) == 1.0
