"""The dialects that share the HTTP port, on a real server: what each viewer gets of one training."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from typing import Any

import httpx
import numpy as np
import pytest
import simplejpeg
from PIL import Image
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.texts import Texts, never_reading
from tests.integration.server.trainer import TELEMETRY, Trainer

from livetrain.proto import telemetry_pb2 as pb

COLOURS = np.arange(16, dtype=np.uint8) * 16


def strip(size: int = 32) -> pb.ImageStrip:
    """Return 16 tiles, each of a grey of its own."""
    pixels = np.repeat(COLOURS, size)[:, None, None] * np.ones((1, size, 3), np.uint8)
    data = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=95)
    return pb.ImageStrip(
        image_bytes=data, format="jpeg", tile_width=size, tile_height=size, count=16, channels=3
    )


def colour(src: str) -> int:
    head, _, encoded = src.partition(",")
    assert head == "data:image/jpeg;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(encoded)))
    assert picture.format == "JPEG"
    return int(np.asarray(picture.convert("L")).mean())


PREDICTIONS = [
    pb.Prediction(predicted_label=str(n), predicted_class=n, confidence=0.75) for n in range(16)
]


def test_telemetry_json_has_sixteen_pictures_though_a_strip_came(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer, Texts(f"{server.live}/telemetry") as viewer:
        trainer.register()
        trainer.open()
        trainer.batch(1, strip=strip(), predictions=PREDICTIONS, ground_truth=range(16), loss=0.52)
        frame = viewer.read()
        assert set(frame) == {
            *("type", "epoch", "batchIdx", "loss", "accuracy", "fps"),
            *("images", "predictions", "groundTruth"),
        }
        assert (frame["type"], frame["epoch"], frame["batchIdx"]) == ("batch", 0, 0)
        assert frame["loss"] == 0.52
        assert isinstance(frame["fps"], float)
        assert [image["width"] for image in frame["images"]] == [32] * 16
        seen = [colour(image["src"]) for image in frame["images"]]
        assert max(abs(int(a) - b) for a, b in zip(COLOURS, seen, strict=True)) <= 3
        assert frame["predictions"][7] == {"label": "7", "class": 7, "confidence": 0.75}
        assert frame["groundTruth"] == list(range(16))


def test_telemetry_json_has_null_for_a_confidence_that_nobody_told(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer, Texts(f"{server.live}/telemetry") as viewer:
        trainer.register()
        trainer.open()
        untold = [pb.Prediction(predicted_label="7", predicted_class=7)] * 15
        zero = pb.Prediction(predicted_label="7", predicted_class=7, confidence=0.0)
        trainer.batch(1, strip=strip(), predictions=[*untold, zero], loss=0.52)
        predictions = viewer.read()["predictions"]
        assert predictions[0] == {"label": "7", "class": 7, "confidence": None}
        assert predictions[15] == {"label": "7", "class": 7, "confidence": 0.0}


def test_telemetry_json_of_an_older_trainer(server: ServerProcess) -> None:
    tile = strip(8).image_bytes
    with Trainer(server.grpc, service=TELEMETRY, protocol=0) as trainer:
        trainer.register()
        trainer.open()
        with Texts(f"{server.live}/telemetry") as viewer:
            images = [pb.ImageData(image_bytes=tile, format="jpeg", width=8, height=128)] * 16
            batch = pb.BatchData(epoch=2, batch_idx=5, images=images, batch_loss=0.25)
            trainer.send(pb.TelemetryRequest(batch_data=batch))
            frame = viewer.read()
            assert (frame["epoch"], frame["batchIdx"], frame["loss"]) == (2, 5, 0.25)
            assert base64.b64decode(frame["images"][15]["src"].partition(",")[2]) == tile


def test_a_run_without_pictures_has_a_frame_a_batch(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer, Texts(f"{server.live}/telemetry") as viewer:
        trainer.register()
        trainer.open()
        for seq in range(1, 51):
            trainer.batch(seq, loss=seq)
        trainer.send(
            pb.TelemetryRequest(
                seq=51,
                scalars=pb.Scalars(step=50, values=[pb.Scalar(name="loss", value=float("nan"))]),
            )
        )
        trainer.batch(52, loss=float("nan"))
        frames = [viewer.read() for _ in range(51)]
        assert [frame["loss"] for frame in frames] == [*map(float, range(1, 51)), None]
        assert all(frame["images"] == [] for frame in frames)


def test_batches_that_came_as_columns_are_frames_too(server: ServerProcess) -> None:
    def number(values: list[float], kind: str) -> bytes:
        return np.array(values, kind).tobytes()

    steps = list(range(40))
    loss = pb.PointColumn(
        name="loss",
        steps=number(steps, "<i8"),
        times_us=number(steps, "<i8"),
        values=number([step / 10 for step in steps], "<f8"),
    )
    rows = pb.PointColumns(columns=[loss], epoch=1, batches=pb.BatchRows(first_batch_idx=5))
    with (
        Trainer(server.grpc) as trainer,
        Texts(f"{server.live}/telemetry") as viewer,
        httpx.stream(
            "POST",
            f"{server.http}/telemetry.TelemetryService/StreamTelemetry",
            headers={"content-type": "application/grpc-web"},
        ) as page,
    ):
        trainer.register()
        trainer.open()
        trainer.send(pb.TelemetryRequest(seq=1, columns=rows))
        frames = [viewer.read() for _ in steps]
        assert [frame["loss"] for frame in frames] == [step / 10 for step in steps]
        assert (frames[0]["epoch"], frames[0]["batchIdx"], frames[-1]["batchIdx"]) == (1, 5, 44)
        body = next(page.iter_raw())
        first = pb.TelemetryRequest.FromString(body[5 : 5 + int.from_bytes(body[1:5], "big")])
        assert (first.batch_data.step, first.batch_data.exact_loss) == (0, 0.0)
        status = httpx.get(f"{server.http}/api/ws/status").json()["training_state"]
        assert (status["current_step"], status["last_loss"]) == (39, 3.9)


def test_who_comes_back_is_caught_up_and_who_is_new_sees_the_newest(server: ServerProcess) -> None:
    address = f"{server.live}/telemetry"
    with Trainer(server.grpc) as trainer:
        trainer.register()
        trainer.open()
        with Texts(address) as viewer:
            trainer.batch(1, strip=strip())
            assert viewer.read()["batchIdx"] == 0
        for seq in range(2, 12):
            trainer.batch(seq, strip=strip() if seq % 2 else None, loss=seq)
        trainer.wait_durable(11)
        with Texts(address) as viewer:
            frames = [viewer.read() for _ in range(10)]
            assert [frame["batchIdx"] for frame in frames] == list(range(1, 11))
            assert [frame["loss"] for frame in frames] == [float(n) for n in range(2, 12)]
            newest = frames[-1]
            while not newest["images"] or newest["batchIdx"] < 10:
                newest = viewer.read()  # pictures may come later, those of older batches too
            assert (newest["batchIdx"], len(newest["images"])) == (10, 16)
            viewer.send("heartbeat")
            viewer.send('{"type":"heartbeat"}')
            trainer.batch(12, strip=strip())
            assert viewer.read()["batchIdx"] == 11
        with Texts(address) as first, Texts(address) as second:
            assert second.read()["batchIdx"] == 11
            del first


def test_two_that_come_back_are_both_caught_up(server: ServerProcess) -> None:
    address = f"{server.live}/telemetry"
    with Trainer(server.grpc) as trainer:
        trainer.register()
        trainer.open()
        with Texts(address) as first, Texts(address) as second:
            trainer.batch(1)
            assert first.read()["batchIdx"] == second.read()["batchIdx"] == 0
        for seq in range(2, 6):
            trainer.batch(seq)
        trainer.wait_durable(5)
        with Texts(address) as first, Texts(address) as second:
            for viewer in (first, second):
                assert [viewer.read()["batchIdx"] for _ in range(4)] == [1, 2, 3, 4]


def test_a_viewer_has_frames_sent_and_nobody_does_not(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        trainer.register()
        trainer.open()
        trainer.batch(1)
        trainer.wait_durable(1)
        trainer.heartbeat()
        trainer.wait(lambda: trainer.acks[-1].frame_interval_ms == 1000, "the wish for few frames")
        with Texts(f"{server.live}/telemetry"):
            trainer.wait(lambda: trainer.acks[-1].frame_interval_ms == 0, "the wish for frames")


def test_nothing_of_a_deleted_run_is_shown_any_more(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer, Texts(f"{server.live}/telemetry") as viewer:
        run_id = trainer.register().run_id
        trainer.open()
        trainer.batch(1, strip=strip())
        assert len(viewer.read()["images"]) == 16
        trainer.wait_durable(1)
    with Texts(f"{server.live}/telemetry") as viewer:
        assert len(viewer.read()["images"]) == 16, "kept for who comes"
    assert httpx.delete(f"{server.http}/api/runs/{run_id}").status_code == 204
    status = httpx.get(f"{server.http}/api/ws/status").json()
    assert status["training_state"]["status"] == "idle"
    with Trainer(server.grpc) as trainer, Texts(f"{server.live}/telemetry") as viewer:
        trainer.register()
        trainer.open()
        trainer.batch(1, loss=0.25)
        frame = viewer.read()
        assert (frame["loss"], frame["images"]) == (0.25, []), (
            "the first that is shown is of the next"
        )


def test_what_cannot_be_cut_is_shown_without_pictures(server: ServerProcess) -> None:
    broken = pb.ImageStrip()
    broken.CopyFrom(strip())
    broken.image_bytes = broken.image_bytes[:400]
    lying = pb.ImageStrip()
    lying.CopyFrom(strip())
    lying.tile_height = 4000
    with Trainer(server.grpc) as trainer, Texts(f"{server.live}/telemetry") as viewer:
        trainer.register()
        trainer.open()
        for seq, odd in enumerate((broken, lying), 1):
            trainer.batch(seq, strip=odd)
            frame = viewer.read()
            assert (frame["batchIdx"], frame["images"]) == (seq - 1, [])
        trainer.batch(3, strip=strip())
        assert len(viewer.read()["images"]) == 16


def subscribed(server: ServerProcess, *events: str) -> Texts:
    client = Texts(f"{server.live}/ws")
    client.__enter__()
    welcome = client.read()
    assert welcome["type"] == "connection_established"
    assert welcome["client_id"].startswith("client_")
    if events:
        client.send(json.dumps({"type": "subscribe", "events": events}))
        assert client.read()["type"] == "subscribed"
    return client


def test_onetrainer_gets_what_it_subscribed_to_and_nothing_else(server: ServerProcess) -> None:
    everything = subscribed(
        server,
        "training_progress",
        "training_status",
        "log",
        "validation_result",
        "sample_generated",
    )
    logs, nothing = subscribed(server, "log"), subscribed(server)
    with Trainer(server.grpc) as trainer:
        config = pb.TrainingConfig(total_epochs=2, batches_per_epoch=30)
        trainer.register(config=config)
        trainer.open()
        for seq in range(1, 31):
            trainer.batch(seq, loss=seq)
        for seq, record in enumerate(
            (
                pb.TelemetryRequest(log=pb.Log(level=pb.WARNING, message="hot", source="gpu")),
                pb.TelemetryRequest(validation=pb.Validation(epoch=0, step=29, loss=0.25)),
                pb.TelemetryRequest(status_update=pb.StatusUpdate(status=pb.COMPLETED)),
            ),
            31,
        ):
            record.seq = seq
            trainer.send(record)
        trainer.wait_durable(33)
    told = everything.until(lambda m: m["type"] == "training_status" and m["status"] == "completed")
    assert told[0]["type"] == "training_status"
    assert told[0]["status"] == "running"
    progress = [m for m in told if m["type"] == "training_progress"]
    assert progress[-1]["loss"] == 30
    assert (progress[-1]["global_step"], progress[-1]["max_step"]) == (29, 30)
    assert progress[-1]["max_epoch"] == 2
    (result,) = (m for m in told if m["type"] == "validation_result")
    assert (result["step"], result["validation_loss"]) == (29, 0.25)
    (line,) = [logs.read()]
    assert (line["level"], line["message"], line["source"]) == ("warning", "hot", "gpu")
    for client in (everything, logs, nothing):
        client.send('{"type":"ping","timestamp":1}')
        assert client.read()["type"] == "pong", "and nothing before it"
    status = httpx.get(f"{server.http}/api/ws/status").json()
    assert status == {
        "active_connections": 3,
        "is_training": False,
        "training_state": {
            "status": "completed",
            "current_step": 29,
            "current_epoch": 0,
            "last_loss": 30.0,
            "last_lr": None,
        },
    }
    for client in (everything, logs, nothing):
        client.__exit__(None, None, None)
    until(
        lambda: httpx.get(f"{server.http}/api/ws/status").json()["active_connections"] == 0,
        "them to be gone",
    )


def test_no_error_ends_a_connection(server: ServerProcess) -> None:
    """One client makes every mistake there is, one after the other, and is told of each in order."""
    mistakes = {
        "{": "INVALID_JSON",
        '{"type":"ping","timestamp":NaN}': "INVALID_JSON",
        "[1]": "INVALID_MESSAGE_TYPE",
        '"ping"': "INVALID_MESSAGE_TYPE",
        "{}": "MISSING_TYPE",
        '{"type":"nonsense"}': "UNKNOWN_MESSAGE_TYPE",
        '{"type":"subscribe","events":"log"}': "INVALID_EVENTS",
        '{"type":"unsubscribe","events":7}': "INVALID_EVENTS",
        '{"type":"subscribe","events":[]}': "EMPTY_EVENTS",
        '{"type":"subscribe"}': "EMPTY_EVENTS",
        '{"type":"command"}': "MISSING_COMMAND",
        '{"type":"subscribe","events":[["log"]]}': "PROCESSING_ERROR",
    }
    client = subscribed(server)
    for message in mistakes:
        client.send(message)
    client.send(b'{"type":"ping"}')
    client.send('{"type":"ping","timestamp":"x"}')
    assert [client.read()["error_code"] for _ in mistakes] == list(mistakes.values())
    assert client.read()["error_code"] == "INVALID_JSON", "a binary frame is no JSON"
    assert client.read()["client_timestamp"] == "x"
    client.__exit__(None, None, None)


def test_progress_comes_ten_times_a_second_at_most(server: ServerProcess) -> None:
    client = subscribed(server, "training_progress")
    with Trainer(server.grpc) as trainer:
        trainer.register()
        trainer.open()
        pause, began = threading.Event(), time.monotonic()
        for seq in range(1, 121):
            trainer.batch(seq)
            pause.wait(1 / 60)
        told = client.until(lambda m: m["global_step"] == 119)
    assert 10 <= len(told) <= 2 + 10 * (time.monotonic() - began)
    client.__exit__(None, None, None)


def test_figures_come_every_two_seconds_whether_or_not_something_trains(
    server: ServerProcess,
) -> None:
    client = subscribed(server, "system_stats")
    for _ in range(2):
        figures = client.read()
        assert figures["ram_total_gb"] > 0
        assert all(isinstance(figures[n], float) for n in figures if n.endswith(("gb", "percent")))
    client.__exit__(None, None, None)


def test_a_command_is_given_to_the_training(server: ServerProcess) -> None:
    client = subscribed(server)
    with Trainer(server.grpc) as trainer:
        client.send('{"type":"command","command":"pause","args":{}}')
        answer = client.read()
        assert answer["status"] == "acknowledged"
        assert "No training" in answer["message"]
        run_id = trainer.register(controls=[pb.ControlDeclaration(verb="pause")]).run_id
        trainer.open()
        trainer.batch(1)
        trainer.wait_durable(1)
        client.send('{"type":"command","command":"pause","args":{}}')
        assert client.read()["status"] == "acknowledged"
        trainer.wait(lambda: [r for r in trainer.responses if r.HasField("command")], "a command")
        client.send('{"type":"command","command":"backup","args":{}}')
        assert "does not allow" in client.read()["message"]
        client.send('{"type":"command","command":"fly","args":{}}')
        answer = client.read()
        assert (answer["type"], answer["error_code"]) == ("error", "PROCESSING_ERROR")
        assert "no command 'fly'" in answer["message"], "what nobody knows is not acknowledged"
        for large in ({"a": "x" * 2000}, {str(n): "" for n in range(40)}):
            client.send(json.dumps({"type": "command", "command": "pause", "args": large}))
            assert "at most 32 parameters" in client.read()["message"]
        commands = httpx.get(f"{server.http}/api/runs/{run_id}/commands").json()["commands"]
        assert [(c["verb"], c["state"]) for c in commands] == [
            ("fly", "rejected"),
            ("backup", "rejected"),
            ("pause", "sent"),
        ]
        assert commands[2]["issued_by"].startswith("OneTrainer's web UI at 127.0.0.1")
        assert commands[2]["origin"] == "127.0.0.1"
    client.__exit__(None, None, None)


@pytest.mark.parametrize("path", ["/ws", "/telemetry"])
def test_what_a_stranger_sends_harms_nobody(server: ServerProcess, path: str) -> None:
    with (
        Trainer(server.grpc) as trainer,
        Texts(server.live + path) as odd,
        Texts(f"{server.live}/telemetry") as viewer,
    ):
        odd.send(b"\x00\xff" * 100)
        if path == "/ws":
            odd.read()
            assert odd.read()["error_code"] == "INVALID_JSON"
        odd.send("x" * (1024 * 1024))
        assert odd.wait_closed() == 1009
        trainer.register()
        trainer.open()
        trainer.batch(1)
        assert viewer.read()["batchIdx"] == 0


@pytest.mark.parametrize("path", ["/ws", "/telemetry"])
@pytest.mark.parametrize("origin", ["null", "http://evil.example"])
def test_a_strange_origin_is_refused(server: ServerProcess, path: str, origin: str) -> None:
    headers = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert httpx.get(server.http + path, headers={**headers, "origin": origin}).status_code == 403
    host = {**headers, "host": "evil.example"}
    assert httpx.get(server.http + path, headers=host).status_code == 403


def test_a_viewer_that_never_reads_harms_nobody(server: ServerProcess) -> None:
    def dropped() -> float:
        lines = httpx.get(f"{server.http}/metrics").text.splitlines()
        prefix = 'livetrain_dropped_total{reason="frame_superseded"}'
        return sum(float(x.rpartition(" ")[2]) for x in lines if x.startswith(prefix))

    noise = np.random.default_rng(0).integers(0, 255, (16 * 128, 128, 3), np.uint8)
    data = simplejpeg.encode_jpeg(noise, quality=95)
    large = pb.ImageStrip(image_bytes=data, tile_width=128, tile_height=128, count=16)
    address = f"{server.live}/telemetry"
    with (
        Trainer(server.grpc) as trainer,
        never_reading(address),
        Texts(address) as viewer,
    ):
        trainer.register()
        trainer.open()

        def show(seq: int) -> dict[str, Any]:
            trainer.batch(seq, strip=large)
            return viewer.read()

        for seq in range(1, 31):
            assert show(seq)["batchIdx"] == seq - 1
        until(lambda: dropped() > 5, "frames to be left out for who does not read")
