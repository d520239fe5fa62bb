"""How late a message is, with no clock in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._delivery.server_clock import ServerClock

SKEW = 1_700_000_000.0  # between the two clocks, seconds


def at(clock: ServerClock, sent: float, came: float) -> float:
    """Return how late a message is said to be; both times are of the trainer's clock."""
    return clock.late(int((sent + SKEW) * 1000), came)


@pytest.fixture
def clock() -> ServerClock:
    clock = ServerClock()
    clock.restart(int((100.0 + SKEW) * 1000), 100.01, 0.0)
    return clock


def test_a_message_that_sat_on_the_way_is_known_to_be_old(clock: ServerClock) -> None:
    assert at(clock, 101.0, 101.01) == pytest.approx(0.0, abs=2e-3)
    assert at(clock, 102.0, 105.01) == pytest.approx(3.0, abs=2e-3)
    assert at(clock, 105.0, 105.02) == pytest.approx(0.01, abs=2e-3)


def test_a_stall_longer_than_the_window_is_known_too(clock: ServerClock) -> None:
    assert at(clock, 190.0, 200.01) == pytest.approx(10.0, abs=2e-3)
    assert at(clock, 191.0, 200.02) == pytest.approx(9.01, abs=2e-3)


def test_a_clock_that_drifts_is_followed(clock: ServerClock) -> None:
    for second in range(101, 1000):
        drift = (second - 100) * 1e-4
        assert at(clock, second - drift, second + 0.01) < 0.2


def test_a_link_that_stays_slow_does_not_make_its_messages_young(clock: ServerClock) -> None:
    for second in range(101, 700):
        assert at(clock, second, second + 5.01) == pytest.approx(5.0, abs=0.15)


def test_a_clock_that_is_set_back_does_not_make_everything_old(clock: ServerClock) -> None:
    assert at(clock, 101.0 - 3600, 101.01) == 0.0
    assert at(clock, 102.0 - 3600, 104.01) == pytest.approx(2.0, abs=2e-3)


def test_a_clock_that_is_set_forward_is_believed(clock: ServerClock) -> None:
    assert at(clock, 101.0 + 3600, 101.01) == 0.0
    assert at(clock, 102.0 + 3600, 104.01) == pytest.approx(2.0, abs=2e-3)


def test_a_message_without_a_time_is_not_late(clock: ServerClock) -> None:
    assert clock.late(0, 500.0) == 0.0
    assert ServerClock().late(5, 1.0) == 0.0


@given(
    st.floats(0, 0.5),
    st.floats(0, 0.5),
    st.lists(st.tuples(st.floats(0.001, 10), st.floats(0, 12)), min_size=1),
)
def test_no_message_is_taken_for_younger_than_it_is(
    there: float, back: float, messages: list[tuple[float, float]]
) -> None:
    clock = ServerClock()
    sent = 100.0
    came = sent + back
    clock.restart(int((sent + SKEW) * 1000), came, round_trip=there + back)
    for pause, delay in messages:
        sent += pause
        came = max(came, sent + delay)  # a connection keeps the order
        late = at(clock, sent, came)
        assert late <= came - sent + there + back + 2e-3
        if came - sent < 30:
            drift = 2e-4 * (came - 100.0)  # clocks may; it cannot know that these do not
            assert late >= came - sent - drift - 2e-3
