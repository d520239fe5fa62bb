from __future__ import annotations

import json
import math
from typing import Any

import pytest

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.dialects.onetrainer_events import Story, status_of, system_stats
from tests.unit.server.dialects.world import event, run


def test_progress_has_every_field() -> None:
    config = pb.TrainingConfig(total_epochs=3, batches_per_epoch=100)
    told = Story(run(config=config, performance=pb.PerformanceData(estimated_time_remaining_sec=7)))
    batch = pb.BatchData(step=120, epoch=1, batch_idx=20, batch_loss=0.52)
    assert told.moved(event(batch_data=batch))
    progress = told.progress(1_735_689_600_000)
    assert progress == {
        "type": "training_progress",
        "step": 20,
        "epoch": 1,
        "epoch_step": 20,
        "global_step": 120,
        "max_step": 100,
        "max_epoch": 3,
        "loss": 0.52,
        "learning_rate": None,
        "eta_seconds": 7.0,
        "timestamp": "2025-01-01T00:00:00+00:00",
    }


def test_numbers_of_a_step_are_progress_too() -> None:
    told = Story(run(config=pb.TrainingConfig(batches_per_epoch=100)))
    values = [pb.Scalar(name="loss", value=0.3), pb.Scalar(name="learning_rate", value=1e-4)]
    assert told.moved(event(scalars=pb.Scalars(step=120, epoch=1, values=values)))
    progress = told.progress(0)
    assert (progress["step"], progress["epoch"], progress["global_step"]) == (20, 1, 120)
    assert (progress["loss"], progress["learning_rate"]) == (0.3, 1e-4)
    other = pb.Scalars(step=120, values=[pb.Scalar(name="norm", value=1)])
    assert not told.moved(event(scalars=other)), "the step was told"


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_null(odd: float) -> None:
    told = Story(run())
    told.moved(event(batch_data=pb.BatchData(batch_loss=odd)))
    (result,) = told.told(event(validation=pb.Validation(loss=odd)))
    assert told.progress(0)["loss"] is None
    assert json.loads(json.dumps(result, allow_nan=False))["validation_loss"] is None


def test_status_is_told_once_and_in_the_words_of_the_dialect() -> None:
    told = Story(run())

    def after(status: Any, message: str = "", **more: Any) -> Any:
        update = pb.StatusUpdate(status=status, message=message, **more)
        standing = told.status(event(status_update=update))
        if standing is None:
            return None
        said = standing.event
        return said["status"], said["message"], said["error"], standing.urgent

    assert after(pb.RUNNING) is None, "as every monitor begins: nothing was told yet"
    assert after(pb.INITIALIZING, "loading") == ("starting", "loading", None, True)
    first = told.status(event(batch_data=pb.BatchData()))
    assert first is not None
    assert (first.event["status"], first.urgent) == ("running", True)
    assert told.status(event(batch_data=pb.BatchData(step=1))) is None
    assert after(pb.RUNNING, "Training epoch 2") == ("running", "Training epoch 2", None, False)
    assert after(pb.RUNNING, "Training epoch 2") is None
    assert after(pb.RUNNING) is None
    assert after(pb.PAUSED) == ("paused", None, None, True)
    assert after(pb.RUNNING) == ("running", None, None, True)
    assert after(pb.RUNNING, "Stopping now") == ("stopping", "Stopping now", None, True)
    assert after(pb.FAILED, "by Ctrl-C", interrupted=True) == ("stopped", "by Ctrl-C", None, True)
    assert after(pb.FAILED, "out of memory") == ("error", "out of memory", "out of memory", True)
    assert after(pb.COMPLETED) == ("completed", None, None, True)


@pytest.mark.parametrize("kind", ["batch_data", "scalars", "epoch_data", "validation", "round"])
def test_what_tells_of_a_training_tells_that_it_runs(kind: str) -> None:
    message: dict[str, Any] = {
        "batch_data": pb.BatchData(step=1),
        "scalars": pb.Scalars(step=1),
        "epoch_data": pb.EpochData(),
        "validation": pb.Validation(),
        "round": pb.Round(),
    }
    told = Story(run()).status(event(**{kind: message[kind]}))
    assert told is not None
    assert told.event["status"] == "running"


def test_each_change_of_the_status_text_is_a_line_of_the_log() -> None:
    story = Story(run())
    texts = ["loading", "Training ...", "Training ...", "", "Saving ...", "Training ..."]
    said = [
        line["message"]
        for text in texts
        for line in story.told(event(status_update=pb.StatusUpdate(status=2, message=text)))  # type: ignore[arg-type]
    ]
    assert said == ["loading", "Training ...", "Saving ...", "Training ..."]


