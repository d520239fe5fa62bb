"""The logger: alone, beside the callback, and as Lightning wants a logger to be."""

from __future__ import annotations

import argparse
import copy
import importlib
import logging
import pickle
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from tests.integration.lightning_callback.world import (
    BATCHES,
    NAMESPACES,
    QUIET,
    dataset,
    loader,
    module_class,
    recorded,
    recording,
    series,
    trainer,
)
from torch.utils.data import DataLoader

import livetrain
from livetrain.lightning import LiveTrainLogger
from livetrain.testing import RecordingMonitor

pytestmark = QUIET


class Made(list[RecordingMonitor]):
    """The monitors that a logger made, in order."""

    def __call__(self, *args: Any, **options: Any) -> RecordingMonitor:
        self.append(RecordingMonitor(*args, **options))
        return self[-1]


@pytest.fixture
def made() -> Made:
    return Made()


def logging_module(pl: ModuleType) -> Any:
    class Logging(module_class(pl)):  # type: ignore[misc]
        def test_step(self, batch: Any, batch_idx: int) -> None:
            self.log("test_acc", 0.75)

    return Logging(lr=0.25)


def test_it_is_a_logger_of_both_namespaces_at_once(made: Made) -> None:
    logger = LiveTrainLogger(monitor_factory=made)
    for name in NAMESPACES:
        space = importlib.import_module(name)
        assert isinstance(logger, importlib.import_module(f"{name}.loggers").Logger)
        trainer(space, logger=logger, max_epochs=1).fit(module_class(space)(), loader())
    assert [monitor.closed for monitor in made] == [True, True]


def test_alone_it_records_what_the_module_logs(pl: ModuleType, made: Made) -> None:
    logger = LiveTrainLogger(run="alone", project="p", monitor_factory=made)
    training = trainer(pl, logger=logger, log_every_n_steps=1)
    training.fit(logging_module(pl), loader(), loader())
    (monitor,) = made
    assert monitor.options["run"] == "alone"
    assert monitor.options["project"] == "p"
    assert monitor.options["config"]["lr"] == 0.25
    assert monitor.options["config"]["model"] == {
        "class": "Logging",
        "parameters": 36 * 8 + 8 + 8 * 3 + 3,
        "trainable": 36 * 8 + 8 + 8 * 3 + 3,
    }
    steps = [step for step, values in monitor.scalars if "train_loss_step" in values]
    assert steps == list(range(2 * BATCHES))
    assert len(series(monitor, "train_loss_epoch")) == len(series(monitor, "val_loss")) == 2
    assert not any("epoch" in values for _, values in monitor.scalars)
    assert (monitor.closed, monitor.ended_by) == (True, None)


def test_beside_the_callback_both_speak_for_one_run(pl: ModuleType, made: Made) -> None:
    class Rates(pl.Callback):  # type: ignore[name-defined,misc]
        def on_train_batch_end(self, trainer: Any, module: Any, *rest: Any) -> None:
            trainer.logger.log_metrics({"of_a_callback": 7.0}, step=rest[-1])

    logger = LiveTrainLogger(run="shared", monitor_factory=made)
    callback = recording(max_fps=5.0)
    training = trainer(pl, callback, Rates(), logger=logger, log_every_n_steps=1)
    training.fit(logging_module(pl), loader(), loader())
    assert made == []
    monitor = recorded(callback)
    assert monitor.options["run"] == "shared"
    assert monitor.options["max_fps"] == 5.0
    assert monitor.options["config"]["model"]["class"] == "Logging"
    assert monitor.options["total_epochs"] == 2
    assert len(series(monitor, "train_loss")) == 2 * BATCHES  # the callback's
    assert len(series(monitor, "of_a_callback")) == 2 * BATCHES  # the logger's
    names = {name for _, values in monitor.scalars for name in values}
    assert names == {"train_loss", "learning_rate", "of_a_callback"}


def test_what_was_opened_before_the_training_is_the_run(pl: ModuleType, made: Made) -> None:
    logger = LiveTrainLogger(monitor_factory=made)
    logger.experiment.log_message("info", "before")
    callback = recording()
    trainer(pl, callback, logger=logger, max_epochs=1).fit(logging_module(pl), loader())
    (monitor,) = made
    assert callback.monitor is monitor
    assert monitor.messages == [("info", "before")]
    assert {name: monitor.updates[-1][name] for name in ("batches_per_epoch", "total_epochs")} == {
        "batches_per_epoch": BATCHES,
        "total_epochs": 1,
    }
    assert len(monitor.batches) == BATCHES
    assert monitor.closed


