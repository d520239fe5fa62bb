"""What the trainers of a run report: counts of each start of the training, and their sums. Pure."""

from __future__ import annotations

from typing import Final

from livetrain.proto import telemetry_pb2 as pb

__all__ = ["join_reports", "told_report"]

_STARTS: Final = 64
"""Starts whose counts are kept apart; those of the ones before are one."""
_EARLIER: Final = ""
_MOST: Final = 2**64 - 1


def join_reports(
    known: pb.ClientReport, stream_id: str, report: pb.ClientReport, *, newest: bool
) -> pb.ClientReport:
    """Return a run's report with what one of its streams reported now.

    Args:
        known: the run's report so far.
        stream_id: of the stream, whose counts go on from report to report.
        report: what it says.
        newest: whether the stream is that of the newest start, whose other figures stand for the run.

    Returns:
        The counts of all starts together; a record that an earlier start left out stays left out.

    Example:
        >>> first = pb.ClientReport(counters={"dropped.oversize": 2})
        >>> second = pb.ClientReport(counters={"dropped.oversize": 1})
        >>> run = join_reports(pb.ClientReport(), "a", first, newest=True)
        >>> dict(join_reports(run, "b", second, newest=True).counters)
        {'dropped.oversize': 3}
    """
    joined = pb.ClientReport()
    joined.CopyFrom(report if newest else known)
    joined.ClearField("counters")
    joined.ClearField("starts")
    starts = {name: dict(counts.counters) for name, counts in known.starts.items()}
    starts[stream_id] = dict(report.counters)
    for name in [name for name in starts if name not in (_EARLIER, stream_id)]:
        if len(starts) <= _STARTS:
            break
        starts[_EARLIER] = _sum(starts.get(_EARLIER, {}), starts.pop(name))
    for name, counts in starts.items():
        joined.starts[name].counters.update(counts)
        for key, count in counts.items():
            joined.counters[key] = min(_MOST, joined.counters[key] + count)
    return joined


def told_report(report: pb.ClientReport) -> pb.ClientReport:
    """Return a run's report as viewers are told it: the sums alone."""
    told = pb.ClientReport()
    told.CopyFrom(report)
    told.ClearField("starts")
    return told


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {key: min(_MOST, one.get(key, 0) + other.get(key, 0)) for key in one | other}
