"""From a checkpoint back into the run that it was made in, with a real server; and with the logger alone."""

from __future__ import annotations

import importlib
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from tests.faults.processes import free_port
from tests.integration.lightning_callback.world import BATCHES, QUIET, loader, module_class, trainer

import livetrain
from livetrain._console.server_process import ServerProcess
from livetrain.lightning import LiveTrainLogger

pytestmark = [
    *QUIET,
    pytest.mark.filterwarnings("ignore:.*in order to improve the performance of `ckpt_path"),
]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "runs", tmp_path / "server.log") as server:
        monkeypatch.setenv("LIVETRAIN_SERVER", server.grpc)
        yield server


def get(server: ServerProcess, path: str) -> Any:
    with urllib.request.urlopen(server.http + path, timeout=10) as answer:
        return json.load(answer)


def curve(server: ServerProcess, run_id: str, name: str) -> list[int]:
    metrics = get(server, f"/api/runs/{run_id}/metrics?names={name}")["metrics"]
    return list(metrics[name]["steps"])


class SavedWhenKnown:
    """Saves a checkpoint when the server has answered and `at` batches of the epoch are done."""

    def __init__(self, pl: ModuleType, path: Path) -> None:
        class Saving(pl.Callback):  # type: ignore[name-defined,misc]
            def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
                for callback in trainer.callbacks:
                    if isinstance(callback, livetrain.LiveTrainCallback):
                        assert callback.monitor is not None
                        assert callback.monitor.flush(20)
                trainer.save_checkpoint(path)

        self.callback = Saving()


def test_a_training_goes_on_in_its_run(
    pl: ModuleType, server: ServerProcess, tmp_path: Path
) -> None:
    path = tmp_path / "one.ckpt"
    first = livetrain.LiveTrainCallback()
    saving = SavedWhenKnown(pl, path).callback
    trainer(pl, first, saving, max_epochs=1).fit(module_class(pl)(), loader())
    (run,) = get(server, "/api/runs")["runs"]
    assert run["status"] == "finished"

    second = livetrain.LiveTrainCallback()
    trainer(pl, second, max_epochs=3).fit(module_class(pl)(), loader(), ckpt_path=path)
    (again,) = get(server, "/api/runs")["runs"]
    assert again["run_id"] == run["run_id"]
    assert (again["status"], again["steps"]) == ("finished", 3 * BATCHES)
    assert curve(server, run["run_id"], "loss") == list(range(3 * BATCHES))
    assert curve(server, run["run_id"], "epoch/loss") == [4, 9, 14]
    assert get(server, f"/api/runs/{run['run_id']}")["total_epochs"] == 3

    trainer(pl, second).fit(
        module_class(pl)(), loader()
    )  # without the checkpoint: another training
    assert len(get(server, "/api/runs")["runs"]) == 2


def test_a_test_of_a_checkpoint_belongs_to_the_run_that_made_it(
    pl: ModuleType, server: ServerProcess, tmp_path: Path
) -> None:
    class Tested(module_class(pl)):  # type: ignore[misc]
        def test_step(self, batch: Any, batch_idx: int) -> None:
            self.log("test_acc", 0.75)

    path = tmp_path / "one.ckpt"
    saving = SavedWhenKnown(pl, path).callback
    trainer(pl, livetrain.LiveTrainCallback(), saving, max_epochs=1).fit(Tested(), loader())
    elsewhere = trainer(pl, livetrain.LiveTrainCallback())
    elsewhere.test(Tested(), loader(), ckpt_path=path, verbose=False)
    (run,) = get(server, "/api/runs")["runs"]
    assert curve(server, run["run_id"], "test/accuracy") == [BATCHES - 1]


def test_a_checkpoint_leads_nowhere_where_the_user_does_not_want_it(
    pl: ModuleType, server: ServerProcess, tmp_path: Path
) -> None:
    path = tmp_path / "one.ckpt"
    saving = SavedWhenKnown(pl, path).callback
    callback = livetrain.LiveTrainCallback(resume=False)
    trainer(pl, callback, saving, max_epochs=1).fit(module_class(pl)(), loader())
    saved = torch.load(path, weights_only=False)
    assert "resume_token" not in str(saved["callbacks"])
    trainer(pl, livetrain.LiveTrainCallback()).fit(module_class(pl)(), loader(), ckpt_path=path)
    assert len(get(server, "/api/runs")["runs"]) == 2


def test_a_checkpoint_made_with_no_server_in_sight_is_as_good(
    pl: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVETRAIN_SERVER", f"127.0.0.1:{free_port()}")
    path = tmp_path / "one.ckpt"
    first = trainer(pl, livetrain.LiveTrainCallback(), max_epochs=1)
    first.fit(module_class(pl)(), loader())
    first.save_checkpoint(path)
    callback = livetrain.LiveTrainCallback()
    second = trainer(pl, callback)
    second.fit(module_class(pl)(), loader(), ckpt_path=path)
    assert callback.monitor is not None
    assert callback.monitor.stats().steps == BATCHES
    assert second.current_epoch == 2


def test_the_logger_alone_and_beside_the_callback_make_one_run_each(
    pl: ModuleType, server: ServerProcess
) -> None:
    alone = trainer(pl, logger=LiveTrainLogger(run="alone"), max_epochs=1, log_every_n_steps=1)
    alone.fit(module_class(pl)(), loader(), loader())
    both = trainer(
        pl, livetrain.LiveTrainCallback(run="both"), logger=LiveTrainLogger(), max_epochs=1
    )
    both.fit(module_class(pl)(), loader(), loader())
    runs = {run["name"]: run for run in get(server, "/api/runs")["runs"]}
    assert {name: run["status"] for name, run in runs.items()} == dict.fromkeys(
        ("alone", "both"), "finished"
    )
    assert curve(server, runs["alone"]["run_id"], "train_loss_step") == list(range(BATCHES))
    assert curve(server, runs["both"]["run_id"], "loss") == list(range(BATCHES))
    for name in runs:
        settings = get(server, f"/api/runs/{runs[name]['run_id']}")["config"]["settings"]
        assert settings["lr"] == 0.1
        assert settings["model"]["parameters"] == 323
    assert importlib.import_module("livetrain.lightning").__all__ == [
        "LiveTrainCallback",
        "LiveTrainLogger",
    ]
