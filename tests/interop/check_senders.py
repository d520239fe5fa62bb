"""One training, told in every way: the curve in the store is the same; and what a page asks of OneTrainer reaches it."""

from __future__ import annotations

import io
import json
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

import livetrain
from livetrain.onetrainer import LiveTrainCallbacks, bind
from livetrain.relay import MetricsWebSocketSender
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.texts import Texts
from tests.interop.built import built
from tests.interop.process import Client
from tests.interop.table import Check, Line

__all__ = ["CHECKS", "onetrainer_from_the_page", "same_curve"]

STEPS, LENGTH = 120, 40


def a_training() -> list[float]:
    """Return the losses of a real training, in single precision, as every protocol can hold them: a line through points."""
    noise = np.random.default_rng(3)
    x = noise.normal(size=(STEPS, 8)).astype(np.float32)
    y = (3 * x - 1 + noise.normal(scale=0.1, size=x.shape)).astype(np.float32)
    slope, offset = np.float32(0), np.float32(0)
    losses = []
    for inputs, wanted in zip(x, y, strict=True):
        error = slope * inputs + offset - wanted
        losses.append(float(np.float32(np.mean(error**2))))
        slope -= np.float32(0.05) * np.float32(np.mean(2 * error * inputs))
        offset -= np.float32(0.05) * np.float32(np.mean(2 * error))
    return losses


def by_monitor(server: ServerProcess, losses: list[float], _: Path) -> None:
    with livetrain.Monitor("monitor", server=server.grpc, total_epochs=3) as monitor:
        for step, loss in enumerate(losses):
            monitor.log_batch(None, None, loss)
            if step % LENGTH == LENGTH - 1:
                monitor.log_epoch(loss=float(np.mean(losses[step - LENGTH + 1 : step + 1])))
        assert monitor.flush(30)


def by_older_client(server: ServerProcess, losses: list[float], folder: Path) -> None:
    plan = {"session": "equal", "losses": losses, "model": "older"}
    older = built("older_clients", folder / "older")
    with Client("older_trainer", server.grpc, json.dumps(plan), path=older) as client:
        assert client.finish()[-1]["acks"] == list(range(STEPS))


