"""The conversation recorder: all five dialects at once are written down, and a replay against a fresh server hears the same."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from livetrain.proto import telemetry_pb2 as pb
from tests.integration.server.processes import ServerProcess, until
from tests.interop.check_telemetry import Step, batch, named, plan, trainers
from tests.interop.process import Client
from tests.interop.replay import Replay, read_recording, replay
from tests.interop.table import Check, Line
from tests.interop.voices import GrpcWebCall, GrpcWebStream

__all__ = ["CHECKS", "record_and_replay"]

RECORDINGS = Path(__file__).parent / "recordings"
DIALECTS = {"telemetry-grpc", "telemetry-json", "telemetry-grpc-web", "onetrainer", "relay"}
SERVICE = "telemetry.TelemetryService"
EVENTS = ["training_status", "log", "validation_result", "training_progress"]


def noise() -> str:
    out = io.BytesIO()
    Image.effect_noise((48, 48), 80).convert("RGB").save(out, "JPEG")
    return base64.b64encode(out.getvalue()).decode()


def curves(server: ServerProcess) -> list[tuple[Any, ...]]:
    """Return what a server has of its runs, oldest first, as far as another one has the same."""
    found = []
    for run in reversed(httpx.get(f"{server.http}/api/runs").json()["runs"]):
        metrics = httpx.get(f"{server.http}/api/runs/{run['run_id']}/metrics").json()["metrics"]
        points = {name: (curve["steps"], curve["values"]) for name, curve in metrics.items()}
        found.append((run["name"], run["steps"], run["status"], points))
    return found


def settled(server: ServerProcess) -> list[tuple[Any, ...]]:
    until(lambda: {run[2] for run in curves(server)} == {"finished"}, "the ends")
    return curves(server)


def talk(folder: Path, recording: Path) -> tuple[list[tuple[Any, ...]], str]:
    """Have clients of all dialects talk to a server that records; return what it has then, and a picture that was sent."""
    picture = noise()
    image = {"image_bytes": picture, "format": "jpeg", "width": 48, "height": 48}
    pictures: Step = batch(3, 0.25, images=[image] * 2)
    with ExitStack() as stack:
        at = stack.enter_context(trainers(folder, "--record-dialect", str(recording)))
        server = at.server
        watching = stack.enter_context(ExitStack())
        viewers = [
            watching.enter_context(Client("telemetry_json", f"{server.live}/telemetry")),
            watching.enter_context(Client("onetrainer", f"{server.live}/ws", *EVENTS)),
            watching.enter_context(Client("relay_viewer", server.relay)),
        ]
        for viewer in viewers:
            viewer.connected()
        data = {"run_id": 7, "experiment_name": "relayed", "max_epochs": 1}
        epoch_end = {"epoch": 1, "phase": "train", "metrics": {"loss": 0.5}}
        publish(
            server,
            {"type": "training_start", "data": data},
            {"type": "epoch_end", "data": epoch_end},
        )
        viewers[2].wait(lambda me: me.of("epoch_end"), "what was published")
        page = GrpcWebStream(f"{server.http}/{SERVICE}/StreamTelemetry")
        registration = GrpcWebCall(f"{server.http}/{SERVICE}/RegisterTrainingSession")
        registration.say(pb.SessionInfo(session_id="page").SerializeToString())
        assert registration.heard
        # Junk and a message without a payload are answered with errors, which a replay hears too.
        junk: Step = batch(2, 0.5, images=[{"image_bytes": "bm8="}])
        said = [batch(0, 1.0), batch(1, 0.5, batch_accuracy=0.5), junk, ["raw", "0a0474616c6b"]]
        epoch: Step = ["send", {"epoch_data": {"epoch": 0, "average_loss": 0.5}}]
        steps = [named("talk"), *said, ["acks", 3], pictures, epoch, ["acks", 4], ["half_close"]]
        with at.python(plan("talk", *steps)) as trainer:
            assert len(trainer.finish()[-1]["acks"]) == 4
        until(lambda: any(pictures_of(message) for message in page.heard), "the pictures")
        viewers[0].wait(lambda me: [f for f in me.of("batch") if f["pictures"]], "the pictures")
        until(lambda: at.run("talk")["status"] == "finished", "its end")
        viewers[2].wait(lambda me: me.of("training_end"), "its end")  # which ends the viewer
        publish(server, {"type": "training_end", "data": {"run_id": 7, "status": "completed"}})
        known = settled(server)
        page.end()
        watching.close()
        assert server.stop() == 0
    return known, picture


def publish(server: ServerProcess, *messages: dict[str, Any]) -> None:
    with Client("relay_publisher", server.relay) as publisher:
        publisher.say(*messages)
        publisher.finish()


def pictures_of(message: bytes | str) -> bool:
    assert isinstance(message, bytes)
    return bool(pb.TelemetryRequest.FromString(message).batch_data.images)


def otherwise(recording: str) -> str:
    """Return a recording in which the last answer is another one."""
    lines = [json.loads(line) for line in recording.splitlines()]
    last = next(line for line in reversed(lines) if line.get("from") == "server")
    response = pb.TelemetryResponse.FromString(base64.b64decode(last["bytes"]))
    response.ack.batch_idx += 1
    last["bytes"] = base64.b64encode(response.SerializeToString()).decode()
    return "\n".join(map(json.dumps, lines))


def record_and_replay(folder: Path) -> Sequence[Line]:
    """Record a talk in all dialects, and lead it again with another server, and then those that are kept here."""
    recording = folder / "talk.jsonl"
    known, picture = talk(folder, recording)
    text = recording.read_text()
    assert picture[100:140] not in text, "a picture is in the recording"
    assert len(text) < 200_000
    lines = read_recording(recording)
    assert {line["begin"] for line in lines if "begin" in line} == DIALECTS
    with ServerProcess(folder / "again") as server:
        again = replay(recording, server)
        assert not again.differences, again.differences
        assert set(again.compared) == DIALECTS, again.compared
        assert settled(server) == known
        kept = Replay()
        for path in sorted(RECORDINGS.glob("*.jsonl")):
            one = replay(path, server)
            assert not one.differences, (path.name, one.differences)
            kept.compared += one.compared
        # Were one of its answers another, it would be found.
        wrong = folder / "wrong.jsonl"
        wrong.write_text(otherwise((RECORDINGS / "one-id-for-two.jsonl").read_text()))
        assert len(replay(wrong, server, patience=1.0).differences) == 1
    total, before = sum(again.compared.values()), sum(kept.compared.values())
    said = f"{total} answers compared with a fresh server's"
    return [
        Line(
            "conversation recorder", "five dialects at once", said, "the same, and the same curves"
        ),
        Line("kept recordings", "older talks, replayed", f"{before} answers compared", "the same"),
    ]


CHECKS: dict[str, Check] = {"recording": record_and_replay}
