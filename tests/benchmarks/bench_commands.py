"""From a command's POST to the step that is made under it: a real training process, a real server, the clock of one machine.

    python -m tests.benchmarks.bench_commands [--commands 1000] [--pace 20]

A training of a small network makes `pace` steps a second. One command after the other sets its learning rate, each at a moment of
its own within a step. A command is applied when the first step with its rate begins.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from livetrain._console.server_api import ServerApi
from livetrain._console.server_process import ServerProcess

TRAINING = """
import json, sys, time, torch, livetrain
from torch import nn
torch.set_num_threads(1)
server, pace, file = sys.argv[1], float(sys.argv[2]), open(sys.argv[3], "w", buffering=1)
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
images = torch.rand(64, 64)
labels = torch.randint(10, (64,))
with livetrain.Monitor("commands", server=server) as monitor:
    monitor.attach(optimizer)
    step, started = 0, time.monotonic()
    while not monitor.should_stop:
        file.write(json.dumps([step, optimizer.param_groups[0]["lr"], time.monotonic()]) + "\\n")
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        time.sleep(max(0.0, started + step / pace - time.monotonic()))
        monitor.log_batch(images.reshape(64, 8, 8), None, loss)
"""


def steps_of(file: Path) -> dict[float, tuple[int, float]]:
    """Return the first step that was made with each rate, and when it began."""
    found: dict[float, tuple[int, float]] = {}
    for line in file.read_text().split("\n")[:-1]:
        step, rate, moment = json.loads(line)
        found.setdefault(rate, (step, moment))
    return found


def measure(count: int, pace: float, folder: Path) -> tuple[list[float], list[float], int]:
    """Return milliseconds from giving to applied and from giving to told, and how many said another step than it was."""
    told: dict[float, tuple[float, float, dict[str, Any]]] = {}
    with ServerProcess(folder / "data", folder / "server.log") as server:
        api, file = ServerApi(server.http), folder / "steps.jsonl"
        training = subprocess.Popen(
            [sys.executable, "-c", TRAINING, server.grpc, str(pace), str(file)],
            # What other trainings left on the disk is not to be uploaded here.
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "LIVETRAIN_SPOOL_DIR": str(folder / "spool"),
            },
        )
        try:
            while not (runs := api.runs().runs) or runs[0]["steps"] < 20:
                time.sleep(0.1)
            run = runs[0]["run_id"]
            for index in range(count):
                rate = 0.1 + index * 1e-4
                time.sleep(random.random() / pace)
                given = time.monotonic()
                body = {"verb": "set", "parameters": {"learning_rate": rate}, "issued_by": "bench"}
                command = api.command(run, body)
                while command["state"] not in ("applied", "rejected", "expired", "failed"):
                    time.sleep(0.005)
                    command = next(
                        c for c in api.commands(run) if c["command_id"] == command["command_id"]
                    )
                assert command["state"] == "applied", command
                told[rate] = given, time.monotonic(), command
            api.command(run, {"verb": "stop", "parameters": {}})
            assert training.wait(20) == 0
        finally:
            training.kill()
        first = steps_of(file)
    applied = [(first[rate][1] - given) * 1e3 for rate, (given, _, _) in told.items()]
    known = [(heard - given) * 1e3 for given, heard, _ in told.values()]
    wrong = sum(first[rate][0] != command["applied_step"] for rate, (_, _, command) in told.items())
    return applied, known, wrong


def main(count: int, pace: float) -> None:
    random.seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        applied, known, wrong = measure(count, pace, Path(scratch))
    print(f"\n{count} commands to a training of {pace:g} steps a second, {os.cpu_count()} cores")
    for what, times in (("given to applied, ms", applied), ("given to told so, ms", known)):
        p50, p99 = np.percentile(times, [50, 99])
        print(f"{what:24} p50 {p50:6.1f}   p99 {p99:6.1f}   max {max(times):6.1f}")
    print(f"{'at another step than told':24} {wrong}")
    limit = 250 + 1000 / pace
    print(f"to reach: p99 of given to applied at most {limit:.0f} ms: ", end="")
    print("reached" if np.percentile(applied, 99) <= limit else "missed")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=1000)
    parser.add_argument("--pace", type=float, default=20.0)
    arguments = parser.parse_args()
    main(arguments.commands, arguments.pace)
