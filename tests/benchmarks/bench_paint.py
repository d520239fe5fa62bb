"""From `log_batch` to the painted frame: a real training process, a real server, a real Chromium, the clocks of one machine.

    python tests/benchmarks/bench_paint.py [--seconds 10] [--size 256]

A training at 60 steps a second logs 16 photographs of a batch of 64. The page says for each frame how long ago it was logged when
it was painted. The floor is a page that does nothing but decode and paint the same pictures, in the same run.
"""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import simplejpeg
from playwright.sync_api import Browser, sync_playwright
from tests.benchmarks.bench_capture import photographs

from livetrain._console.server_process import ServerProcess

TRAINING = """
import sys, time, numpy as np, livetrain
from tests.benchmarks.bench_capture import photographs
server, seconds, size, wait = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
images, logits = photographs(64, size), np.random.default_rng(0).normal(size=(64, 10))
with livetrain.Monitor("paint", server=server, max_overhead=1.0, class_names=list("abcdefghij")) as monitor:
    while monitor.url is None:
        time.sleep(0.01)
    print(monitor.url, flush=True)
    started = time.monotonic()
    for step in range(int(seconds * 60)):
        monitor.log_batch(images, logits, 1.0, targets=np.arange(64) % 10)
        time.sleep(max(0.0, started + (step + 1) / 60 - time.monotonic()))
    print(monitor.stats(), flush=True)
"""

BARE = """
<!doctype html><canvas id=c width=1024 height=1024></canvas>
"""

# A page that only decodes and paints: the strip of one frame, over and over.
PAINT = """
async ([strip, size, seconds]) => {
    const bytes = Uint8Array.from(atob(strip), (letter) => letter.charCodeAt(0));
    const context = document.getElementById('c').getContext('2d');
    let painted = 0;
    const until = performance.now() + seconds * 1000;
    while (performance.now() < until) {
        const picture = await createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
        await new Promise(requestAnimationFrame);
        for (let tile = 0; tile < 16; tile++)
            context.drawImage(picture, 0, tile * size, size, size,
                (tile % 4) * 256, Math.floor(tile / 4) * 256, 256, 256);
        picture.close();
        painted++;
    }
    return painted / seconds;
}
"""


def bare_rate(browser: Browser, size: int, seconds: float) -> float:
    """Return the frames a second of a page that does nothing else."""
    strip = np.ascontiguousarray(photographs(16, size).reshape(16 * size, size, 3))
    encoded = base64.b64encode(simplejpeg.encode_jpeg(strip, quality=85)).decode()
    page = browser.new_page(viewport={"width": 1440, "height": 1100})
    page.set_content(BARE)
    rate = page.evaluate(PAINT, [encoded, size, seconds])
    page.close()
    return float(rate)


def live_rate(
    browser: Browser, server: str, size: int, seconds: float
) -> tuple[float, list[float], str]:
    """Return painted frames a second, milliseconds from log to paint, and what the training says of itself."""
    training = subprocess.Popen(
        [sys.executable, "-c", TRAINING, server, str(seconds + 8), str(size), ""],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert training.stdout is not None
    page = browser.new_page(viewport={"width": 1440, "height": 1100})
    page.goto(training.stdout.readline().strip())
    while page.evaluate("window.__livetrain?.painted ?? 0") < 30:  # past the start
        time.sleep(0.05)
    before, started = page.evaluate("window.__livetrain.painted"), time.monotonic()
    page.wait_for_timeout(seconds * 1000)
    painted = page.evaluate("window.__livetrain.painted") - before
    rate = painted / (time.monotonic() - started)
    latencies = page.evaluate("window.__livetrain.latencies")[-painted:]
    page.close()
    said = training.stdout.read().strip()
    training.wait(30)
    return rate, latencies, said


def main(seconds: float, size: int) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    flags = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        floors = [bare_rate(browser, size, seconds / 2)]
        with ServerProcess(Path(scratch) / "data", Path(scratch) / "server.log") as server:
            rate, latencies, said = live_rate(browser, server.grpc, size, seconds)
        floors.append(bare_rate(browser, size, seconds / 2))
        browser.close()
    floor = sum(floors) / 2
    p50, p99 = np.percentile(latencies, [50, 99])
    print(
        f"\n16 of {size}² × 3 at 60 steps a second, {seconds:g} s in Chromium, software rendering, {os.cpu_count()} cores"
    )
    print(
        f"log to paint, ms                 p50 {p50:7.1f}   p99 {p99:7.1f}   max {max(latencies):7.1f}   ({len(latencies)} frames)"
    )
    print(
        f"painted frames a second          {rate:7.1f}   bare page {floor:5.1f}   ratio {rate / floor:.2f}"
    )
    print(said)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--size", type=int, default=256)
    arguments = parser.parse_args()
    main(arguments.seconds, arguments.size)
