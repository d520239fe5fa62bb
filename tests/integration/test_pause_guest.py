"""A training that was paused and resumed has the weights of one that nobody touched, bit for bit."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.faults.conditions import wait_until
from tests.faults.processes import Script, Server, kill_leftovers
from tests.integration.ranks.world import ask

pytestmark = pytest.mark.timeout(240)

PATIENCE = 60.0

# Both draw, shuffle and drop out at random: a single number drawn more or less would change every weight.
LOOP = """
    import sys, torch, livetrain
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(1)
    torch.manual_seed(11)
    images = torch.rand(640, 1, 6, 6)
    loader = DataLoader(TensorDataset(images, torch.arange(640) % 3), batch_size=16, shuffle=True)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    with livetrain.Monitor("guest", server=sys.argv[1], enabled=sys.argv[2] != "alone") as monitor:
        monitor.attach(optimizer)
        wait_for_pause = sys.argv[2] == "paused"
        for epoch in range(10):
            for batch, labels in loader:
                logits = model(batch)
                loss = nn.functional.cross_entropy(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                monitor.log_batch(batch, logits, loss, targets=labels)
                if wait_for_pause and epoch == 3:
                    print("here", flush=True)
                    sys.stdin = open(sys.argv[3])  # a pipe: the test says when the pause was given
                    sys.stdin.readline()
                    wait_for_pause = False
            scheduler.step()
    torch.save(model.state_dict(), sys.argv[4])
"""
LIGHTNING = """
    import sys, torch, livetrain
    import lightning.pytorch as pl
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(1)
    pl.seed_everything(11)
    images = torch.rand(640, 1, 6, 6)

    class Digits(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Flatten(), nn.Linear(36, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 3))

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, batch_idx):
            return nn.functional.cross_entropy(self(batch[0]), batch[1])

        def on_train_batch_start(self, batch, batch_idx):
            if sys.argv[2] == "paused" and self.current_epoch == 3 and batch_idx == 0:
                print("here", flush=True)
                open(sys.argv[3]).readline()

        def configure_optimizers(self):
            optimizer = torch.optim.Adam(self.parameters(), lr=1e-3)
            return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)]

    callbacks = [] if sys.argv[2] == "alone" else [livetrain.LiveTrainCallback(run="guest", server=sys.argv[1])]
    trainer = pl.Trainer(max_epochs=10, accelerator="cpu", callbacks=callbacks, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
    module = Digits()
    trainer.fit(module, DataLoader(TensorDataset(images, torch.arange(640) % 3), batch_size=16, shuffle=True))
    torch.save(module.net.state_dict(), sys.argv[4])
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    with Server(folder) as started:
        yield started
    kill_leftovers()


def weights(text: str, how: str, server: Server, folder: Path) -> bytes:
    """Train, and return the digest of the weights; `how` is alone, undisturbed or paused."""
    folder.mkdir()
    pipe, saved = folder / "pipe", folder / "weights.pt"
    os.mkfifo(pipe)
    training = Script(folder, text, server.grpc, arguments=(how, str(pipe), str(saved)))
    if how == "paused":
        training.wait_for("here", PATIENCE)
        wait_until(
            lambda: [r for r in ask(server, "/api/runs")["runs"] if r["status"] == "running"],
            PATIENCE,
            "the run is there",
        )
        run = f"/api/runs/{ask(server, '/api/runs')['runs'][0]['run_id']}"
        given = ask(server, f"{run}/commands", {"verb": "pause", "issued_by": "ada"})
        wait_until(
            lambda: ask(server, f"{run}/commands")["commands"][0]["state"] == "accepted",
            PATIENCE,
            "the trainer has it",
        )
        pipe.write_text("go on\n")
        wait_until(lambda: ask(server, run)["status"] == "paused", PATIENCE, "it stands")
        heard = ask(server, run)["last_heard_at"]
        wait_until(
            lambda: ask(server, run)["last_heard_at"] > heard + 2,
            PATIENCE,
            "and stands for a while",
        )
        ask(server, f"{run}/commands", {"verb": "resume", "issued_by": "ada"})
        assert given["verb"] == "pause"
    assert training.wait(PATIENCE) == 0, training.stderr
    tensors = torch.load(saved)
    return hashlib.sha256(
        b"".join(tensor.numpy().tobytes() for _, tensor in sorted(tensors.items()))
    ).digest()


@pytest.mark.parametrize("text", [LOOP, LIGHTNING], ids=["loop", "lightning"])
def test_a_pause_changes_when_a_training_happens_and_nothing_else(
    server: Server, tmp_path: Path, text: str
) -> None:
    alone = weights(text, "alone", server, tmp_path / "alone")
    paused = weights(text, "paused", server, tmp_path / "paused")
    assert paused == alone
    run = ask(server, "/api/runs")["runs"][0]["run_id"]
    commands = ask(server, f"/api/runs/{run}/commands")["commands"]
    assert [(c["verb"], c["state"]) for c in commands] == [
        ("resume", "applied"),
        ("pause", "applied"),
    ]
    assert commands[0]["applied_step"] == commands[1]["applied_step"]
