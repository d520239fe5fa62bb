"""Publishers of the relay as they really are, each in a process of its own: what is stored of them, and what is asked last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

import livetrain
from tests.integration.server.processes import ServerProcess, until
from tests.interop.process import Client
from tests.interop.table import Check, Line

__all__ = ["CHECKS", "relay_publishers"]

Message = dict[str, Any]
SDK = Path(livetrain.__file__).parents[1]


def said(kind: str, **data: Any) -> Message:
    return {"type": kind, "data": data}


def publish(server: ServerProcess, *messages: Message) -> None:
    """Have a publisher say all of it, with a connection for each message."""
    with Client("relay_publisher", server.relay) as publisher:
        publisher.say(*messages)
        publisher.finish()


def runs(server: ServerProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{server.http}/api/runs").json()["runs"]
    return found


def named(server: ServerProcess, name: str) -> dict[str, Any]:
    """Return the only run of a name, once it is over."""

    def over() -> list[dict[str, Any]]:
        return [run for run in runs(server) if run["name"] == name and run["ended_at"]]

    found = until(over, f"the end of {name}")
    assert len([run for run in runs(server) if run["name"] == name]) == 1
    return found[0]


def answer(server: ServerProcess, run_id: object) -> dict[str, Any]:
    address = f"{server.http}/api/runs/{run_id}/metrics"

    def ask() -> Any:
        reply = httpx.get(address)
        return reply.json() if reply.is_success else None

    told: dict[str, Any] = until(ask, address)
    return told


def log_of(server: ServerProcess, run_id: str) -> list[str]:
    events = httpx.get(f"{server.http}/api/runs/{run_id}/events", params={"notable": True}).json()
    return [one["record"]["log"]["message"] for one in events["events"] if one["kind"] == "log"]


def federated(server: ServerProcess) -> Line:
    """Two clients and two rounds, each of which begins the same training once more, long after its name is told."""
    messages = [said("training_mode", is_federated=True, num_rounds=2, num_clients=2)]
    for number in (1, 2):
        messages.append(said("round_start", run_id=7, round=number, total_rounds=2))
        for client in (0, 1):
            start = {"run_id": 7, "experiment_name": "federated", "max_epochs": 2}
            messages += [
                said("training_mode", is_federated=True, num_rounds=2, num_clients=2),
                said("training_start", **start, training_mode="federated"),
                said("client_training_start", client_id=client, round=number, total_rounds=2),
            ]
            for epoch in (0, 1):
                metrics = {"loss": number / (epoch + 1)}
                told = {"epoch": epoch, "phase": "train", "metrics": metrics, "client_id": client}
                messages.append(said("epoch_end", **told, round_number=number))
            metrics = {"loss": number / 2}
            done = {"client_id": client, "round": number, "total_rounds": 2, "num_samples": 10}
            messages.append(said("client_complete", **done, metrics=metrics))
        messages.append(
            said(
                "round_end",
                round=number,
                total_rounds=2,
                fit_metrics={"loss": 0.5},
                eval_metrics={"loss": 0.75, "accuracy": number / 4},
            )
        )
    messages.append(said("training_end", run_id=7, status="completed"))
    before = len(runs(server))
    publish(server, *messages)
    run = named(server, "federated")
    assert len(runs(server)) == before + 1, "one training, one run"
    assert run["status"] == "finished"
    told = answer(server, 7)
    assert told["run_id"] == run["run_id"]
    curves = told["metrics"]
    for client in (0, 1):
        epochs, completed = curves[f"client/{client}/epoch/loss"], curves[f"client/{client}/loss"]
        assert (epochs["steps"], epochs["values"]) == ([0, 1, 2, 3], [1.0, 0.5, 2.0, 1.0])
        assert (completed["steps"], completed["values"]) == ([1, 2], [0.5, 1.0])
    assert curves["round/evaluation/accuracy"]["values"] == [0.25, 0.5]
    assert [row["val_loss"] for row in told["training_history"]] == [0.75, 0.75]
    rounds = httpx.get(f"{server.http}/api/runs/7/federated-rounds").json()
    assert [one["round"] for one in rounds["rounds"]] == [1, 2]
    assert set(rounds["rounds"][1]["clients"]) == {"0", "1"}
    assert (rounds["is_federated"], rounds["num_clients"]) == (True, 2)
    evaluation = httpx.get(f"{server.http}/api/runs/7/server-evaluation").json()
    assert [one["accuracy"] for one in evaluation["evaluations"]] == [0.25, 0.5]
    assert log_of(server, run["run_id"]) == []
    return Line(
        "relay: federated",
        "2 rounds, 2 clients, a start of one id from each",
        "one run, finished, with its rounds and clients",
        "/federated-rounds and /server-evaluation answer by the publisher's id",
    )


def counts(server: ServerProcess) -> Line:
    """Epochs from 0, names that repeat the phase, and every kind of number that releases send."""
    publish(
        server,
        said("training_start", run_id=8, experiment_name="from-zero", max_epochs=3),
        *[
            message
            for epoch in range(3)
            for message in (
                said("epoch_start", epoch=epoch, total_epochs=3),
                said(
                    "epoch_end",
                    epoch=epoch,
                    phase="train",
                    metrics={
                        "train_loss": 3.0 - epoch,
                        "train_acc": 0.25,
                        "epoch": epoch,
                        "global_step": epoch * 10,
                    },
                ),
                said(
                    "epoch_end",
                    epoch=epoch,
                    phase="val",
                    metrics={
                        "val_loss": 4.0 - epoch,
                        "val_acc": 0.5,
                        "val_recall": 0.75,
                        "train_loss": 3.0 - epoch,
                    },
                ),
            )
        ],
        said("training_end", run_id=8, status="completed", best_epoch=2),
    )
    run = named(server, "from-zero")
    told = answer(server, 8)
    curves = told["metrics"]
    assert {name: (curve["steps"], curve["values"]) for name, curve in curves.items()} == {
        "epoch/loss": ([0, 1, 2], [3.0, 2.0, 1.0]),
        "epoch/accuracy": ([0, 1, 2], [0.25] * 3),
        "val/loss": ([0, 1, 2], [4.0, 3.0, 2.0]),
        "val/accuracy": ([0, 1, 2], [0.5] * 3),
        "val/recall": ([0, 1, 2], [0.75] * 3),
    }
    assert told["training_history"][2] == {
        "epoch": 3,
        "train_loss": 1.0,
        "val_loss": 2.0,
        "train_acc": 0.25,
        "val_acc": 0.5,
    }
    assert told["final_metrics"] == {
        "accuracy": 0.5,
        "precision": None,
        "recall": 0.75,
        "f1_score": None,
        "auc": None,
        "loss": 2.0,
    }
    assert (told["experiment_id"], told["status"], told["total_epochs"]) == (8, "completed", 3)
    assert (told["metadata"], told["confusion_matrix"]) == ({}, None)
    table = httpx.get(f"{server.http}/api/runs/8/download/csv")
    assert table.text.splitlines()[1] == "1,3.0,4.0,0.25,0.5"
    for kind in ("json", "summary"):
        assert httpx.get(f"{server.http}/api/runs/{run['run_id']}/download/{kind}").is_success
    return Line(
        "relay: counting",
        "3 epochs from 0, names with their phase",
        f"{len(curves)} curves on the steps 0, 1, 2",
        "training_history and final_metrics are what was sent",
    )


def every_number(server: ServerProcess) -> Line:
    """What batches of newer releases carry, each a curve."""
    messages = [said("training_start", run_id=9, experiment_name="numbers")]
    for step in range(1, 4):
        batch = {"step": step, "batch_idx": step - 1, "epoch": 0, "loss": 0.5, "accuracy": None}
        norms = {"total_norm": 2.0, "max_norm": 1.5, "min_norm": 0.5}
        messages += [
            said("batch_metrics", **batch, recall=0.75, f1=0.5, timestamp=1.7e9 + step),
            said("lr_update", current_lr=1e-3 / step, step=step, epoch=0, scheduler_type="StepLR"),
            said("gradient_stats", step=step, **norms, layer_norms={"conv1": 1.5, "fc": 0.5}),
        ]
    messages.append(said("training_end", run_id=9, status="completed"))
    publish(server, *messages)
    named(server, "numbers")
    curves = answer(server, 9)["metrics"]
    assert set(curves) == {
        *("loss", "recall", "f1", "learning_rate", "total_norm", "max_norm", "min_norm"),
        *("layer_norms/conv1", "layer_norms/fc"),
    }
    assert all(curve["steps"] == [1, 2, 3] for curve in curves.values())
    assert curves["learning_rate"]["values"] == [1e-3, 1e-3 / 2, 1e-3 / 3]
    return Line(
        "relay: every number",
        "batch_metrics with recall and f1, lr_update, gradient_stats",
        f"{len(curves)} curves",
        "each value is what was sent",
    )


def odd(server: ServerProcess) -> Line:
    """What was not understood is said once in the run's log, and costs nothing else."""
    texts = {"epoch": "1", "phase": "train", "metrics": {"loss": "0.5", "f1": [1]}}
    publish(
        server,
        said("training_start", run_id="10", experiment_name="odd", unheard_of=1),
        *[said("epoch_end", **texts)] * 3,
        *[said("hello", a=1)] * 3,
        said("batch_metrics", step={"a": 1}, loss=True, epoch=-3, accuracy=10**400),
        {"type": "epoch_end", "data": [1]},
        said("training_end", run_id=99, status="completed"),
        said("training_end", run_id=10, status="completed"),
    )
    run = named(server, "odd")
    assert answer(server, 10)["run_id"] == run["run_id"]
    assert answer(server, 99)["run_id"] != run["run_id"], "who lies about its id ends no other run"
    lines = until(lambda: log_of(server, run["run_id"]), "the log")
    wanted = ("unheard_of", "'0.5'", "f1", "'hello'", "step of", "epoch of batch", "no object")
    for part in wanted:
        assert len([line for line in lines if part in line]) == 1, (part, lines)
    curves = answer(server, 10)["metrics"]
    assert curves["epoch/loss"]["values"] == [0.5] * 3
    return Line(
        "relay: not understood",
        "unknown fields and types, texts for numbers, a wrong id",
        f"{len(lines)} lines of the run's log, each once",
        "no other run is touched",
    )


