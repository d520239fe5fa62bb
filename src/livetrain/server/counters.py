"""What the server counts, for `/metrics`; a registry of its own, so that two servers in one process do not mix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from livetrain.server.budget import Budget
from livetrain.server.memory_watch import MemoryWatch

__all__ = ["Counter", "Counters", "LabelledCounter", "MemoryFigures"]


class Counter:
    """A number that only grows. Prometheus' own locks at each step; this one belongs to the event loop.

    Example:
        >>> frames = Counter()
        >>> frames.inc()
        >>> frames.value
        1
    """

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, amount: int = 1) -> None:
        """Count so many more."""
        self.value += amount


class LabelledCounter:
    """Counters of one thing, by its reason; there are as many as this package has reasons."""

    __slots__ = ("of",)

    def __init__(self) -> None:
        self.of: dict[str, Counter] = {}

    def labels(self, reason: str) -> Counter:
        """Return the counter of a reason."""
        counter = self.of.get(reason)
        if counter is None:
            counter = self.of[reason] = Counter()
        return counter


class Counters(Collector):
    """Every counter of one server, by its Prometheus name without the prefix ``livetrain_``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters: list[tuple[str, str, Counter | LabelledCounter]] = []
        self.messages = self._counter("messages", "Messages from trainers.")
        self.bytes = self._counter("received_bytes", "Bytes of messages from trainers.")
        self.records = self._counter("records", "Records taken.")
        self.duplicates = self._counter("duplicate_records", "Records that came again.")
        self.frames = self._counter("frames", "Frames that came.")
        self.stripped = self._labelled(
            "stripped_images", "Images that the trainer left out, by reason."
        )
        self.rejected = self._labelled("rejected", "What was refused, by reason.")
        self.refused_points = self._counter(
            "refused_points", "Points that were not stored: their run has too many metric names."
        )
        self.dropped = self._labelled(
            "dropped", "What was left out for viewers and trainers, by reason."
        )
        self.commits = self._counter("commits", "Groups committed.")
        self.commit_failures = self._counter(
            "commit_failures", "Commits that failed and were tried again."
        )
        self.sent = self._counter("viewer_messages", "Messages sent to viewers.")
        self.commit_seconds = Histogram(
            "livetrain_commit_seconds",
            "From making a group to having it committed.",
            registry=self.registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
        )
        self.runs = self._gauge("runs", "Runs in memory.")
        self.streams = self._gauge("streams", "Trainers' streams that are open.")
        self.viewers = self._gauge("viewers", "Viewers that are connected.")
        self.waiting = self._gauge("journal_bytes", "Bytes of records that wait for their commit.")
        self.registry.register(self)

    def _counter(self, name: str, text: str) -> Counter:
        counter = Counter()
        self._counters.append((name, text, counter))
        return counter

    def _labelled(self, name: str, text: str) -> LabelledCounter:
        counter = LabelledCounter()
        self._counters.append((name, text, counter))
        return counter

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"livetrain_{name}", text, registry=self.registry)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Give every counter to Prometheus."""
        for name, text, counter in self._counters:
            labelled = isinstance(counter, LabelledCounter)
            family = CounterMetricFamily(
                f"livetrain_{name}", text, labels=["reason"] if labelled else []
            )
            if isinstance(counter, LabelledCounter):
                for reason, one in counter.of.items():
                    family.add_metric([reason], one.value)
            else:
                family.add_metric([], counter.value)
            yield family

    def show(self, figures: MemoryFigures) -> None:
        """Have the figures of the server's memory on the page too."""
        self.registry.register(figures)

    def page(self) -> bytes:
        """Return everything as Prometheus reads it."""
        return generate_latest(self.registry)


class MemoryFigures(Collector):
    """What of the server's memory is used, by kind of buffers.

    Args:
        budget: the pools.
        watch: what the process holds.
    """

    _POOLS: Final = (
        ("memory_bytes", "Bytes that buffers hold.", "used"),
        ("memory_peak_bytes", "The most bytes that buffers held since the start.", "peak"),
        ("memory_limit_bytes", "Bytes that buffers may hold.", "limit"),
    )

    def __init__(self, budget: Budget, watch: MemoryWatch) -> None:
        self._budget = budget
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        """Give the figures to Prometheus."""
        for name, text, attribute in self._POOLS:
            family = GaugeMetricFamily(f"livetrain_{name}", text, labels=["kind"])
            for pool in self._budget:
                family.add_metric([pool.name], getattr(pool, attribute))
            yield family
        refused = CounterMetricFamily(
            "livetrain_memory_refused",
            "How often a buffer was not given what it asked for.",
            labels=["kind"],
        )
        for pool in self._budget:
            refused.add_metric([pool.name], pool.refused)
        yield refused
        for name, text, value in (
            ("resident_bytes", "Bytes that the process holds.", self._watch.resident),
            (
                "resident_limit_bytes",
                "Bytes that it may: what it held when it was ready, and --memory-mib.",
                self._watch.baseline + self._watch.allowed,
            ),
        ):
            family = GaugeMetricFamily(f"livetrain_{name}", text)
            family.add_metric([], value)
            yield family
