"""How much a real training is slowed down: Lightning with and without the callback, in turns, A B B A.

    python -m tests.benchmarks.bench_training [--pairs 10] [--block 200] [--channels 32]

A convolutional network tells which of two photographs a crop of 64 × 64 is from, in batches of 64, on one torch thread: some 60 ms
a step, or with 16 channels a tiny one of 20. The callback with its defaults, a real server, and somebody who watches, all on the
same machine. It is one training, in which the callback's hooks are called for a block of steps and not for the next: two trainings
differ by several percent, by where their memory lies. The first tenth of each block is not counted.
"""

from __future__ import annotations

import argparse
import logging
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

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 2 * channels
        self.net = nn.Sequential(
            nn.Conv2d(3, channels, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(channels, wide, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(wide, wide, 3, padding=1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(wide, 2),
        )  # fmt: skip

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.net(images)

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        images, labels = batch
        return nn.functional.cross_entropy(self(images), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


class Switched(livetrain.LiveTrainCallback):
    """The callback, whose part in a step can be left out."""

    on = True

    def on_train_batch_start(self, *arguments: Any) -> None:
        if self.on:
            super().on_train_batch_start(*arguments)

    def on_train_batch_end(self, *arguments: Any) -> None:
        if self.on:
            super().on_train_batch_end(*arguments)


class Turns:
    """Switches the callback on and off in turns, and times the steps of each block."""

    def __init__(self, server: Server, live: Switched, pairs: int, block: int) -> None:
        self.blocks: list[list[float]] = [[] for _ in range(2 * pairs)]
        self.fps: list[float] = []
        self.overhead: list[float] = []
        self._server, self._live, self._block = server, live, block
        self._viewer: Viewer | None = None
        self._began = 0.0
        self._sent = 0

    def with_us(self, index: int) -> bool:
        """Whether block number `index` is one with the callback: A B B A."""
        return index % 4 in (0, 3)

    def begin(self, trainer: Any) -> None:
        """A step begins, and the one before ends."""
        now, step = time.perf_counter(), trainer.global_step - WARM
        block, place = divmod(step - 1, self._block)
        if block >= 0 and place >= self._block // 10:
            self.blocks[block].append(now - self._began)
        if step == -(WARM // 2):
            self._watch()
        block, place = divmod(step, self._block)
        if 0 <= block < len(self.blocks):
            if place == 0:
                self._live.on = self.with_us(block)
            if place == self._block // 10:
                self._sent = self._live.monitor.stats().frames_sent
            if place == self._block - 1 and self._live.on:
                stats = self._live.monitor.stats()
                self.fps.append((stats.frames_sent - self._sent) / sum(self.blocks[block]))
                self.overhead.append(stats.overhead)
        self._began = time.perf_counter() if place == 0 else now

    def stop(self) -> None:
        """Have nobody watch any more."""
        if self._viewer is not None:
            self._viewer.stop()

    def ratios(self) -> list[float]:
        """Return by how much each pair's blocks differ."""
        means = [statistics.fmean(block) for block in self.blocks]
        return [
            (means[i] / means[i + 1] if self.with_us(i) else means[i + 1] / means[i]) - 1
            for i in range(0, len(means), 2)
        ]

    def _watch(self) -> None:
        while self._live.monitor.run_id is None:
            time.sleep(0.01)
        folder = Path(tempfile.mkdtemp(dir=self._server.folder))
        self._viewer = Viewer(folder, self._server, self._live.monitor.run_id)
        while not self._viewer.entries():
            time.sleep(0.01)


class Clock(pl.Callback):
    """Tells when a step begins, before anybody else's hook."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
        self._turns.begin(trainer)

    def on_train_end(self, trainer: Any, module: Any) -> None:
        self._turns.stop()


def main() -> None:
    """Train once, and print the median of the pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--block", type=int, default=200)
    parser.add_argument("--channels", type=int, default=32)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.manual_seed(0)
    crops = torch.from_numpy(photographs(1024, SIZE)).permute(0, 3, 1, 2).float() / 255
    data = DataLoader(TensorDataset(crops, torch.arange(1024) % 2), BATCH, shuffle=True)
    with Quiet(), tempfile.TemporaryDirectory() as name, Server(Path(name)) as server:
        live = Switched(server=server.grpc, spool_dir=Path(name))
        turns = Turns(server, live, arguments.pairs, arguments.block)
        trainer = pl.Trainer(
            max_steps=WARM + 2 * arguments.pairs * arguments.block + 1, max_epochs=-1, accelerator="cpu", logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
            callbacks=[Clock(turns), live],
        )  # fmt: skip
        trainer.fit(Network(arguments.channels), data)
    ratios = turns.ratios()
    print("pairs:", ", ".join(f"{ratio:+.2%}" for ratio in ratios))
    without = [statistics.fmean(b) for i, b in enumerate(turns.blocks) if not turns.with_us(i)]
    print(
        f"slowdown of steps of {1e3 * statistics.median(without):.1f} ms, median of {len(ratios)} pairs: "
        f"{statistics.median(ratios):+.2%} (quartiles {', '.join(f'{q:+.2%}' for q in statistics.quantiles(ratios, n=4)[::2])}); "
        f"frames a second sent: {statistics.median(turns.fps):.1f}; it says {statistics.median(turns.overhead):.2%} of itself"
    )


if __name__ == "__main__":
    main()
