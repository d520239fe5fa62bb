"""How much of everything one client or run may have; what all have together is for the budget to say."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one server.

    Attributes:
        message_bytes: of one message from a trainer.
        record_bytes: of one record without pictures.
        credit_bytes: how far a trainer may be ahead of what is committed. One that is busy in Python hears of it 0.1 s late, and
            sends 1.6 MB in that time: 60 times a second 16 photographs of 256 × 256.
        elements: fields of one record, those of messages within it counted too.
        records: in one bundle.
        tiles: images or predictions of one batch.
        tile_bytes: of one prediction, caption or other thing that belongs to a tile, images aside.
        name_chars: of a metric's, run's or stream's name.
        max_step: the highest step; whole numbers up to here are exact in JSON and JavaScript.
        metrics: names of curves of one run.
        names: of curves that are in memory at once, of all runs together; eight bytes each.
        runs: that are in memory at once.
        streams: of one run, over all its ranks and restarts.
        connections: streams that are open at once.
        viewers: of all runs together.
        ring_bytes: events of one run that are kept in memory for viewers that come back.
        viewer_bytes: events that wait for one viewer.
        recover_events: a viewer that is further behind gets a snapshot.
        recover_bytes: the same for what it missed, in bytes.
        retain_bytes: records of one run that stay replayable once they are in its curves; about so many, besides their number.
        unsealed_bytes: records of one run that are in no chunk of its curves; beyond, its trainers are slowed down
            until some are, and from twice as many on left waiting.
        seal_events: records of one run that are turned into chunks of its curves together.
        seal_bytes: the same, in bytes.
    """

    message_bytes: int = 4 * _MIB
    record_bytes: int = _MIB
    credit_bytes: int = 2 * _MIB
    elements: int = 20_000
    records: int = 10_000
    tiles: int = 64
    tile_bytes: int = 16 * 1024
    name_chars: int = 256
    max_step: int = 2**53 - 1
    metrics: int = 200_000
    names: int = 4_000_000
    runs: int = 2_000
    streams: int = 1_000
    connections: int = 4_000
    viewers: int = 2_000
    ring_bytes: int = _MIB // 4
    viewer_bytes: int = _MIB
    recover_events: int = 20_000
    recover_bytes: int = 8 * _MIB
    retain_bytes: int = 64 * _MIB
    unsealed_bytes: int = 32 * _MIB
    seal_events: int = 4_096
    seal_bytes: int = _MIB

    @classmethod
    def within(cls, points_bytes: int) -> Limits:
        """Return the bounds of a server that has so much memory for points that are in no chunk of a curve."""
        return cls(unsealed_bytes=min(cls().unsealed_bytes, points_bytes // 2))
