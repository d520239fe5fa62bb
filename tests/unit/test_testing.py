from __future__ import annotations

import inspect
from typing import Any

import pytest

import livetrain
from livetrain.testing import LoggedBatch, RecordingMonitor


def public(kind: type) -> dict[str, Any]:
    return {
        name: inspect.getattr_static(kind, name)
        for name in dir(kind)
        if not name.startswith("_") or name in ("__init__", "__enter__", "__exit__")
    }


def test_it_has_the_face_of_a_monitor() -> None:
    theirs, ours = public(livetrain.Monitor), public(RecordingMonitor)
    assert ours.keys() == theirs.keys()
    for name, member in theirs.items():
        if callable(member):
            assert inspect.signature(ours[name]) == inspect.signature(member), name


def test_every_way_to_log_is_kept() -> None:
    # One that was only inherited would vanish in the monitor that sends nothing.
    loggers = [name for name in public(livetrain.Monitor) if name.startswith(("log", "set_"))]
    assert len(loggers) >= 9
    assert [name for name in loggers if name not in vars(RecordingMonitor)] == []


def test_what_was_logged_is_there() -> None:
    monitor = RecordingMonitor("digits", project="p")
    with monitor:
        monitor.log_batch("images", "preds", 0.5, targets="targets", accuracy=0.25, epoch=1)
        monitor.log({"norm": 2})
        monitor.log_batch(None, None, 0.25, step=7)
        monitor.log_epoch(loss=0.375, val_loss=None)
        monitor.log_validation(accuracy=0.5)
        monitor.log_message("info", "text")
        monitor.log_round(1, 3, {"loss": 0.1})
        monitor.log_sample("image", "prompt")
        monitor.log_early_stopping(2, reason="no progress")
        monitor.log_error("trouble")
        monitor.set_status("paused")
        assert not monitor.closed
    assert monitor.options == {"run": "digits", "project": "p"}
    first = LoggedBatch(
        images="images",
        preds="preds",
        loss=0.5,
        targets="targets",
        accuracy=0.25,
        epoch=1,
        step=0,
        ids=None,
        per_sample_loss=None,
    )
    assert monitor.batches[0] == first
    assert (monitor.batches[1].step, monitor.batches[1].epoch) == (7, 1)
    assert monitor.scalars == [(0, {"norm": 2.0})]
    assert monitor.epochs == [(1, {"loss": 0.375})]
    assert monitor.validations == [(2, {"accuracy": 0.5})]
    assert monitor.messages == [("info", "text")]
    assert monitor.rounds == [(1, 3, {"loss": 0.1}, {}, {})]
    assert monitor.samples == [("image", "prompt", "default")]
    assert monitor.early_stoppings[0]["reason"] == "no progress"
    assert monitor.errors == ["trouble"]
    assert monitor.statuses == [("paused", "")]
    assert monitor.closed
    assert monitor.ended_by is None


def test_it_counts_steps_as_a_monitor_does() -> None:
    monitor = RecordingMonitor()
    monitor.log({"a": 1})
    monitor.log({"a": 2})
    assert [step for step, _ in monitor.scalars] == [0, 1]


def test_it_reads_numbers_as_a_monitor_does(caplog: pytest.LogCaptureFixture) -> None:
    monitor = RecordingMonitor()
    monitor.log({"ok": 0.1, "huge": 10**400, "none": None, "of": {"a": 1}})
    monitor.log_epoch(0, loss=16777217, text="x")
    monitor.log_validation(0, loss=1e39, text="x")
    assert monitor.scalars == [(0, {"ok": 0.1, "of/a": 1.0})]
    assert monitor.epochs == [(0, {"loss": 16777217.0})]
    assert monitor.validations == [(0, {"loss": 1e39})]
    assert "'huge' cannot be read" in caplog.text


def test_a_step_can_be_said_everywhere() -> None:
    monitor = RecordingMonitor()
    for _ in range(50):
        monitor.log_batch(None, None, 0.5)
    for step in (None, 50):
        monitor.log_epoch(0, step=step, loss=0.5)
        monitor.log_validation(0, step=step, loss=0.5)
        monitor.log_event("checkpoint", step=step)
        monitor.log_sample("image", step=step)
        monitor.log_error("trouble", step=step)
        monitor.log_message("info", "text", step=step)
        monitor.log_early_stopping(0, step=step)
    steps = [49, 50]
    assert (monitor.epoch_steps, monitor.validation_steps) == (steps, steps)
    assert (monitor.event_steps, monitor.sample_steps) == (steps, steps)
    assert monitor.message_steps == steps


def test_an_error_that_leaves_the_block_is_kept() -> None:
    monitor, error = RecordingMonitor(), ValueError("bad")
    with pytest.raises(ValueError, match="bad"), monitor:
        raise error
    assert monitor.ended_by is error


@pytest.mark.parametrize(
    "misuse",
    [
        lambda monitor: monitor.set_status("perhaps"),
        lambda monitor: monitor.log_message("loudly", "text"),
        lambda monitor: monitor.log_batch(None, None, 0.5, step=-1),
        lambda monitor: monitor.log_batch(None, None, 0.5, step=True),
        lambda monitor: monitor.log_batch(None, None, 0.5, epoch=True),
        lambda monitor: monitor.log({"a": 1}, step=True),
        lambda monitor: monitor.log({"a": 1}, step=3.0),
        lambda monitor: monitor.log(7),
        lambda monitor: monitor.log_epoch(True),
        lambda monitor: monitor.log_epoch(0, step=-1),
        lambda monitor: monitor.log_validation(0, step=True),
        lambda monitor: monitor.log_sample(None, step=True),
        lambda monitor: monitor.log_event("x", step=True),
        lambda monitor: monitor.log_message("info", "x", step=True),
        lambda monitor: monitor.log_event(""),
        lambda monitor: monitor.log_event("x", fields=7),
        lambda monitor: monitor.log_error("x", step=1.5),
        lambda monitor: monitor.log_early_stopping(0, step=True),
        lambda monitor: monitor.log_round(True, 1, {}),
        lambda monitor: monitor.attach(7),
    ],
)
def test_misuse_raises_as_a_monitor_does(misuse: Any) -> None:
    with pytest.raises(livetrain.UsageError):
        misuse(RecordingMonitor())


def test_an_option_that_cannot_work_is_refused() -> None:
    with pytest.raises(livetrain.ConfigurationError):
        RecordingMonitor(rank=-1)


def test_a_test_can_ask_for_a_stop() -> None:
    monitor = RecordingMonitor()
    assert not monitor.should_stop
    monitor.should_stop = True
    assert monitor.should_stop
