"""What a step costs in processor time, from `log_batch` to a viewer: livetrain beside a bare prototype, in turns, in one run.

    python -m tests.benchmarks.bench_path [--seconds 8] [--rounds 3] [--size 256]

A training at 60 steps a second logs 16 photographs of a batch of 64, a server passes them on, one viewer reads. What the three
processes use is read from the kernel. The prototype (`bare.py`) copies, encodes and forwards the same pictures, no more.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil

from livetrain._console.server_process import ServerProcess

WARM_UP_SECONDS = 3.0
BARE = str(Path(__file__).with_name("bare.py"))
TRAINING = """
import sys, time, numpy as np, livetrain
from tests.benchmarks.measuring import photographs
server, seconds, size = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
images = photographs(64, size)
logits, targets = np.random.default_rng(0).normal(size=(64, 10)), np.arange(64) % 10
with livetrain.Monitor("path", server=server, max_overhead=1.0) as monitor:
    while monitor.url is None:
        time.sleep(0.01)
    print(monitor.run_id, flush=True)
    started = time.monotonic()
    for step in range(int(seconds * 60)):
        monitor.log_batch(images, logits, 1.0, targets=targets)
        time.sleep(max(0.0, started + (step + 1) / 60 - time.monotonic()))
"""


@dataclass
class Costs:
    """Milliseconds of processor time a step, one entry a round."""

    trainer: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    viewer: list[float] = field(default_factory=list)
    fps: list[float] = field(default_factory=list)

    @property
    def path(self) -> float:
        """What the trainer's side and the server take together."""
        return median(t + s for t, s in zip(self.trainer, self.server, strict=True))

    def row(self, name: str) -> str:
        """Return the medians as a line."""
        parts = "   ".join(
            f"{role} {median(costs):5.2f}"
            for role, costs in (
                ("trainer", self.trainer),
                ("server", self.server),
                ("viewer", self.viewer),
            )
        )
        return (
            f"{name:<12} {parts}   trainer and server {self.path:5.2f} ms a step, "
            f"{median(self.fps):4.1f} frames a second"
        )


@contextlib.contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a role; it is killed at the end."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    running = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, env=env
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def said(running: subprocess.Popen[str]) -> str:
    """Return the next line that it prints."""
    assert running.stdout is not None
    return running.stdout.readline().strip()


def measure(
    costs: Costs, trainer: int, server: int, viewer: subprocess.Popen[str], seconds: float
) -> None:
    """Add what each process uses over so many seconds, after a warm-up."""
    said(viewer)
    time.sleep(WARM_UP_SECONDS)
    watched = [psutil.Process(pid) for pid in (trainer, server, viewer.pid)]

    def used() -> list[float]:
        return [sum(each.cpu_times()[:2]) for each in watched]

    before, frames, began = used(), int(said(viewer)), time.monotonic()
    time.sleep(seconds)
    after, took = used(), time.monotonic() - began
    with contextlib.suppress(ValueError):
        for _ in range(int(took)):
            last = int(said(viewer))
    for kept, start, end in zip(
        (costs.trainer, costs.server, costs.viewer), before, after, strict=True
    ):
        kept.append((end - start) / (took * 60) * 1e3)
    costs.fps.append((last - frames) / int(took))


def ours(costs: Costs, seconds: float, size: int) -> None:
    """One round of livetrain."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with ServerProcess(folder / "data", folder / "log") as server:
            length = str(seconds + 3 * WARM_UP_SECONDS)
            with process("-c", TRAINING, server.grpc, length, str(size)) as trainer:
                url = f"{server.http.replace('http', 'ws', 1)}/api/runs/{said(trainer)}/live"
                with process(BARE, "viewer", url, "livetrain") as viewer:
                    measure(costs, trainer.pid, server._process.pid, viewer, seconds)


def bare(costs: Costs, seconds: float, size: int) -> None:
    """One round of the prototype."""
    with process(BARE, "server") as server:
        address, url = said(server).split()
        length = str(seconds + 3 * WARM_UP_SECONDS)
        with (
            process(BARE, "trainer", address, length, str(size)) as trainer,
            process(BARE, "viewer", url) as viewer,
        ):
            measure(costs, trainer.pid, server.pid, viewer, seconds)


def main(seconds: float, rounds: int, size: int) -> None:
    """Measure in turns and print."""
    with_us, without = Costs(), Costs()
    for _ in range(rounds):
        bare(without, seconds, size)
        ours(with_us, seconds, size)
    print(
        f"\n16 of {size}² × 3 at 60 steps a second, one viewer, {os.cpu_count()} cores, {rounds} × {seconds:g} s each, medians"
    )
    print(without.row("prototype"))
    print(with_us.row("livetrain"))
    ratios = [
        (t + s) / (bt + bs)
        for t, s, bt, bs in zip(
            with_us.trainer, with_us.server, without.trainer, without.server, strict=True
        )
    ]
    listed = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"ratio {median(ratios):.2f} (to reach: 1.25), by round {listed}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=256)
    arguments = parser.parse_args()
    main(arguments.seconds, arguments.rounds, arguments.size)
