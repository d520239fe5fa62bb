"""Records as rows of the store, and rows as viewers are told them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.hub import encode_event
from livetrain.server.records import Record
from livetrain.server.run import Run, Stream

__all__ = ["encode_row", "sample_row", "strip_reason"]


def strip_reason(message: pb.TelemetryRequest) -> str:
    """Return why images were left out, in a word to count by."""
    known = message.strip_reason in pb.StripReason.values()
    name = pb.StripReason.Name(message.strip_reason) if known else "other"
    return name.removeprefix("STRIP_REASON_").lower()


def sample_row(run: Run, record: Record, made_ms: int) -> dict[str, Any]:
    """Return the row of a sample's picture."""
    sample = record.message.sample
    return {
        "run_key": run.key,
        "sample_id": sample.sample_id,
        "created_ms": made_ms,
        "step": sample.step,
        "epoch": sample.epoch,
        "kind": sample.kind,
        "prompt": sample.prompt,
        "format": sample.image.format,
        "width": sample.image.width,
        "height": sample.image.height,
        "size": len(record.picture),
        "picture": record.picture,
    }


def encode_row(row: Mapping[str, Any], run: Run, stream: Stream | None) -> bytes:
    """Return a committed record as viewers are told it."""
    stream_id, rank, attempt = "", 0, 0
    if stream is not None:
        stream_id, rank = stream.stream_id, stream.rank
        attempt = run.streams.counting_attempt(stream)
    return encode_event(
        row["offset"],
        row["received_ms"],
        stream_id,
        rank,
        row["record"],
        attempt=attempt,
        clock_offset_us=row["clock_offset_us"],
    )
