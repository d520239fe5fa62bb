"""Points that come as columns: stored, counted and shown as if each had come by itself."""

from __future__ import annotations

import httpx
import numpy as np
import pytest
from tests.integration.server.processes import ServerProcess
from tests.integration.server.trainer import Trainer

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.limits import Limits

US = 1_700_000_000_000_000


@pytest.fixture
def server(shared_server: ServerProcess) -> ServerProcess:
    """One for all: each test has a run of its own, and asks about no other."""
    return shared_server


def column(name: str, steps: list[int], values: list[float]) -> pb.PointColumn:
    return pb.PointColumn(
        name=name,
        steps=np.array(steps, "<i8").tobytes(),
        times_us=(np.array(steps, "<i8") * 1000 + US).tobytes(),
        values=np.array(values, "<f8").tobytes(),
    )


def curves(server: ServerProcess, run_id: str) -> dict[str, dict[str, list[float]]]:
    return httpx.get(f"{server.http}/api/runs/{run_id}/metrics").json()["metrics"]  # type: ignore[no-any-return]


def test_a_trainer_is_told_every_limit(server: ServerProcess) -> None:
    limits = Limits()
    with Trainer(server.grpc) as trainer:
        config = trainer.register().server_config
    assert config.accepts_columns
    told = (
        config.max_records,
        config.max_elements,
        config.max_record_bytes,
        config.max_name_chars,
        config.max_metrics,
        config.max_step,
        config.max_message_bytes,
    )
    assert told == (
        limits.records,
        limits.elements,
        limits.record_bytes,
        limits.name_chars,
        limits.metrics,
        limits.max_step,
        limits.message_bytes,
    )


def test_points_of_columns_are_stored_each_by_itself(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        steps = [5, 5, *range(1000)]
        columns = pb.PointColumns(
            columns=[
                column("lr", steps, [step / 3 for step in steps]),
                column("odd", [7, 9], [16777217.0, 1e300]),
            ]
        )
        trainer.send(pb.TelemetryRequest(seq=1, columns=columns))
        trainer.wait_durable(1)
        found = curves(server, run_id)
        run = httpx.get(f"{server.http}/api/runs/{run_id}").json()
    assert found["lr"]["steps"] == sorted(steps)
    assert sorted(found["lr"]["values"]) == sorted(step / 3 for step in steps)
    assert found["lr"]["times"][0] == US / 1e6
    assert found["odd"]["values"] == [16777217.0, 1e300]
    assert run["steps"] == 1000


def test_batches_of_columns_count_as_batches(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        columns = pb.PointColumns(
            columns=[
                column("loss", [*range(20, 30)], [0.1] * 10),
                column("accuracy", [*range(20, 30)], [0.9] * 10),
            ],
            epoch=3,
            batches=pb.BatchRows(first_batch_idx=5, batch_size=16),
        )
        trainer.send(pb.TelemetryRequest(seq=1, columns=columns))
        trainer.wait_durable(1)
        assert trainer.acks[-1].batch_idx == 14
        run = httpx.get(f"{server.http}/api/runs/{run_id}").json()
    assert (run["status"], run["steps"], run["epoch"]) == ("running", 30, 3)
    assert curves(server, run_id)["loss"]["values"] == [0.1] * 10


def test_columns_are_one_event_of_the_log(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        trainer.send(
            pb.TelemetryRequest(
                seq=1, columns=pb.PointColumns(columns=[column("a", [1, 2], [3.0, 4.0])])
            )
        )
        trainer.wait_durable(1)
    (event,) = httpx.get(f"{server.http}/api/runs/{run_id}/events").json()["events"]
    assert event["kind"] == "columns"
    assert [named["name"] for named in event["record"]["columns"]["columns"]] == ["a"]
