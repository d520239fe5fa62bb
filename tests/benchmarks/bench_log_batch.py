"""What `Monitor.log_batch` costs the training's thread: the real thing, a real server, a viewer, and every way to lose them.

    python -m tests.benchmarks.bench_log_batch [--seconds 5]

A call takes 16 of a batch of 64 photographs at 60 steps a second. The floor, taken in turns with it, is a bare copy of 16 of
the same images into memory that is there.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tests.benchmarks.measuring import (
    BATCH,
    PACE,
    Quiet,
    Times,
    floor_of,
    paced,
    photographs,
    timed,
)
from tests.faults.processes import Server, Viewer
from tests.faults.proxy import Proxy

import livetrain
from livetrain.config import TILES

LOGITS = np.random.default_rng(0).normal(size=(BATCH, 10)).astype(np.float32)
TARGETS = np.arange(BATCH) % 10
STATES = ("watched", "away", "stalled", "half-open")


@contextmanager
def monitored(state: str, folder: Path, **options: Any) -> Iterator[livetrain.Monitor]:
    """Open a monitor whose server is in a state; it was well before, but for "away"."""
    with ExitStack() as stack:
        server = Server(folder)
        if state != "away":
            stack.enter_context(server)
        address = server.grpc
        if state in ("stalled", "half-open"):
            proxy = stack.enter_context(Proxy(server.grpc_port))
            address = proxy.address
        options = {"max_overhead": 1.0, "spool_dir": folder / "spool", **options}
        monitor = livetrain.Monitor("bench", server=address, **options)
        stack.callback(monitor.close, 1.0)
        if state != "away":
            while monitor.run_id is None:
                time.sleep(0.01)
            viewer = stack.enter_context(Viewer(folder, server, monitor.run_id))
            while not viewer.entries():
                time.sleep(0.01)
            time.sleep(1.5)  # until the trainer knows that somebody watches
        if state == "stalled":
            proxy.up.stalled = True  # connections stand, and nothing is read any more
        elif state == "half-open":
            proxy.up.stalled = proxy.down.stalled = True  # nothing comes either
        yield monitor


def batches(size: int) -> list[tuple[str, Any, np.ndarray]]:
    """Return name, batch, and the same in NumPy, which the floor copies."""
    pictures = photographs(BATCH, size)
    planes = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).astype(np.float32) / 255
    return [
        ("uint8 NHWC, NumPy", pictures, pictures),
        ("uint8 NHWC, PyTorch", torch.from_numpy(pictures), pictures),
        ("float32 NCHW, NumPy", planes, planes),
        ("float32 NCHW, PyTorch", torch.from_numpy(planes), planes),
    ]


def compare(
    monitor: livetrain.Monitor, name: str, batch: Any, host: np.ndarray, seconds: float
) -> None:
    """Print a call beside the floor, both at 60 a second."""
    copied, logged = paced(
        seconds,
        timed(floor_of(host)),
        timed(lambda: monitor.log_batch(batch, LOGITS, 0.5, targets=TARGETS)),
    )
    floor = Times(f"{name}: bare copy", copied)
    print(floor.row())
    print(Times(f"{name}: log_batch", logged).row(floor))


def bench_sizes(seconds: float) -> None:
    """Print each kind and size of batch, somebody watching; then a number."""
    for size in (32, 256, 512):
        for name, batch, host in batches(size):
            with tempfile.TemporaryDirectory() as folder, monitored("watched", Path(folder)) as m:
                compare(m, f"{size}² {name}", batch, host, seconds)
    with tempfile.TemporaryDirectory() as folder, monitored("watched", Path(folder)) as monitor:
        log = timed(lambda: monitor.log({"loss": 0.5}))
        print(Times("a number, 60 a second", paced(seconds, log)[0]).row())
        print(Times("a number, one after another", [log() for _ in range(5000)]).row())


def bench_states(seconds: float) -> None:
    """Print the same with the server away, stalled and half-open."""
    name, batch, host = batches(256)[0]
    for state in STATES:
        with tempfile.TemporaryDirectory() as folder, monitored(state, Path(folder)) as monitor:
            compare(monitor, f"256² {name}, {state}", batch, host, seconds)


def bench_cpu(seconds: float) -> None:
    """Print the CPU time of the SDK per step, on the training's thread and in the background."""
    pictures = photographs(BATCH, 256)
    with tempfile.TemporaryDirectory() as folder, monitored("watched", Path(folder)) as monitor:
        before, started = monitor.stats(), time.process_time()
        steps = paced(seconds, timed(lambda: monitor.log_batch(pictures, LOGITS, 0.5)))[0]
        used, after = time.process_time() - started, monitor.stats()
    count = after.steps - before.steps
    own = after.training_seconds - before.training_seconds
    background = after.background_seconds - before.background_seconds
    print(
        f"CPU per step, 256² uint8: {1e3 * used / count:.2f} ms of this process; of these {1e3 * own / count:.2f} ms on the "
        f"training's thread and {1e3 * background / count:.2f} ms in encoder and stream; {len(steps)} steps, "
        f"{after.frames_sent - before.frames_sent} frames sent of {count}"
    )


