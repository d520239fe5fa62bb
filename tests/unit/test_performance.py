"""Step times to frames a second and time remaining."""

from __future__ import annotations

import pytest

from livetrain._performance import StepMeter


def test_nothing_can_be_said_before_the_second_batch() -> None:
    meter = StepMeter(total_epochs=1, batches_per_epoch=10)
    meter.batch(5.0)
    reading = meter.read(5.0, 0)
    assert (reading.current_fps, reading.average_fps) == (0.0, 0.0)
    assert reading.seconds_per_batch is None
    assert reading.remaining_seconds is None


def test_rates_of_a_steady_training() -> None:
    meter = StepMeter(total_epochs=2, batches_per_epoch=50)
    for index in range(31):
        meter.batch(index * 0.1)
    reading = meter.read(3.0, 30)
    assert reading.current_fps == pytest.approx(10.0)
    assert reading.average_fps == pytest.approx(10.0)
    assert reading.remaining_seconds == pytest.approx(6.9)
    assert reading.epoch_seconds == pytest.approx(3.0)


def test_the_current_rate_follows_a_change_and_a_standstill() -> None:
    meter = StepMeter()
    for index in range(11):
        meter.batch(index * 1.0)
    for index in range(1, 41):
        meter.batch(10.0 + index * 0.05)
    assert meter.read(12.0, 50).current_fps == pytest.approx(20.0, rel=0.1)
    assert meter.read(20.0, 50).current_fps < 0.2


def test_slow_steps_still_have_a_rate() -> None:
    meter = StepMeter()
    meter.batch(0.0)
    meter.batch(4.0)
    assert meter.read(4.0, 1).current_fps == pytest.approx(0.25)


def test_the_length_of_an_epoch_is_learned_from_the_first() -> None:
    meter = StepMeter(total_epochs=3)
    for index in range(11):
        meter.batch(index * 1.0)
    assert meter.read(10.0, 10).remaining_seconds is None
    meter.epoch_ended(10.0)
    assert meter.read(10.0, 10).remaining_seconds == pytest.approx(22.0)


def test_an_overrun_leaves_no_negative_time() -> None:
    meter = StepMeter(total_epochs=1, batches_per_epoch=2)
    for index in range(5):
        meter.batch(index * 1.0)
    assert meter.read(4.0, 4).remaining_seconds == 0.0
