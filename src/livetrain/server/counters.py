"""What the server counts, for `/metrics`; a registry of its own, so that two servers in one process do not mix."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Counters"]


class Counters:
    """Every counter of one server, by its Prometheus name without the prefix ``livetrain_``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = self._counter("messages", "Messages from trainers.")
        self.bytes = self._counter("received_bytes", "Bytes of messages from trainers.")
        self.records = self._counter("records", "Records taken.")
        self.duplicates = self._counter("duplicate_records", "Records that came again.")
        self.frames = self._counter("frames", "Frames that came.")
        self.stripped = self._counter(
            "stripped_images", "Images that the trainer left out, by reason.", "reason"
        )
        self.rejected = self._counter("rejected", "What was refused, by reason.", "reason")
        self.dropped = self._counter(
            "dropped", "What was left out for viewers and trainers, by reason.", "reason"
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

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"livetrain_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"livetrain_{name}", text, registry=self.registry)

    def page(self) -> bytes:
        """Return everything as Prometheus reads it."""
        return generate_latest(self.registry)
