"""Reads what a training came to out of the store, in slices, off the event loop."""

from __future__ import annotations

from typing import Any, Final

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.registry import Registry
from livetrain.server.run import GUEST, Run
from livetrain.server.store.reader import Reader
from livetrain.server.training_report import TrainingReport

__all__ = ["read_report", "report_fields"]

_SLICE: Final = 2_000
_SLICE_BYTES: Final = 4 * 1024 * 1024
_SLICES: Final = 100
_STATUS: Final = {"finished": "completed"}
"""Viewers of the relay know this word; anything else is a failure, or a training that goes on."""


async def read_report(registry: Registry, run: Run) -> TrainingReport:
    """Return what a run's records say about its epochs, its rounds and its end."""
    report = TrainingReport()
    after: int | None = 0
    for _ in range(_SLICES):
        if after is None:
            break
        registry.raise_if_gone(run)
        after = await registry.ask(_read_slice, registry.reader, run.key, after, report)
    return report


def _read_slice(reader: Reader, run_key: int, after: int, report: TrainingReport) -> int | None:
    """Take in some records; return the offset to go on after, or None at the end."""
    events = reader.events(run_key, after=after, limit=_SLICE, notable=True, max_bytes=_SLICE_BYTES)
    for event in events:
        report.add(pb.TelemetryRequest.FromString(event.record))
    return events[-1].offset if events else None


async def report_fields(registry: Registry, run: Run) -> dict[str, Any]:
    """Return what a viewer of the relay reads of a run at its end, beside its curves."""
    report = await read_report(registry, run)
    theirs = ""
    if run.protocol == GUEST:
        theirs = await registry.ask_about(run, registry.reader.publisher_id)
    return {
        "experiment_id": int(theirs)
        if theirs.isdecimal() and len(theirs) < 16
        else theirs or run.run_id,
        "status": _STATUS.get(run.status, run.status),
        "metadata": {},
        "final_metrics": report.final_metrics(),
        "confusion_matrix": report.confusion_matrix(),
        "training_history": report.history(),
        "total_epochs": report.total_epochs(run.config.total_epochs),
    }
