"""The figures that the suite has to show: each with its bound, and how measurements of several faults add up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["FIGURES", "Figure"]


@dataclass(frozen=True)
class Figure:
    """A row of the table.

    Attributes:
        title: what is measured.
        unit: of the measurements.
        bound: what is to be reached, at most (or at least).
        at_least: the bound is a lower one.
        combine: makes one number of those that the faults gave.
    """

    title: str
    unit: str
    bound: float
    at_least: bool = False
    combine: Callable[[Iterable[float]], float] = max

    def holds(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


FIGURES = {
    "acknowledged": Figure("acknowledged records checked", "records", 1e5, True, sum),
    "server_kills": Figure("kill -9 of the server under load", "kills", 300, True, sum),
    "acknowledged_lost": Figure("acknowledged records lost", "records", 0, combine=sum),
    "duplicates": Figure("duplicates in the store and at the viewer", "records", 0, combine=sum),
    "gaps": Figure("gaps in the store and at the viewer", "gaps", 0, combine=sum),
    "missing": Figure("produced - stored - thinned - stripped, every fault", "", 0),
    "stall_ms": Figure("longest stall that any fault puts into a step", "ms", 10),
    "step_p99_ratio": Figure(
        "step time p99 against no telemetry in turns, every fault, 50 ms steps", "x", 1.05
    ),
    "half_open_idle_s": Figure("half-open noticed, idle", "s", 15),
    "half_open_sending_s": Figure("half-open noticed, sending", "s", 6),
    "back_after_5s": Figure("first acknowledgement after 5 s away", "s", 3),
    "back_after_30s": Figure("first acknowledgement after 30 s away", "s", 5),
    "back_after_5min": Figure("first acknowledgement after 5 min away", "s", 6),
    "backlog_s": Figure("an hour's backlog at 50 steps a second, drained while live", "s", 60),
    "dead_server_exit_s": Figure("exit with a dead server, beyond the training's own", "s", 0.5),
    "trainer_memory_mib": Figure(
        "trainer's memory over its baseline with the server away", "MiB", 48
    ),
    "memory_mib": Figure("trainer's memory over its baseline, every fault", "MiB", 48),
    "more_threads": Figure("threads that a fault adds to the trainer", "threads", 12),
    "more_descriptors": Figure("descriptors that a fault adds to the trainer", "", 24),
    "others_p99_ratio": Figure("others' p99 beside a viewer that never reads", "x", 1.1),
    "stuck_viewer_mib": Figure(
        "server memory for a viewer that never reads, over its frame", "MiB", 1.5
    ),
    "tracebacks": Figure(
        "exceptions that reached user code, tracebacks on stderr", "", 0, combine=sum
    ),
}
