"""What an earlier livetrain did not keep apart of a run is found in its records: how its ranks stood, and when it began. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.run import STALE_SECONDS, Run
from livetrain.server.store.reader import StoredEvent

__all__ = ["OlderState", "is_of_older_schema"]


def is_of_older_schema(stream: Mapping[Any, Any]) -> bool:
    """Return whether a stream's row was written before it told how its rank stood."""
    return bool(stream["durable_seq"]) and not stream["first_us"]


@dataclass(frozen=True, slots=True)
class OlderState:
    """The records that say it.

    Attributes:
        first_point_us: when the first point was logged, Unix microseconds; 0: not known.
        newest: the last records of each stream that is of the older schema, by its key, oldest first.
        remarks: the last notable records of the run, oldest first.
    """

    first_point_us: int
    newest: Mapping[int, Sequence[StoredEvent]]
    remarks: Sequence[StoredEvent]

    def tell(self, run: Run, now: float, unix_ms: int) -> None:
        """Complete a run as it was loaded; it is to be written down anew.

        Args:
            run: with its streams.
            now: seconds of the monotonic clock.
            unix_ms: the same moment, Unix milliseconds.
        """
        for stream in run.streams.values():
            if stream.key not in self.newest:
                continue
            for event in self.newest[stream.key]:
                stream.counter.advance(pb.TelemetryRequest.FromString(event.record))
                stream.heard_ms = event.received_ms
            stream.heard = now - max(STALE_SECONDS, (unix_ms - stream.heard_ms) / 1000)
            stream.first_us = run.created_ms * 1000
        older = {s.stream_id: s for s in run.streams.values() if s.key in self.newest}
        for remark in self.remarks:
            record = pb.TelemetryRequest.FromString(remark.record)
            if record.HasField("status_update") and remark.stream_id in older:
                older[remark.stream_id].apply_status(record.status_update)
        run.first_point_us = run.first_point_us or self.first_point_us
        run.kept_heard_ms = 0