def test_what_is_logged_after_the_end_takes_the_run_up_again(pl: ModuleType, made: Made) -> None:
    logger, module = LiveTrainLogger(run="again", monitor_factory=made), logging_module(pl)
    training = trainer(pl, logger=logger, max_epochs=1, log_every_n_steps=1)
    training.fit(module, loader())
    training.test(module, loader(), verbose=False)
    first, second = made
    assert second.options["resume"] == first.resume_state()
    assert second.options["config"] == first.options["config"]
    assert series(second, "test_acc") == [0.75]
    assert second.closed


def test_a_failure_ends_the_run_as_failed(pl: ModuleType, made: Made) -> None:
    error = ValueError("bad weights")

    class Broken(module_class(pl)):  # type: ignore[misc]
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            if batch_idx == 2:
                raise error
            return super().training_step(batch, batch_idx)

    logger = LiveTrainLogger(monitor_factory=made)
    with pytest.raises(ValueError, match="bad weights"):
        trainer(pl, logger=logger, log_every_n_steps=1).fit(Broken(), loader())
    assert made[0].ended_by is error


def test_a_checkpoint_is_an_event_told_once(pl: ModuleType, made: Made, tmp_path: Path) -> None:
    for callbacks in ([], [recording()]):
        keep = importlib.import_module(f"{pl.__name__}.callbacks").ModelCheckpoint(dirpath=tmp_path)
        logger = LiveTrainLogger(monitor_factory=made)
        training = trainer(
            pl, *callbacks, keep, logger=logger, enable_checkpointing=True, max_epochs=1
        )
        training.fit(module_class(pl)(), loader())
        monitor = recorded(callbacks[0]) if callbacks else made[-1]
        assert [(k, f["path"]) for k, _, f in monitor.events] == [
            ("checkpoint", keep.best_model_path)
        ]


def test_checkpoints_lie_under_its_name_and_version(
    pl: ModuleType, made: Made, tmp_path: Path
) -> None:
    logger = LiveTrainLogger(run="named", monitor_factory=made)
    training = trainer(
        pl, logger=logger, enable_checkpointing=True, max_epochs=1, default_root_dir=tmp_path
    )
    training.fit(module_class(pl)(), loader())
    path = Path(training.checkpoint_callback.best_model_path)
    assert path.parts[-4:-1] == ("named", logger.version, "checkpoints")


def test_settings_of_every_kind(made: Made) -> None:
    logger = LiveTrainLogger(monitor_factory=made)
    logger.log_hyperparams({"lr": 0.1})
    logger.log_hyperparams(argparse.Namespace(depth=3))
    logger.log_metrics({"a": 1.0}, step=4)
    logger.log_hyperparams({"late": True})
    (monitor,) = made
    assert monitor.options["config"] == {"lr": 0.1, "depth": 3}
    assert monitor.updates == [{"config": {"lr": 0.1, "depth": 3, "late": True}}]
    assert monitor.scalars == [(4, {"a": 1.0})]


def test_pictures_are_samples(made: Made) -> None:
    logger = LiveTrainLogger(monitor_factory=made)
    logger.log_image("generated", ["one", "two"], step=3)
    assert made[0].samples == [("one", "generated", "default"), ("two", "generated", "default")]
    assert made[0].sample_steps == [3, 3]
    logger.log_image("generated", ["three"], caption=["a dog"])
    assert made[0].samples[2] == ("three", "generated: a dog", "default")


def test_tables_and_texts_are_lines_of_the_log(made: Made) -> None:
    logger = LiveTrainLogger(monitor_factory=made)
    logger.log_table("answers", ["prompt", "score"], [["a dog", 0.5]], step=7)
    logger.log_text("answers", columns=["text"], data=[["one"], ["two"]])
    assert made[0].messages == [
        ("info", "answers\nprompt | score\na dog | 0.5"),
        ("info", "answers\ntext\none\ntwo"),
    ]
    assert made[0].message_steps[0] == 7


def test_a_pickled_logger_is_its_configuration(made: Made) -> None:
    logger = LiveTrainLogger(run="kept", monitor_factory=RecordingMonitor)
    logger.log_hyperparams({"lr": 0.1})
    logger.log_metrics({"a": 1.0})
    logger.finalize("success")
    for twin in (pickle.loads(pickle.dumps(logger)), copy.deepcopy(logger)):
        assert (twin.name, twin.version) == ("kept", logger.version)
        assert twin._run.monitor is None
        assert twin.experiment.options["config"] == {"lr": 0.1}


