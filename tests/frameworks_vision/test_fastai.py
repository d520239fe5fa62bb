"""The callback of fastai."""

from __future__ import annotations

import pickle
import random
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from fastai.callback.core import Callback
from fastai.callback.schedule import Learner  # which gives learners `fit_one_cycle` and `lr_find`
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.data.transforms import CategoryMap
from fastai.metrics import accuracy
from torch import nn
from torch.utils.data import TensorDataset

import livetrain
from livetrain._console.server_process import ServerProcess
from livetrain.fastai import LiveTrainCallback
from tests.frameworks.commands import order
from tests.frameworks.world import (
    Made,
    Stopping,
    digits,
    only_run,
    same,
    series,
    warnings_of,
)
from tests.steering.case import Case, Given
from tests.steering.model import verdict
from tests.steering.table import train

SAMPLES, BATCH, EPOCHS = 96, 16, 2
STEPS = SAMPLES // BATCH


def learner(*callbacks: Any, flat: bool = False) -> Learner:
    torch.manual_seed(3)
    random.seed(3)  # fastai shuffles with it
    images, labels = digits(SAMPLES)
    data = TensorDataset(images.flatten(1) if flat else images, labels)
    loaders = DataLoaders(
        DataLoader(data, bs=BATCH, shuffle=True, num_workers=0),
        DataLoader(data, bs=BATCH, num_workers=0),
    )
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Dropout(), nn.Linear(16, 10))
    return Learner(
        loaders, model, loss_func=nn.CrossEntropyLoss(), metrics=accuracy, cbs=list(callbacks)
    )


def fit(*callbacks: Any, epochs: int = EPOCHS, **options: Any) -> Learner:
    made = learner(*callbacks, **options)
    with made.no_bar(), made.no_logging():
        made.fit_one_cycle(epochs, 1e-2)
    return made


@pytest.fixture
def made() -> Made:
    return Made()


def test_every_batch_is_shown_with_what_the_model_made_of_it(made: Made) -> None:
    fit(LiveTrainCallback(monitor_factory=made, project="p"))
    monitor = made.only
    assert [b.step for b in monitor.batches] == list(range(EPOCHS * STEPS))
    assert [b.epoch for b in monitor.batches] == [0] * STEPS + [1] * STEPS
    for batch in monitor.batches:
        assert batch.images.shape == (BATCH, 1, 8, 8)
        loss = nn.functional.cross_entropy(batch.preds, batch.targets)
        assert float(batch.loss) == pytest.approx(float(loss))
        assert not batch.preds.requires_grad
    rates = [rate for _, rate in series(monitor, "learning_rate")]
    assert len(rates) == EPOCHS * STEPS
    assert max(rates) > 5 * rates[0]  # one cycle goes up, and down again
    assert [number for number, _ in monitor.epochs] == [0, 1]
    assert [sorted(values) for _, values in monitor.validations] == [["accuracy", "loss"]] * 2
    options = monitor.options
    assert (options["total_epochs"], options["batches_per_epoch"], options["batch_size"]) == (
        2,
        6,
        16,
    )
    assert (options["run"], options["project"]) == ("Sequential", "p")
    assert (monitor.closed, monitor.ended_by) == (True, None)


@pytest.mark.parametrize("there", [True, False])
def test_the_weights_are_the_same_bit_for_bit_with_and_without(
    there: bool, request: pytest.FixtureRequest
) -> None:
    def weights(*callbacks: Any) -> list[torch.Tensor]:
        return [weight.detach().clone() for weight in fit(*callbacks).model.parameters()]

    request.getfixturevalue("server" if there else "no_server")
    alone, again = weights(), weights()
    assert same(alone, again)
    callback = LiveTrainCallback()
    assert same(alone, weights(callback))
    assert callback.monitor is not None
    assert callback.monitor.stats().steps == EPOCHS * STEPS


def test_a_stop_ends_the_training_after_the_step() -> None:
    callback = LiveTrainCallback(monitor_factory=Stopping)
    fit(callback)
    assert isinstance(callback.monitor, Stopping)
    assert len(callback.monitor.batches) == 3
    assert callback.monitor.closed


