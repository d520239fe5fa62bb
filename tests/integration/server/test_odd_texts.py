"""Texts that no program should send: what is stored of them never makes an answer fail, and the page can read it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.texts import Texts
from tests.integration.server.trainer import Trainer
from tests.integration.server.viewer import LiveViewer

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb

DEEP = '{"a":' * 400 + "1" + "}" * 400
ODD = {
    "nested": DEEP,
    "endless": "[" * 200_000,
    "halves": r'{"path": "/data/\udc80", "lr": 0.1}',
    "not finite": '{"lr": NaN, "huge": 1e999}',
    "digits": '{"n": ' + "9" * 5000 + "}",
    "no object": "[1, 2]",
    "no JSON": "lr=0.1",
    "long": json.dumps({"weights": "x" * 500_000}),
}


@pytest.fixture
def server(shared_server: ServerProcess) -> ServerProcess:
    """One for all: each test has a run of its own, and asks about no other."""
    return shared_server


def settings(server: ServerProcess, run_id: str) -> Any:
    answer = httpx.get(f"{server.http}/api/runs/{run_id}")
    assert answer.status_code == 200, answer.text
    answer.content.decode("utf-8")
    return answer.json()["config"]["settings"]


def strict(text: str) -> Any:
    """Read JSON as a browser does."""

    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("when", ["registered", "updated"])
def test_settings_are_shown_whatever_they_say(server: ServerProcess, odd: str, when: str) -> None:
    config = pb.TrainingConfig(config_json=ODD[odd])
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register(**({"config": config} if when == "registered" else {})).run_id
        trainer.open()
        update = pb.StatusUpdate(status=pb.RUNNING)
        if when == "updated":
            update.config.CopyFrom(config)
        trainer.send(pb.TelemetryRequest(seq=1, status_update=update))
        trainer.wait_durable(1)
        assert not trainer.errors
        found = settings(server, run_id)
        assert isinstance(found, dict)
        assert found
        with LiveViewer(server, run_id, live.Hello()) as viewer:
            state = viewer.wait(lambda m: m.HasField("snapshot")).snapshot.state
            assert strict(state.config.config_json) == found
    events = httpx.get(f"{server.http}/api/runs/{run_id}/events")
    assert events.status_code == 200
    assert httpx.get(f"{server.http}/api/runs").status_code == 200


def test_an_older_database_is_shown_whatever_is_in_it(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        run_ids = {}
        for odd in ODD:
            with Trainer(server.grpc) as trainer:
                run_ids[odd] = trainer.register().run_id
        assert server.stop() == 0
    with sqlite3.connect(tmp_path / "data" / "livetrain.db") as database:
        for odd, run_id in run_ids.items():
            config = pb.TrainingConfig(config_json=ODD[odd]).SerializeToString()
            database.execute("UPDATE runs SET config = ? WHERE run_id = ?", (config, run_id))
    database.close()
    with ServerProcess(tmp_path / "data") as server:
        for odd, run_id in run_ids.items():
            assert settings(server, run_id), odd
            with LiveViewer(server, run_id, live.Hello()) as viewer:
                state = viewer.wait(lambda m: m.HasField("snapshot")).snapshot.state
            assert strict(state.config.config_json), odd
        assert httpx.get(f"{server.http}/api/runs").status_code == 200


HALF = r"half \ud83d of a character"


def post(server: ServerProcess, run_id: str, text: str) -> httpx.Response:
    return httpx.post(
        f"{server.http}/api/runs/{run_id}/commands",
        content=text,
        headers={"content-type": "application/json", "origin": server.http},
    )


@pytest.mark.parametrize(
    "order",
    [
        f'{{"verb": "pause", "issued_by": "{HALF}"}}',
        f'{{"verb": "{HALF}"}}',
        f'{{"verb": "set", "parameters": {{"{HALF}": "1"}}}}',
        f'{{"verb": "set", "parameters": {{"learning_rate": "{HALF}"}}}}',
        f'{{"verb": "set", "parameters": {{"learning_rate": 1}}, "seen": "{HALF}"}}',
        '{"verb": "set", "parameters": {"learning_rate": 1e999}}',
        '{"verb": "set", "parameters": {"learning_rate": ' + "9" * 5000 + "}}",
        '{"verb": ' + "[" * 20_000,
        '{"verb": "pause", "ttl_seconds": 1e-300}',
        '{"verb": "pause", "ttl_seconds": NaN}',
    ],
)
def test_a_command_is_taken_or_refused_whatever_it_says(server: ServerProcess, order: str) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register(controls=[pb.ControlDeclaration(verb="pause")]).run_id
        trainer.open()
        trainer.batch(1)
        trainer.wait_durable(1)
        answer = post(server, run_id, order)
        assert answer.status_code in (202, 400, 422), answer.text
        answer.content.decode("utf-8")
        commands = httpx.get(f"{server.http}/api/runs/{run_id}/commands")
        assert commands.status_code == 200
        assert len(commands.json()["commands"]) == (answer.status_code == 202)
        assert httpx.get(f"{server.http}/api/runs/{run_id}/events").status_code == 200
        trainer.batch(2)
        trainer.wait_durable(2)


def test_names_and_messages_are_shown_whatever_they_say(server: ServerProcess) -> None:
    odd = "\x00\x1b[31m\u202e<b>\ufffe" + "x" * 5000
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register(run_name=odd, project=odd, tags=[odd] * 100).run_id
        trainer.open()
        trainer.send(
            pb.TelemetryRequest(
                seq=1,
                status_update=pb.StatusUpdate(status=99, message=odd, traceback=odd),  # type: ignore[arg-type]
            )
        )
        trainer.send(
            pb.TelemetryRequest(seq=2, log=pb.Log(level=77, message=odd, source=odd))  # type: ignore[arg-type]
        )
        values = [pb.Scalar(name="a\x00b", value=1), pb.Scalar(name="\u2028<i>", value=2)]
        trainer.send(pb.TelemetryRequest(seq=3, scalars=pb.Scalars(step=1, values=values)))
        trainer.send(pb.TelemetryRequest(seq=4, event=pb.Event(kind=odd, message=odd)))
        trainer.send(
            pb.TelemetryRequest(
                seq=5, sample=pb.Sample(sample_id=odd, prompt=odd, kind=odd, step=2**53 - 1)
            )
        )
        result = pb.CommandResult(command_id=odd, state=77, message=odd, values={odd: odd})  # type: ignore[arg-type]
        trainer.send(pb.TelemetryRequest(seq=6, command_result=result))
        report = pb.ClientReport(overhead_percent=float("nan"), counters={odd: 2**64 - 1})
        trainer.send(pb.TelemetryRequest(seq=7, client_report=report))
        trainer.send(
            pb.TelemetryRequest(seq=8, timestamp_ms=2**64 - 1, mono_us=2**64 - 1, log=pb.Log())
        )
        trainer.wait_durable(8)
        assert not trainer.errors
        for path in ("", "/metrics", "/events", "/samples", "/commands"):
            answer = httpx.get(f"{server.http}/api/runs/{run_id}{path}")
            assert answer.status_code == 200, answer.text
            strict(answer.text)
        assert httpx.get(f"{server.http}/api/runs", params={"limit": 500}).status_code == 200
        with LiveViewer(server, run_id, live.Hello()) as viewer:
            viewer.wait(lambda m: m.HasField("snapshot"))


def test_publishers_and_viewers_of_the_relay_say_what_they_will(server: ServerProcess) -> None:
    start = f'{{"type": "training_start", "data": {{"experiment_name": "{HALF}", "{HALF}": 1}}}}'
    metrics = f'{{"loss": 0.5, "{HALF}": 1.5, "huge": {"9" * 400}}}'
    end = f'{{"type": "epoch_end", "data": {{"epoch": 1, "phase": "train", "metrics": {metrics}}}}}'
    with Texts(server.relay) as viewer, Texts(server.relay) as publisher:
        publisher.send(start)
        publisher.send(end)
        assert viewer.read()["type"] == "training_start"
        assert viewer.read()["type"] == "epoch_end"

        def recorded() -> Any:
            runs = httpx.get(f"{server.http}/api/runs", params={"limit": 500}).json()["runs"]
            return next((run for run in runs if run["name"].startswith("half ")), None)

        run_id = until(recorded, "the run to be recorded")["run_id"]

        def curves() -> Any:
            found = httpx.get(f"{server.http}/api/runs/{run_id}/metrics").json()["metrics"]
            return found if "epoch/loss" in found else None

        found = until(curves, "the epoch to be recorded")
        assert found["epoch/loss"]["values"] == [0.5]
        assert any(name.startswith("epoch/half ") for name in found)
        assert httpx.get(f"{server.http}/api/runs/{run_id}/events").status_code == 200


def test_commands_of_onetrainer_are_taken_or_refused_whatever_they_say(
    server: ServerProcess,
) -> None:
    with Trainer(server.grpc) as trainer, Texts(f"{server.live}/ws") as client:
        run_id = trainer.register(controls=[pb.ControlDeclaration(verb="pause")]).run_id
        trainer.open()
        trainer.batch(1)
        trainer.wait_durable(1)
        client.read()
        for words in (
            f'{{"type": "command", "command": "{HALF}"}}',
            f'{{"type": "command", "action": "{HALF}", "args": {{"{HALF}": "{HALF}"}}}}',
            f'{{"type": "command", "command": "set", "params": {{"{HALF}": "{HALF}"}}}}',
            f'{{"type": "{HALF}"}}',
            f'{{"type": "subscribe", "events": ["{HALF}"]}}',
        ):
            client.send(words)
            client.read()
        assert httpx.get(f"{server.http}/api/runs/{run_id}/commands").status_code == 200
        assert httpx.get(f"{server.http}/api/runs/{run_id}/events").status_code == 200
