"""Real trainings under Lightning, in both of its namespaces, into a monitor that keeps what it is given."""

from __future__ import annotations

import copy
import importlib
import logging
import pickle
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import livetrain
from livetrain.exceptions import ConfigurationError
from livetrain.testing import RecordingMonitor

NAMESPACES = ("lightning.pytorch", "pytorch_lightning")
SAMPLES, BATCH, CLASSES = 20, 4, 3
BATCHES = SAMPLES // BATCH

pytestmark = [
    # What Lightning says to everyone who trains as small as this.
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings(
        "ignore:.*You defined a `validation_step` but have no `val_dataloader`"
    ),
    pytest.mark.filterwarnings("ignore:.*`training_step` returned `None`"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec."),
    pytest.mark.filterwarnings("ignore:.*`dataloader_iter`"),
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=NAMESPACES)
def pl(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(request.param)


def dataset() -> TensorDataset:
    generator = torch.Generator().manual_seed(1)
    return TensorDataset(
        torch.rand(SAMPLES, 1, 6, 6, generator=generator), torch.arange(SAMPLES) % CLASSES
    )


def loader(collate: Any = None) -> DataLoader[Any]:
    return DataLoader(dataset(), batch_size=BATCH, collate_fn=collate)


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, CLASSES)
    )


def module_class(pl: ModuleType) -> type:
    class Digits(pl.LightningModule):  # type: ignore[name-defined,misc]
        """As people write it: a forward, and a training_step that returns the loss alone."""

        def __init__(self, lr: float = 0.1) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.net = network()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x)

        def loss(self, batch: Any) -> torch.Tensor:
            images, labels = batch
            return nn.functional.cross_entropy(self(images), labels)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            loss = self.loss(batch)
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("val_loss", self.loss(batch))
            self.log("val_acc", (self(batch[0]).argmax(1) == batch[1]).float().mean())

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

    return Digits


def trainer(pl: ModuleType, *callbacks: Any, **options: Any) -> Any:
    settings = {
        "max_epochs": 2,
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
    }
    quiet = {"enable_progress_bar": False, "enable_model_summary": False}
    return pl.Trainer(callbacks=list(callbacks), **{**settings, **quiet, **options})


def recording(**options: Any) -> livetrain.LiveTrainCallback:
    return livetrain.LiveTrainCallback(monitor_factory=RecordingMonitor, **options)


def recorded(callback: livetrain.LiveTrainCallback) -> RecordingMonitor:
    assert isinstance(callback.monitor, RecordingMonitor)
    return callback.monitor


def series(monitor: RecordingMonitor, name: str) -> list[float]:
    return [values[name] for _, values in monitor.scalars if name in values]


def fit(
    pl: ModuleType, module: Any, *, val: bool = False, collate: Any = None, **options: Any
) -> RecordingMonitor:
    callback = recording()
    trainer(pl, callback, **options).fit(module, loader(collate), loader(collate) if val else None)
    return recorded(callback)


# ------------------------------------------------------------------ with no argument


def test_every_batch_is_shown_with_what_the_model_made_of_it(pl: ModuleType) -> None:
    torch.manual_seed(0)
    monitor = fit(pl, module_class(pl)())

    assert [b.step for b in monitor.batches] == list(range(2 * BATCHES))
    assert [b.epoch for b in monitor.batches] == [0] * BATCHES + [1] * BATCHES
    images, labels = dataset().tensors
    assert torch.equal(torch.cat([b.images for b in monitor.batches[:BATCHES]]), images)
    assert torch.equal(torch.cat([b.targets for b in monitor.batches[:BATCHES]]), labels)
    for batch in monitor.batches:
        assert batch.preds.shape == (BATCH, CLASSES)
        assert not batch.preds.requires_grad
        assert not batch.loss.requires_grad
        loss = nn.functional.cross_entropy(batch.preds, batch.targets)
        assert float(batch.loss) == pytest.approx(
            float(loss)
        )  # the very logits of this step, dropout and all
        right = (batch.preds.argmax(1) == batch.targets).float().mean()
        assert float(batch.accuracy) == float(right)


def test_what_the_trainer_knows_goes_with_the_run(pl: ModuleType) -> None:
    monitor = fit(pl, module_class(pl)(lr=0.25))
    assert monitor.options == {
        "run": "Digits",
        "config": {"lr": 0.25},
        "total_epochs": 2,
        "batches_per_epoch": BATCHES,
        "batch_size": BATCH,
        "rank": 0,
        "world_size": 1,
    }