def drop_in(server: ServerProcess) -> Line:
    """Have a training use livetrain's sender in the place of an older one, with a viewer of the relay beside it."""
    with Client("relay_viewer", server.relay) as viewer:
        viewer.connected()
        with Client("relay_sender", server.grpc, path=SDK) as training:
            assert training.finish()[-1] == {"committed": True}
        end = viewer.wait(lambda me: me.of("training_end"), "the end")[0]["data"]
        told = {message["type"]: message["data"] for message in viewer.said if "type" in message}
    run = named(server, "drop-in")
    assert (end["run_id"], end["status"]) == (run["run_id"], "completed")
    assert told["batch_metrics"].items() >= {"step": 5, "epoch": 2, "recall": 0.75}.items()
    assert told["lr_update"] == {"current_lr": 1e-3, "step": 5, "epoch": 2}
    assert told["gradient_stats"]["layer_norms"] == {"conv1": 1.5}
    assert told["confusion_matrix"] == {"labels": ["a", "b"], "arguments": [[[3, 1], [0, 4]]]}
    results = answer(server, run["run_id"])
    curves = results["metrics"]
    assert curves["loss"]["values"] == [1 / step for step in range(1, 7)]
    assert curves["epoch/loss"]["values"] == curves["val/loss"]["values"] == [1.0, 0.5]
    assert {"recall", "f1", "learning_rate", "total_norm", "layer_norms/conv1"} <= set(curves)
    assert [row["val_acc"] for row in results["training_history"]] == [0.5, 0.5]
    assert results["final_metrics"]["f1_score"] == 0.25
    lines = log_of(server, run["run_id"])
    assert len([line for line in lines if "'confusion_matrix'" in line]) == 1, lines
    assert len(lines) == len(set(lines))
    return Line(
        "relay sender (drop-in)",
        "every method of every release, and what none has",
        "the same messages by a viewer of the relay; one run",
        f"{len(curves)} curves are what was sent; nothing raised",
    )


