"""Older clients, as they are: their bytes, their service names, their idea of an acknowledgement."""

from __future__ import annotations

import httpx
import pytest
from tests.integration.server.processes import ServerProcess
from tests.integration.server.trainer import METRICS, TELEMETRY, Trainer

from livetrain.proto import telemetry_pb2 as pb

JPEG = b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x40\x00\x40\x03" + b"x" * 100


def older(
    server: ServerProcess, service: tuple[str, str] = TELEMETRY, session: str | None = None
) -> Trainer:
    return Trainer(server.grpc, service=service, protocol=0, session_id=session)


def batch(index: int, **more: object) -> pb.TelemetryRequest:
    data = pb.BatchData(batch_idx=index, batch_size=16, batch_loss=index / 4, batch_accuracy=0.5)
    data.MergeFrom(pb.BatchData(**more))  # type: ignore[arg-type]
    return pb.TelemetryRequest(timestamp_ms=1_700_000_000_000, batch_data=data)


@pytest.mark.parametrize("service", [TELEMETRY, METRICS])
def test_each_batch_is_acknowledged_and_the_server_ends_its_side(
    server: ServerProcess, service: tuple[str, str]
) -> None:
    with older(server, service) as trainer:
        answer = trainer.register(config=pb.TrainingConfig(model_name="resnet", total_epochs=2))
        assert answer.success
        assert answer.session_id == trainer.session_id
        config = answer.server_config
        assert (config.max_batch_size, config.max_image_dimension) == (16, 512)
        assert (config.heartbeat_interval_ms, config.buffer_size) == (2000, 1000)
        trainer.open()
        trainer.send(pb.TelemetryRequest(status_update=pb.StatusUpdate(status=pb.RUNNING)))
        trainer.heartbeat()
        # Two epochs: the index of the batch starts again, the step does not.
        for epoch in (0, 1):
            for index in range(5):
                images = [pb.ImageData(image_bytes=JPEG, format="jpeg", width=64, height=64)]
                trainer.send(batch(index, epoch=epoch, images=images))
            trainer.send(
                pb.TelemetryRequest(epoch_data=pb.EpochData(epoch=epoch, average_loss=0.25))
            )
        trainer.finish()
        assert trainer.error is None
        assert [ack.batch_idx for ack in trainer.acks] == [0, 1, 2, 3, 4] * 2
        assert all(ack.success for ack in trainer.acks)
        assert all(r.session_id == trainer.session_id and r.timestamp_ms for r in trainer.responses)
        assert not trainer.errors
    (run,) = httpx.get(f"{server.http}/api/runs").json()["runs"]
    assert (run["name"], run["steps"], run["status"]) == ("resnet", 10, "running")
    metrics = httpx.get(f"{server.http}/api/runs/{run['run_id']}/metrics").json()["metrics"]
    assert metrics["loss"]["steps"] == list(range(10))
    assert metrics["loss"]["values"] == [0, 0.25, 0.5, 0.75, 1] * 2
    assert metrics["epoch/loss"]["steps"] == [4, 9]


def test_what_is_not_registered_is_told_so_and_can_register_yet(
    shared_server: ServerProcess,
) -> None:
    with older(shared_server) as trainer:
        trainer.open()
        trainer.send(batch(0))
        trainer.wait(lambda: trainer.errors, "an error")
        assert trainer.errors[0].code == pb.ErrorResponse.INVALID_SESSION
        trainer.register()
        trainer.send(batch(1))
        trainer.wait(lambda: trainer.acks, "an acknowledgement")


@pytest.mark.parametrize(
    "odd",
    [
        pb.TelemetryRequest(timestamp_ms=1),
        batch(0, images=[pb.ImageData(image_bytes=b"junk", format="jpeg")]),
        batch(0, predictions=[pb.Prediction()] * 3, images=[pb.ImageData(image_bytes=JPEG)]),
        batch(0, predictions=[pb.Prediction()] * 40),
    ],
)
def test_oddities_are_borne(shared_server: ServerProcess, odd: pb.TelemetryRequest) -> None:
    with older(shared_server) as trainer:
        trainer.register()
        trainer.open()
        trainer.send(odd)
        trainer.send(batch(7))
        trainer.finish()
        assert trainer.error is None
        assert trainer.acks[-1].batch_idx == 7


def test_five_seconds_of_silence_end_the_stream_and_a_message_heals(
    shared_server: ServerProcess,
) -> None:
    with older(shared_server) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        trainer.heartbeat()
        trainer.send(batch(0))
        assert trainer.ended.wait(15)
        assert trainer.error is None
        assert trainer.errors[-1].code == pb.ErrorResponse.HEARTBEAT_TIMEOUT
        assert httpx.get(f"{shared_server.http}/api/runs/{run_id}").json()["contact"] == "stale"
        session = trainer.session_id
    with older(shared_server, session=session) as trainer:
        trainer.open()
        trainer.send(pb.TelemetryRequest(status_update=pb.StatusUpdate(status=pb.RUNNING)))
        trainer.send(batch(1))
        trainer.wait(lambda: trainer.acks, "an acknowledgement")
        run = httpx.get(f"{shared_server.http}/api/runs/{run_id}").json()
        assert (run["contact"], run["steps"]) == ("alive", 2)


def test_an_id_that_is_used_again_after_the_end_is_another_run(server: ServerProcess) -> None:
    runs = []
    for _ in range(2):
        with older(server, session="always-the-same") as trainer:
            runs.append(trainer.register().run_id)
            trainer.open()
            trainer.send(batch(0))
            trainer.send(pb.TelemetryRequest(status_update=pb.StatusUpdate(status=pb.COMPLETED)))
            trainer.finish()
    listed = httpx.get(f"{server.http}/api/runs").json()["runs"]
    assert [run["run_id"] for run in listed] == runs[::-1]
    assert {run["status"] for run in listed} == {"finished"}
