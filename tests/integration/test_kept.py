"""What a monitor was given is what the API gives back: every number exactly, under its name, at the step of its turn."""

from __future__ import annotations

import argparse
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from tests.faults.processes import Server
from tests.integration.server.trainer import TELEMETRY, Trainer

import livetrain
from livetrain.proto import telemetry_pb2 as pb

ODD = [0.1, 16777217.0, 1e39, 5e-324, -1e308]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as started:
        yield started


def get(server: Server, path: str) -> Any:
    with urllib.request.urlopen(server.http + path, timeout=20) as answer:
        return json.load(answer)


class Recorded:
    """A run that is over, as the API gives it."""

    def __init__(self, server: Server, monitor: livetrain.Monitor) -> None:
        assert monitor.flush(30)
        run_id = monitor.run_id
        monitor.close(20)
        self.curves = get(server, f"/api/runs/{run_id}/metrics")["metrics"]
        self.run = get(server, f"/api/runs/{run_id}")

    def points(self, name: str) -> list[tuple[int, float]]:
        curve = self.curves[name]
        return list(zip(curve["steps"], curve["values"], strict=True))

    def values(self, name: str) -> list[float]:
        return [value for _, value in self.points(name)]


KINDS: list[Any] = [
    float,
    np.float64,
    lambda value: torch.tensor(value, dtype=torch.float64),
    lambda value: np.array([value]),
]


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_the_very_ones_in_every_record(server: Server, kind: Any) -> None:
    monitor = livetrain.Monitor(server=server.grpc)
    for epoch, value in enumerate(ODD):
        given = kind(value)
        monitor.log_batch(None, None, given, accuracy=given)
        monitor.log({"own": given})
        monitor.log_validation(epoch, ppl=given)
        monitor.log_epoch(
            epoch,
            **{"loss": given, "accuracy": given, "Learning Rate": given, "f1": given},
            **{"val_loss": given, "val_accuracy": given, "val_auc": given},
        )
        monitor.log_round(epoch, 5, {"loss": given}, fit={"loss": given}, eval={"loss": given})
    found = Recorded(server, monitor)
    for name in (
        *("loss", "accuracy", "own", "epoch/loss", "epoch/accuracy", "epoch/f1", "learning_rate"),
        *("val/loss", "val/accuracy", "val/auc", "val/ppl"),
        *("round/loss", "round/fit/loss", "round/evaluation/loss"),
    ):
        assert found.values(name) == ODD, name
    assert "epoch/val_auc" not in found.curves


def test_one_number_that_cannot_be_read_costs_no_other(server: Server) -> None:
    monitor = livetrain.Monitor(server=server.grpc)
    monitor.log({"ok": 1.5, "huge": 10**400, "masked": np.ma.masked, "text": "x"})
    monitor.log_epoch(0, loss=0.5, huge=10**400)
    monitor.log_validation(0, val_loss=0.25, masked=np.ma.masked)
    monitor.log_round(1, 1, {"ok": 1.0, "huge": 10**400}, fit={"ok": [1]}, eval={"a": {"b": 2}})
    unreadable = monitor.stats().problems["unreadable"]
    found = Recorded(server, monitor)
    assert sorted(name for name in found.curves if "/" not in name) == ["ok"]
    assert found.points("ok") == [(0, 1.5)]
    assert found.values("epoch/loss") == [0.5]
    assert found.values("val/loss") == [0.25]
    assert found.values("round/ok") == [1.0]
    assert found.values("round/evaluation/a/b") == [2.0]
    assert unreadable == 7


def test_names_that_begin_alike_are_two_curves(server: Server) -> None:
    alike = "n" * 256
    monitor = livetrain.Monitor(server=server.grpc)
    for step in range(3):
        monitor.log({alike + "a": step, alike + "b": -step, "a,b": 1, "x|y": {"z": 2}}, step=step)
    found = Recorded(server, monitor)
    long = [found.values(name) for name in found.curves if name.startswith("nnn")]
    assert sorted(long) == [[0, -1, -2], [0, 1, 2]]
    assert found.values("a,b") == [1, 1, 1]
    assert found.values("x|y/z") == [2, 2, 2]


def test_a_turn_has_one_step_in_whichever_order_it_is_logged(server: Server) -> None:
    monitor = livetrain.Monitor(server=server.grpc)
    for turn in range(5):
        monitor.log({"lr": turn})
        monitor.log_batch(None, None, float(turn))
        monitor.log({"norm": turn})
    monitor.log_validation(step=5, loss=0.5)
    monitor.log_epoch(0, loss=0.5)
    found = Recorded(server, monitor)
    turns = [(turn, float(turn)) for turn in range(5)]
    assert found.points("loss") == found.points("lr") == found.points("norm") == turns
    assert found.points("val/loss") == [(5, 0.5)]
    assert found.points("epoch/loss") == [(4, 0.5)]


