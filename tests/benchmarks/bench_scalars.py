"""What numbers cost the training's thread, and how many of them a second reach the store, on one machine.

    python -m tests.benchmarks.bench_scalars [--points 1000000]

Each training is a process of its own beside a real server. The floor is a loop that appends the step, the time and the value to
three bare arrays, in the same process before the monitor is opened.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import Quiet
from tests.faults.processes import Server

COMMAND = [sys.executable, "-m", "tests.benchmarks.bench_scalars"]
LOOPS = {
    "log({...}), 1 name": (1_000_000, "log", 1),
    "log({...}), 10 names": (100_000, "log", 10),
    "log({...}), 2,000 names": (500, "log", 2_000),
    "log_batch(None, None, loss)": (200_000, "batch", 1),
}


def resident_mib() -> float:
    """Return how much memory this process has, MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def percentiles(nanoseconds: Any) -> list[float]:
    """Return p50, p99 and the longest, microseconds."""
    ordered = sorted(nanoseconds)
    return [ordered[int(share * (len(ordered) - 1))] / 1000 for share in (0.5, 0.99, 1.0)]


def floor(count: int) -> list[float]:
    """Measure a loop that only appends."""
    steps, times, values, spent = array("q"), array("q"), array("d"), array("q", bytes(8 * count))
    clock = time.perf_counter_ns
    for step in range(count):
        began = clock()
        steps.append(step)
        times.append(began)
        values.append(0.5)
        spent[step] = clock() - began
    return percentiles(spent)


def train(kind: str, count: int, names: int) -> None:
    """Log in a tight loop, and print what it took."""
    import livetrain

    bare = floor(min(count, 200_000))
    monitor = livetrain.Monitor("bench")
    monitor.log_message("info", "warm")
    monitor.flush(20)
    spent = array("q", bytes(8 * count))
    clock = time.perf_counter_ns
    before = highest = resident_mib()
    log: Callable[[int], None]
    if kind == "log":
        numbers = {f"metric{number}" if number else "loss": 0.5 for number in range(names)}

        def log(step: int) -> None:
            monitor.log(numbers, step=step)
    else:

        def log(step: int) -> None:
            monitor.log_batch(None, None, 0.5)

    started = time.perf_counter()
    every = max(count // 50, 1)
    for step in range(count):
        began = clock()
        log(step)
        spent[step] = clock() - began
        if step % every == 0:
            highest = max(highest, resident_mib())
    looped = time.perf_counter() - started
    delivered = monitor.flush(300)
    committed = time.perf_counter() - started
    highest = max(highest, resident_mib())
    run = monitor.run_id
    delivered = monitor.close(60) and delivered
    report = {
        "run": run,
        "floor": bare,
        "call": percentiles(spent),
        "loop_seconds": looped,
        "committed_seconds": committed,
        "grown_mib": highest - before,
        "delivered": delivered,
        "dropped": dict(monitor.stats().dropped),
    }
    print(json.dumps(report))


def stored(server: Server, run: str) -> int:
    """Return how many points of the loss the store has."""
    url = f"{server.http}/api/runs/{run}/metrics?names=loss"
    with urllib.request.urlopen(url, timeout=120) as answer:
        return len(json.load(answer)["metrics"]["loss"]["steps"])


def main() -> None:
    """Measure each kind of loop against a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--train", nargs=3, metavar=("KIND", "COUNT", "NAMES"))
    arguments = parser.parse_args()
    if arguments.train:
        kind, count, names = arguments.train
        train(kind, int(count), int(names))
        return
    print("microseconds a call: p50, p99, longest\n")
    for title, (most, kind, names) in LOOPS.items():
        count = min(most, max(arguments.points * most // 1_000_000, 100))
        with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server, Quiet():
            done = subprocess.run(
                [*COMMAND, "--train", kind, str(count), str(names)],
                env={
                    **os.environ,
                    "LIVETRAIN_SERVER": server.grpc,
                    "XDG_STATE_HOME": folder,
                },
                stdout=subprocess.PIPE,
                check=True,
                timeout=900,
            )
            told = json.loads(done.stdout)
            lost = count - stored(server, told["run"])
        rate = count * names / told["committed_seconds"]
        print(f"{title}, {count:,} times")
        print("  three array.append   " + "".join(f"{value:10.2f}" for value in told["floor"]))
        print("  the call             " + "".join(f"{value:10.2f}" for value in told["call"]))
        print(
            f"  loop {told['loop_seconds']:.2f} s, committed after {told['committed_seconds']:.2f} s: "
            f"{rate:,.0f} points a second"
        )
        print(
            f"  lost {lost}, dropped {told['dropped']}, delivered {told['delivered']}; "
            f"{told['grown_mib']:.0f} MiB over the baseline\n"
        )


if __name__ == "__main__":
    main()