def relay_publishers(folder: Path) -> Sequence[Line]:
    """Have publishers tell of trainings, and ask for them by the publishers' own ids, after a restart too."""
    with ServerProcess(folder / "data") as server:
        lines = [check(server) for check in (federated, counts, every_number, odd, drop_in)]
        start = said("training_start", run_id=11, experiment_name="restart")
        publish(server, start, said("epoch_end", epoch=0, metrics={"loss": 1.0}))
        until(lambda: [run for run in runs(server) if run["name"] == "restart"], "the run")
        until(lambda: answer(server, 11)["metrics"], "its epoch")
        assert server.stop() == 0
    with ServerProcess(folder / "data") as server:
        for theirs in (7, 8, 9, 10):
            assert answer(server, theirs)["experiment_id"] == theirs
        ending = said("training_end", run_id=11, status="completed")
        publish(server, said("epoch_end", epoch=1, metrics={"loss": 0.5}), start, ending)
        named(server, "restart")
        assert answer(server, 11)["metrics"]["epoch/loss"]["steps"] == [0, 1]
        assert [row["epoch"] for row in answer(server, 8)["training_history"]] == [1, 2, 3]
        # The same id is given once more: it is the newest run's.
        again = said("training_start", run_id=8, experiment_name="again")
        publish(server, again, said("training_end", run_id=8, status="failed"))
        assert answer(server, 8)["run_id"] == named(server, "again")["run_id"]
        gone = httpx.delete(f"{server.http}/api/runs/8").status_code
        assert gone == 404, "a run is deleted by its own id alone"
        assert httpx.get(f"{server.http}/api/runs/12345/metrics").status_code == 404
    lines.append(
        Line(
            "relay: restart",
            "a training on both sides of it",
            "one run, finished, epochs counted on",
            "every run answers to its publisher's id",
        )
    )
    return lines


CHECKS: dict[str, Check] = {"relay-publishers": relay_publishers}
