"""What a monitor did so far, as one frozen snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Stats"]


@dataclass(frozen=True, slots=True)
class Stats:
    """What `Monitor.stats` returns. Counts are cumulative; times in seconds.

    What one call logged is one record here, though many calls that log numbers may travel as one.

    Attributes:
        state: where the connection stands, in a word or two; "inert" when this monitor does nothing.
        inert: why this monitor does nothing (disabled, forked child, ...); empty: it works.
        steps: batches logged.
        sent: records handed to the network, as they travel; one that was sent again counts again.
        frames_sent: batches that went out with their images.
        acknowledged: records that the server committed.
        queued: records that the server has not committed yet.
        queued_bytes: what those take.
        spooled: records that wait on this machine's disk.
        stripped: images that were left out, by reason.
        dropped: points of curves and other records that were left out, by reason: ``outbox_full`` and ``thinned`` for want of room,
            ``rejected`` by the server, ``too_many_metrics`` in one run, ``step_too_large``, ``oversize``, ``older_server``,
            ``unwritable``.
        problems: data that could not be read as given, by kind.
        reconnects: how often an open stream was lost.
        training_seconds: time spent on the training's threads.
        background_seconds: processor time spent in the background.
        overhead: the share of the training's time that livetrain took lately, 0 to 1.
        governor: what the overhead governor does, in a sentence.
    """

    state: str
    inert: str = ""
    steps: int = 0
    sent: int = 0
    frames_sent: int = 0
    acknowledged: int = 0
    queued: int = 0
    queued_bytes: int = 0
    spooled: int = 0
    stripped: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    problems: Mapping[str, int] = field(default_factory=dict)
    reconnects: int = 0
    training_seconds: float = 0.0
    background_seconds: float = 0.0
    overhead: float = 0.0
    governor: str = ""
