"""What a trainer is told when it registers: what this server takes, and what it has lost. Pure."""

from __future__ import annotations

import time

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.limits import Limits
from livetrain.server.payloads import HISTORY_LOST

__all__ = ["history_lost", "server_config"]


def server_config(limits: Limits) -> pb.ServerConfig:
    """Return what this server takes."""
    return pb.ServerConfig(
        max_batch_size=16,
        max_image_dimension=512,
        heartbeat_interval_ms=2000,
        buffer_size=1000,
        max_message_bytes=limits.message_bytes,
        credit_bytes=limits.credit_bytes,
        accepts_strips=True,
        max_records=limits.records,
        max_elements=limits.elements,
        max_record_bytes=limits.record_bytes,
        max_name_chars=limits.name_chars,
        max_metrics=limits.metrics,
        max_step=limits.max_step,
        accepts_columns=True,
    )


def history_lost(records: int, stream_id: str) -> pb.TelemetryRequest:
    """Return the event that says that this store does not have what a trainer was told it has."""
    event = pb.Event(
        kind=HISTORY_LOST,
        message=f"{records} records that were acknowledged before are not in this store any more.",
        fields={"records": str(records), "stream_id": stream_id},
    )
    return pb.TelemetryRequest(timestamp_ms=time.time_ns() // 1_000_000, event=event)