@pytest.mark.parametrize("wrapped", [False, True], ids=["fastai's", "PyTorch's"])
def test_each_step_of_either_kind_of_optimizer_is_made_as_was_set(
    wrapped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVETRAIN_MODE", "offline")
    monkeypatch.setenv("LIVETRAIN_SPOOL_DIR", str(tmp_path))
    given = Given("set", {"learning_rate": "x0.5"}, before=3)
    case = Case("fastai_learner", "one cycle", (given,), options={"wrapped": wrapped})
    assert verdict(case, train(case, disturbed=False), [train(case, disturbed=True)]) == "right"


def test_a_rate_that_the_page_set_holds_beside_a_schedule(server: ServerProcess) -> None:
    class Asking(Callback):  # type: ignore[misc]
        order = 80

        def before_batch(self) -> None:
            if (
                self.training
                and self.iter == 2
                and self.epoch == 0
                and callback.monitor is not None
            ):
                order(server, callback.monitor, {"learning_rate": 0.25})

    callback = LiveTrainCallback(run="steered")
    fit(Asking(), callback)
    run, curves = only_run(server)
    assert (run["name"], run["status"]) == ("steered", "finished")
    assert curves["loss"]["steps"] == list(range(EPOCHS * STEPS))
    assert curves["learning_rate"]["values"][3:] == [0.25] * (EPOCHS * STEPS - 3)
    assert 0.25 not in curves["learning_rate"]["values"][:3]
    assert run["frames"] > 0


def test_the_rate_finder_and_predictions_are_not_shown(made: Made) -> None:
    callback = LiveTrainCallback(monitor_factory=made)
    found = learner(callback)
    with found.no_bar(), found.no_logging():
        found.lr_find(num_it=5, show_plot=False)
        found.get_preds(dl=found.dls.valid)
    assert made == []


def test_a_batch_that_cannot_be_read_still_has_its_loss_and_one_sentence(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    fit(LiveTrainCallback(monitor_factory=made), flat=True)
    assert [b.images for b in made.only.batches] == [None] * EPOCHS * STEPS
    assert all(float(b.loss) > 0 for b in made.only.batches)
    (said,) = warnings_of(caplog)
    assert "read_batch=" in said
    fit(
        LiveTrainCallback(
            monitor_factory=made, read_batch=lambda b: (b[0].reshape(-1, 8, 8), b[1])
        ),
        flat=True,
    )
    assert {b.images.shape for b in made[-1].batches} == {(BATCH, 8, 8)}


def test_a_pickled_callback_is_its_configuration() -> None:
    kept: list[LiveTrainCallback] = []

    class Copying(Callback):  # type: ignore[misc]
        def after_batch(self) -> None:
            kept.append(pickle.loads(pickle.dumps(plain)))

    plain = LiveTrainCallback(run="kept", max_fps=5.0)
    fit(Copying(), epochs=1)
    assert {twin._livetrain.settings.options["max_fps"] for twin in kept} == {5.0}
    assert all(twin.monitor is None for twin in kept)


def test_a_fault_of_ours_costs_the_view_and_not_the_training(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("ours")

    alone = [w.detach().clone() for w in fit().model.parameters()]
    assert same(alone, fit(LiveTrainCallback(monitor_factory=broken)).model.parameters())
    for place in ("fastai.find_logits", "fastai._plain", "_frameworks.training.EpochMean.take"):
        with monkeypatch.context() as patch:
            patch.setattr(f"livetrain.{place}", broken)
            assert same(alone, fit(LiveTrainCallback(monitor_factory=made)).model.parameters())
        assert made[-1].closed


def test_it_has_no_name_that_a_learner_or_a_model_has(made: Made) -> None:
    """fastai warns of each name that a callback hides, at every start."""

    class Everything(nn.Sequential):
        """A model that has, as the learner has through it, whatever name it is asked for."""

        def __init__(self, *layers: nn.Module) -> None:
            super().__init__(*layers)
            self.monitor = self.settings = self.rate = self.step = self.reader = "of the model"

    class Fitting(LiveTrainCallback):
        pass

    plain = learner()
    plain.model = Everything(*plain.model)
    callback = Fitting(monitor_factory=made)
    with warnings.catch_warnings(), plain.no_bar(), plain.no_logging():
        warnings.filterwarnings("error", "You are shadowing")
        for _ in range(2):  # the second finds what the first left
            plain.fit(1, cbs=[callback])
    assert callback.monitor is made[-1]
    assert [len(monitor.batches) for monitor in made] == [STEPS, STEPS]


def test_classes_are_called_as_the_data_block_calls_them(made: Made) -> None:
    data = learner(LiveTrainCallback(monitor_factory=made))
    data.dls.vocab = CategoryMap(["nine", "eight", *map(str, range(8))])
    with data.no_bar(), data.no_logging():
        data.fit(1)
    assert made.only.options["class_names"] == [*map(str, range(8)), "eight", "nine"]


def test_misuse_is_said_before_the_first_step() -> None:
    with pytest.raises(TypeError, match="LiveTrainCallback has no argument 'max_fsp'"):
        LiveTrainCallback(max_fsp=3)
    with pytest.raises(livetrain.ConfigurationError, match="not host:port"):
        fit(LiveTrainCallback(server="nowhere"))
