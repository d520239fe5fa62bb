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
from tests.frameworks.world import Made, digits, get, only_run, same, series, warnings_of

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


def accelerator_with(tracker: Any) -> accelerate.Accelerator:
    return accelerate.Accelerator(cpu=True, log_with=tracker)


@pytest.mark.parametrize("same_accelerator", [True, False])
@pytest.mark.parametrize("ended", [True, False])
def test_each_training_with_one_tracker_is_a_run(
    made: Made, same_accelerator: bool, ended: bool
) -> None:
    tracker = LiveTrainTracker(monitor_factory=made, run="again")
    first = accelerator_with(tracker)
    for training in range(3):
        accelerator = first if same_accelerator else accelerator_with(tracker)
        if not same_accelerator and training and not ended:
            tracker.finish()  # nothing tells that another accelerator's training is over
        accelerator.init_trackers("digits", config={"training": training})
        for step in range(2):
            accelerator.log({"loss": training + step / 10})
        assert accelerator.get_tracker("livetrain", unwrap=True) is made[-1]
        if ended:
            accelerator.end_training()
    assert [monitor.scalars for monitor in made] == [
        [(0, {"loss": float(training)}), (1, {"loss": training + 0.1})] for training in range(3)
    ]
    assert [monitor.updates for monitor in made] == [
        [{"config": {"training": training}}] for training in range(3)
    ]
    assert [monitor.closed for monitor in made] == [True, True, ended]


def test_two_trainings_with_one_tracker_arrive(server: ServerProcess) -> None:
    tracker = LiveTrainTracker(run="twice")
    for loss in (0.5, 0.25):
        accelerator = accelerator_with(tracker)
        accelerator.init_trackers("any")
        accelerator.log({"loss": loss}, step=0)
        accelerator.end_training()
    runs = get(server, "/api/runs")["runs"]
    assert [(run["name"], run["status"]) for run in runs] == [("twice", "finished")] * 2
    values = [
        get(server, f"/api/runs/{run['run_id']}/metrics")["metrics"]["loss"]["values"]
        for run in runs
    ]
    assert sorted(values) == [[0.25], [0.5]]


def test_what_is_logged_after_the_end_is_said_to_be_lost(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    accelerator = accelerator_with(LiveTrainTracker(monitor_factory=made))
    accelerator.init_trackers("any")
    accelerator.end_training()
    for _ in range(3):
        accelerator.log({"late": 1.0})
    accelerator.get_tracker("livetrain").log_table("late", ["a"], [[1]])
    accelerator.get_tracker("livetrain").log_images({"late": np.zeros((1, 8, 8))})
    (said,) = warnings_of(caplog)
    assert "init_trackers begins another run" in said
    assert made.only.scalars == []
    assert accelerator.get_tracker("livetrain", unwrap=True) is made.only


def test_it_can_be_asked_for_by_its_name(made: Made) -> None:
    accelerator = accelerator_with(["livetrain"])
    for training in range(2):
        accelerator.init_trackers(
            "digits",
            config={"lr": 0.1},
            init_kwargs={"livetrain": {"monitor_factory": made, "tags": ["a"]}},
        )
        accelerator.log({"loss": float(training)}, step=3)
        accelerator.end_training()
    assert [monitor.scalars for monitor in made] == [[(3, {"loss": 0.0})], [(3, {"loss": 1.0})]]
    assert [monitor.options["project"] for monitor in made] == ["digits"] * 2
    assert [monitor.options["tags"] for monitor in made] == [["a"]] * 2
    assert LiveTrainTracker("digits", project="own")._settings.options["project"] == "own"


def test_asked_for_by_its_name_it_is_there_on_every_process(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerator = accelerator_with("livetrain")
    monkeypatch.setattr(accelerate.PartialState, "is_main_process", False)
    monkeypatch.setattr(accelerate.PartialState, "use_distributed", True)
    monkeypatch.setattr(accelerate.Accelerator, "is_main_process", False)
    for _ in range(2):
        accelerator.init_trackers("digits", None, {"livetrain": {"monitor_factory": made}})
        assert accelerator.get_tracker("livetrain", unwrap=True) is made[-1]
        accelerator.end_training()
    assert [monitor.closed for monitor in made] == [True, True]
    assert [monitor.options["project"] for monitor in made] == ["digits"] * 2


class Frame:
    """What a data frame of pandas has of what is asked for."""

    columns = ("a", "b")

    def itertuples(self, index: bool, name: str | None) -> Any:
        assert (index, name) == (False, None)
        return iter([(1, "x"), (2, "y")])


def test_a_table_is_lines_of_the_log(made: Made) -> None:
    accelerator = accelerator_with(LiveTrainTracker(monitor_factory=made))
    accelerator.init_trackers("any")
    tracker = accelerator.get_tracker("livetrain")
    tracker.log_table(
        "answers", columns=["prompt", "score"], data=[["a\ndog", 0.5], ["cat"]], step=7
    )
    tracker.log_table("answers", dataframe=Frame())
    tracker.log_table("none")
    assert made.only.messages == [
        ("info", "answers\nprompt | score\na dog | 0.5\ncat"),
        ("info", "answers\na | b\n1 | x\n2 | y"),
        ("info", "none\n"),
    ]
    assert made.only.message_steps[0] == 7


def test_pictures_and_texts_stand_at_the_step_that_they_are_given(made: Made) -> None:
    accelerator = accelerator_with(LiveTrainTracker(monitor_factory=made))
    accelerator.init_trackers("any")
    accelerator.log({"note": "half way"}, step=40)
    accelerator.get_tracker("livetrain").log_images({"made": np.zeros((2, 8, 8))}, step=40)
    assert (made.only.message_steps, made.only.sample_steps) == ([40], [40, 40])
