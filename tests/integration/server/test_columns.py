"""Points that come as columns: stored, counted and shown as if each had come by itself."""

from __future__ import annotations

import httpx
import numpy as np
import pytest
from tests.integration.server.processes import ServerProcess
from tests.integration.server.trainer import Trainer
from tests.integration.server.viewer import LiveViewer

from livetrain.proto import live_pb2 as live
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


def test_columns_are_one_event_of_the_log_in_plain_numbers(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        columns = pb.PointColumns(
            columns=[column("a", [1, 2], [3.5, float("nan")]), column("b", [], [])],
            epoch=4,
            batches=pb.BatchRows(first_batch_idx=7),
        )
        columns.columns[1].CopyFrom(column("b", [1, 2], [float("inf"), float("-inf")]))
        trainer.send(pb.TelemetryRequest(seq=1, columns=columns))
        trainer.wait_durable(1)
    (event,) = httpx.get(f"{server.http}/api/runs/{run_id}/events").json()["events"]
    assert event["kind"] == "columns"
    assert event["record"]["columns"] == {
        "columns": [
            {
                "name": "a",
                "steps": [1, 2],
                "times_us": [US + 1000, US + 2000],
                "values": [3.5, "NaN"],
            },
            {
                "name": "b",
                "steps": [1, 2],
                "times_us": [US + 1000, US + 2000],
                "values": ["Infinity", "-Infinity"],
            },
        ],
        "epoch": 4,
        "batches": {"first_batch_idx": 7},
    }


def test_an_answer_of_large_records_is_bounded_and_the_next_goes_on(server: ServerProcess) -> None:
    rows = 40_000
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        for seq in range(1, 7):
            steps = list(range(seq * rows, (seq + 1) * rows))
            points = pb.PointColumns(columns=[column("a", steps, [0.5] * rows)])
            trainer.send(pb.TelemetryRequest(seq=seq, columns=points))
        trainer.wait_durable(6)
    seen, after = [], 0
    while after is not None:
        answer = httpx.get(
            f"{server.http}/api/runs/{run_id}/events", params={"after": after}, timeout=60
        ).json()
        assert len(answer["events"]) <= 3
        seen += [event["offset"] for event in answer["events"]]
        after = answer["next"]
    assert seen == [1, 2, 3, 4, 5, 6]


def test_viewers_are_sent_columns_larger_than_what_may_wait_for_them(
    server: ServerProcess,
) -> None:
    rows = 43_000
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        with LiveViewer(server, run_id, live.Hello()) as viewer:
            first = viewer.wait(lambda m: m.HasField("snapshot")).snapshot
            for seq in (1, 2, 3):
                steps = list(range(seq * rows, (seq + 1) * rows))
                points = pb.PointColumns(columns=[column("a", steps, [0.5] * rows)])
                trainer.send(pb.TelemetryRequest(seq=seq, columns=points))
                trainer.wait_durable(seq)
            events = viewer.events_until(3)
        assert [len(event.record.columns.columns[0].steps) for event in events] == [8 * rows] * 3
        # One that comes back is sent them from the store: they are more than what is kept in memory.
        again = live.Hello(epoch=first.epoch, offset=1)
        with LiveViewer(server, run_id, again) as viewer:
            resumed = viewer.wait(lambda m: m.HasField("resumed")).resumed
            assert (resumed.from_offset, resumed.to_offset) == (1, 3)
            assert [event.offset for event in viewer.events_until(3)] == [2, 3]


def test_who_missed_more_than_is_sent_again_gets_a_snapshot(server: ServerProcess) -> None:
    rows = 43_000
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        with LiveViewer(server, run_id, live.Hello()) as viewer:
            first = viewer.wait(lambda m: m.HasField("snapshot")).snapshot
        for seq in range(1, 13):
            steps = list(range(seq * rows, (seq + 1) * rows))
            points = pb.PointColumns(columns=[column("a", steps, [0.5] * rows)])
            trainer.send(pb.TelemetryRequest(seq=seq, columns=points))
            trainer.wait_durable(seq)
        hello = live.Hello(epoch=first.epoch, offset=1, points=100)
        with LiveViewer(server, run_id, hello) as viewer:
            found = viewer.wait(lambda m: m.WhichOneof("body") in ("snapshot", "resumed"))
            assert found.snapshot.offset == 12
