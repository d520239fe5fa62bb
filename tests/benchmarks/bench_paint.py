"""From `log_batch` to the painted frame: a real training process, a real server, a real Chromium, the clocks of one machine.

    python -m tests.benchmarks.bench_paint [--seconds 8] [--rounds 3] [--size 256]

A training at 60 steps a second logs 16 photographs of a batch of 64. The page says of each frame when it was painted, and how long
before it was logged. Two floors are measured in the same rounds: a page that does nothing but decode and paint the same pictures,
by itself, and the same page beside the same training and server, with a viewer in Python in the dashboard's place. What else
ran on the machine is printed too: on two cores it decides.
"""

from __future__ import annotations

import argparse
import base64
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tests.benchmarks.chromium import Chromium, Tab
from tests.benchmarks.load import Load
from tests.benchmarks.measuring import photographs

from livetrain._capture.picture import encode_picture
from livetrain._console.server_process import ServerProcess

VIEWER = Path(__file__).parents[1] / "faults" / "viewer.py"
TRAINING = """
import sys, time, numpy as np, livetrain
from tests.benchmarks.measuring import photographs
server, seconds, size = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
images, logits = photographs(64, size), np.random.default_rng(0).normal(size=(64, 10))
with livetrain.Monitor("paint", server=server, max_overhead=1.0, class_names=list("abcdefghij")) as monitor:
    while monitor.url is None:
        time.sleep(0.01)
    print(monitor.url, flush=True)
    started = time.monotonic()
    for step in range(int(seconds * 60)):
        monitor.log_batch(images, logits, 1.0, targets=np.arange(64) % 10)
        time.sleep(max(0.0, started + (step + 1) / 60 - time.monotonic()))
"""
START_SECONDS = 4.0
"""What a page may take to be at its pace."""

# A page that only decodes and paints, the next picture being decoded while one waits for its animation frame.
BARE = """
async (strip, seconds, size, side) => {
    const bytes = Uint8Array.from(atob(strip), (letter) => letter.charCodeAt(0));
    document.body.innerHTML = `<canvas width=${4 * side} height=${4 * side}></canvas>`;
    const context = document.querySelector('canvas').getContext('2d', { alpha: false });
    const decode = () => createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
    let painted = 0;
    let next = decode();
    const started = performance.now();
    while (performance.now() < started + seconds * 1000) {
        const picture = await next;
        next = decode();
        await new Promise(requestAnimationFrame);
        for (let tile = 0; tile < 16; tile++)
            context.drawImage(picture, 0, tile * size, size, size,
                (tile % 4) * side, Math.floor(tile / 4) * side, side, side);
        picture.close();
        painted++;
    }
    return (painted * 1000) / (performance.now() - started);
}
"""
# Where a tile stands on the dashboard, in pixels of the screen.
SIDE = "() => Math.floor(document.querySelector('[data-testid=tiles]').width / 4)"


def bare_rate(tab: Tab, size: int, seconds: float, side: int) -> float:
    """Return the frames a second of a page that does nothing else."""
    strip = np.ascontiguousarray(photographs(16, size).reshape(16 * size, size, 3))
    encoded, _, _ = encode_picture(strip, tile_height=size, quality=85, form="jpeg")
    words = base64.b64encode(encoded).decode()
    return float(tab.evaluate(BARE, words, seconds, size, side, seconds=seconds + 60))


@contextmanager
def training(server: ServerProcess, seconds: float, size: int) -> Iterator[str]:
    """Run the training as long as the ``with`` block, and give the address of its page."""
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING, server.grpc, str(seconds + 60), str(size)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


class Figures:
    """What was measured, of all rounds."""

    def __init__(self) -> None:
        self.rates: dict[str, list[float]] = defaultdict(list)
        self.latencies: list[float] = []
        self.loads: list[Load] = []

    def live(self, browser: Chromium, address: str, seconds: float) -> int:
        """Measure the dashboard; return a tile's side on it."""
        tab = browser.tab()
        tab.go(address)
        tab.wait_for("window.__livetrain?.painted > 30")
        time.sleep(START_SECONDS)
        load = Load(
            {"browser": "chromium", "training": "livetrain.Monitor", "server": "livetrain.server"}
        )
        started = time.time()
        time.sleep(seconds)
        ended = time.time()
        self.loads.append(load.end())
        time.sleep(1.0)  # the page's last report
        paints = tab.evaluate("() => window.__livetrain.paints")
        seen = [p for p in paints if started * 1000 <= p["atMs"] < ended * 1000]
        self.rates["live"].append(len(seen) / (ended - started))
        self.latencies += [p["latencyMs"] for p in seen if p["latencyMs"] is not None]
        side = int(tab.evaluate(SIDE))
        tab.close()
        return side

    def print(self, seconds: float, size: int) -> None:
        """Print all."""
        p50, p99 = np.percentile(self.latencies, [50, 99])
        rounds = len(self.loads)
        print(
            f"\n16 of {size}² × 3 at 60 steps a second, {rounds} × {seconds:g} s in Chromium, software rendering, "
            f"{os.cpu_count()} cores"
        )
        print(
            f"log to paint, ms                p50 {p50:6.1f}   p99 {p99:6.1f}   max {max(self.latencies):6.1f}   "
            f"({len(self.latencies)} frames)"
        )
        live = statistics.mean(self.rates["live"])
        print(f"painted frames a second         {live:6.1f}   {each(self.rates['live'])}")
        for name in ("bare page", "bare page beside the same load"):
            rate = statistics.mean(self.rates[name])
            print(f"{name:31} {rate:6.1f}   {each(self.rates[name])}   ratio {live / rate:.2f}")
        steps = seconds * 60
        parts = self.loads[0].seconds
        told = (
            f"{name} {statistics.mean(load.seconds[name] for load in self.loads) / steps * 1000:.1f}"
            for name in parts
        )
        print(f"CPU a step, ms                  {', '.join(told)}")
        others = (f"{load.others / seconds:.2f}" for load in self.loads)
        print(f"cores that others used          {', '.join(others)}")


def each(rates: list[float]) -> str:
    """Return the figures of the rounds."""
    return f"({', '.join(f'{rate:.1f}' for rate in rates)})"


def main(seconds: float, rounds: int, size: int) -> None:
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder, Chromium() as browser:
        scratch = Path(folder)
        for _ in range(rounds):
            with ServerProcess(scratch / "data", scratch / "server.log") as server:
                with training(server, seconds, size) as address:
                    side = figures.live(browser, address, seconds)
                tab = browser.tab()
                figures.rates["bare page"].append(bare_rate(tab, size, seconds, side))
                with training(server, seconds, size) as address:
                    live = address.replace("http", "ws").replace("/runs/", "/api/runs/") + "/live"
                    viewer = [
                        sys.executable,
                        str(VIEWER),
                        live,
                        str(scratch / "notes"),
                        "read",
                        "1",
                    ]
                    watching = subprocess.Popen(viewer)
                    time.sleep(START_SECONDS)
                    rate = bare_rate(tab, size, seconds, side)
                    figures.rates["bare page beside the same load"].append(rate)
                    watching.kill()
                    watching.wait()
                tab.close()
    figures.print(seconds, size)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=256)
    arguments = parser.parse_args()
    main(arguments.seconds, arguments.rounds, arguments.size)