def test_class_names_of_the_data_set_are_found(pl: ModuleType) -> None:
    callback, data = recording(), loader()
    data.dataset.classes = ["one", "two", "three"]  # where torchvision's data sets keep them
    trainer(pl, callback, max_epochs=1).fit(module_class(pl)(), data)
    assert recorded(callback).options["class_names"] == ["one", "two", "three"]


def test_what_the_user_says_comes_before_what_the_trainer_knows(
    pl: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVETRAIN_RUN", "from-outside")
    callback = recording(project="p", batch_size=99, max_fps=5.0)
    trainer(pl, callback, fast_dev_run=True).fit(module_class(pl)(), loader())
    options = recorded(callback).options
    assert (options["run"], options["project"], options["batch_size"], options["max_fps"]) == (
        "from-outside",
        "p",
        99,
        5.0,
    )


def test_epochs_are_means_over_their_batches(pl: ModuleType) -> None:
    monitor = fit(pl, module_class(pl)())
    assert [number for number, _ in monitor.epochs] == [0, 1]
    for number, means in monitor.epochs:
        batches = [b for b in monitor.batches if b.epoch == number]
        losses, hits = [float(b.loss) for b in batches], [float(b.accuracy) for b in batches]
        assert means["loss"] == pytest.approx(sum(losses) / BATCHES)
        assert means["accuracy"] == pytest.approx(sum(hits) / BATCHES)
        assert means["train_loss"] == pytest.approx(means["loss"])


def test_logged_values_and_the_learning_rate_of_each_step(pl: ModuleType) -> None:
    class Scheduled(module_class(pl)):  # type: ignore[misc]
        def configure_optimizers(self) -> Any:
            optimizer = super().configure_optimizers()
            schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
            return {
                "optimizer": optimizer,
                "lr_scheduler": {"scheduler": schedule, "interval": "step"},
            }

    monitor = fit(pl, Scheduled(lr=1.0), max_epochs=1)
    assert [step for step, _ in monitor.scalars] == list(range(BATCHES))
    assert series(monitor, "train_loss") == [float(b.loss) for b in monitor.batches]
    assert series(monitor, "learning_rate") == [1.0, 0.5, 0.25, 0.125, 0.0625]
    assert {name for _, values in monitor.scalars for name in values} == {
        "train_loss",
        "learning_rate",
    }


def test_a_value_that_was_not_logged_in_a_step_is_not_repeated(pl: ModuleType) -> None:
    class Seldom(module_class(pl)):  # type: ignore[misc]
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            if batch_idx % 2 == 0:
                self.log("even", float(batch_idx))
            return self.loss(batch)

    monitor = fit(pl, Seldom(), max_epochs=1)
    assert [(step, v["even"]) for step, v in monitor.scalars if "even" in v] == [
        (0, 0.0),
        (2, 2.0),
        (4, 4.0),
    ]
    assert "even" not in monitor.epochs[0][1]


def test_what_the_module_logs_when_its_epoch_ends_belongs_to_that_epoch(pl: ModuleType) -> None:
    class AtTheEnd(module_class(pl)):  # type: ignore[misc]
        def on_train_epoch_end(self) -> None:
            self.log("norm", 10.0 + self.current_epoch)

    monitor = fit(pl, AtTheEnd())
    assert [(number, means["norm"]) for number, means in monitor.epochs] == [(0, 10.0), (1, 11.0)]


def test_validation_is_shown_and_the_sanity_check_is_not(pl: ModuleType) -> None:
    monitor = fit(pl, module_class(pl)(), val=True, num_sanity_val_steps=1)
    assert [number for number, _ in monitor.validations] == [0, 1]
    assert [sorted(values) for _, values in monitor.validations] == [["accuracy", "loss"]] * 2
    assert len(monitor.batches) == 2 * BATCHES
    assert not any(name.startswith("val") for _, means in monitor.epochs for name in means)


def test_validation_within_an_epoch_does_not_disturb_its_batches(pl: ModuleType) -> None:
    monitor = fit(pl, module_class(pl)(), val=True, max_epochs=1, val_check_interval=2)
    assert len(monitor.validations) == 2
    assert [b.preds.shape[0] for b in monitor.batches] == [BATCH] * BATCHES


def test_the_run_ends_completed(pl: ModuleType) -> None:
    monitor = fit(pl, module_class(pl)())
    assert monitor.closed
    assert monitor.ended_by is None


# ------------------------------------------------------------------ other ways to train


def test_accumulated_batches_are_steps_with_their_undivided_loss(pl: ModuleType) -> None:
    monitor = fit(pl, module_class(pl)(), max_epochs=1, accumulate_grad_batches=2)
    assert [b.step for b in monitor.batches] == list(range(BATCHES))
    for batch in monitor.batches:
        loss = nn.functional.cross_entropy(batch.preds, batch.targets)
        assert float(batch.loss) == pytest.approx(float(loss))


@pytest.mark.parametrize("returned", ["loss", "dict", "nothing"])
def test_manual_optimisation(pl: ModuleType, returned: str) -> None:
    class Manual(module_class(pl)):  # type: ignore[misc]
        automatic_optimization = False

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            for optimizer in self.optimizers():
                loss = self.loss(batch)
                optimizer.zero_grad()
                self.manual_backward(loss)
                optimizer.step()
            self.log("train_loss", loss)
            return {"loss": loss, "dict": {"loss": loss}, "nothing": None}[returned]

        def configure_optimizers(self) -> Any:
            first, second = self.net[1].parameters(), self.net[4].parameters()
            return [torch.optim.SGD(first, lr=0.5), torch.optim.Adam(second, lr=0.25)]

    monitor = fit(pl, Manual(), max_epochs=1)
    assert [b.step for b in monitor.batches] == list(range(BATCHES))
    assert [float(b.loss) for b in monitor.batches] == series(monitor, "train_loss")
    assert all(b.preds.shape == (BATCH, CLASSES) for b in monitor.batches)
    assert series(monitor, "learning_rate/SGD") == [0.5] * BATCHES
    assert series(monitor, "learning_rate/Adam") == [0.25] * BATCHES


def test_logits_that_training_step_returns_come_before_those_seen(pl: ModuleType) -> None:
    class Returning(module_class(pl)):  # type: ignore[misc]
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return {"loss": self.loss(batch), "logits": torch.full((BATCH, CLASSES), 7.0)}

    monitor = fit(pl, Returning(), max_epochs=1)
    assert all(bool((b.preds == 7.0).all()) for b in monitor.batches)


def test_a_module_that_calls_its_child_is_read_through_the_child(pl: ModuleType) -> None:
    class Wrapping(module_class(pl)):  # type: ignore[misc]
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise NotImplementedError

        def loss(self, batch: Any) -> torch.Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    monitor = fit(pl, Wrapping(), max_epochs=1)
    for batch in monitor.batches:
        loss = nn.functional.cross_entropy(batch.preds, batch.targets)
        assert float(batch.loss) == pytest.approx(float(loss))


def test_batches_that_are_dicts(pl: ModuleType) -> None:
    def collate(samples: list[Any]) -> dict[str, torch.Tensor]:
        images, labels = zip(*samples, strict=True)
        return {"pixel_values": torch.stack(images), "labels": torch.stack(labels)}

    class Keyed(module_class(pl)):  # type: ignore[misc]
        def loss(self, batch: Any) -> torch.Tensor:
            return super().loss((batch["pixel_values"], batch["labels"]))

    monitor = fit(pl, Keyed(), collate=collate, max_epochs=1)
    assert torch.equal(torch.cat([b.images for b in monitor.batches]), dataset().tensors[0])
    assert torch.equal(torch.cat([b.targets for b in monitor.batches]), dataset().tensors[1])


def test_a_skipped_step_is_a_step_without_loss(pl: ModuleType) -> None:
    class Skipping(module_class(pl)):  # type: ignore[misc]
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            loss = self.loss(batch)
            return loss if batch_idx else None

    monitor = fit(pl, Skipping(), max_epochs=1)
    assert [b.loss is None for b in monitor.batches] == [True, False, False, False, False]


def test_a_training_step_that_draws_its_batches_itself(pl: ModuleType) -> None:
    class Drawing(module_class(pl)):  # type: ignore[misc]
        def training_step(self, dataloader_iter: Any) -> Any:
            batch, _, _ = next(dataloader_iter)
            return self.loss(batch)

    monitor = fit(pl, Drawing(), max_epochs=1)
    assert torch.equal(torch.cat([b.images for b in monitor.batches]), dataset().tensors[0])
    assert len([b for b in monitor.batches if b.loss is not None]) == BATCHES


def test_steps_go_on_where_a_checkpoint_stopped(pl: ModuleType, tmp_path: Any) -> None:
    first = trainer(pl, max_epochs=1)
    first.fit(module_class(pl)(), loader())
    first.save_checkpoint(tmp_path / "one.ckpt")
    callback = recording()
    trainer(pl, callback).fit(module_class(pl)(), loader(), ckpt_path=tmp_path / "one.ckpt")
    assert [(b.step, b.epoch) for b in recorded(callback).batches] == [
        (BATCHES + n, 1) for n in range(BATCHES)
    ]


# ------------------------------------------------------------------ what it cannot read


def test_a_module_that_cannot_be_read_is_still_measured_and_told_once(
    pl: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    class Vectors(module_class(pl)):  # type: ignore[misc]
        def loss(self, batch: Any) -> torch.Tensor:
            vectors, labels = batch
            return nn.functional.cross_entropy(self.net[4](self.net[1](vectors)), labels)

    def collate(samples: list[Any]) -> Any:
        images, labels = zip(*samples, strict=True)
        return torch.stack(images).flatten(1), torch.stack(labels)

    monitor = fit(pl, Vectors(), collate=collate)
    assert [b.images for b in monitor.batches] == [None] * 2 * BATCHES
    assert all(float(b.loss) > 0 for b in monitor.batches)
    assert len(series(monitor, "train_loss")) == 2 * BATCHES
    warned = [
        r.message for r in caplog.records if r.name == "livetrain" and r.levelno == logging.WARNING
    ]
    assert len(warned) == 1
    assert "read_batch=" in warned[0]
    assert "submodule=" in warned[0]
    assert "list" in warned[0] or "tuple" in warned[0]


def test_it_is_read_when_told_how(pl: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    class Deep(module_class(pl)):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(network(), nn.Softmax(dim=1), nn.Linear(CLASSES, 1))

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self(batch["pictures"][0]).mean()

    def collate(samples: list[Any]) -> Any:
        images, labels = zip(*samples, strict=True)
        return {"pictures": (torch.stack(images), "meta"), "digit": torch.stack(labels)}

    callback = recording(
        submodule="net.0", read_batch=lambda batch: (batch["pictures"][0], batch["digit"])
    )
    trainer(pl, callback, max_epochs=1).fit(Deep(), loader(collate))
    monitor = recorded(callback)
    assert torch.equal(torch.cat([b.images for b in monitor.batches]), dataset().tensors[0])
    assert all(b.preds.shape == (BATCH, CLASSES) for b in monitor.batches)
    assert [r for r in caplog.records if r.name == "livetrain"] == []


def test_a_reader_that_fails_does_not_stop_the_training(
    pl: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    callback = recording(read_batch=lambda batch: batch["no such key"])
    trainer(pl, callback, max_epochs=1).fit(module_class(pl)(), loader())
    assert [float(b.loss) > 0 for b in recorded(callback).batches] == [True] * BATCHES
    (warned,) = [r.message for r in caplog.records if r.name == "livetrain"]
    assert "read_batch" in warned
    assert "TypeError" in warned


def test_a_submodule_that_is_not_there_is_said_before_the_first_step(pl: ModuleType) -> None:
    callback = recording(submodule="head")
    with pytest.raises(
        ConfigurationError, match="Digits has no submodule of that name; give one of 'net'"
    ):
        trainer(pl, callback).fit(module_class(pl)(), loader())
    assert callback.monitor is None


# ------------------------------------------------------------------ ends, and stops


class Failing:
    """A training step that fails at the third batch."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def module(self, pl: ModuleType) -> Any:
        error = self.error

        class Broken(module_class(pl)):  # type: ignore[misc]
            def training_step(self, batch: Any, batch_idx: int) -> Any:
                if batch_idx == 2:
                    raise error
                return super().training_step(batch, batch_idx)

        return Broken()


def test_an_exception_ends_the_run_as_failed(pl: ModuleType) -> None:
    error = ValueError("bad weights")
    callback, module = recording(), Failing(error).module(pl)
    with pytest.raises(ValueError, match="bad weights"):
        trainer(pl, callback).fit(module, loader())
    monitor = recorded(callback)
    assert len(monitor.batches) == 2
    assert monitor.closed
    assert monitor.ended_by is error
    assert sum(len(part._forward_hooks) for part in module.modules()) == 0


def test_ctrl_c_ends_the_run_as_interrupted(pl: ModuleType) -> None:
    callback = recording()
    with pytest.raises(SystemExit):  # Lightning's answer to KeyboardInterrupt
        trainer(pl, callback).fit(Failing(KeyboardInterrupt()).module(pl), loader())
    assert isinstance(recorded(callback).ended_by, KeyboardInterrupt)


def test_sigterm_ends_the_run_as_interrupted(pl: ModuleType) -> None:
    sigterm = importlib.import_module(f"{pl.__name__}.utilities.exceptions").SIGTERMException()
    callback = recording()
    with pytest.raises(SystemExit):
        trainer(pl, callback).fit(Failing(sigterm).module(pl), loader())
    ended_by = recorded(callback).ended_by
    assert isinstance(ended_by, SystemExit)
    assert (
        ended_by.code == "ended by SIGTERMException"
    )  # without a code it would count as completed


def test_hooks_are_gone_and_the_next_fit_is_a_run_of_its_own(pl: ModuleType) -> None:
    callback, module = recording(), module_class(pl)()
    trainer(pl, callback, max_epochs=1).fit(module, loader())
    first = recorded(callback)
    assert sum(len(part._forward_hooks) for part in module.modules()) == 0
    trainer(pl, callback, max_epochs=1).fit(module, loader())
    second = recorded(callback)
    assert second is not first
    assert [b.step for b in second.batches] == list(range(BATCHES))


def test_a_request_to_stop_is_obeyed_after_the_step(pl: ModuleType) -> None:
    class Impatient(RecordingMonitor):
        def log_batch(self, *args: Any, **options: Any) -> None:
            super().log_batch(*args, **options)
            self.should_stop = len(self.batches) == 3

    callback = livetrain.LiveTrainCallback(monitor_factory=Impatient)
    trainer(pl, callback).fit(module_class(pl)(), loader())
    assert len(recorded(callback).batches) == 3
    assert recorded(callback).ended_by is None


# ------------------------------------------------------------------ a callback of both, and a guest


def test_it_is_a_callback_of_both_namespaces_at_once() -> None:
    callback = recording()
    for name in NAMESPACES:
        space = importlib.import_module(name)
        assert isinstance(callback, space.Callback)
        trainer(space, callback, max_epochs=1).fit(module_class(space)(), loader())
        assert len(recorded(callback).batches) == BATCHES


def test_a_pickled_callback_is_its_configuration(pl: ModuleType) -> None:
    callback = recording(run="kept", max_fps=5.0)
    trainer(pl, callback, fast_dev_run=True).fit(module_class(pl)(), loader())
    for twin in (pickle.loads(pickle.dumps(callback)), copy.deepcopy(callback)):
        assert twin.monitor is None
        trainer(pl, twin, fast_dev_run=True).fit(module_class(pl)(), loader())
        assert recorded(twin).options["run"] == "kept"
        assert recorded(twin).options["max_fps"] == 5.0


def test_a_copy_made_in_mid_training_is_no_part_of_it(pl: ModuleType) -> None:
    """Weight averaging deep-copies the module; users save it, or the trainer, whole."""

    class Copying(pl.Callback):  # type: ignore[name-defined,misc]
        def on_train_batch_start(self, trainer: Any, module: Any, *_: Any) -> None:
            twin = copy.deepcopy(module)
            twin(torch.zeros(BATCH, 1, 6, 6))
            pickle.dumps(callback)

    callback = recording()
    trainer(pl, callback, Copying(), max_epochs=1).fit(module_class(pl)(), loader())
    for batch in recorded(callback).batches:
        loss = nn.functional.cross_entropy(batch.preds, batch.targets)
        assert float(batch.loss) == pytest.approx(float(loss))


def weights_after(pl: ModuleType, *callbacks: Any) -> list[torch.Tensor]:
    pl.seed_everything(7, verbose=False)
    module = module_class(pl)()
    shuffled = DataLoader(dataset(), batch_size=BATCH, shuffle=True)
    trainer(pl, *callbacks, accumulate_grad_batches=2).fit(module, shuffled, loader())
    return [weight.detach().clone() for weight in module.parameters()]


def test_the_weights_are_the_same_bit_for_bit_with_and_without(pl: ModuleType) -> None:
    without, again = weights_after(pl), weights_after(pl)
    assert all(
        torch.equal(a, b) for a, b in zip(without, again, strict=True)
    )  # else the next line says nothing
    callback = recording()
    watched = weights_after(pl, callback)
    assert len(recorded(callback).batches) == 2 * BATCHES
    assert all(torch.equal(a, b) for a, b in zip(without, watched, strict=True))
