"""Older clients, as they are: their bytes, their service names, their idea of an acknowledgement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.server.processes import ServerProcess, until
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


def bare(index: int, **told: Any) -> pb.TelemetryRequest:
    """Return a batch with nothing but its index and what it tells."""
    return pb.TelemetryRequest(batch_data=pb.BatchData(batch_idx=index, **told))


def curves(server: ServerProcess, run_id: str) -> dict[str, list[float]]:
    metrics = httpx.get(f"{server.http}/api/runs/{run_id}/metrics").json()["metrics"]
    return {name: curve["values"] for name, curve in metrics.items()}


def test_a_session_goes_on_in_its_run_after_the_server_was_killed(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, older(server, session="on") as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        trainer.send(bare(0, batch_loss=1.0))
        trainer.send(bare(1, batch_loss=0.5, batch_accuracy=0.75))
        trainer.wait(lambda: len(trainer.acks) == 2, "both acknowledgements")
        server.kill()
    with ServerProcess(tmp_path / "data") as server, older(server, session="on") as trainer:
        trainer.open()  # it does not register again
        trainer.send(pb.TelemetryRequest(status_update=pb.StatusUpdate(status=pb.RUNNING)))
        trainer.send(bare(2))
        trainer.wait(lambda: trainer.acks, "an acknowledgement")
        (run,) = httpx.get(f"{server.http}/api/runs").json()["runs"]
        assert (run["run_id"], run["steps"], run["contact"]) == (run_id, 3, "alive")
        # Both were told before, so that a zero is one now.
        assert curves(server, run_id) == {"loss": [1.0, 0.5, 0.0], "accuracy": [0.75, 0.0]}


def test_a_second_training_that_never_registers_does_not_take_the_first_ones_stream(
    shared_server: ServerProcess,
) -> None:
    with older(shared_server) as first:
        run_id = first.register(config=pb.TrainingConfig(model_name="both")).run_id
        first.open()
        first.send(bare(0, batch_loss=1.0))
        first.wait(lambda: first.acks, "an acknowledgement")
        with older(shared_server, session=first.session_id) as second:
            second.open()
            second.send(bare(0, batch_loss=2.0))
            second.wait(lambda: second.acks, "an acknowledgement")
            first.send(bare(1, batch_loss=1.0))
            first.finish()
            second.finish()
            for trainer in (first, second):
                assert not trainer.errors
                assert trainer.error is None
            assert [ack.batch_idx for ack in first.acks] == [0, 1]
    assert curves(shared_server, run_id) == {"loss": [1.0, 1.0]}
    found = httpx.get(f"{shared_server.http}/api/runs?q=both").json()["runs"]
    assert [curves(shared_server, run["run_id"])["loss"] for run in found] == [[2.0], [1.0, 1.0]]


def test_a_stream_that_tells_of_two_sessions_mixes_nothing(shared_server: ServerProcess) -> None:
    with older(shared_server) as one, older(shared_server) as two:
        ids = [trainer.register().run_id for trainer in (one, two)]
        one.open()
        for index in range(6):
            message = bare(index, batch_loss=float(index + 1))
            message.session_id = (one, two)[index % 2].session_id
            one.send_raw(message.SerializeToString())
        one.finish()
        said = [(r.session_id, r.ack.batch_idx) for r in one.responses if r.HasField("ack")]
        assert said == [((one, two)[n % 2].session_id, n) for n in range(6)]
        assert not one.errors
    assert curves(shared_server, ids[0]) == {"loss": [1.0, 3.0, 5.0]}
    assert curves(shared_server, ids[1]) == {"loss": [2.0, 4.0, 6.0]}


def test_a_silent_stream_without_heartbeats_is_never_lost(shared_server: ServerProcess) -> None:
    with older(shared_server) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        trainer.send(bare(0, batch_loss=1.0))

        def contact() -> str:
            said: str = httpx.get(f"{shared_server.http}/api/runs/{run_id}").json()["contact"]
            return said

        until(lambda: contact() == "stale", "its silence to be noticed")
        assert not trainer.ended.is_set()
        trainer.send(bare(1, batch_loss=0.5))
        until(lambda: contact() == "alive", "it to be heard again")
        trainer.finish()
        assert (trainer.error, trainer.errors) == (None, [])