def test_a_copy_of_an_open_logger_speaks_for_the_same_run(made: Made) -> None:
    """A Trainer ends the logger that it has; a run that a copy opened would end with the process, with all its threads."""
    logger = LiveTrainLogger(run="kept", monitor_factory=RecordingMonitor)
    logger.log_metrics({"a": 1.0}, step=0)
    twins = [pickle.loads(pickle.dumps(logger)), copy.deepcopy(logger)]
    for step, twin in enumerate(twins, start=1):
        twin.log_metrics({"a": 1.0}, step=step)
    monitor = logger._run.monitor
    assert isinstance(monitor, RecordingMonitor)
    assert [step for step, _ in monitor.scalars] == [0, 1, 2]
    twins[0].finalize("success")
    assert monitor.closed
    for each in (logger, *twins):
        assert each._run.monitor is None
    logger.log_metrics({"a": 1.0}, step=3)  # takes the run up again, for all of them
    assert logger.experiment.options["resume"] == monitor.resume_state()
    assert twins[1].experiment.scalars == [(3, {"a": 1.0})]


def test_a_copy_of_a_logger_whose_training_runs_ends_nothing(pl: ModuleType) -> None:
    class Copying(pl.Callback):  # type: ignore[name-defined,misc]
        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            twin = pickle.loads(pickle.dumps(trainer.logger))
            twin.log_metrics({"train_loss": 7.0, "of_the_copy": 1.0})
            twin.finalize("success")

    callback = recording()
    training = trainer(pl, callback, Copying(), logger=LiveTrainLogger(), max_epochs=1)
    training.fit(module_class(pl)(), loader())
    monitor = recorded(callback)
    assert len(monitor.batches) == BATCHES
    assert 7.0 not in series(monitor, "train_loss")
    assert len(series(monitor, "of_the_copy")) == BATCHES


def test_copies_that_nobody_holds_leave_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVETRAIN_SERVER", "127.0.0.1:9")  # which nobody answers at
    before = set(threading.enumerate())
    logger = LiveTrainLogger(run="kept")
    logger.log_metrics({"a": 1.0})
    twin = pickle.loads(pickle.dumps(logger))
    twin.log_metrics({"a": 1.0})
    assert set(threading.enumerate()) - before
    del logger, twin
    deadline = time.monotonic() + 30
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == set()


def test_on_another_rank_the_experiment_is_lightnings_dummy(
    pl: ModuleType, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lightning_utilities.core.rank_zero import rank_zero_only

    monkeypatch.setattr(rank_zero_only, "rank", 1, raising=False)
    logger = LiveTrainLogger(monitor_factory=made)
    logger.log_metrics({"a": 1.0})
    logger.log_image("a", ["b"])
    dummy = importlib.import_module(f"{pl.__name__}.loggers.logger").DummyExperiment
    experiment = logger.experiment
    assert isinstance(experiment, dummy)
    assert experiment.something(foo="bar") is None
    assert experiment[0].add_image("a", None) is None
    experiment.log({"a": 1.0})
    assert experiment.stats().inert == "disabled"
    # What is true of a method would end the loop of this rank alone.
    assert (experiment.should_stop, experiment.paused) == (False, False)
    shared = RecordingMonitor()
    shared.should_stop = True
    logger._run.monitor = shared  # as the callback's on each rank
    logger.experiment.log({"a": 1.0})
    assert (logger.experiment.should_stop, shared.scalars) == (True, [])
    assert made == []


def test_what_is_set_on_the_experiment_is_set_on_the_monitor(made: Made) -> None:
    logger = LiveTrainLogger(monitor_factory=made)
    logger.experiment.should_stop = True
    assert made[0].should_stop
    assert "log_batch" in dir(logger.experiment)


def test_misuse_is_said_and_a_fault_of_ours_is_not_raised(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(TypeError, match=r"LiveTrainLogger has no argument 'max_fsp'"):
        LiveTrainLogger(max_fsp=3)
    with pytest.raises(livetrain.ConfigurationError, match="not host:port"):
        LiveTrainLogger(server="nowhere").log_metrics({"a": 1.0})

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("ours")

    with caplog.at_level(logging.WARNING, "livetrain"):
        LiveTrainLogger(monitor_factory=broken).log_metrics({"a": 1.0})
    assert "ZeroDivisionError: ours" in caplog.text


def weights_after(pl: ModuleType, *callbacks: Any, logger: Any = False) -> list[torch.Tensor]:
    pl.seed_everything(7, verbose=False)
    module = module_class(pl)()
    shuffled = DataLoader(dataset(), batch_size=4, shuffle=True)
    training = trainer(pl, *callbacks, logger=logger, log_every_n_steps=1)
    training.fit(module, shuffled, loader())
    return [weight.detach().clone() for weight in module.parameters()]


def test_the_weights_are_the_same_bit_for_bit_with_and_without(pl: ModuleType, made: Made) -> None:
    without = weights_after(pl)
    watched = weights_after(pl, logger=LiveTrainLogger(monitor_factory=made))
    both = weights_after(pl, recording(), logger=LiveTrainLogger(monitor_factory=made))
    assert made[0].scalars
    for weights in (watched, both):
        assert all(torch.equal(a, b) for a, b in zip(without, weights, strict=True))
