"""The metrics relay on a real server: publishers with a connection a message, viewers, and the run that is recorded."""

from __future__ import annotations

import contextlib
import json
import math
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.texts import Texts, never_reading
from tests.integration.server.trainer import Trainer
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from livetrain.proto import telemetry_pb2 as pb
from livetrain.relay import MetricsWebSocketSender


def publish(server: ServerProcess, kind: str, **data: Any) -> dict[str, Any]:
    """Send one message as the older sender does: a connection of its own, and nothing is read."""
    message = {"type": kind, "timestamp": "2024-01-15T10:30:45.123456", "data": data}
    with connect(server.relay, compression=None) as connection:
        connection.send(json.dumps(message))
    return message


def runs(server: ServerProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{server.http}/api/runs").json()["runs"]
    return found


def ended(server: ServerProcess, count: int = 1) -> list[dict[str, Any]]:
    """Wait until so many runs are over and committed."""

    def over() -> list[dict[str, Any]]:
        found = [run for run in runs(server) if run["status"] in ("finished", "failed")]
        return found if len(found) >= count else []

    return until(over, f"{count} runs to end")


def test_it_forwards_and_answers_nothing(server: ServerProcess) -> None:
    with Texts(server.relay) as viewer, Texts(server.relay) as other:
        for message in (
            '{"type":"ping"}',
            "",
            "{",
            "nonsense",
            "[1]",
            "5",
            "null",
            b"\x00\xff",
            b'{"type":"epoch_end","data":{}}',
            "[" * 50_000,
            '{"type":"x","data":' + '{"a":' * 900 + "1" + "}" * 900 + "}",
            '{"type":"connected","data":{}}',
            '{"type":"reconnected","data":{}}',
        ):
            viewer.send(message)
        text = '{ "type":"anything", "data":{"a":[1,"\\u00e4"]},  "more":1 }'
        viewer.send(text)
        assert other.socket.recv(timeout=10) == text, "nothing before it, and as it was sent"
        other.send('{"type":"status","data":{"status":"x","message":"y"}}')
        assert viewer.read()["type"] == "status", "nothing before it"


def test_what_is_not_finite_is_null_for_viewers_and_kept_in_the_store(
    server: ServerProcess,
) -> None:
    with Texts(server.relay) as viewer, connect(server.relay) as publisher:
        publisher.send(
            '{"type":"epoch_end","data":{"epoch":1,"phase":"train","metrics":'
            '{"loss":NaN,"a":Infinity,"b":-Infinity,"c":1e999,"d":[NaN,1],"e":0.5}}}'
        )
        publisher.send('{"type":"training_end","data":{"run_id":1,"status":"completed"}}')
        metrics = viewer.read()["data"]["metrics"]
        assert metrics == {"loss": None, "a": None, "b": None, "c": None, "d": [None, 1], "e": 0.5}
    (run,) = ended(server)
    curves = httpx.get(f"{server.http}/api/runs/{run['run_id']}/metrics").json()["metrics"]
    assert curves["epoch/loss"]["nonfinite"] == [{"step": 0, "kind": "nan"}]
    assert curves["epoch/e"]["values"] == [0.5]


def test_a_centralised_training_is_forwarded_and_recorded(server: ServerProcess) -> None:
    sent = []
    with Texts(server.relay) as viewer:
        sent.append(
            publish(server, "training_mode", is_federated=False, num_rounds=0, num_clients=0)
        )
        sent.append(
            publish(server, "training_start", run_id=42, experiment_name="x-ray", max_epochs=3)
        )
        for epoch in (1, 2, 3):
            metrics = {"loss": 1 / epoch, "accuracy": 0.5, "f1": 0.25}
            sent.append(publish(server, "epoch_end", epoch=epoch, phase="train", metrics=metrics))
            sent.append(publish(server, "epoch_end", epoch=epoch, phase="val", metrics=metrics))
        sent.append(
            publish(
                server,
                "early_stopping",
                epoch=3,
                best_metric_value=0.9,
                metric_name="val_recall",
                patience=7,
                reason="enough",
            )
        )
        sent.append(publish(server, "training_end", run_id=42, status="completed", best_epoch=3))
        seen = [viewer.read() for _ in sent]
        assert seen == sent
    (run,) = ended(server)
    assert (run["name"], run["project"], run["status"]) == ("x-ray", "relay", "finished")
    assert (run["total_epochs"], run["epoch"]) == (3, 2)
    address = f"{server.http}/api/runs/{run['run_id']}"
    curves = httpx.get(f"{address}/metrics").json()["metrics"]
    assert curves["epoch/loss"]["steps"] == [0, 1, 2]
    assert curves["epoch/loss"]["values"] == pytest.approx([1, 1 / 2, 1 / 3])
    assert curves["val/f1"]["values"] == [0.25] * 3
    events = httpx.get(f"{address}/events", params={"notable": True}).json()["events"]
    kinds = [e["record"]["event"]["kind"] for e in events if e["kind"] == "event"]
    assert kinds == ["training_mode", "training_start", "early_stopping", "training_end"]


def test_a_viewer_that_asks_at_once_is_told_all(shared_server: ServerProcess) -> None:
    """The id is told with the end alone, and asked for by who hears it there."""
    for run_id in (71, 72, 73):
        with Texts(shared_server.relay) as viewer, connect(shared_server.relay) as publisher:
            metrics = {"loss": 0.5}
            publisher.send('{"type":"training_mode","data":{"is_federated":false}}')
            for epoch in range(1, 21):
                data = {"epoch": epoch, "phase": "train", "metrics": metrics}
                publisher.send(json.dumps({"type": "epoch_end", "data": data}))
            end = {"run_id": run_id, "status": "completed"}
            publisher.send(json.dumps({"type": "training_end", "data": end}))
            viewer.until(lambda message: message["type"] == "training_end")
            answer = httpx.get(f"{shared_server.http}/api/runs/{run_id}/metrics")
            assert answer.status_code == 200
            told = answer.json()
            assert (told["experiment_id"], told["status"]) == (run_id, "completed")
            assert len(told["training_history"]) == 20
            assert len(told["metrics"]["epoch/loss"]["steps"]) == 20


def test_what_was_said_before_the_server_ends_is_recorded(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, connect(server.relay) as publisher:
        for epoch in range(1, 101):
            data = {"epoch": epoch, "phase": "train", "metrics": {"loss": 1.0}}
            publisher.send(json.dumps({"type": "epoch_end", "data": data}))
        end = {"run_id": 5, "status": "completed"}
        with Texts(server.relay) as viewer:
            publisher.send(json.dumps({"type": "training_end", "data": end}))
            viewer.until(lambda message: message["type"] == "training_end")
            assert server.stop() == 0
    with ServerProcess(tmp_path / "data") as server:
        told = httpx.get(f"{server.http}/api/runs/5/metrics").json()
        assert (told["status"], len(told["training_history"])) == ("completed", 100)


def test_a_federated_training_with_its_clients(server: ServerProcess) -> None:
    publish(server, "training_mode", is_federated=True, num_rounds=2, num_clients=2)
    for number in (1, 2):
        publish(server, "round_start", run_id=7, round=number, total_rounds=2)
        for client in ("a", "b"):
            publish(
                server,
                "client_complete",
                client_id=client,
                round=number,
                num_samples=10,
                metrics={"loss": number / 2},
            )
        fit, evaluation = {"loss": 0.5}, {"loss": 0.75}
        publish(
            server,
            "round_end",
            round=number,
            total_rounds=2,
            fit_metrics=fit,
            eval_metrics=evaluation,
        )
        publish(server, "round_metrics", round=number, total_rounds=2, metrics={"f1": number})
    publish(server, "training_end", run_id=7, status="completed")
    (run,) = ended(server)
    curves = httpx.get(f"{server.http}/api/runs/{run['run_id']}/metrics").json()["metrics"]
    assert {name: curve["values"] for name, curve in curves.items()} == {
        "client/a/loss": [0.5, 1.0],
        "client/a/num_samples": [10.0, 10.0],
        "client/b/loss": [0.5, 1.0],
        "client/b/num_samples": [10.0, 10.0],
        "round/evaluation/loss": [0.75, 0.75],
        "round/f1": [1.0, 2.0],
        "round/fit/loss": [0.5, 0.5],
    }


def test_trainings_that_follow_each_other_are_runs_of_their_own(server: ServerProcess) -> None:
    for loss in (1.0, 2.0):
        publish(server, "training_mode", is_federated=False, num_rounds=0, num_clients=0)
        publish(server, "epoch_end", epoch=1, phase="train", metrics={"loss": loss})
        publish(server, "training_end", run_id=1, status="completed")
    publish(server, "error", error="out of memory", error_type="training_error")
    found = ended(server, 2)
    assert len(found) == 2
    assert [run["status"] for run in runs(server)] == ["failed", "finished"]
    assert runs(server)[0]["message"] == "out of memory"


def test_a_training_goes_on_when_the_server_comes_back(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        publish(server, "training_mode", is_federated=False, num_rounds=0, num_clients=0)
        publish(server, "epoch_end", epoch=1, phase="train", metrics={"loss": 1.0})
        until(lambda: runs(server) and runs(server)[0]["status"] == "running", "the run")
        assert server.stop() == 0
    with ServerProcess(tmp_path / "data") as server:
        publish(server, "epoch_end", epoch=2, phase="train", metrics={"loss": 0.5})
        publish(server, "training_end", run_id=1, status="completed")
        (run,) = ended(server)
        curves = httpx.get(f"{server.http}/api/runs/{run['run_id']}/metrics").json()["metrics"]
        assert curves["epoch/loss"]["values"] == [1.0, 0.5]


def test_a_livetrain_run_is_seen_by_viewers_of_the_relay(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer, Texts(server.relay) as viewer:
        run_id = trainer.register(
            run_name="digits", config=pb.TrainingConfig(total_epochs=1)
        ).run_id
        trainer.open()
        for seq in range(1, 6):
            trainer.batch(seq, loss=1 / seq)
        trainer.batch(6, loss=math.nan)
        epoch = pb.EpochData(epoch=0, step=5, average_loss=0.5, has_loss=True)
        trainer.send(pb.TelemetryRequest(seq=7, epoch_data=epoch))
        metrics = [pb.Scalar(name="f1", value=0.5), pb.Scalar(name="odd", value=math.inf)]
        told = pb.Round(round=1, total_rounds=3, metrics=metrics)
        trainer.send(pb.TelemetryRequest(seq=8, round=told))
        done = pb.StatusUpdate(status=pb.COMPLETED)
        trainer.send(pb.TelemetryRequest(seq=9, status_update=done))
        seen = viewer.until(lambda message: message["type"] == "training_end")
        kinds = [message["type"] for message in seen if message["type"] != "batch_metrics"]
        assert kinds == [
            *("training_mode", "training_start", "epoch_end"),
            *("training_mode", "round_metrics", "training_end"),
        ]
        batches = [m["data"] for m in seen if m["type"] == "batch_metrics"]
        assert batches[-1]["step"] == 5
        assert batches[-1]["loss"] is None
        by_kind = {message["type"]: message["data"] for message in seen}
        assert by_kind["epoch_end"] == {"epoch": 1, "phase": "train", "metrics": {"loss": 0.5}}
        assert by_kind["round_metrics"]["metrics"] == {"f1": 0.5, "odd": None}
        assert by_kind["training_end"]["run_id"] == run_id
        assert by_kind["training_end"]["status"] == "completed"
        answer = httpx.get(f"{server.http}/api/runs/{run_id}/metrics")
        assert answer.json()["metrics"]["loss"]["steps"] == list(range(6))


def test_the_sender_on_a_monitor_is_seen_as_the_older_one_was(server: ServerProcess) -> None:
    sender = MetricsWebSocketSender(run="x-ray", server=server.grpc)
    metrics = {"loss": 0.5, "accuracy": 0.75, "f1": 0.25}
    with Texts(server.relay) as viewer:
        sender.send_training_mode(is_federated=True, num_rounds=15, num_clients=5)
        sender.send_epoch_end(1, "train", metrics)
        sender.send_epoch_end(1, "val", metrics)
        sender.send_round_metrics(1, 15, metrics)
        sender.send_round_end(1, 15, {"loss": 0.5}, {"loss": 0.75})
        sender.send_metrics({"step": 3, "batch_idx": 3, "loss": 0.125, "epoch": 1}, "batch_metrics")
        sender.send_early_stopping_triggered(7, 0.923, "val_recall", 7)
        sender.send_training_end(42, {"status": "completed", "best_epoch": 1, "final_metrics": {}})
        seen = viewer.until(lambda message: message["type"] == "training_end")
        assert sender.close(30)
    (run,) = runs(server)
    told = {message["type"]: message["data"] for message in seen}
    phases = [m["data"] for m in seen if m["type"] == "epoch_end"]
    assert phases == [{"epoch": 1, "phase": name, "metrics": metrics} for name in ("train", "val")]
    assert told["training_mode"] == {"is_federated": True, "num_rounds": 15, "num_clients": 5}
    assert told["round_metrics"] == {"round": 1, "total_rounds": 15, "metrics": metrics}
    assert told["round_end"] == {
        "round": 1,
        "total_rounds": 15,
        "fit_metrics": {"loss": 0.5},
        "eval_metrics": {"loss": 0.75},
    }
    assert (told["batch_metrics"]["step"], told["batch_metrics"]["loss"]) == (3, 0.125)
    assert told["early_stopping"]["best_metric_value"] == 0.923
    assert told["training_end"] == {
        "run_id": run["run_id"],
        "status": "completed",
        "best_epoch": 1,
        "final_metrics": {},
    }
    assert set(told) <= {
        *("training_mode", "training_start", "epoch_end", "round_metrics", "round_end", "status"),
        *("batch_metrics", "early_stopping", "training_end"),
    }


def test_a_publisher_is_seen_by_every_other_dialect(server: ServerProcess) -> None:
    with Texts(f"{server.live}/ws") as onetrainer, Texts(f"{server.live}/telemetry") as telemetry:
        onetrainer.read()
        onetrainer.send('{"type":"subscribe","events":["training_status","validation_result"]}')
        onetrainer.read()
        publish(server, "training_mode", is_federated=False, num_rounds=0, num_clients=0)
        publish(server, "batch_metrics", step=0, batch_idx=0, loss=0.5, epoch=1, timestamp=1.7e9)
        publish(server, "epoch_end", epoch=1, phase="val", metrics={"loss": 0.25})
        frame = telemetry.read()
        assert (frame["loss"], frame["images"]) == (0.5, [])
        told = onetrainer.until(lambda message: message["type"] == "validation_result")
        assert told[0]["status"] == "running"
        assert told[-1]["validation_loss"] == 0.25


def test_the_page_of_another_origin_needs_to_be_allowed(tmp_path: Path) -> None:
    flags = ("--allow-origin", "http://localhost:5173")
    with ServerProcess(tmp_path / "data", *flags) as server:
        with Texts(server.relay, origin="http://localhost:5173") as viewer:
            publish(server, "status", status="running", message="hello")
            assert viewer.read()["type"] == "status"
        for hostile in ("http://evil.example", "null"):
            with pytest.raises(InvalidStatus, match="403"), Texts(server.relay, origin=hostile):
                pass


def test_one_that_never_reads_and_one_that_says_too_much_harm_nobody(server: ServerProcess) -> None:
    with (
        never_reading(server.relay),
        Texts(server.relay) as viewer,
        Texts(server.relay) as loud,
    ):
        text = json.dumps({"type": "status", "data": {"status": "x", "message": "y" * 50_000}})
        with connect(server.relay, compression=None, max_queue=10_000) as publisher:
            for _ in range(200):
                publisher.send(text)
                assert viewer.read()["type"] == "status"
        large = json.dumps({"type": "x", "data": {"text": "y" * 1_000_000}})
        loud.send(large)
        assert viewer.read()["type"] == "x", "a message of nearly 1 MiB is taken"
        loud.send("y" * (1024 * 1024 + 1))
        assert loud.wait_closed() == 1009
        publish(server, "status", status="x", message="still there")
        assert viewer.read()["data"]["message"] == "still there"
        lines = httpx.get(f"{server.http}/metrics").text.splitlines()
        behind = 'livetrain_dropped_total{reason="relay_behind"} '
        (left_out,) = (
            float(line.removeprefix(behind)) for line in lines if line.startswith(behind)
        )
        assert left_out > 0


def test_a_default_port_that_is_taken_keeps_nobody_from_training(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # somebody else has it: just as well
            stack.enter_context(socket.create_server(("127.0.0.1", 8765)))
        with ServerProcess(tmp_path / "data", relay=None) as server:
            assert httpx.get(f"{server.http}/readyz").status_code == 200
            until(lambda: any("no metrics relay" in line for line in server.log), "the warning")


def test_off_is_off(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", relay="off") as server:
        assert httpx.get(f"{server.http}/readyz").status_code == 200


def test_http_is_told_what_this_port_is_for(server: ServerProcess) -> None:
    answer = httpx.get(server.relay.replace("ws", "http", 1))
    assert answer.status_code == 426
    assert "WebSocket" in answer.json()["detail"]
    assert answer.headers["x-content-type-options"] == "nosniff"
