"""The tracker of Hugging Face Accelerate."""

from __future__ import annotations

from typing import Any

import accelerate
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import livetrain
from livetrain._console.server_process import ServerProcess
from livetrain.accelerate import LiveTrainTracker
from tests.frameworks.world import Made, digits, only_run, same, series

BATCH, BATCHES, EPOCHS = 16, 6, 2


def train(tracker: LiveTrainTracker | None) -> list[torch.Tensor]:
    """Train as Accelerate's users do, and show batches where there is a tracker."""
    accelerate.utils.set_seed(3)
    accelerator = accelerate.Accelerator(cpu=True, log_with=tracker)
    accelerator.init_trackers("digits", config={"lr": 0.1})
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Dropout(), nn.Linear(16, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(TensorDataset(*digits(BATCH * BATCHES)), BATCH, shuffle=True)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    monitor = accelerator.get_tracker("livetrain", unwrap=True) if tracker else None
    for _ in range(EPOCHS):
        for images, labels in monitor.steps(loader) if monitor else loader:
            logits = model(images)
            loss = nn.functional.cross_entropy(logits, labels)
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            if monitor:
                monitor.log_batch(images, logits, loss, targets=labels)
                accelerator.log({"train_loss": loss.item()})
    accelerator.end_training()
    return [weight.detach().clone() for weight in model.parameters()]


@pytest.fixture
def made() -> Made:
    return Made()


def test_it_records_what_it_is_given(made: Made) -> None:
    accelerator = accelerate.Accelerator(cpu=True, log_with=LiveTrainTracker(monitor_factory=made))
    accelerator.init_trackers("any", config={"lr": 0.1, "layers": 3})
    accelerator.log({"loss": 0.5, "eval": {"f1": 0.25}, "note": "half way"}, step=7)
    accelerator.log({"loss": torch.tensor(0.25)}, step=8)
    accelerator.get_tracker("livetrain").log_images({"made": np.zeros((2, 8, 8))})
    accelerator.end_training()
    monitor = made.only
    assert monitor.updates == [{"config": {"lr": 0.1, "layers": 3}}]
    assert monitor.scalars == [(7, {"loss": 0.5, "eval/f1": 0.25}), (8, {"loss": 0.25})]
    assert monitor.messages == [("info", "note: half way")]
    assert [prompt for _, prompt, _ in monitor.samples] == ["made", "made"]
    assert monitor.closed


@pytest.mark.parametrize("there", [True, False])
def test_the_weights_are_the_same_bit_for_bit_with_and_without(
    there: bool, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("server" if there else "no_server")
    alone, again = train(None), train(None)
    assert same(alone, again)
    assert same(alone, train(LiveTrainTracker(run="digits")))


def test_a_training_arrives_whole(server: ServerProcess) -> None:
    train(LiveTrainTracker(run="digits"))
    run, curves = only_run(server)
    assert (run["name"], run["status"]) == ("digits", "finished")
    assert run["config"]["settings"] == {"lr": 0.1}
    steps = list(range(EPOCHS * BATCHES))
    assert curves["loss"]["steps"] == curves["train_loss"]["steps"] == steps
    assert curves["perf/step_ms"]["steps"] == steps
    assert run["frames"] > 0


def test_on_another_process_than_the_main_one_it_is_started_handed_out_and_finished(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = LiveTrainTracker(monitor_factory=made)
    accelerator = accelerate.Accelerator(cpu=True, log_with=tracker)
    monkeypatch.setattr(accelerate.PartialState, "is_main_process", False)
    monkeypatch.setattr(accelerate.PartialState, "use_distributed", True)
    accelerator.init_trackers("any", config={"lr": 0.1})
    assert accelerator.get_tracker("livetrain", unwrap=True) is made.only
    assert accelerator.get_tracker("livetrain") is tracker
    other = accelerator.get_tracker("wandb")
    assert type(other) is accelerate.tracking.GeneralTracker, "as Accelerate has it there"
    accelerator.log({"loss": 0.5})
    assert (made.only.scalars, made.only.updates) == ([], []), "what is logged is told once"
    accelerator.end_training()
    assert made.only.closed


def test_misuse_is_said_and_a_fault_of_ours_is_not_raised(made: Made) -> None:
    with pytest.raises(TypeError, match="LiveTrainTracker has no argument 'max_fsp'"):
        LiveTrainTracker(max_fsp=3)
    with pytest.raises(livetrain.ConfigurationError, match="not host:port"):
        LiveTrainTracker(server="nowhere").start()

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("ours")

    tracker = LiveTrainTracker(monitor_factory=broken)
    tracker.start()
    tracker.log({"loss": 0.5})
    tracker = LiveTrainTracker(monitor_factory=made)
    tracker.log({"loss": object()})  # type: ignore[dict-item]
    assert series(made.only, "loss") == []
