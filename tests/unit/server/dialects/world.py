"""A run and its committed records, without a server."""

from __future__ import annotations

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.run import Run


def run(key: int = 1, **more: object) -> Run:
    made = Run(
        key=key,
        run_id=f"run{key}",
        session_hash="",
        protocol=1,
        name="digits",
        project="default",
        tags=(),
        created_ms=0,
        heard=0.0,
    )
    for name, value in more.items():
        setattr(made, name, value)
    return made


def event(offset: int = 1, **record: object) -> live.RunEvent:
    return live.RunEvent(
        offset=offset,
        received_ms=1_735_689_600_000,
        record=pb.TelemetryRequest(**record),  # type: ignore[arg-type]
    )
