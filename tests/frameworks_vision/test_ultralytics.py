"""The callbacks of Ultralytics."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from ultralytics import YOLO

import livetrain
from livetrain._console.server_process import ServerProcess
from livetrain.ultralytics import LiveTrainCallbacks
from tests.frameworks.world import CLASSES, Made, Stopping, only_run, same, series

EXAMPLE = Path(__file__).parents[2] / "examples/ultralytics_digits.py"
BATCH, EPOCHS = 64, 2


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of the digits as pictures in folders, as Ultralytics wants them."""
    folder = tmp_path_factory.mktemp("digits")
    runpy.run_path(str(EXAMPLE))["write"](folder)
    for path in folder.rglob("*.png"):
        if int(path.stem) >= 320:
            path.unlink()
    return folder


STEPS = 256 // BATCH


def train(data: Path, folder: Path, callbacks: LiveTrainCallbacks | None, **options: Any) -> Any:
    torch.manual_seed(0)
    model = YOLO("yolo11n-cls.yaml", verbose=False)
    if callbacks is not None:
        callbacks.add_to(model)
    settings: dict[str, Any] = {
        "data": str(data),
        "epochs": EPOCHS,
        "imgsz": 32,
        "batch": BATCH,
        "workers": 0,
        "device": "cpu",
        "project": str(folder),
        "plots": False,
        "verbose": False,
        "seed": 1,
    }
    model.train(**{**settings, **options})
    return model


def weights(model: Any) -> list[torch.Tensor]:
    return [w.detach().clone() for w in model.trainer.model.parameters()]


@pytest.fixture
def made() -> Made:
    return Made()


def test_every_batch_is_shown_with_what_the_model_made_of_it(
    data: Path, tmp_path: Path, made: Made
) -> None:
    model = train(data, tmp_path, LiveTrainCallbacks(monitor_factory=made, project="p"))
    monitor = made.only
    assert [b.step for b in monitor.batches] == list(range(EPOCHS * STEPS))
    assert [b.epoch for b in monitor.batches] == [0] * STEPS + [1] * STEPS
    for batch in monitor.batches:
        assert batch.images.shape == (BATCH, 3, 32, 32)
        loss = torch.nn.functional.cross_entropy(batch.preds, batch.targets)
        assert float(batch.loss) == pytest.approx(float(loss), rel=1e-4)
    assert len({step for step, _ in monitor.scalars}) == EPOCHS * STEPS
    assert len(series(monitor, "learning_rate/0")) == EPOCHS * STEPS
    assert [number for number, _ in monitor.epochs] == [0, 1]
    assert [number for number, _ in monitor.validations] == [0, 1]
    assert {"accuracy_top1", "accuracy_top5", "loss"} <= set(monitor.validations[0][1])
    assert monitor.options["class_names"] == CLASSES
    assert (monitor.options["total_epochs"], monitor.options["batches_per_epoch"]) == (
        EPOCHS,
        STEPS,
    )
    assert len([kind for kind, _, _ in monitor.events if kind == "checkpoint"]) >= EPOCHS
    assert (monitor.closed, monitor.ended_by) == (True, None)
    assert all(not part._forward_hooks for part in model.trainer.model.modules())


def test_the_weights_are_the_same_bit_for_bit_and_the_training_arrives_whole(
    data: Path, tmp_path: Path, server: ServerProcess
) -> None:
    alone = weights(train(data, tmp_path, None))
    assert same(alone, weights(train(data, tmp_path, None)))
    callbacks = LiveTrainCallbacks(run="digits")
    assert same(alone, weights(train(data, tmp_path, callbacks)))
    run, curves = only_run(server)
    assert (run["name"], run["status"]) == ("digits", "finished")
    assert curves["loss"]["steps"] == list(range(EPOCHS * STEPS))
    assert run["frames"] > 0
    assert callbacks.monitor is not None
    assert callbacks.monitor.stats().problems == {}


def test_with_no_server_and_with_faults_of_ours_the_training_is_the_same(
    data: Path, tmp_path: Path, no_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("ours")

    def refuse(*_: Any, **__: Any) -> Any:
        raise livetrain.UsageError("no optimizer")

    alone = weights(train(data, tmp_path, None, epochs=1))
    assert same(alone, weights(train(data, tmp_path, LiveTrainCallbacks(), epochs=1)))
    opened = LiveTrainCallbacks(monitor_factory=broken)
    assert same(alone, weights(train(data, tmp_path, opened, epochs=1)))
    monkeypatch.setattr("livetrain.ultralytics.find_logits", broken)
    monkeypatch.setattr(livetrain.Monitor, "attach", refuse)
    assert same(alone, weights(train(data, tmp_path, LiveTrainCallbacks(), epochs=1)))


def test_a_stop_ends_the_training_after_the_step(data: Path, tmp_path: Path) -> None:
    callbacks = LiveTrainCallbacks(monitor_factory=Stopping)
    train(data, tmp_path, callbacks)
    assert isinstance(callbacks.monitor, Stopping)
    assert len(callbacks.monitor.batches) == 3
    assert callbacks.monitor.closed


def test_misuse_is_said_before_the_first_step(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="LiveTrainCallbacks has no argument 'max_fsp'"):
        LiveTrainCallbacks(max_fsp=3)
    with pytest.raises(livetrain.ConfigurationError, match="not host:port"):
        train(data, tmp_path, LiveTrainCallbacks(server="nowhere"))
