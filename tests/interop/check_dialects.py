"""The five older clients, each in a process of its own and written against what they are said to do alone, on one run at once."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import simplejpeg
from playwright.sync_api import Page, sync_playwright

from tests.integration.server.processes import ServerProcess, until
from tests.interop.browser import chromium
from tests.interop.built import built
from tests.interop.page import Origin
from tests.interop.process import Client
from tests.interop.table import Check, Line

__all__ = ["CHECKS", "five_at_once", "publisher_and_the_others"]

EVENTS = ["training_progress", "training_status", "log", "validation_result", "sample_generated"]


def picture() -> str:
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    return base64.b64encode(simplejpeg.encode_jpeg(pixels, quality=85)).decode()


def api(server: ServerProcess, path: str) -> Any:
    return httpx.get(f"{server.http}/api/{path}").json()


def near(one: float | None, other: float) -> bool:
    return one is not None and abs(one - other) <= 1e-6 * max(1.0, abs(other))


class Stage:
    """A server with the four kinds of viewers, the browser's included."""

    def __init__(self, folder: Path, page: Page | None = None) -> None:
        self._folder = folder
        self._page = page
        self._stack = ExitStack()

    def __enter__(self) -> Stage:
        with ExitStack() as stack:
            elsewhere = stack.enter_context(Origin(built("interop_page", self._folder / "page")))
            self.server = stack.enter_context(
                ServerProcess(self._folder / "data", "--allow-origin", elsewhere.origin)
            )
            server = self.server
            self.telemetry = stack.enter_context(
                Client("telemetry_json", f"{server.live}/telemetry")
            )
            self.onetrainer = stack.enter_context(
                Client("onetrainer", f"{server.live}/ws", *EVENTS)
            )
            self.relay = stack.enter_context(Client("relay_viewer", server.relay))
            for client in (self.telemetry, self.onetrainer, self.relay):
                client.connected()
            if self._page is None:
                driver = stack.enter_context(sync_playwright())
                browser = driver.chromium.launch(**chromium())
                stack.callback(browser.close)
                self.page = browser.new_page()
            else:
                self.page = self._page
            self.page.goto(f"{elsewhere.origin}/index.html")
            self.page.evaluate("(server) => window.watch(server, '')", server.http)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def of_page(self, expression: str) -> Any:
        return self.page.evaluate(expression)


def five_at_once(folder: Path, page: Page | None = None, *, batches: int = 1000) -> Sequence[Line]:
    """Have an older trainer stream a run that clients of the four other kinds watch; compare what each saw with the store."""
    older = built("older_clients", folder / "older")
    losses = [1.0 / (1 + n / 50) for n in range(batches)]
    with Stage(folder, page) as stage:
        server = stage.server
        plan = {"session": "all-five", "losses": losses, "picture": picture(), "model": "five"}
        with Client("older_trainer", server.grpc, json.dumps(plan), path=older) as trainer:
            told = trainer.finish()[-1]
        (run,) = api(server, "runs")["runs"]
        curves = api(server, f"runs/{run['run_id']}/metrics")["metrics"]
        stored = dict(zip(curves["loss"]["steps"], curves["loss"]["values"], strict=True))

        assert told["registered"] == [True, True, True]
        assert told["server_config"] == [16, 512, 2000, 1000]
        assert told["acks"] == list(range(batches)), "each batch is acknowledged, in order"
        assert told["errors"] == []
        assert told["ended"], "the server ended its side"
        assert len(stored) == batches
        assert all(near(stored[n], loss) for n, loss in enumerate(losses))
        assert (run["status"], run["steps"]) == ("finished", batches)

        end = stage.relay.wait(lambda me: me.of("training_end"), "the end")[0]["data"]
        relayed = [message["data"] for message in stage.relay.of("batch_metrics")]
        assert all(near(one["loss"], stored[one["step"]]) for one in relayed)
        assert relayed[-1]["step"] == batches - 1
        (epoch,) = (m["data"] for m in stage.relay.of("epoch_end"))
        assert (epoch["epoch"], epoch["phase"]) == (1, "train")
        assert near(epoch["metrics"]["loss"], curves["epoch/loss"]["values"][0])
        assert [m["data"]["is_federated"] for m in stage.relay.of("training_mode")] == [False]
        assert end["status"] == "completed"
        answer = api(server, f"runs/{end['run_id']}/metrics")
        assert answer["metrics"]["loss"]["steps"] == list(range(batches))

        stage.onetrainer.wait(
            lambda me: [m for m in me.of("training_status") if m["status"] == "completed"],
            "the end",
        )
        progress = stage.onetrainer.of("training_progress")
        assert all(near(m["loss"], stored[m["global_step"]]) for m in progress)
        assert progress[-1]["global_step"] == batches - 1
        assert [m["status"] for m in stage.onetrainer.of("training_status")] == [
            "running",
            "completed",
        ]

        frames = stage.telemetry.wait(
            lambda me: (
                [f for f in me.of("batch") if f["batchIdx"] == batches - 1] and me.of("batch")
            ),
            "the last frame",
        )
        assert all(near(frame["loss"], stored[frame["batchIdx"]]) for frame in frames)
        assert all(len(frame["pictures"]) == 16 and all(frame["pictures"]) for frame in frames)
        assert all(frame["labels"] == [str(n) for n in range(16)] for frame in frames)
        assert all(frame["truth"] == list(range(16)) for frame in frames)

        until(lambda: stage.of_page("window.seen.batches.length") >= batches, "every batch there")
        seen = stage.of_page("window.seen")
        assert seen["error"] == ""
        assert [step for step, _ in seen["batches"]] == list(range(batches))
        assert all(near(loss, stored[step]) for step, loss in seen["batches"])

    same = "its losses are the store's, step by step"
    return [
        Line(
            "telemetry gRPC",
            f"{batches} batches of 16 JPEGs, heartbeats, end",
            f"{len(told['acks'])} acknowledgements in order, the other side's end",
            f"{len(stored)} losses in the store are those that were sent",
        ),
        Line("telemetry JSON", "a heartbeat", f"{len(frames)} frames of 16 pictures", same),
        Line(
            "gRPC-Web (browser)",
            "WatchRun, no run named",
            f"{len(seen['batches'])} batches, {len(seen['kinds'])} messages",
            f"{same}, none left out",
        ),
        Line(
            "OneTrainer web UI",
            f"subscribe to {len(EVENTS)} events",
            f"{len(progress)} training_progress, running, completed",
            same,
        ),
        Line(
            "metrics relay (viewer)",
            "ping",
            f"{len(relayed)} batch_metrics, epoch_end, training_end",
            f"{same}; /api/runs/{{run_id}}/metrics answers",
        ),
    ]


