"""The trainer's clock against the server's: measured, refined, and never made worse by a slow network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.clocks import ClockOffset, drop_impossible_times, own_time_us

SECOND = 1_000_000
HOUR = 3600 * SECOND
NOW = 1_800_000_000 * SECOND


@pytest.mark.parametrize(
    ("behind_us", "offset_us"),
    [(0, 0), (SECOND, 0), (-SECOND, 0), (HOUR, HOUR), (-HOUR, -HOUR), (3 * SECOND, 3 * SECOND)],
)
def test_a_registration_measures_and_a_small_difference_is_the_network(
    behind_us: int, offset_us: int
) -> None:
    clock = ClockOffset()
    clock.registered(NOW + behind_us, NOW)
    assert clock.offset_us == offset_us


@pytest.mark.parametrize("sent_us", [0, -5, 2**62, 2**63])
def test_a_registration_that_says_no_time_measures_nothing(sent_us: int) -> None:
    clock = ClockOffset(HOUR)
    clock.registered(sent_us, NOW)
    clock.heard(sent_us, NOW)
    assert clock.offset_us == HOUR


def test_a_slow_registration_is_mended_by_the_first_heartbeat() -> None:
    clock = ClockOffset()
    clock.registered(NOW - 4 * SECOND, NOW)  # it took four seconds to connect
    assert clock.offset_us == -4 * SECOND
    clock.heard(NOW + 2 * SECOND, NOW + 2 * SECOND)
    assert clock.offset_us == 0


def test_a_slow_reconnect_changes_nothing_and_another_clock_does() -> None:
    clock = ClockOffset()
    clock.registered(NOW + 3 * SECOND, NOW)
    clock.registered(NOW, NOW + 4 * SECOND)  # seven seconds on its way
    assert clock.offset_us == 3 * SECOND
    clock.registered(NOW - HOUR, NOW)
    assert clock.offset_us == -HOUR


def test_a_clock_that_is_set_while_the_training_runs_is_noticed() -> None:
    clock = ClockOffset()
    clock.registered(NOW + HOUR, NOW)
    for second in (2, 4, 6):
        clock.heard(NOW + second * SECOND, NOW + second * SECOND)
    assert clock.offset_us == 0
    clock.heard(NOW + HOUR, NOW + 8 * SECOND)
    assert clock.offset_us == HOUR - 8 * SECOND


@given(delays=st.lists(st.integers(0, 50 * SECOND), max_size=40), true=st.sampled_from([0, HOUR]))
def test_no_delay_of_a_message_moves_the_offset_far(delays: list[int], true: int) -> None:
    clock = ClockOffset()
    clock.registered(NOW + true, NOW)
    for delay in delays:
        clock.heard(NOW + true, NOW + delay)
    assert clock.offset_us == true


@pytest.mark.parametrize("own_us", [5, 1_000 * SECOND, NOW + 2 * HOUR, 32_503_680_000 * SECOND])
def test_a_time_that_makes_no_sense_becomes_that_of_its_coming(own_us: int) -> None:
    clock = ClockOffset()
    assert own_us - clock.offset_of(own_us, NOW) == NOW
    clock.registered(NOW + 10 * HOUR, NOW)
    assert clock.offset_of(NOW + 10 * HOUR - 5, NOW) == 10 * HOUR


@given(own_us=st.integers(0, 2**63 - 1), offset_us=st.integers(-(2**61), 2**61))
def test_whatever_time_is_said_the_result_is_one_that_a_database_takes(
    own_us: int, offset_us: int
) -> None:
    found = ClockOffset(offset_us).offset_of(own_us, NOW)
    assert -(2**63) < found < 2**63


def test_a_record_of_a_clock_in_1970_is_set_right_by_its_registration() -> None:
    clock = ClockOffset()
    clock.registered(100 * SECOND, NOW)
    own = 160 * SECOND
    assert own - clock.offset_of(own, NOW + 70 * SECOND) == NOW + 60 * SECOND


def test_each_kind_of_record_says_its_own_time() -> None:
    times = b"".join(t.to_bytes(8, "little", signed=True) for t in (7, 9))
    column = pb.PointColumn(name="a", times_us=times)
    cases = [
        (pb.TelemetryRequest(timestamp_ms=5, status_update=pb.StatusUpdate()), 5_000),
        (pb.TelemetryRequest(timestamp_ms=5, batch_data=pb.BatchData(logged_us=4_321)), 4_321),
        (pb.TelemetryRequest(timestamp_ms=5, batch_data=pb.BatchData()), 5_000),
        (pb.TelemetryRequest(columns=pb.PointColumns(columns=[column])), 9),
        (pb.TelemetryRequest(timestamp_ms=5, columns=pb.PointColumns()), 5_000),
        (pb.TelemetryRequest(), 0),
    ]
    assert [own_time_us(record) for record, _ in cases] == [time for _, time in cases]


def test_times_beyond_every_clock_are_taken_out() -> None:
    record = pb.TelemetryRequest(
        timestamp_ms=2**63, batch_data=pb.BatchData(logged_us=2**62, step=4)
    )
    assert drop_impossible_times(record)
    assert (own_time_us(record), record.batch_data.step) == (0, 4)
    assert not drop_impossible_times(record)
