"""What a run costs and uses is known whatever it logs: numbers, epochs, samples or batches."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults.processes import Script
from tests.integration.endings.runs import Runs

TRAINING = """
    import sys, time
    import numpy as np
    import livetrain

    kind = sys.argv[2]
    picture = np.zeros((16, 8, 8), np.uint8)
    ballast = np.ones(30 << 20, np.uint8)
    monitor = livetrain.Monitor(kind, server=sys.argv[1], total_epochs=8)
    began, told, mine = time.monotonic(), [], 0.0
    for turn in range(160):
        until = began + (turn + 1) * 0.02
        started = time.perf_counter()
        last = time.monotonic()
        first = last if turn == 0 else first
        if kind == "numbers":
            monitor.log({"loss": 1.0 / (turn + 1)}, step=turn * 10)
        elif kind == "samples" and turn % 20 == 0:
            monitor.log_sample(picture[0])
        elif kind == "batches":
            monitor.log_batch(None, None, 1.0 / (turn + 1))
        if kind == "epochs" and turn % 20 == 19:
            monitor.log_epoch(loss=1.0)
        mine += time.perf_counter() - started
        while time.monotonic() < until:
            sum(range(1000))
    assert monitor.flush(30)
    stats = monitor.stats()
    seconds = time.monotonic() - began
    print("steps", 1e3 * (last - first) / 159)
    print("overhead", stats.overhead, stats.training_seconds / seconds, stats.background_seconds / seconds, mine / seconds)
    monitor.close()
    print("done")
"""


@pytest.mark.parametrize("kind", ["numbers", "epochs", "samples", "batches"])
def test_what_a_run_uses_and_costs_is_known(folder: Path, runs: Runs, kind: str) -> None:
    script = Script(folder, TRAINING, runs.address, arguments=[kind])
    assert script.wait(60) == 0, script.stderr
    run = runs.only()
    cpu, memory = (runs.curve(f"system/{name}", run) for name in ("cpu_percent", "memory_mb"))
    assert cpu
    assert max(cpu.values()) > 1, "it is busy all the time, and gets its share of this machine"
    assert max(memory.values()) > 30
    step_ms = runs.curve("perf/time_per_batch_ms", run)
    if kind in ("numbers", "batches"):
        turn_ms = float(script.stdout.split()[1])  # 20 where nothing else runs
        expected = turn_ms / 10 if kind == "numbers" else turn_ms
        assert step_ms[max(step_ms)] == pytest.approx(expected, rel=0.1)
        assert max(step_ms) >= 1000 if kind == "numbers" else 100
        assert max(runs.curve("perf/fps", run).values()) >= 0.9 * 1000 / expected
    else:
        assert step_ms == {}, "there is no step whose time could be told"
        assert runs.curve("perf/fps", run) == {}
    told, training, background, mine = map(float, script.stdout.split()[3:7])
    # The last ten seconds of three, which count alike to within a fifth.
    assert training <= mine
    assert told == pytest.approx(training + 0.75 * background / cpus(), rel=0.6, abs=0.001)


def cpus() -> float:
    from livetrain._capture.encoder import usable_cpus

    return usable_cpus()
