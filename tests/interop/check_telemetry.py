"""Trainers of the telemetry protocol as they really are: one id for everything, no heartbeats, zeros, other schemas, wrong types.

Each is a process of its own with the original client library, and all are served by one server, some at once.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from tests.integration.server.processes import ServerProcess, until
from tests.interop.browser import chromium
from tests.interop.built import built
from tests.interop.page import Origin
from tests.interop.process import Client
from tests.interop.table import Check, Line

__all__ = ["CHECKS", "Trainers", "telemetry_cases", "trainers"]

HEAD = bytes.fromhex("ffd8ffc00011080040004003012200021101031101")
JPEG = base64.b64encode(HEAD).decode()
"""The head of a picture of 64 x 64: nobody here looks at what is in it."""
Step = list[Any]
Plan = dict[str, Any]


def near(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * max(1.0, abs(other))


def plan(session: str, *steps: Step, schema: str = "telemetry") -> Plan:
    return {"schema": schema, "session": session, "steps": steps}


def batch(index: int, loss: float, **more: Any) -> Step:
    return ["send", {"batch_data": {"epoch": 0, "batch_idx": index, "batch_loss": loss, **more}}]


@dataclass
class Trainers:
    """One server, and what clients on Python and on Node are started with."""

    server: ServerProcess
    older: Path
    node: str
    packages: str
    lines: list[Line] = field(default_factory=list)

    def python(self, *plans: Plan) -> Client:
        return Client("older_steps", self.server.grpc, json.dumps(plans), path=self.older)

    def javascript(self, *plans: Plan) -> Client:
        arguments = (self.server.grpc, json.dumps(plans), self.packages, str(self.older))
        return Client("older_steps.cjs", *arguments, node=self.node)

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.server.http}/api/{path}").json()

    def runs(self, name: str) -> list[dict[str, Any]]:
        """Return the runs of a name, oldest first."""
        found = self.get(f"runs?q={name}&limit=100")["runs"]
        return [run for run in reversed(found) if run["name"] == name]

    def run(self, name: str) -> dict[str, Any]:
        (run,) = self.runs(name)
        return run

    def finished(self, name: str, steps: int, *, count: int = 1) -> list[dict[str, Any]]:
        """Wait until all runs of a name are finished; they have so many steps each. An end is known after some seconds."""
        until(lambda: all(run["status"] == "finished" for run in self.runs(name)), f"{name}'s end")
        runs = self.runs(name)
        assert [run["steps"] for run in runs] == [steps] * count, runs
        return runs

    def metrics(self, run: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"runs/{run['run_id']}/metrics")["metrics"]
        return {name: curve["values"] for name, curve in found.items()}

    def not_understood(self, run: dict[str, Any]) -> list[str]:
        """Return what a run's log says that was not understood."""
        events = self.get(f"runs/{run['run_id']}/events?limit=1000")["events"]
        texts = [event["record"].get("log", {}).get("message", "") for event in events]
        return [text for text in texts if text.startswith("Not understood")]


@contextmanager
def trainers(folder: Path, *flags: str) -> Iterator[Trainers]:
    older = built("older_clients", folder / "older")
    node, packages = (built("interop_node", folder / "node") / "node.txt").read_text().split()
    with ServerProcess(folder / "data", *flags) as server:
        yield Trainers(server, older, node, packages)
        assert not any("Traceback" in line for line in server.log), server.log


def named(name: str, **more: Any) -> Step:
    return ["register", {"config": {"model_name": name}, "client_name": "older", **more}]


def registered(told: dict[str, Any], session: str, times: int = 1) -> None:
    assert [answer[:2] for answer in told["registered"]] == [[True, session]] * times, told


def slow_steps(at: Trainers) -> Client:
    """A trainer without heartbeats whose step takes 6 s, within its generator of requests."""
    steps = [
        batch(0, 1.0),
        ["sleep", 6.0],
        batch(1, 0.5),
        ["pause"],
        batch(2, 0.25),
        ["half_close"],
    ]
    return at.python(plan("slow", named("slow"), *steps))


def slow_steps_end(at: Trainers, slow: Client) -> None:
    slow.wait(lambda me: {"paused": True} in me.said, "its second step")
    until(lambda: at.run("slow")["contact"] == "stale", "its silence to be noticed")
    assert at.run("slow")["status"] == "running"
    slow.say({"go": "on"})
    told = slow.finish()[-1]
    assert [ack[1] for ack in told["acks"]] == [0, 1, 2]
    assert (told["errors"], told["ended"]) == ([], [True])
    (run,) = at.finished("slow", 3)
    assert at.metrics(run)["loss"] == [1.0, 0.5, 0.25]
    said = "silent for 6 s: stale, open; then finished"
    at.lines.append(Line("telemetry gRPC (a)", "3 batches, 6 s each, no heartbeat", said, "3 of 3"))


