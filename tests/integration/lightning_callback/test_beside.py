"""What other parts of Lightning do while the callback looks on: checkpoints, early stops, several loaders, tests."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from tests.integration.lightning_callback.world import (
    BATCHES,
    QUIET,
    dataset,
    loader,
    module_class,
    recorded,
    recording,
    trainer,
)

import livetrain
from livetrain.testing import RecordingMonitor

pytestmark = QUIET


def callbacks_of(pl: ModuleType) -> Any:
    return importlib.import_module(f"{pl.__name__}.callbacks")


def test_each_checkpoint_is_an_event_with_its_path_and_score(
    pl: ModuleType, tmp_path: Path
) -> None:
    keep = callbacks_of(pl).ModelCheckpoint(dirpath=tmp_path, monitor="val_loss", save_top_k=2)
    callback = recording()
    training = trainer(pl, callback, keep, enable_checkpointing=True, max_epochs=3)
    training.fit(module_class(pl)(), loader(), loader())
    events = [fields for kind, _, fields in recorded(callback).events if kind == "checkpoint"]
    assert events
    assert {fields["path"] for fields in events} >= set(keep.best_k_models)
    assert all(fields["metric"] == "val_loss" for fields in events)
    scores = {fields["path"]: fields["score"] for fields in events}
    for path, score in keep.best_k_models.items():
        assert scores[path] == pytest.approx(float(score))
    assert any(
        m == "best so far"
        for _, m, f in recorded(callback).events
        if f["path"] == keep.best_model_path
    )


def test_a_checkpoint_that_a_script_saves_is_an_event_too(pl: ModuleType, tmp_path: Path) -> None:
    class Saving(pl.Callback):  # type: ignore[name-defined,misc]
        def on_train_batch_end(self, trainer: Any, module: Any, *rest: Any) -> None:
            if rest[-1] == 2:
                trainer.save_checkpoint(tmp_path / "mine.ckpt")

    callback = recording()
    trainer(pl, callback, Saving(), max_epochs=1).fit(module_class(pl)(), loader())
    assert [(kind, message) for kind, message, _ in recorded(callback).events] == [
        ("checkpoint", "saved")
    ]


def test_an_early_stop_is_told_with_its_reason(pl: ModuleType) -> None:
    class Worse(module_class(pl)):  # type: ignore[misc]
        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("val_loss", float(self.current_epoch))

    stop = callbacks_of(pl).EarlyStopping("val_loss", patience=2)
    callback = recording()
    trainer(pl, callback, stop, max_epochs=10).fit(Worse(), loader(), loader())
    (told,) = recorded(callback).early_stoppings
    assert (told["epoch"], told["metric"], told["patience"], told["best_value"]) == (
        2,
        "val_loss",
        2,
        0,
    )
    assert "did not improve" in told["reason"]
    assert len(recorded(callback).batches) == 3 * BATCHES


def test_a_stop_in_the_first_epoch_is_told_too(pl: ModuleType) -> None:
    stop = callbacks_of(pl).EarlyStopping("val_loss", stopping_threshold=1e9)
    callback = recording()
    trainer(pl, callback, stop, max_epochs=10).fit(module_class(pl)(), loader(), loader())
    assert [told["epoch"] for told in recorded(callback).early_stoppings] == [0]


def test_a_training_that_nobody_stopped_tells_of_no_stop(pl: ModuleType) -> None:
    callback = recording()
    stop = callbacks_of(pl).EarlyStopping("val_loss", patience=50)
    trainer(pl, callback, stop).fit(module_class(pl)(), loader(), loader())
    assert recorded(callback).early_stoppings == []


@pytest.mark.parametrize("mode", ["min_size", "max_size_cycle"])
def test_several_training_loaders(pl: ModuleType, mode: str) -> None:
    combined = importlib.import_module(f"{pl.__name__}.utilities").CombinedLoader

    class Pairs(module_class(pl)):  # type: ignore[misc]
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self.loss(batch["labelled"]) + self(batch["other"][0]).mean()

    callback = recording()
    loaders = combined({"labelled": loader(), "other": loader()}, mode)
    trainer(pl, callback, max_epochs=1).fit(Pairs(), loaders)
    batches = recorded(callback).batches
    assert torch.equal(torch.cat([b.images for b in batches]), dataset().tensors[0])
    assert torch.equal(torch.cat([b.targets for b in batches]), dataset().tensors[1])


def test_several_validation_loaders_have_each_their_own_curve(pl: ModuleType) -> None:
    class Two(module_class(pl)):  # type: ignore[misc]
        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("val_loss", float(dataloader_idx))

    callback = recording()
    trainer(pl, callback, max_epochs=1).fit(Two(), loader(), [loader(), loader()])
    ((_, values),) = recorded(callback).validations
    assert values == {"loss/dataloader_idx_0": 0.0, "loss/dataloader_idx_1": 1.0}


def module_with_a_test(pl: ModuleType) -> Any:
    class Module(module_class(pl)):  # type: ignore[misc]
        def test_step(self, batch: Any, batch_idx: int) -> None:
            self.log("test_acc", 0.75)
            self.log("f1", 0.5)

    return Module()


def monitors_of(callback: Any) -> list[RecordingMonitor]:
    """Have the callback's monitors kept."""
    made: list[RecordingMonitor] = []

    class Kept(RecordingMonitor):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(self)

    object.__setattr__(callback._config, "monitor_factory", Kept)
    return made


