"""What is asserted of every fault: the training did not notice, and the store has what was promised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.faults.ledger import Delivery, StoredStream, check_delivery, stream_of
from tests.faults.processes import Server, Trainer

__all__ = ["assert_delivered", "assert_undisturbed", "stalls"]

STALL_SECONDS = 0.010
"""What a fault may put into a step at most."""
HICCUPS = 0.005
"""The share of steps that may break it: a machine with other work stops a process now and then."""
ENOUGH_STEPS = 200
"""Of fewer, the 99th percentile is the machine's worst hiccup."""
TILES = 16
USUAL_STEP_SECONDS = 0.050
"""What the report sets a step's stall against; the suite's own steps are shorter to be quick."""
WORST_STALL_SECONDS = 0.100


def stalls(trainer: Trainer) -> list[float]:
    """Return what each step took beyond its cost, without the time that the kernel let it wait for a processor."""
    cost = trainer.plan.step_seconds
    return [
        max(0.0, entry["total"] - cost - entry["waited"])
        for entry in trainer.entries()
        if "step" in entry
    ]


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def assert_undisturbed(
    trainer: Trainer,
    measure: Callable[[str, float], None],
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
    if trainer.plan.images:
        logged = sum("step" in entry for entry in trainer.entries())
        left_out = sum(summary["stripped"].values())
        counted = TILES * summary["frames_sent"] + left_out
        assert counted == TILES * logged, f"{TILES * logged - counted} images were lost uncounted"
    tracebacks = trainer.stderr.count("Traceback (most recent call last)")
    measure("tracebacks", tracebacks)
    assert tracebacks == 0, trainer.stderr[-3000:]
    if punctual:
        assert_no_stalls(trainer, measure)
    return summary


def assert_no_stalls(trainer: Trainer, measure: Callable[[str, float], None]) -> None:
    """Assert that no fault put more than `STALL_SECONDS` into a step, but for the machine's own hiccups."""
    found = sorted(stalls(trainer)[3:])  # the first steps import and warm up
    if found:
        hiccups = 1 + int(len(found) * HICCUPS)
        longest = found[: len(found) - hiccups][-1:] or found[-1:]
        measure("stall_ms", longest[0] * 1000)
        if len(found) >= ENOUGH_STEPS:
            measure("step_p99_ratio", 1 + percentile(found, 0.99) / USUAL_STEP_SECONDS)
        assert longest[0] <= STALL_SECONDS, f"stalls: {found[-10:]}"
        assert found[-1] <= WORST_STALL_SECONDS, f"stalls: {found[-10:]}"


def assert_delivered(
    trainer: Trainer,
    server: Server,
    measure: Callable[[str, float], None],
    *,
    whole: bool = True,
    stream: StoredStream | None = None,
) -> Delivery:
    """Assert that the store has all that was acknowledged, or all that was produced, once and in order."""
    delivery = check_delivery(trainer, stream or stream_of(trainer, server.data_dir), whole=whole)
    measure("acknowledged", trainer.acknowledged)
    measure("acknowledged_lost", delivery.acknowledged_lost)
    measure("duplicates", delivery.duplicates)
    measure("gaps", delivery.gaps)
    if whole:
        measure("missing", delivery.missing)
    return delivery