def test_a_training_that_only_logs_counts_its_turns(server: Server) -> None:
    monitor = livetrain.Monitor(server=server.grpc)
    for turn in range(5):
        monitor.log({"loss": turn})
        monitor.log({"norm": turn, "lr": turn})
    found = Recorded(server, monitor)
    turns = [(turn, float(turn)) for turn in range(5)]
    assert found.points("loss") == found.points("lr") == found.points("norm") == turns


def accuracy_of(server: Server, preds: Any, targets: Any, loss: Any, **options: Any) -> list[float]:
    monitor = livetrain.Monitor(server=server.grpc, **options)
    images = np.random.default_rng(0).integers(0, 255, (len(preds), 28, 28), dtype=np.uint8)
    for _ in range(3):
        monitor.log_batch(images, preds, loss, targets=targets)
    found = Recorded(server, monitor)
    assert len(found.values("loss")) == 3
    return found.values("accuracy") if "accuracy" in found.curves else []


@pytest.mark.parametrize("ignored", [-1, -100, 255])
def test_ignored_targets_are_left_out_of_the_accuracy(server: Server, ignored: int) -> None:
    preds = 8 * torch.eye(16)[:, :10]
    targets = torch.arange(16) % 10
    targets[::2] = ignored
    targets[11:] = ignored
    loss = torch.nn.functional.cross_entropy(preds, targets, ignore_index=ignored)
    assert accuracy_of(server, preds, targets, loss) == [1.0] * 3
    assert accuracy_of(server, preds.numpy(), targets.numpy(), 0.5) == [1.0] * 3


@pytest.mark.parametrize("columns", [784, 128, 9])
def test_what_is_no_classification_has_no_accuracy(server: Server, columns: int) -> None:
    preds, targets = torch.randn(16, columns), torch.arange(16) % 10
    assert accuracy_of(server, preds, targets, preds.square().mean()) == []
    names = [str(n) for n in range(columns)]
    assert len(accuracy_of(server, preds, targets, 0.5, class_names=names)) == 3, "it was said so"


def test_settings_of_any_kind_can_be_asked_for(server: Server) -> None:
    deep: Any = 1
    for _ in range(400):
        deep = {"in": deep}
    loop: dict[str, Any] = {"lr": 0.1}
    loop["again"] = loop
    args = argparse.Namespace(data="/caf\udce9", deep=deep, loop=loop, lr=np.float32(0.5))
    args.steps, args.size = torch.tensor(7), torch.tensor([2.0, 3.0])
    labels = [f"class {n}" for n in range(21_841)]
    monitor = livetrain.Monitor(
        "odd \udce9", server=server.grpc, config=args, tags=["\ud800"], class_names=labels
    )
    monitor.log({"loss": 1.0})
    monitor.update(config={"seed": np.int64(3), "\udcff": float("nan")})
    monitor.set_status("running", "\ud800")
    run = Recorded(server, monitor).run
    settings = run["config"]["settings"]
    assert (settings["data"], settings["lr"], settings["steps"]) == ("/caf\\xe9", 0.5, 7)
    assert (settings["size"], settings["seed"], settings["\\xff"]) == ([2.0, 3.0], 3, "nan")
    assert settings["loop"] == {"lr": 0.1, "again": "(holds itself)"}
    assert "nested deeper than 32" in json.dumps(settings["deep"])
    assert (run["name"], run["tags"]) == ("odd \\xe9", ["\\ud800"])


@pytest.mark.parametrize(
    "text",
    [
        '{"path": "caf\\udce9", "' + "\\ud800" + '": 1}',
        '{"a":' * 400 + "1" + "}" * 400,
        "[" * 100_000,
        '{"a": NaN, "b": 1e999, "c": -Infinity}',
        '{"seed": 18446744073709551617}',
        "[1, 2]",
        "not JSON",
        '"text"',
    ],
)
def test_whatever_is_stored_can_be_asked_for(server: Server, text: str) -> None:
    with Trainer(server.grpc, service=TELEMETRY, protocol=0) as trainer:
        config = pb.TrainingConfig(model_name="other", config_json=text)
        assert trainer.register(config=config).success
    newest = get(server, "/api/runs")["runs"][0]
    run = get(server, f"/api/runs/{newest['run_id']}")
    assert isinstance(run["config"]["settings"], dict)