def test_a_loss_that_comes_later_moves_no_step_back() -> None:
    told = Story(run(config=pb.TrainingConfig(batches_per_epoch=12)))
    told.moved(event(batch_data=pb.BatchData(step=14, epoch=1, batch_idx=2)))
    assert told.moved(
        event(scalars=pb.Scalars(step=13, values=[pb.Scalar(name="loss", value=0.5)]))
    )
    progress = told.progress(0)
    assert (progress["global_step"], progress["epoch_step"], progress["loss"]) == (14, 2, 0.5)


def test_numbers_beside_batches_count_on_from_what_the_trainer_said() -> None:
    told = Story(run(config=pb.TrainingConfig(batches_per_epoch=12)))
    told.moved(event(batch_data=pb.BatchData(step=13, epoch=1, batch_idx=1)))
    values = [pb.Scalar(name="smooth_loss", value=0.3)]
    told.moved(event(scalars=pb.Scalars(step=13, values=values)))
    assert told.progress(0)["epoch_step"] == 1
    told.moved(event(scalars=pb.Scalars(step=14, values=values)))
    assert told.progress(0)["epoch_step"] == 2


def test_the_other_events() -> None:
    told = Story(run())
    sample = pb.Sample(sample_id="s1", kind="custom", prompt="a cat", step=3, epoch=1)
    log = pb.Log(level=pb.WARNING, message="hot")
    broken = pb.Sample(sample_id="s2", image=pb.ImageData(error="no picture"))
    said = [
        *told.told(event(sample=sample)),
        *told.told(event(sample=broken)),
        *told.told(event(log=log)),
        *told.told(event(event=pb.Event(kind="error", message="boom"))),
        *told.told(event(epoch_data=pb.EpochData(epoch=1, step=9, validation_loss=0.7))),
    ]
    when = "2025-01-01T00:00:00+00:00"
    assert said == [
        {
            "type": "sample_generated",
            "sample_id": "s1",
            "path": "/api/runs/run1/samples/s1",
            "sample_type": "custom",
            "step": 3,
            "epoch": 1,
            "prompt": "a cat",
            "thumbnail_path": None,
            "timestamp": when,
        },
        {
            "type": "log",
            "level": "info",
            "message": "Generated a custom sample at step 3: a cat",
            "source": "sampler",
            "timestamp": when,
        },
        {"type": "log", "level": "warning", "message": "hot", "source": None, "timestamp": when},
        {"type": "log", "level": "error", "message": "boom", "source": "error", "timestamp": when},
        {
            "type": "validation_result",
            "step": 9,
            "epoch": 1,
            "validation_loss": 0.7,
            "timestamp": when,
        },
    ]


def test_figures_are_numbers_always() -> None:
    empty = system_stats(pb.ResourceUsage(), 0)
    odd = system_stats(pb.ResourceUsage(cpu_percent=math.nan, gpu_percent=math.inf), 0)
    for figures in (empty, odd):
        numbers = {name: value for name, value in figures.items() if name.endswith(("gb", "ent"))}
        assert {f"{value:.1f}" for value in numbers.values()} == {"0.0"}
        assert len(numbers) == 6
        assert figures["gpu_memory_used_gb"] / figures["gpu_memory_total_gb"] == 0
        assert figures["ram_used_gb"] / figures["ram_total_gb"] == 0
    full = system_stats(pb.ResourceUsage(memory_mb=2048, gpu_memory_total_mb=24576), 0)
    assert (full["ram_used_gb"], full["gpu_memory_total_gb"]) == (2.0, 24.0)
    assert full["ram_total_gb"] == 2.0, "a size that nobody told is not less than what is used"


@pytest.mark.parametrize(
    ("status", "message", "word"),
    [
        ("initializing", "", "starting"),
        ("running", "", "running"),
        ("running", "stopping", "stopping"),
        ("paused", "", "paused"),
        ("finished", "", "completed"),
        ("failed", "", "error"),
        ("interrupted", "", "stopped"),
    ],
)
def test_words_for_how_a_run_stands(status: str, message: str, word: str) -> None:
    assert status_of(run(status=status, message=message)) == word


def test_no_run_is_idle() -> None:
    assert status_of(None) == "idle"


def test_silence_is_told_once_and_so_is_its_end() -> None:
    story = Story(run())
    story.run.status = "running"
    story.status(event(batch_data=pb.BatchData(step=1)))
    assert story.contact(1000) is None
    story.run.contact = "lost"
    told = story.contact(1000)
    assert told is not None
    assert (told["status"], told["error"]) == ("idle", None)
    assert status_of(story.run) == "idle"
    assert story.contact(1000) is None
    story.run.contact = "alive"
    told = story.contact(1000)
    assert told is not None
    assert told["status"] == "running"


def test_an_end_is_not_taken_back_by_silence_but_by_further_steps() -> None:
    story = Story(run())
    story.status(event(status_update=pb.StatusUpdate(status=pb.COMPLETED)))
    story.run.status, story.run.contact = "finished", "ended"
    assert story.contact(1000) is None
    told = story.status(event(batch_data=pb.BatchData(step=1)))
    assert told is not None
    assert told.event["status"] == "running"
