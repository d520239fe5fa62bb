"""`RecordingMonitor` does with steps, names and values what a monitor does: both are held to one model."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings

from livetrain.testing import RecordingMonitor
from tests.oracle.model import Points, epoch_name, expect, number_of, val_name
from tests.oracle.test_oracle import bits
from tests.oracle.trainings import (
    Batch,
    Checkpoint,
    EndingError,
    Epoch,
    Life,
    Log,
    Outage,
    Training,
    Validation,
    trainings,
)


def perform(life: Life, monitor: RecordingMonitor) -> dict[str, Any] | None:
    """Do what a process does; return what it saved last, if it did."""
    saved, away = None, False
    with contextlib.suppress(EndingError, KeyboardInterrupt), monitor:
        for act in life.acts:
            match act:
                case Log(values, step):
                    monitor.log(values, step=step)
                case Batch(loss, accuracy, step, epoch):
                    monitor.log_batch(None, None, loss, accuracy=accuracy, step=step, epoch=epoch)
                case Epoch(means, epoch, step):
                    monitor.log_epoch(epoch, step=step, **means)
                case Validation(values, step):
                    monitor.log_validation(step=step, **values)
                case Outage(begins):
                    away = begins
                case Checkpoint() if not away:
                    saved = monitor.resume_state()
        if life.ends is not None:
            raise life.ends("the end")
    return saved


def curves(monitor: RecordingMonitor) -> dict[str, Points]:
    """Return what it recorded as curves."""
    found: dict[str, Points] = {}

    def add(step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            found.setdefault(name, []).append((step, value))

    for batch in monitor.batches:
        told = {"loss": number_of(batch.loss), "accuracy": number_of(batch.accuracy)}
        add(batch.step, {name: value for name, value in told.items() if value is not None})
    for step, values in monitor.scalars:
        add(step, values)
    for step, (_, means) in zip(monitor.epoch_steps, monitor.epochs, strict=True):
        add(step, {epoch_name(name): value for name, value in means.items()})
    for step, (_, values) in zip(monitor.validation_steps, monitor.validations, strict=True):
        add(step, {val_name(name): value for name, value in values.items()})
    return found


@given(training=trainings())
@settings(max_examples=100, deadline=None)
@pytest.mark.timeout(0)
def test_it_records_what_a_monitor_sends(training: Training) -> None:
    state: dict[str, Any] | None = None
    recorded: list[dict[str, Points]] = []
    for life in training.lives:
        monitor = RecordingMonitor(resume=state)
        state = perform(life, monitor) or state
        recorded.append(curves(monitor))
    expected = [attempt for run in expect(training) for attempt in run.attempts]
    assert together(recorded) == together(expected)


def together(parts: list[dict[str, Points]]) -> dict[str, list[tuple[int, bytes]]]:
    """Return all points by name, in an order that does not tell of which kind of record each was."""
    points: dict[str, list[tuple[int, bytes]]] = {}
    for part in parts:
        for name, found in bits(part).items():
            points.setdefault(name, []).extend(found)
    return {name: sorted(found) for name, found in points.items()}
