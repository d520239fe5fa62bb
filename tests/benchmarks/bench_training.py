"""How much a real training is slowed down: Lightning with and without the callback, in turns, A B B A.

    python tests/benchmarks/bench_training.py [--pairs 10] [--steps 300]

A small convolutional network tells which of two photographs a crop of 64 × 64 is from, in batches of 64, on one torch thread; the
callback with its defaults, a real server, and somebody who watches, all on the same machine. Timed are the steps after
the first ones, until the last one ends.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from tests.benchmarks.measuring import Quiet, photographs
from tests.faults.processes import Server, Viewer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import livetrain

SIZE, BATCH, WARM = 64, 64, 40


class Network(pl.LightningModule):
    """A few convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 2),
        )  # fmt: skip

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.net(images)

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        images, labels = batch
        return nn.functional.cross_entropy(self(images), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


class Stopwatch(pl.Callback):
    """Times the steps after the first ones; before, it has somebody watch the run, if there is one."""

    def __init__(self, server: Server | None, live: livetrain.LiveTrainCallback | None) -> None:
        self.seconds = self.started = 0.0
        self.fps = 0.0
        self.overhead = 0.0
        self._server, self._live = server, live
        self._viewer: Viewer | None = None
        self._sent = 0

    @property
    def _monitor(self) -> Any:
        return self._live.monitor if self._live is not None else None

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int) -> None:
        if trainer.global_step == WARM // 2 and self._server is not None:
            while self._monitor.run_id is None:
                time.sleep(0.01)
            folder = Path(tempfile.mkdtemp(dir=self._server.folder))
            self._viewer = Viewer(folder, self._server, self._monitor.run_id)
            while not self._viewer.entries():
                time.sleep(0.01)
        if trainer.global_step == WARM:
            self._sent = self._monitor.stats().frames_sent if self._monitor is not None else 0
            self.started = time.perf_counter()

    def on_train_end(self, trainer: Any, module: Any) -> None:
        self.seconds = time.perf_counter() - self.started
        if self._monitor is not None:
            stats = self._monitor.stats()
            self.fps = (stats.frames_sent - self._sent) / self.seconds
            self.overhead = stats.overhead
        if self._viewer is not None:
            self._viewer.stop()


def train(server: Server | None, spool: Path, steps: int) -> Stopwatch:
    """Train so many steps, with the callback if there is a server."""
    torch.manual_seed(0)
    crops = torch.from_numpy(photographs(1024, SIZE)).permute(0, 3, 1, 2).float() / 255
    data = TensorDataset(crops, torch.arange(1024) % 2)
    live = None
    if server is not None:
        live = livetrain.LiveTrainCallback(server=server.grpc, spool_dir=spool)
    watch = Stopwatch(server, live)
    trainer = pl.Trainer(
        max_steps=steps, max_epochs=-1, accelerator="cpu", logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[watch, live] if live is not None else [watch],
    )  # fmt: skip
    trainer.fit(Network(), DataLoader(data, batch_size=BATCH, shuffle=True))
    return watch


def main() -> None:
    """Run pairs and print their median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    ratios: list[float] = []
    fps: list[float] = []
    with Quiet(), tempfile.TemporaryDirectory() as name, Server(Path(name)) as server:
        train(server, Path(name), WARM + 20)  # imports and first memory
        for pair in range(arguments.pairs):
            order = (None, server) if pair % 2 == 0 else (server, None)
            first, second = (train(who, Path(name), arguments.steps) for who in order)
            without, with_ = (first, second) if pair % 2 == 0 else (second, first)
            ratios.append(with_.seconds / without.seconds - 1)
            fps.append(with_.fps)
            print(
                f"pair {pair + 1}: {1e3 * without.seconds / (arguments.steps - WARM):.2f} ms a step without, "
                f"{ratios[-1]:+.2%} with; {with_.fps:.1f} frames a second sent; it says {with_.overhead:.2%} of itself",
                flush=True,
            )
    print(
        f"slowdown, median of {len(ratios)} pairs: {statistics.median(ratios):+.2%} (quartiles "
        f"{', '.join(f'{q:+.2%}' for q in statistics.quantiles(ratios, n=4)[::2])}); frames a second sent, median: "
        f"{statistics.median(fps):.1f}"
    )


if __name__ == "__main__":
    main()