def same_id_again(at: Trainers) -> None:
    """The same id after an orderly half-close is another run; after a broken stream it goes on."""
    ten = [batch(index, 1 / (index + 1)) for index in range(10)]
    five = [batch(index, 0.5) for index in range(5)]
    whole = [named("again"), *ten, ["half_close"]]
    with at.python(plan("train_001", *whole)) as first:
        registered(first.finish()[-1], "train_001")
    anew = [named("broken"), *five, ["acks", 5], ["break"], named("broken"), *five, ["half_close"]]
    on = [named("unnamed"), *five, ["acks", 5], ["break"], *five, ["half_close"]]
    plans = plan("train_001", *whole, *whole), plan("train_002", *anew), plan("train_003", *on)
    with at.python(*plans) as second:
        twice, *both = second.finish()
    registered(twice, "train_001", 2)
    assert twice["ended"] == [True, True]
    before = [(run["status"], run["steps"]) for run in at.runs("again")]
    assert before[:2] == [("finished", 10)] * 2
    for told in both:
        assert [ack[1] for ack in told["acks"]] == [*range(5)] * 2
    for name in ("broken", "unnamed"):
        at.finished(name, 10)
    at.finished("again", 10, count=3)
    seen = "3 runs finished; broken streams go on in theirs"
    at.lines.append(
        Line("telemetry gRPC (b)", "one session_id, 3 trainings", seen, "10 steps each")
    )


def at_the_same_time(at: Trainers) -> None:
    """Two trainings with one id at once are two runs, and neither ends the other's stream."""

    def steps(name: str, loss: float) -> list[Step]:
        three = [batch(index, loss) for index in range(3)]
        return [named(name), *three, ["acks", 3], ["pause"], *three, ["half_close"]]

    with (
        at.python(plan("same", *steps("first-of-two", 1.0))) as one,
        at.python(plan("same", *steps("second-of-two", 2.0))) as two,
    ):
        for client in (one, two):
            client.wait(lambda me: {"paused": True} in me.said, "its first batches")
        for client in (one, two):
            client.say({"go": "on"})
            told = client.finish()[-1]
            assert (told["ended"], len(told["acks"]), told["errors"]) == ([True], 6, [])
    for name, loss in (("first-of-two", 1.0), ("second-of-two", 2.0)):
        (run,) = at.finished(name, 6)
        assert at.metrics(run)["loss"] == [loss] * 6
    seen = "two runs, both streams to their end"
    at.lines.append(Line("telemetry gRPC", "two trainings with one id at once", seen, "not mixed"))


def nothing_invented(at: Trainers, viewer: Client) -> None:
    """Fields 1, 2 and 7 alone: a loss and no accuracy; averages that are 0 were not told."""
    sent = [batch(index, 0.5) for index in range(3)]
    epoch: Step = ["send", {"epoch_data": {"epoch": 0, "average_loss": 0.5}}]
    later = [batch(0, 0.5), batch(1, 0.5, batch_accuracy=0.75), batch(2, 0.5)]
    bare = plan("bare", named("bare"), *sent, epoch, ["pause"], ["half_close"])
    with at.python(bare, plan("told", named("told"), *later, ["half_close"])) as client:
        client.wait(lambda me: {"paused": True} in me.said, "its batches")
        frames = viewer.wait(lambda me: len(me.of("batch")) >= 3 and me.of("batch"), "the same")
        assert [(frame["loss"], frame["accuracy"]) for frame in frames[-3:]] == [(0.5, None)] * 3
        client.say({"go": "on"})
        assert [len(told["acks"]) for told in client.finish() if "acks" in told] == [3, 3]
    assert at.metrics(at.run("bare")) == {"loss": [0.5] * 3, "epoch/loss": [0.5]}
    assert at.metrics(at.run("told"))["accuracy"] == [0.75, 0.0]
    seen = "a loss, no accuracy; null in /telemetry"
    at.lines.append(
        Line("telemetry gRPC (c), JSON", "fields 1, 2, 7 of BatchData", seen, "no zeros made up")
    )