def publisher_and_the_others(folder: Path, page: Page | None = None) -> Sequence[Line]:
    """Have a publisher of the relay tell of a training, with a connection a message, that all others watch."""
    epochs = 5
    sent: list[dict[str, Any]] = [
        {
            "type": "training_mode",
            "data": {"is_federated": False, "num_rounds": 0, "num_clients": 0},
        }
    ]
    for epoch in range(1, epochs + 1):
        metrics = {"loss": 1 / epoch, "accuracy": 1 - 1 / epoch, "f1": 0.5}
        batch = {"step": epoch - 1, "batch_idx": 0, "loss": 1 / epoch, "epoch": epoch}
        sent.append({"type": "batch_metrics", "data": {**batch, "timestamp": 1.7e9 + epoch}})
        for phase in ("train", "val"):
            data = {"epoch": epoch, "phase": phase, "metrics": metrics}
            sent.append({"type": "epoch_end", "data": data})
    sent.append({"type": "training_end", "data": {"run_id": 42, "status": "completed"}})
    with Stage(folder, page) as stage:
        with Client("relay_publisher", stage.server.relay) as publisher:
            publisher.say(*sent)
            publisher.finish()
        stage.relay.wait(lambda me: me.of("training_end"), "the end")
        forwarded = [
            {"type": message["type"], "data": message["data"]}
            for message in stage.relay.said
            if "type" in message
        ]
        # Order over connections is not promised, and a training's end is the last.
        assert sorted(forwarded, key=str) == sorted(sent, key=str)
        until(lambda: api(stage.server, "runs")["runs"][0]["status"] == "finished", "the run's end")
        (run,) = api(stage.server, "runs")["runs"]
        curves = api(stage.server, f"runs/{run['run_id']}/metrics")["metrics"]
        assert all(near(a, 1 / (n + 1)) for n, a in enumerate(curves["loss"]["values"]))
        assert all(near(a, 1 / (n + 1)) for n, a in enumerate(curves["epoch/loss"]["values"]))
        assert len(curves["val/f1"]["values"]) == epochs
        validated = stage.onetrainer.wait(
            lambda me: len(me.of("validation_result")) == epochs and me.of("validation_result"),
            "the validations",
        )
        assert all(near(m["validation_loss"], 1 / (n + 1)) for n, m in enumerate(validated))
        frames = stage.telemetry.wait(
            lambda me: len(me.of("batch")) == epochs and me.of("batch"), "the batches"
        )
        assert all(near(frame["loss"], 1 / (n + 1)) for n, frame in enumerate(frames))
        until(lambda: stage.of_page("window.seen.batches.length") >= epochs, "the batches there")
    return [
        Line(
            "metrics relay (publisher)",
            f"{len(sent)} messages, a connection each",
            "the same by a viewer; the run by all four others",
            f"{len(curves)} curves in the store are what was sent",
        )
    ]


CHECKS: dict[str, Check] = {
    "dialects": five_at_once,
    "relay-publisher": publisher_and_the_others,
}
