"""Committed records as the HTTP interface shows them. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.json_format import MessageToDict

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.clocks import made_at_us
from livetrain.server.columns import column_of
from livetrain.server.store.reader import StoredEvent

__all__ = ["events_json"]

_WORDS: Final = {math.inf: "Infinity", -math.inf: "-Infinity"}


def events_json(run_id: str, events: Sequence[StoredEvent], *, more: bool) -> bytes:
    """Return events as JSON; `more`: there are further ones, which are asked for after the last of these."""
    # One after the other: as Python's objects a record takes twenty times its bytes.
    shown = ", ".join(json.dumps(_event(event), allow_nan=False) for event in events)
    after = events[-1].offset if more else None
    head = json.dumps({"run_id": run_id, "next": after})
    return f'{head[:-1]}, "events": [{shown}]}}'.encode()


def _event(event: StoredEvent) -> dict[str, Any]:
    record = pb.TelemetryRequest.FromString(event.record)
    made_us = made_at_us(
        record, clock_offset_us=event.clock_offset_us, received_ms=event.received_ms
    )
    return {
        "offset": event.offset,
        "received_at": event.received_ms / 1000,
        "stream_id": event.stream_id,
        "rank": event.rank,
        "attempt": event.attempt or None,
        "time": made_us / 1e6,
        "clock_offset": event.clock_offset_us / 1e6,
        "kind": record.WhichOneof("payload"),
        "record": _record(record),
    }


def _record(record: pb.TelemetryRequest) -> dict[str, Any]:
    """Return a record as JSON has it; non-finite numbers are the texts "NaN", "Infinity" and "-Infinity" there."""
    if not record.HasField("columns"):
        return MessageToDict(record, preserving_proto_field_name=True)
    columns = [_column(one) for one in record.columns.columns]
    del record.columns.columns[:]
    shown = MessageToDict(record, preserving_proto_field_name=True)
    shown["columns"] = {"columns": columns, **shown.get("columns", {})}
    return shown


def _column(one: pb.PointColumn) -> dict[str, Any]:
    column = column_of(one)
    return {
        "name": one.name,
        "steps": column.steps.tolist(),
        "times_us": column.times_us.tolist(),
        "values": [
            value if math.isfinite(value) else _WORDS.get(value, "NaN")
            for value in column.values.tolist()
        ],
    }