def later_schema(at: Trainers, viewer: Client) -> None:
    """Images in 3, predictions in 4, truths in 5, loss in 6, after RegisterSession."""
    image = {"image_bytes": JPEG, "format": "jpeg", "width": 64, "height": 64}
    predictions = [
        {"predicted_class": n, "predicted_label": f"later {n}", "confidence": 0.5} for n in range(4)
    ]
    tiles = {"images": [image] * 4, "predictions": predictions, "ground_truth": [0, 1, 2, 3]}
    sent = [batch(index, 0.25 * (index + 1), **tiles) for index in range(3)]
    steps = [["register", {"client_name": "later"}], *sent, ["half_close"]]
    for library in (at.python, at.javascript):
        known = {run["run_id"] for run in at.runs("run")}
        session = f"later-{library.__name__}"
        with library(plan(session, *steps, schema="later")) as client:
            told = client.finish()[-1]
            registered(told, session)
            assert told["errors"] == []
            assert told["acks"] == [[session, index, True] for index in range(3)]
        (run,) = [run for run in at.runs("run") if run["run_id"] not in known]
        assert at.metrics(run) == {"loss": [0.25, 0.5, 0.75]}
    (frame, *_) = viewer.wait(
        lambda me: [f for f in me.of("batch") if f["loss"] == 0.75 and f["labels"]], "its pictures"
    )
    assert frame["pictures"] == [len(HEAD)] * 4
    assert frame["labels"] == [f"later {n}" for n in range(4)]
    assert frame["truth"] == [0, 1, 2, 3]
    seen = "losses, pictures, predictions and truths"
    at.lines.append(
        Line("telemetry gRPC (d, e)", "the later schema, RegisterSession", seen, "translated")
    )


def every_name_and_library(at: Trainers) -> None:
    """Both services, from Python and from Node; and a registration by the name of the other."""
    two = [batch(0, 0.5), batch(1, 0.25, batch_accuracy=0.5), ["half_close"]]
    of_python, of_node = [], []
    for schema, other in (("telemetry", "metrics"), ("metrics", "telemetry")):
        for name in ("python", "cross"):
            info = {"config": {"model_name": f"{name}-{schema}"}}
            first = ["register", info] if name == "python" else ["register_as", other, info]
            of_python.append(plan(f"{name}-{schema}", first, *two, schema=schema))
        of_node.append(plan(f"node-{schema}", named(f"node-{schema}"), *two, schema=schema))
    for library, plans in ((at.python, of_python), (at.javascript, of_node)):
        with library(*plans) as client:
            answers = client.finish()
        for one, told in zip(plans, answers, strict=True):
            name = one["session"]
            registered(told, name)
            assert told["acks"] == [[name, 0, True], [name, 1, True]], told
            assert (told["errors"], told["ended"], told["code"]) == ([], [True], "")
            assert at.metrics(at.run(name)) == {"loss": [0.5, 0.25], "accuracy": [0.5]}
    for run in at.get("runs?limit=100")["runs"]:
        if run["name"].startswith(("python", "node", "cross")):
            at.finished(run["name"], 2)
    at.lines.append(
        Line(
            "telemetry gRPC (f)",
            "two services, grpcio and @grpc/grpc-js",
            "each registered, acknowledged and ended",
            "every combination of names",
        )
    )


def bad_input(at: Trainers) -> None:
    """What cannot be understood is an error and no acknowledgement, and the run's log says it once."""

    def raw(session: str, batch_hex: str) -> Step:
        name = session.encode().hex()
        body = bytes.fromhex(batch_hex)
        return ["raw", f"0a{len(session):02x}{name}1a{len(body):02x}{body.hex()}"]

    fine = "10%02x" + "3d0000003f"  # fields 2 and 7
    double = "1007" + "39000000000000e03f"
    text = "1008" + "3a03302e35"
    more = "1009" + "3d0000003f" + "6001"  # and field 12
    steps = [
        named("odd"),
        raw("odd", fine % 1),
        *[raw("odd", double), raw("odd", text)] * 3,
        raw("odd", more),
        raw("odd", more),
        ["raw", "0a036f64646a0178"],  # an unknown payload, field 13
        ["raw", "ff"],
        raw("", fine % 2),  # says no id: it is the stream's
        raw("nobody", fine % 3),  # lies about its id
        raw("odd", fine % 4),
        ["half_close"],
    ]
    # And one who says another's id.
    lies = [
        ["register", {"client_name": "liar"}],
        raw("odd2", fine % 1),
        batch(5, 0.5),
        ["half_close"],
    ]
    with at.python(plan("odd", *steps), plan("liar", *lies)) as odd:
        told, liar = odd.finish()
    assert [ack[1] for ack in told["acks"]] == [1, 9, 9, 2, 4], told
    assert {ack[0] for ack in told["acks"]} == {"odd"}
    assert (told["ended"], told["code"]) == ([True], "")
    codes = [code for code, _ in told["errors"]]
    assert codes == [2] * 8 + [1], told["errors"]
    run = at.run("odd")
    assert at.metrics(run) == {"loss": [0.5] * 5}
    said = at.not_understood(run)
    assert len(said) == len(set(said)) == 5, said
    for part in ("8 bytes", "a text", "field 12 of BatchData", "field 13"):
        assert any(part in sentence for sentence in said), (part, said)

    assert [code for code, _ in liar["errors"]] == [1], "that session is nobody's"
    assert liar["acks"] == [["liar", 5, True]]
    seen = "errors, no acknowledgements; the rest is taken"
    at.lines.append(
        Line(
            "telemetry gRPC (bad input)",
            "wrong types, unknown fields, lies",
            seen,
            "logged once each",
        )
    )