def bench_busy(seconds: float) -> None:
    """Print frames sent beside a training thread that spins in pure Python, once the stream has found its pace, and before."""
    for index in (0, 2):
        name, batch, _ = batches(256)[index]
        with tempfile.TemporaryDirectory() as folder, monitored("watched", Path(folder)) as monitor:
            for part, lasts in (("the first 2 seconds", 2.0), ("after that", seconds)):
                before = monitor.stats()
                taken, elapsed = spin(monitor, batch, lasts)
                monitor.flush(2.0)
                after = monitor.stats()
                sent, times = after.frames_sent - before.frames_sent, Times(name, taken)
                left_out = {
                    reason: (count - before.stripped.get(reason, 0)) // TILES
                    for reason, count in after.stripped.items()
                    if count > before.stripped.get(reason, 0)
                }
                print(
                    f"{f'256² {name}, {part}':<44} {sent / elapsed:5.1f} frames a second sent of {len(taken) / elapsed:.1f}; "
                    f"frames left out: {left_out or 'none'}; log_batch p50 {times.at(0.5):.3f}, p99 {times.at(0.99):.3f} ms"
                )


def spin(monitor: livetrain.Monitor, batch: Any, seconds: float) -> tuple[list[float], float]:
    """Log a batch 60 times a second between steps in pure Python; return what calls took, and all of it."""
    taken = []
    started = due = time.perf_counter()
    while due < started + seconds:
        began = time.perf_counter()
        monitor.log_batch(batch, LOGITS, 0.5, targets=TARGETS)
        taken.append(time.perf_counter() - began)
        due += PACE
        while time.perf_counter() < due:
            pass
    return taken, time.perf_counter() - started


def bench_allocations(calls: int = 100_000) -> None:
    """Print what `calls` calls leave behind."""
    small = photographs(BATCH, 32)
    with tempfile.TemporaryDirectory() as folder, monitored("watched", Path(folder)) as monitor:

        def work(count: int) -> None:
            for _ in range(count):
                monitor.log_batch(small, LOGITS, 0.5, targets=TARGETS)
            monitor.flush(30)

        work(5000)
        gc.collect()
        tracemalloc.start()
        work(1000)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        work(calls)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    print(
        f"tracemalloc: {(after - before) / 1024:+.0f} KiB after {calls} calls, {(after - before) / calls:+.2f} bytes a call"
    )


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each figure")
    parser.add_argument("--only", default="", help="sizes, states, cpu, busy or allocations")
    arguments = parser.parse_args()
    seconds, only = arguments.seconds, arguments.only
    os.environ["LIVETRAIN_SERVER_NO_AUTH"] = "1"
    print(f"\n{'log_batch, ms':<44} {'p50':>8} {'p99':>8} {'max':>8}  to the floor's p50")
    parts = {
        "sizes": lambda: bench_sizes(seconds),
        "states": lambda: bench_states(seconds),
        "cpu": lambda: bench_cpu(2 * seconds),
        "busy": lambda: bench_busy(2 * seconds),
        "allocations": bench_allocations,
    }
    for name, run in parts.items():
        if only in ("", name):
            with Quiet():
                run()


if __name__ == "__main__":
    main()
