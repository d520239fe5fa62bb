"""What the HTTP interface says of a run, and records for the bare trainer to send."""

from __future__ import annotations

import time
from typing import Any

import httpx
from tests.integration.server.processes import ServerProcess
from tests.integration.server.trainer import Trainer

from livetrain.proto import telemetry_pb2 as pb


def get(server: ServerProcess, path: str) -> Any:
    return httpx.get(server.http + path, timeout=30).raise_for_status().json()


def run_of(server: ServerProcess, name: str) -> dict[str, Any]:
    (row,) = [row for row in get(server, "/api/runs")["runs"] if row["name"] == name]
    return dict(get(server, f"/api/runs/{row['run_id']}"))


def status(seq: int, code: int, *, at: float = 0.0, **more: Any) -> pb.TelemetryRequest:
    update = pb.StatusUpdate(status=code, **more)  # type: ignore[arg-type]
    return pb.TelemetryRequest(
        seq=seq, timestamp_ms=int((at or time.time()) * 1000), status_update=update
    )


def loss(seq: int, step: int, value: float = 1.0, *, at: float = 0.0) -> pb.TelemetryRequest:
    when = int((at or time.time()) * 1000)
    scalars = pb.Scalars(step=step, values=[pb.Scalar(name="loss", value=value)])
    return pb.TelemetryRequest(seq=seq, timestamp_ms=when, scalars=scalars)


def batch(seq: int, step: int, *, at: float = 0.0) -> pb.TelemetryRequest:
    now = int((at or time.time()) * 1e6)
    data = pb.BatchData(step=step, batch_idx=step, batch_loss=1.0, logged_us=now)
    return pb.TelemetryRequest(seq=seq, timestamp_ms=now // 1000, batch_data=data)


def start(trainer: Trainer, name: str, **more: Any) -> None:
    answer = trainer.register(run_name=name, sent_us=time.time_ns() // 1000, **more)
    assert answer.success, answer.message
    trainer.open(rank=more.get("rank", 0))