def by_relay_sender(server: ServerProcess, losses: list[float], _: Path) -> None:
    sender = MetricsWebSocketSender(run="relay", server=server.grpc)
    sender.send_training_mode(is_federated=False, num_rounds=0, num_clients=0)
    for step, loss in enumerate(losses):
        batch = {"step": step, "batch_idx": step % LENGTH, "epoch": step // LENGTH + 1}
        sender.send_metrics({**batch, "loss": loss}, "batch_metrics")
        if step % LENGTH == LENGTH - 1:
            mean = float(np.mean(losses[step - LENGTH + 1 : step + 1]))
            sender.send_epoch_end(step // LENGTH + 1, "train", {"loss": mean})
    sender.send_training_end(run_id=1, summary_data={"status": "completed"})
    assert sender.close(30)


def by_relay_publisher(server: ServerProcess, losses: list[float], _: Path) -> None:
    messages: list[dict[str, Any]] = [
        {
            "type": "training_mode",
            "data": {"is_federated": False, "num_rounds": 0, "num_clients": 0},
        }
    ]
    for step, loss in enumerate(losses):
        batch = {
            "step": step,
            "batch_idx": step % LENGTH,
            "epoch": step // LENGTH + 1,
            "loss": loss,
        }
        messages.append({"type": "batch_metrics", "data": {**batch, "timestamp": 1.7e9 + step}})
        if step % LENGTH == LENGTH - 1:
            mean = float(np.mean(losses[step - LENGTH + 1 : step + 1]))
            data = {"epoch": step // LENGTH + 1, "phase": "train", "metrics": {"loss": mean}}
            messages.append({"type": "epoch_end", "data": data})
    messages.append({"type": "training_end", "data": {"run_id": 1, "status": "completed"}})
    with Client("relay_publisher", server.relay) as client:
        client.say(*messages)
        client.finish()
    until(
        lambda: httpx.get(f"{server.http}/api/runs").json()["runs"][0]["status"] == "finished",
        "the end of what was published",
    )


def by_onetrainer(server: ServerProcess, losses: list[float], _: Path) -> None:
    callbacks = LiveTrainCallbacks("onetrainer", server=server.grpc)
    callbacks.on_update_status("loading the model")
    for step, loss in enumerate(losses):
        callbacks.on_update_status("Training ...")
        told = types.SimpleNamespace(
            epoch=step // LENGTH, epoch_step=step % LENGTH, epoch_sample=0, global_step=step
        )
        told.loss = told.smooth_loss = loss
        callbacks.on_update_train_progress(told, LENGTH, 3)
    callbacks.on_update_status("completed")
    assert callbacks.close(30)


WAYS: dict[str, Callable[[ServerProcess, list[float], Path], None]] = {
    "Monitor": by_monitor,
    "older gRPC client": by_older_client,
    "relay sender": by_relay_sender,
    "relay publisher (older)": by_relay_publisher,
    "OneTrainer bridge": by_onetrainer,
}


def same_curve(folder: Path) -> Sequence[Line]:
    """Tell the same training in every way and compare the curves."""
    losses = a_training()
    assert losses[-1] < losses[0] / 5, "it learned something"
    curves: dict[str, Any] = {}
    with ServerProcess(folder / "data") as server:
        for way, tell in WAYS.items():
            tell(server, losses, folder)
            run = httpx.get(f"{server.http}/api/runs").json()["runs"][0]
            assert (run["status"], run["steps"]) == ("finished", STEPS), (way, run)
            answer = httpx.get(f"{server.http}/api/runs/{run['run_id']}/metrics").json()
            curves[way] = answer["metrics"]
    expected = {"steps": list(range(STEPS)), "values": losses}
    for way, curve in curves.items():
        loss = curve["loss"]
        assert {"steps": loss["steps"], "values": loss["values"]} == expected, way
    means = [curves[way]["epoch/loss"] for way in WAYS if way != "older gRPC client"]
    assert all(mean["values"] == means[0]["values"] for mean in means)
    assert all(mean["steps"] == [39, 79, 119] for mean in means)
    return [
        Line(
            way,
            f"{STEPS} losses of one training",
            "one run, finished",
            "its curve is what was sent, bit by bit",
        )
        for way in WAYS
    ]


class Commands:
    """As OneTrainer's own ``TrainCommands``: what was asked for is kept until the trainer asks for it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def stop(self) -> None:
        self.asked.append("stop")

    def sample_default(self) -> None:
        self.asked.append("sample_default")

    def backup(self) -> None:
        self.asked.append("backup")

    def save(self) -> None:
        self.asked.append("save")


def onetrainer_from_the_page(folder: Path) -> Sequence[Line]:
    """Train as OneTrainer does, obey what is asked for over HTTP and its own dialect, and look at the sample that comes of it."""
    commands = Commands()
    with ServerProcess(folder / "data") as server, Texts(f"{server.live}/ws") as viewer:
        viewer.read()
        viewer.send('{"type":"subscribe","events":["sample_generated","training_progress"]}')
        viewer.read()
        callbacks = LiveTrainCallbacks("onetrainer", server=server.grpc)
        bind(commands)
        step = 0

        def train(until_asked: str) -> None:
            def one_step() -> bool:
                nonlocal step
                told = types.SimpleNamespace(epoch=0, epoch_step=step, epoch_sample=0, loss=1.0)
                told.global_step, told.smooth_loss = step, 1.0
                callbacks.on_update_train_progress(told, 10_000, 2)
                step += 1
                return until_asked in commands.asked

            until(one_step, f"{until_asked} to reach the trainer")

        def run() -> dict[str, Any]:
            found: dict[str, Any] = httpx.get(f"{server.http}/api/runs").json()["runs"][0]
            return found

        callbacks.on_update_status("Training ...")
        until(lambda: httpx.get(f"{server.http}/api/runs").json()["runs"], "the run")
        address = f"{server.http}/api/runs/{run()['run_id']}"
        paused = httpx.post(f"{address}/commands", json={"verb": "pause"}).json()
        assert paused["state"] == "rejected"
        assert "OneTrainer cannot pause" in paused["message"]
        for verb, reached in (("backup", "backup"), ("save", "save")):
            assert httpx.post(f"{address}/commands", json={"verb": verb}).status_code == 202
            train(reached)
        viewer.send('{"type":"command","command":"sample","args":{}}')
        train("sample_default")
        picture = Image.new("RGB", (48, 32), (200, 30, 30))
        callbacks.on_sample_default(types.SimpleNamespace(file_type="IMAGE", data=picture))
        told = viewer.until(lambda message: message["type"] == "sample_generated")[-1]
        shown = Image.open(io.BytesIO(httpx.get(told["path"]).content))
        assert (shown.size, told["sample_type"]) == ((48, 32), "default")
        assert abs(int(np.asarray(shown)[16, 24, 0]) - 200) <= 3
        assert httpx.post(f"{address}/commands", json={"verb": "stop"}).status_code == 202
        train("stop")
        callbacks.on_update_status("Stopped")
        assert callbacks.close(30)
        until(lambda: run()["status"] == "interrupted", "the end")
        given = httpx.get(f"{address}/commands").json()["commands"]
        assert {(one["verb"], one["state"]) for one in given} == {
            *(("backup", "applied"), ("save", "applied"), ("sample_now", "applied")),
            *(("stop", "applied"), ("pause", "rejected")),
        }
        progress = viewer.until(lambda message: message["type"] == "training_progress")[-1]
        assert progress["eta_seconds"] is None or progress["eta_seconds"] > 0
    return [
        Line(
            "OneTrainer bridge",
            f"{step} steps, a sample, status texts",
            "stop, sample now, backup, save; pause refused",
            "the picture served is the one that was sampled",
        )
    ]


CHECKS: dict[str, Check] = {
    "same-curve": same_curve,
    "onetrainer-commands": onetrainer_from_the_page,
}
