"""Holds each run to the number of metric names that it may have, before a record is taken: nothing acknowledged is taken back."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.columns import summarize_columns
from livetrain.server.limits import Limits
from livetrain.server.metric_names import MetricNames
from livetrain.server.points import epoch_curve, round_curve, validation_curve
from livetrain.server.records import Record
from livetrain.server.registry import Registry
from livetrain.server.run import Run

__all__ = ["NameLimit", "without_refused"]

_NAMING: Final = frozenset({4, 24, 25, 26, 33})
"""Kinds of records whose metrics have names of the user's."""
_NAME_CHARS: Final = 60


class NameLimit:
    """The names of all runs that are under way, read from the store when a run is first heard.

    Args:
        registry: the runs, with the store behind them.
        limits: how many names a run may have, and how many are held in memory.

    Attributes:
        held: how many names are in memory.
    """

    def __init__(self, registry: Registry, limits: Limits) -> None:
        self._registry = registry
        self._limits = limits
        self._runs: OrderedDict[int, tuple[Run, MetricNames]] = OrderedDict()
        self.held = 0
        self._loading: dict[int, asyncio.Lock] = {}

    def knows(self, run: Run, kind: int) -> bool:
        """Return whether a record of this kind can be looked at without asking the store first."""
        return kind not in _NAMING or run.key in self._runs

    async def learn(self, run: Run) -> None:
        """Read which names a run has; nothing of it may wait for its commit that was not looked at."""
        lock = self._loading.setdefault(run.key, asyncio.Lock())
        try:
            async with lock:
                if run.key in self._runs:
                    return
                names: list[str] = []
                if run.offset:
                    names = await self._registry.ask(self._registry.reader.metric_names, run.key)
                known = MetricNames(self._limits.metrics, names)
                self._runs[run.key] = run, known
                self.held += len(known)
        finally:
            self._loading.pop(run.key, None)
        self._make_room(run)

    def _make_room(self, newest: Run) -> None:
        """Forget names of those runs that were not heard for the longest, once too many are held."""
        if self.held <= self._limits.names:
            return
        for key, (run, names) in list(self._runs.items()):
            # What is not committed cannot be read from the store again.
            if run is not newest and run.committed == run.offset:
                del self._runs[key]
                self.held -= len(names)
            if self.held <= self._limits.names:
                return

    def forget(self, run: Run) -> None:
        """Keep nothing of a run."""
        _, names = self._runs.pop(run.key, (run, ()))
        self.held -= len(names)

    def apply(self, run: Run, record: Record, rank: int) -> tuple[Record, int, str]:
        """Take the points out of a record that are of one name too many.

        Args:
            run: whose it is; it was learnt.
            record: as it was read.
            rank: of its producer.

        Returns:
            The record without them; how many they are; and the first of their curves.
        """
        if record.kind not in _NAMING or run.key not in self._runs:
            return record, 0, ""
        _, known = self._runs[run.key]
        self._runs[run.key] = run, known  # it may have been loaded anew
        self._runs.move_to_end(run.key)
        before = len(known)
        found = without_refused(record, rank, known)
        self.held += len(known) - before
        self._make_room(run)
        return found


def without_refused(record: Record, rank: int, known: MetricNames) -> tuple[Record, int, str]:
    """Return a record without the points of curves that are one too many, how many these are, and the first of those curves."""
    points, first = 0, ""
    for group, curves in _groups(record, rank):
        refused = known.admit(curves)
        if not refused:
            continue
        first = first or curves[refused[0]]
        gone = set(refused)
        kept = [one for place, one in enumerate(group) if place not in gone]
        points += sum(_points(group[place]) for place in refused)
        del group[:]
        group.extend(kept)
    if not points:
        return record, 0, ""
    data = record.message.SerializeToString()
    columns = record.columns
    if columns is not None:
        columns = summarize_columns(record.message.columns)
    names = tuple(scalar.name for scalar in record.message.scalars.values)
    return replace(record, data=data, columns=columns, names=names), points, first[:_NAME_CHARS]


def _points(named: Any) -> int:
    return len(named.values) // 8 if isinstance(named, pb.PointColumn) else 1


def _groups(record: Record, rank: int) -> Iterator[tuple[Any, Sequence[str]]]:
    """Yield each list of metrics in a record, with the names of their curves."""
    prefix = f"rank{rank}/" if rank else ""
    message = record.message
    kind = message.WhichOneof("payload")
    if kind == "scalars":
        names = record.names
        yield message.scalars.values, [prefix + name for name in names] if prefix else names
    elif kind == "columns":
        assert record.columns is not None
        names = record.columns.names
        yield message.columns.columns, [prefix + name for name in names] if prefix else names
    elif kind == "epoch_data":
        epoch = message.epoch_data
        yield epoch.metrics, [prefix + epoch_curve(one.name) for one in epoch.metrics]
        validated = epoch.validation_metrics
        yield validated, [prefix + validation_curve(one.name) for one in validated]
    elif kind == "validation":
        metrics = message.validation.metrics
        yield metrics, [prefix + validation_curve(one.name) for one in metrics]
    elif kind == "round":
        told = message.round
        for part, group in (
            ("", told.metrics),
            ("fit/", told.fit_metrics),
            ("evaluation/", told.evaluation_metrics),
        ):
            yield group, [prefix + round_curve(told.client_id, part, one.name) for one in group]
