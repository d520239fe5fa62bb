"""A training of a fixed step cost that writes down what it produced; run as a process of its own.

``python trainer.py '{"produced": "FILE", "steps": 100, ...}'``, see `Plan`. Each step adds a line to the file after its
``log_*`` calls returned, straight to the operating system: a kill loses nothing of it. The last line is the summary.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EPOCH_STEPS = 20
BLOCK_STEPS = 20
"""How many steps a turn has."""
CENSUS_STEPS = 10
"""Threads and descriptors are counted once in so many steps."""


@dataclass
class Plan:
    produced: str
    steps: int  # 0: until SIGUSR1
    step_seconds: float = 0.02
    hurry_until: int = 0  # steps before this one cost nothing
    seed: int = 0
    telemetry: bool = True
    batches: bool = True  # `log_batch` at each step
    images: bool = True  # with 16 images
    image_size: int = 32  # pixels
    scalars: int = 1  # further `log` calls a step
    turn: str = ""  # a FIFO: a byte in it begins each block of steps; empty: no turns are taken
    next_turn: str = ""  # the FIFO of whoever comes after
    quiet_from: int = -1  # the step from which nothing is logged any more; -1: never
    flush: float = 0.0  # seconds that `flush` may take before `close`
    monitor: dict[str, Any] = field(default_factory=dict)


def loss_of(seed: int, step: int) -> float:
    """Return a number that says which step it is of, exact in 32 bits."""
    return ((seed * 1_000_003 + step * 7_919) % 65_536) / 65_536


def waited_for_cpu() -> float:
    """Return how long this thread was runnable without running, seconds: the machine's doing, not ours."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_bytes().split()[1]) / 1e9
    except OSError:
        return 0.0


def memory_bytes() -> int:
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Turns:
    """Two trainings that take turns, a block of steps each, so that both meet the same machine and the same fault."""

    def __init__(self, plan: Plan) -> None:
        # For both ways: opening one end does not wait for the other.
        self._own, self._next = (
            os.open(path, os.O_RDWR) if path else -1 for path in (plan.turn, plan.next_turn)
        )

    def begin(self, step: int) -> None:
        if self._own >= 0 and step % BLOCK_STEPS == 0:
            if step:
                os.write(self._next, b"t")
            os.read(self._own, 1)

    def end(self) -> None:
        """Let the other go on without waiting for us."""
        if self._own >= 0:
            os.write(self._next, b"t" * 1000)


class Ledger:
    """The file of what was produced."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, **entry: Any) -> None:
        os.write(self._fd, json.dumps(entry, separators=(",", ":")).encode() + b"\n")


def census() -> dict[str, int]:
    """Count what this process holds of the kernel."""
    return {
        "threads": len(os.listdir("/proc/self/task")),
        "descriptors": len(os.listdir("/proc/self/fd")),
    }


def work(seconds: float) -> None:
    """Do what a step costs: a fifth busy in Python, the rest waiting for a device."""
    start = time.perf_counter()
    while time.perf_counter() - start < seconds / 5:
        pass
    # Not time.sleep: under libfaketime that fails.
    select.select([], [], [], max(0.0, start + seconds - time.perf_counter()))


def train(plan: Plan) -> None:
    import numpy as np

    ledger = Ledger(plan.produced)
    shape = (16, plan.image_size, plan.image_size, 3)
    images = np.random.default_rng(plan.seed).integers(0, 255, shape, np.uint8)
    logits = np.eye(10, dtype=np.float32)[np.arange(16) % 10]
    targets = np.arange(16) % 10
    monitor: Any = None
    if plan.telemetry:
        import livetrain

        monitor = livetrain.Monitor("faults", **plan.monitor)
    baseline = memory_bytes()
    asked_to_end = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: asked_to_end.set())
    turns = Turns(plan)
    ledger.write(ready=True)
    step = 0
    while not asked_to_end.is_set() and (plan.steps == 0 or step < plan.steps):
        turns.begin(step)
        loss = loss_of(plan.seed, step)
        started, waited = time.perf_counter(), waited_for_cpu()
        work(plan.step_seconds if step >= plan.hurry_until else 0.0)
        logged, cpu = time.perf_counter(), time.thread_time()
        quiet = 0 <= plan.quiet_from <= step
        if monitor is not None and not quiet:
            if plan.batches:
                monitor.log_batch(images if plan.images else None, logits, loss, targets=targets)
            for index in range(plan.scalars):
                monitor.log({f"extra{index}": loss + index}, step=step)
            if step % EPOCH_STEPS == EPOCH_STEPS - 1:
                monitor.log_epoch(step // EPOCH_STEPS, loss=loss)
        ended = time.perf_counter()
        stats = monitor.stats() if monitor is not None else None
        ledger.write(
            **({"quiet": step} if quiet else {"step": step, "loss": loss}),
            time=time.monotonic(),
            wall=time.time(),
            total=ended - started,
            log=ended - logged,
            cpu=time.thread_time() - cpu,
            waited=waited_for_cpu() - waited,
            acknowledged=stats.acknowledged if stats else 0,
            state=stats.state if stats else "",
            memory=memory_bytes() - baseline,
            **({} if step % CENSUS_STEPS else census()),
        )
        step += 1
        if monitor is not None and monitor.should_stop:
            break
    turns.end()
    flushed = monitor.flush(plan.flush) if monitor is not None and plan.flush else None
    closing = time.perf_counter()
    delivered = monitor.close() if monitor is not None else True
    closed = time.perf_counter()
    stats = monitor.stats() if monitor is not None else None
    ledger.write(
        end=True,
        steps=step,
        delivered=delivered,
        flushed=flushed,
        close=closed - closing,
        run_id=monitor.run_id if monitor is not None else None,
        threads=threading.active_count(),
        acknowledged=stats.acknowledged if stats else 0,
        queued=stats.queued if stats else 0,
        dropped=dict(stats.dropped) if stats else {},
        stripped=dict(stats.stripped) if stats else {},
        reconnects=stats.reconnects if stats else 0,
        frames_sent=stats.frames_sent if stats else 0,
    )


if __name__ == "__main__":
    train(Plan(**json.loads(sys.argv[1])))