def test_a_test_after_the_training_belongs_to_its_run(pl: ModuleType) -> None:
    callback, module = recording(tags=("a",)), module_with_a_test(pl)
    made = monitors_of(callback)
    training = trainer(pl, callback, max_epochs=1)
    training.fit(module, loader())
    training.test(module, loader(), verbose=False)
    first, second = made
    assert second.options == {**first.options, "resume": first.resume_state()}
    assert second.scalars == [(BATCHES - 1, {"test/accuracy": 0.75, "test/f1": 0.5})]
    assert (second.batches, second.validations, second.closed) == ([], [], True)


def test_an_evaluation_alone_is_a_run_of_its_own(pl: ModuleType) -> None:
    callback, module = recording(), module_with_a_test(pl)
    made = monitors_of(callback)
    trainer(pl, callback).validate(module, loader(), verbose=False)
    trainer(pl, recording()).test(module, loader(), verbose=False)
    (only,) = made
    assert "resume" not in only.options
    assert [sorted(values) for _, values in only.validations] == [["accuracy", "loss"]]
    assert only.closed


@pytest.mark.parametrize(
    "part", ["begin_batch", "end_batch", "begin_epoch", "end_epoch", "end_validation", "finish"]
)
def test_a_fault_of_ours_costs_the_view_and_not_the_training(
    pl: ModuleType, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {
        "begin_batch": "learning_rates",
        "end_batch": "find_logits",
        "begin_epoch": "epoch_metrics",
        "end_epoch": "epoch_metrics",
        "end_validation": "validation_metrics",
        "finish": "Landmarks.tell",
    }

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(f"livetrain._lightning.session.{places[part]}", broken)
    callback, module = recording(), returning_module(pl)
    training = trainer(pl, callback)
    training.fit(module, loader(), loader())
    assert training.fit_loop.epoch_loop.total_batch_idx == 2 * BATCHES - 1
    assert recorded(callback).closed
    assert sum(len(part._forward_hooks) for part in module.modules()) == 0


def returning_module(pl: ModuleType) -> Any:
    class Module(module_class(pl)):  # type: ignore[misc]
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return {"loss": super().training_step(batch, batch_idx)}

    return Module()


def test_a_run_that_cannot_be_opened_costs_the_view_and_not_the_training(pl: ModuleType) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("ours")

    callback = livetrain.LiveTrainCallback(monitor_factory=broken)
    module = module_class(pl)()
    training = trainer(pl, callback, max_epochs=1)
    training.fit(module, loader())
    assert training.fit_loop.epoch_loop.total_batch_idx == BATCHES - 1
    assert callback.monitor is None


def test_the_background_may_work_in_each_backward_pass(
    pl: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = recording()
    logged: list[int] = []
    monkeypatch.setattr(
        "livetrain.testing.RecordingMonitor.lull", lambda self: logged.append(len(self.batches))
    )
    trainer(pl, callback, max_epochs=1).fit(module_class(pl)(), loader())
    assert logged == list(range(len(recorded(callback).batches))), "before its batch is logged"
