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


def test_a_training_that_logs_numbers_alone_has_step_times() -> None:
    """Every fiftieth step is logged: a step takes a fiftieth of the time between two calls."""
    meter = StepMeter(total_epochs=2)
    meter.begin(0.0)
    for index in range(1, 21):
        meter.numbers(index * 5.0, index * 50 - 1)
    reading = meter.read(100.0, 999)
    assert reading.seconds_per_batch == pytest.approx(0.1)
    assert reading.average_fps == pytest.approx(10.0)
    assert reading.current_fps == pytest.approx(10.0)
    assert reading.remaining_seconds is None
    meter.epoch_ended(100.0)
    remaining = meter.read(100.0, 999).remaining_seconds
    assert remaining == pytest.approx(100.0, rel=0.06)  # 951 of 1,000 steps were seen


def test_two_calls_for_a_step_are_one_step() -> None:
    meter = StepMeter()
    for step in range(10):
        meter.numbers(float(step), step)
        meter.numbers(step + 0.5, step)
    assert meter.read(9.5, 9).seconds_per_batch == pytest.approx(1.0)


def test_steps_that_begin_anew_are_metered_from_there() -> None:
    meter = StepMeter()
    for step in range(100, 110):
        meter.numbers(float(step), step)
    for index, step in enumerate(range(50, 60)):
        meter.numbers(200.0 + index * 2, step)
    assert meter.read(218.0, 59).seconds_per_batch == pytest.approx(2.0)


def test_batches_say_more_than_numbers_that_came_before_or_between_them() -> None:
    meter = StepMeter(total_epochs=1, batches_per_epoch=20)
    meter.numbers(0.0, 0)
    for index in range(11):
        meter.batch(60.0 + index)
        meter.numbers(60.5 + index, index)
    reading = meter.read(70.5, 10)
    assert reading.seconds_per_batch == pytest.approx(1.0)
    assert reading.epoch_seconds == pytest.approx(10.5)
    assert reading.remaining_seconds == pytest.approx(9.0)


def test_numbers_before_the_first_batch_of_a_resumed_training_change_no_count() -> None:
    meter = StepMeter(total_epochs=2, batches_per_epoch=20)
    meter.begin_at(1, 10)
    meter.numbers(0.0, 30)
    for index in range(5):
        meter.batch(float(index))
    assert meter.read(4.0, 35).remaining_seconds == pytest.approx(5.0)


def test_a_training_that_logs_epochs_alone_has_a_time_remaining() -> None:
    meter = StepMeter(total_epochs=5)
    meter.begin(100.0)
    assert meter.read(110.0, 0).remaining_seconds is None
    assert meter.read(110.0, 0).epoch_seconds == pytest.approx(10.0)
    meter.epoch_ended(130.0)  # with the time to get going
    assert meter.read(130.0, 0).remaining_seconds == pytest.approx(120.0)
    meter.epoch_ended(150.0)
    reading = meter.read(155.0, 1)
    assert reading.remaining_seconds == pytest.approx(55.0)
    assert reading.epoch_seconds == pytest.approx(5.0)
    assert reading.seconds_per_batch is None


def test_a_thousand_steps_a_second_have_a_rate_of_the_last_second() -> None:
    meter = StepMeter()
    for index in range(2000):
        meter.batch(index / 500)
    for index in range(4000):
        meter.batch(4.0 + index / 2000)
    assert meter.read(6.0, 6000).current_fps == pytest.approx(2000, rel=0.05)


def test_a_standstill_changes_no_average() -> None:
    meter = StepMeter()
    for index in range(11):
        meter.batch(index * 0.5)
    reading = meter.read(500.0, 10)
    assert reading.seconds_per_batch == pytest.approx(0.5)
    assert reading.current_fps < 0.01