def telemetry_cases(folder: Path) -> Sequence[Line]:
    """Have trainers of every kind train on one server, some at the same time."""
    with trainers(folder) as at, slow_steps(at) as slow:
        same_id_again(at)
        at_the_same_time(at)
        with Client("telemetry_json", f"{at.server.live}/telemetry") as viewer:
            viewer.connected()
            nothing_invented(at, viewer)
            later_schema(at, viewer)
        every_name_and_library(at)
        bad_input(at)
        slow_steps_end(at, slow)
        return at.lines


def viewers_of_telemetry(folder: Path, page: Page | None = None) -> Sequence[Line]:
    """Have a page on grpc-web's own runtime, in text mode, and a JSON client whose connection is cut, see every batch."""
    batches = 120
    half = batches // 2
    losses = [1 / (index + 1) for index in range(batches)]
    one, two = ([batch(n, losses[n]) for n in part] for part in (range(half), range(half, batches)))
    with ExitStack() as stack:
        elsewhere = stack.enter_context(Origin(built("interop_page", folder / "page")))
        at = stack.enter_context(trainers(folder, "--allow-origin", elsewhere.origin))
        http = at.server.http
        viewer = stack.enter_context(Client("telemetry_json", f"{at.server.live}/telemetry"))
        viewer.connected()
        if page is None:
            browser = stack.enter_context(sync_playwright()).chromium.launch(**chromium())
            stack.callback(browser.close)
            page = browser.new_page()
        page.goto(f"{elsewhere.origin}/index.html")
        for service in ("telemetry.TelemetryService", "metrics.MetricsService"):
            page.evaluate("(all) => window.register(...all)", [http, service, "the page's own"])
        until(lambda: page.evaluate("window.seen.registered.length") == 2, "both answers")
        page.evaluate("(server) => window.stream(server)", http)
        told = plan("seen", named("seen"), *one, ["pause"], *two, ["acks", batches], ["half_close"])
        with at.python(told) as trainer:
            trainer.wait(lambda me: {"paused": True} in me.said, "the first half")
            viewer.wait(lambda me: len(me.of("batch")) >= half, "the first half there")
            viewer.say({"cut": True})
            viewer.wait(lambda me: {"connected": False} in me.said, "the cut")
            trainer.say({"go": "on"})
            assert len(trainer.finish()[-1]["acks"]) == batches
        frames = viewer.wait(lambda me: len(me.of("batch")) >= batches and me.of("batch"), "all")
        until(lambda: page.evaluate("window.seen.batches.length") >= batches, "all in the page")
        seen = page.evaluate("window.seen")
        assert viewer.said.count({"connected": True}) == 2
        names = [run["name"] for run in at.get("runs")["runs"]]
    assert [frame["batchIdx"] for frame in frames] == list(range(batches))
    assert all(near(frame["loss"], losses[n]) for n, frame in enumerate(frames))
    assert {frame["accuracy"] for frame in frames} == {None}
    assert seen["registered"] == [[True, "the page's own", 16]] * 2
    assert seen["error"] == ""
    assert [step for step, _ in seen["batches"]] == list(range(batches))
    assert all(near(loss, losses[n]) for n, (_, loss) in enumerate(seen["batches"]))
    assert names == ["seen"], "a page begins no run"
    all_of_them = f"{batches} of {batches} batches"
    return [
        Line("telemetry JSON", "its connection is cut", all_of_them, "in order; accuracy null"),
        Line("gRPC-Web, text (browser)", "register twice, stream", all_of_them, "in order"),
    ]


CHECKS: dict[str, Check] = {
    "telemetry": telemetry_cases,
    "telemetry-viewers": viewers_of_telemetry,
}
