"""What is asserted of every fault: the training did not notice, and the store has what was promised."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.faults.ledger import Delivery, StoredStream, check_delivery, check_images, stream_of
from tests.faults.processes import Server, Trainer

__all__ = [
    "assert_delivered",
    "assert_no_stalls",
    "assert_undisturbed",
    "percentile",
    "stalls",
    "totals",
]

Measure = Callable[[str, float], None]

STALL_SECONDS = 0.010 if os.environ.get("FAULTS_FULL") else 0.050
"""What a fault may put into a step at most. The slice in every run shares its machine, whose own part that may be."""
HICCUPS = 0.005
"""The share of steps that may break it: a machine with other work stops a process now and then."""
TILES = 16
WORST_STALL_SECONDS = 10 * STALL_SECONDS
WARM_UP_STEPS = 20
"""Imports, first memory, the connection: what is bounded is what comes after."""
MORE_THREADS = 12
MORE_DESCRIPTORS = 24
MEMORY_BYTES = 48 << 20


def totals(trainer: Trainer) -> list[float]:
    """Return what each step took, seconds."""
    return [e["total"] for e in trainer.entries() if "step" in e and e["step"] >= WARM_UP_STEPS]


def stalls(trainer: Trainer) -> list[float]:
    """Return what each step took beyond its cost, without the time that the kernel let it wait for a processor."""
    cost = trainer.plan.step_seconds
    return [
        max(0.0, e["total"] - cost - e["waited"])
        for e in trainer.entries()
        if "step" in e and e["step"] >= max(WARM_UP_STEPS, trainer.plan.hurry_until)
    ]


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def assert_undisturbed(
    trainer: Trainer,
    measure: Measure,
    *,
    exit_code: int = 0,
    seconds: float = 60.0,
    punctual: bool = True,
) -> dict[str, Any]:
    """Wait for the end of a training, and assert that it went as without telemetry.

    Args:
        trainer: which.
        measure: takes the figures.
        exit_code: what it is to end with.
        seconds: how long the end may take.
        punctual: False: the scenario itself slows the process, so that stalls say nothing of ours.

    Returns:
        Its summary.
    """
    code = trainer.wait(seconds)
    assert code == exit_code, f"exit code {code}:\n{trainer.stderr[-3000:]}"
    summary = trainer.last()
    assert summary.get("end"), "the training ended without its summary"
    if trainer.plan.steps:
        assert summary["steps"] == trainer.plan.steps
    if trainer.plan.images and trainer.plan.telemetry:
        logged = sum("step" in entry for entry in trainer.entries())
        # What was lost on its way was sent, and is counted as left out when it is sent again without its images.
        left_out = sum(summary["stripped"].values()) - summary["stripped"].get("reconnect", 0)
        counted = TILES * summary["frames_sent"] + left_out
        assert counted == TILES * logged, f"{TILES * logged - counted} images were lost uncounted"
    tracebacks = trainer.stderr.count("Traceback (most recent call last)")
    measure("tracebacks", tracebacks)
    assert tracebacks == 0, trainer.stderr[-3000:]
    assert_bounded(trainer, measure)
    assert_few_words(trainer)
    if punctual:
        assert_no_stalls(trainer)
    return summary


def assert_bounded(trainer: Trainer, measure: Measure) -> None:
    """Assert that memory, threads and descriptors did not grow with the fault."""
    entries = [e for e in trainer.entries() if "step" in e and e["step"] >= WARM_UP_STEPS]
    census = [e for e in entries if "threads" in e]
    if not census:
        return
    for what, more in (("threads", MORE_THREADS), ("descriptors", MORE_DESCRIPTORS)):
        first, most = census[0][what], max(entry[what] for entry in census)
        measure(f"more_{what}", most - first)
        # The report's bound is `more`: on a machine with other work gRPC starts further threads, up to a bound of its own.
        assert most <= first + 2 * more, f"{what} grew from {first} to {most}"
    memory = max(entry["memory"] for entry in entries)
    measure("memory_mib", memory / 2**20)
    assert memory < MEMORY_BYTES


def assert_few_words(trainer: Trainer) -> None:
    """Assert that there was at most one warning for each cause and minute."""
    # Causes are told apart by how their sentence begins; addresses and numbers come later in it.
    causes = Counter(line[:24] for line in trainer.stderr.splitlines() if line.strip())
    walls = [entry["wall"] for entry in trainer.entries() if "wall" in entry]
    minutes = 1 + int((walls[-1] - walls[0]) / 60) if walls else 1
    many = {cause: count for cause, count in causes.items() if count > minutes}
    assert not many, f"{many} within {minutes} minutes:\n{trainer.stderr[-3000:]}"


def assert_no_stalls(trainer: Trainer) -> None:
    """Assert that nothing put more than `STALL_SECONDS` into a step, but for the machine's own hiccups."""
    found = sorted(stalls(trainer))
    if found:
        hiccups = 1 + int(len(found) * HICCUPS)
        longest = (found[: len(found) - hiccups][-1:] or found[-1:])[0]
        assert longest <= STALL_SECONDS, f"stalls: {found[-10:]}"
        assert found[-1] <= WORST_STALL_SECONDS, f"stalls: {found[-10:]}"


def assert_delivered(
    trainer: Trainer,
    server: Server,
    measure: Measure,
    *,
    whole: bool = True,
    stream: StoredStream | None = None,
) -> Delivery:
    """Assert that the store has all that was acknowledged, or all that was produced, once and in order."""
    stream = stream or stream_of(trainer, server.data_dir)
    delivery = check_delivery(trainer, stream, whole=whole)
    measure("acknowledged", trainer.acknowledged)
    measure("acknowledged_lost", delivery.acknowledged_lost)
    measure("duplicates", delivery.duplicates)
    measure("gaps", delivery.gaps)
    if whole:
        images = check_images(trainer, stream) if trainer.plan.images else 0
        measure("missing", abs(delivery.missing) + images)
    return delivery
