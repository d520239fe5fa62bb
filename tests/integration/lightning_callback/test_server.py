"""The callback as users have it: no argument, a real monitor, a real server."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.faults.conditions import wait_until
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import livetrain
from livetrain._console.server_process import ServerProcess
from livetrain._delivery.transport import Endpoint
from livetrain._launch import state_directory
from livetrain._spool.segment_log import segments_of
from livetrain._sync import leftovers, upload

RANKS = Path(__file__).with_name("ranks.py")
SAMPLES, BATCH, CLASSES = 24, 4, 3
BATCHES = SAMPLES // BATCH

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:.*isinstance.treespec, LeafSpec.",
)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "runs", tmp_path / "server.log") as server:
        monkeypatch.setenv("LIVETRAIN_SERVER", server.grpc)
        yield server


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def delivered(server: ServerProcess) -> bool:
    """Upload what waits on the disk; whether nothing does any more. The callback waits for a busy server, but not long."""
    spool = state_directory(os.environ) / "spool"
    for left in leftovers(spool):
        upload(left, Endpoint(server.grpc), timeout=30)
    return not any(segments_of(folder) for folder in spool.glob("*"))


def only_run(server: ServerProcess) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the only run and its curves, once all of it is there."""
    wait_until(lambda: delivered(server), 60, "every record is delivered")
    (run,) = get(f"{server.http}/api/runs")["runs"]
    details = get(f"{server.http}/api/runs/{run['run_id']}")
    return details, get(f"{server.http}/api/runs/{run['run_id']}/metrics")["metrics"]


def fit(namespace: str, *, fails_at: int | None = None) -> livetrain.LiveTrainCallback:
    pl = importlib.import_module(namespace)

    class Digits(pl.LightningModule):  # type: ignore[name-defined,misc]
        def __init__(self, lr: float = 0.1) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.net = nn.Sequential(nn.Flatten(), nn.Linear(36, CLASSES))

        def on_train_start(self) -> None:
            # Pictures are for who can see them now: none are sent before the server knows the run.
            wait_until(lambda: callback.monitor and callback.monitor.run_id, 60, "the run is known")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x)

        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            if batch_idx == fails_at:
                raise ValueError("bad weights")
            return nn.functional.cross_entropy(self(batch[0]), batch[1])

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

    data = TensorDataset(torch.rand(SAMPLES, 1, 6, 6), torch.arange(SAMPLES) % CLASSES)
    loader, callback = DataLoader(data, batch_size=BATCH), livetrain.LiveTrainCallback()
    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Digits(), loader, loader)
    return callback


@pytest.mark.parametrize("namespace", ["lightning.pytorch", "pytorch_lightning"])
def test_a_training_arrives_whole(namespace: str, server: ServerProcess) -> None:
    callback = fit(namespace)
    run, curves = only_run(server)
    assert (run["name"], run["status"], run["total_epochs"]) == ("Digits", "finished", 2)
    assert run["config"]["settings"] == {"lr": 0.1}
    steps = list(range(2 * BATCHES))
    for name in ("loss", "accuracy", "learning_rate"):
        assert curves[name]["steps"] == steps, name
    assert curves["epoch/loss"]["steps"] == curves["val/loss"]["steps"] == [5, 11]
    assert curves["epoch/loss"]["values"] == pytest.approx(
        [sum(curves["loss"]["values"][:6]) / 6, sum(curves["loss"]["values"][6:]) / 6]
    )
    assert run["frames"] > 0
    assert callback.monitor is not None
    assert callback.monitor.stats().problems == {}


def test_a_failure_is_told(server: ServerProcess) -> None:
    with pytest.raises(ValueError, match="bad weights"):
        fit("lightning.pytorch", fails_at=3)
    run, curves = only_run(server)
    assert (run["status"], run["message"]) == ("failed", "ValueError: bad weights")
    assert curves["loss"]["steps"] == [0, 1, 2]


@pytest.mark.timeout(300)  # each process imports all of PyTorch and Lightning
def test_spawned_ranks_make_one_run(server: ServerProcess, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(RANKS)],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run, curves = only_run(server)
    assert run["status"] == "finished"
    assert curves["loss"]["steps"] == list(range(10))  # 40 samples, by 4, on 2 ranks, twice
    assert sorted(stream["rank"] for stream in run["streams"]) == [0, 1]
    assert curves["rank1/loss"]["steps"] == list(range(10))
