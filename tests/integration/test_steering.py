"""Commands from outside, through the real server, to a training loop that runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import types
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.faults.conditions import wait_until
from tests.faults.processes import Process, Server

import livetrain


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all: each training is a run of its own, and a server that a test kills is started again."""
    with Server(tmp_path_factory.mktemp("server")) as started:
        yield started


class Training:
    """A loop on a thread of its own, at some hundred steps a second, until it is asked to stop."""

    def __init__(self, server: Server, **options: Any) -> None:
        self.groups = [{"lr": 0.1}, {"lr": 0.1}]
        self.sampler = types.SimpleNamespace(batch_size=32)
        self.rates: dict[int, float] = {}
        self.server = server
        self.monitor = livetrain.Monitor("steered", server=server.grpc, **options)
        self.monitor.attach(types.SimpleNamespace(param_groups=self.groups))
        self.monitor.attach(self.sampler)
        self.steps = 0
        self._pace = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with self.monitor:
            while not self.monitor.should_stop:
                self.rates[self.steps] = self.groups[0]["lr"]  # what this step is made with
                self.monitor.log_batch(np.zeros((self.sampler.batch_size, 8, 8)), None, 0.5)
                self.steps += 1
                self._pace.wait(0.01)

    def __enter__(self) -> Training:
        self._thread.start()
        wait_until(lambda: self.monitor.run_id and self.steps > 5, 20, "the training runs")
        self.run_id = self.monitor.run_id
        assert self.monitor.flush(20)
        return self

    def __exit__(self, *_: object) -> None:
        self.give("resume")
        self.give("stop")
        self._thread.join(20)
        assert not self._thread.is_alive()

    def ask(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.server.http}/api/runs/{self.run_id}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def give(self, verb: str, parameters: dict[str, Any] | None = None, **more: Any) -> str:
        body = {"verb": verb, "parameters": parameters or {}, "issued_by": "ada", **more}
        return str(self.ask("/commands", body)["command_id"])

    def command(self, command_id: str) -> dict[str, Any]:
        return next(c for c in self.ask("/commands")["commands"] if c["command_id"] == command_id)

    def settled(self, command_id: str) -> dict[str, Any]:
        ends = ("applied", "rejected", "expired", "failed")
        wait_until(lambda: self.command(command_id)["state"] in ends, 20, "an end")
        return self.command(command_id)

    def do(self, verb: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.settled(self.give(verb, parameters))


def test_a_learning_rate_takes_effect_at_the_step_that_is_said(server: Server) -> None:
    with Training(server) as training:
        done = training.do("set", {"learning_rate": 1e-3})
        assert (done["state"], done["issued_by"]) == ("applied", "ada")
        assert done["values"] == {"learning_rate": "0.001"}
        step = done["applied_step"]
        wait_until(lambda: training.steps > step, 20, "the next step")
        assert training.rates[step - 1] == 0.1
        assert training.rates[step] == 0.001
        assert [group["lr"] for group in training.groups] == [0.001, 0.001]
        assert training.do("set", {"learning_rate": "undo", "batch_size": 64})["state"] == "applied"
        assert (training.groups[0]["lr"], training.sampler.batch_size) == (0.1, 64)


def test_a_paused_training_stands_still_and_is_heard_all_the_same(server: Server) -> None:
    with Training(server) as training:
        assert training.do("pause")["state"] == "applied"
        wait_until(lambda: training.ask("")["status"] == "paused", 20, "the page knows")
        steps, heard = training.steps, training.ask("")["last_heard_at"]
        wait_until(lambda: training.ask("")["last_heard_at"] > heard + 2, 20, "heartbeats go on")
        assert training.steps == steps
        again = training.do("pause")
        assert (again["state"], again["message"]) == (
            "rejected",
            "the training is paused already by ada",
        )
        assert training.do("resume")["state"] == "applied"
        wait_until(lambda: training.steps > steps, 20, "it goes on")
        assert training.do("resume")["message"] == "the training is not paused"


def test_stop_ends_the_loop_and_says_by_whom(server: Server) -> None:
    with Training(server) as training:
        done = training.do("stop")
        assert done["state"] == "applied"
        wait_until(lambda: training.ask("")["status"] == "finished", 20, "the end")
        assert training.ask("")["message"] == "stopped by ada"
        late = training.do("pause")
        assert (late["state"], late["message"]) == ("rejected", "The run has ended.")


class Library(Training):
    """The loop of a library: it trains for as long as it was told to, and never asks."""

    most = 1_000_000

    def _run(self) -> None:
        with self.monitor:
            while self.steps < self.most:
                self.monitor.log_batch(None, None, 0.5)
                self.steps += 1
                self._pace.wait(0.002)
        self.over = True

    over = False


def test_a_loop_that_never_asks_is_not_said_to_be_stopped(server: Server) -> None:
    with Library(server) as training:
        asked = training.give("stop")
        wait_until(lambda: "goes on" in training.command(asked)["message"], 20, "what it does")
        meanwhile = training.command(asked)
        assert (meanwhile["state"], meanwhile["pending"]) == ("accepted", True)
        told = int(meanwhile["message"].split()[3].rstrip(","))
        assert meanwhile["message"] == (
            f"told at step {told}, goes on: the loop does not ask monitor.should_stop"
        )
        training.most = training.steps + 20
        end = training.settled(asked)
        assert end["state"] == "failed"
        assert "went on to its own end" in end["message"]
        wait_until(lambda: training.ask("")["status"] == "finished", 20, "the end")
        assert training.ask("")["message"] == ""


def test_a_loop_that_never_asks_can_be_left_by_an_exception(server: Server) -> None:
    with Library(server, control=livetrain.ControlOptions(stop="raise")) as training:
        done = training.do("stop")
        assert (done["state"], done["message"]) == ("applied", "stopped by ada")
        wait_until(lambda: training.over, 20, "the block around the monitor ends quietly")
        # The call that raised had logged its batch.
        assert training.steps + 1 == done["applied_step"]
        wait_until(lambda: training.ask("")["status"] == "finished", 20, "the end")
        assert training.ask("")["message"] == "stopped by ada"


def test_epochs_that_run_empty_after_a_stop_are_not_recorded(server: Server) -> None:
    epochs, asked = 0, []
    monitor = livetrain.Monitor("empty epochs", server=server.grpc, total_epochs=6)
    training = Training.__new__(Training)
    training.server, training.monitor = server, monitor
    with monitor:
        wait_until(lambda: monitor.run_id, 20, "the run")
        training.run_id = monitor.run_id
        for epoch in range(6):
            for batch in monitor.steps(range(10)):
                monitor.log_batch(None, None, 0.5)
                if (epoch, batch) == (2, 4):
                    asked.append(training.give("stop"))
                    wait_until(
                        lambda: monitor._steering.control.waiting, 20, "the command is there"
                    )
            monitor.log_validation(loss=0.25)
            monitor.log_epoch(loss=0.5)
            epochs += 1
        assert epochs == 6
        assert monitor.flush(20)
    done = training.command(asked[0])
    assert (done["state"], done["applied_step"]) == ("applied", 26)
    curves = training.ask("/metrics?names=val/loss,epoch/loss")["metrics"]
    assert curves["val/loss"]["steps"] == [9, 19, 25]
    assert curves["epoch/loss"]["steps"] == [9, 19, 25]
    events = training.ask("/events?notable=true")["events"]
    lines = [event["record"]["log"]["message"] for event in events if "log" in event["record"]]
    said = "stopped by ada: epochs that ran empty after it are not recorded"
    assert [line for line in lines if "ran empty" in line] == [said]


@pytest.mark.parametrize(
    ("verb", "parameters", "why"),
    [
        ("set", {"learning_rate": "nan"}, "a finite number is needed"),
        ("set", {"learning_rate": -1}, "0 to 10 is allowed"),
        ("set", {"learning_rate": 1e9}, "0 to 10 is allowed"),
        ("set", {"learning_rate": "abc"}, "a number is needed"),
        ("set", {"batch_size": 0}, "1 to 65536 is allowed"),
        ("set", {"momentum": 0.9}, "takes no 'momentum' here"),
        ("explode", {}, "does not allow 'explode'"),
    ],
)
def test_what_makes_no_sense_is_refused_and_recorded(
    server: Server, verb: str, parameters: dict[str, Any], why: str
) -> None:
    with Training(server) as training:
        done = training.do(verb, parameters)
        assert done["state"] == "rejected"
        assert why in done["message"]
        assert (training.groups[0]["lr"], training.sampler.batch_size) == (0.1, 32)
        kinds = [event["kind"] for event in training.ask("/events?notable=true")["events"]]
        assert kinds.count("command_issued") == 1
        assert kinds.count("command_result") == 1


def test_a_trainer_that_allows_nothing_is_left_alone(server: Server) -> None:
    training = Training(server, control=livetrain.ControlOptions(allow=("stop", "resume")))
    with training:
        assert training.do("pause")["state"] == "rejected"
        assert {c["verb"] for c in training.ask("")["controls"]} == {"stop", "resume", "set"}


def test_a_command_given_twice_is_one(server: Server) -> None:
    with Training(server) as training:
        for _ in range(3):
            training.give("set", {"learning_rate": "x0.5"}, command_id="same")
        training.settled("same")
        assert training.groups[0]["lr"] == 0.05
        assert len(training.ask("/commands")["commands"]) == 1


def test_a_command_of_ones_own_has_a_form_and_an_answer(server: Server) -> None:
    training = Training(server)

    @training.monitor.on(
        "sample_now", parameters={"count": livetrain.Parameter("int", 1, 16, default=4)}
    )
    def sample(count: int) -> str:
        return f"{count} samples"

    with training:
        wait_until(lambda: len(training.ask("")["controls"]) == 5, 20, "it is declared")
        assert training.do("sample_now", {"count": 9})["message"] == "9 samples"
        assert training.do("sample_now", {"count": 17})["state"] == "rejected"


def test_a_server_that_dies_forgets_no_command(server: Server) -> None:
    with Training(server) as training:
        training.do("pause")
        waiting = training.give("set", {"learning_rate": "x5"})
        training.settled(waiting)
        server.kill()
        server.start()
        assert training.settled(waiting)["state"] == "applied"
        assert training.groups[0]["lr"] == 0.5
        wait_until(lambda: training.ask("")["contact"] == "alive", 20, "the trainer is back")
        assert {c["verb"] for c in training.ask("")["controls"]} == {
            "pause",
            "resume",
            "stop",
            "set",
        }
        assert training.do("resume")["state"] == "applied"


def test_a_server_that_dies_forgets_no_command_however_much_was_said_since(server: Server) -> None:
    with Training(server) as training:
        given = training.do("pause")["command_id"]
        for line in range(2500):
            training.monitor.log_message("info", f"line {line}")
        assert training.monitor.flush(30)
        server.kill()
        server.start()
        assert [c["command_id"] for c in training.ask("/commands")["commands"]] == [given]
        wait_until(lambda: training.ask("")["contact"] == "alive", 20, "the trainer is back")
        assert training.do("resume")["state"] == "applied"


def test_past_its_lifetime_a_command_has_no_effect(server: Server) -> None:
    busy = threading.Event()
    training = Training(server)
    training.monitor.on("resume", lambda: busy.wait(10))  # a step that takes long
    with training:
        training.do("pause")
        training.give("resume")
        wait_until(lambda: not training.monitor.paused, 20, "the long step")
        late = training.give("set", {"learning_rate": 0.5}, ttl_seconds=1.0)
        wait_until(lambda: training.command(late)["state"] == "accepted", 20, "it waits")
        busy.wait(1.1)
        busy.set()
        assert training.settled(late)["state"] == "expired"
        assert training.groups[0]["lr"] == 0.1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verb": ""},
        {"verb": "pause", "ttl_seconds": -1},
        {"verb": "pause", "colour": "red"},
        {"verb": "set", "parameters": {"learning_rate": [1]}},
        {"verb": "pause", "command_id": "../../etc"},
    ],
)
def test_a_body_that_is_none_is_refused(server: Server, body: dict[str, Any]) -> None:
    with Training(server) as training:
        with pytest.raises(urllib.error.HTTPError) as refused:
            training.ask("/commands", body)
        assert refused.value.code == 422
        refused.value.close()
        assert training.ask("/commands")["commands"] == []


def console(training: Training, *arguments: str) -> subprocess.CompletedProcess[str]:
    start = "import sys; from livetrain.cli import main; sys.exit(main())"
    env = {**os.environ, "LIVETRAIN_HTTP": training.server.http}
    return subprocess.run(
        [sys.executable, "-c", start, *arguments],
        capture_output=True,
        text=True,
        env=env,
        timeout=60,
    )


def test_the_console_steers_and_writes_the_recipe(server: Server, tmp_path: Path) -> None:
    with Training(server) as training:
        done = console(training, "set", training.run_id, "lr=0.02")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("applied at step ")
        assert done.stdout.endswith(" learning_rate=0.02\n")
        refused = console(training, "set", training.run_id, "lr=-1")
        assert refused.returncode == 1
        assert "0 to 10 is allowed" in refused.stderr
        assert console(training, "set", training.run_id, "lr").returncode == 2
        assert console(training, "pause", training.run_id).returncode == 0
        assert console(training, "resume", training.run_id).returncode == 0
        file = tmp_path / "recipe.json"
        assert console(training, "recipe", training.run_id, "--output", str(file)).returncode == 0
        step = int(done.stdout.split()[3])
    with Training(server, recipe=file) as again:
        wait_until(lambda: again.steps > step + 1, 30, "the step of the recipe")
        assert (again.rates[step - 1], again.rates[step]) == (0.1, 0.02)
        wait_until(lambda: again.ask("/commands")["commands"], 20, "the replay is audited")
        wait_until(
            lambda: again.ask("/commands")["commands"][0]["state"] == "applied", 20, "it is applied"
        )
        (replay,) = again.ask("/commands")["commands"]
        assert (replay["issued_by"], replay["verb"], replay["applied_step"]) == (
            "recipe",
            "set",
            step,
        )
        assert replay["parameters"] == {"learning_rate": "0.02"}
        # It can be replayed itself.
        assert console(again, "recipe", again.run_id, "--output", str(file)).returncode == 0
        assert [c["step"] for c in json.loads(file.read_text())["commands"]] == [step]


def test_a_loop_over_steps_is_paused_and_stopped_and_timed(server: Server) -> None:
    """Its body logs nothing: what is seen of it, the loop itself says."""
    seen, pace = [], threading.Event()
    monitor = livetrain.Monitor("loop", server=server.grpc, total_epochs=1)

    def run() -> None:
        with monitor:
            for number in monitor.steps(range(10_000)):
                seen.append(number)
                pace.wait(0.01)

    thread = threading.Thread(target=run, daemon=True)
    training = Training.__new__(Training)
    training.server, training.monitor = server, monitor
    thread.start()
    wait_until(lambda: monitor.run_id and len(seen) > 5, 20, "the training runs")
    training.run_id = monitor.run_id
    assert monitor.flush(20)
    paused = training.do("pause")
    assert paused["state"] == "applied"
    assert len(seen) == paused["applied_step"]
    assert training.do("resume")["state"] == "applied"
    wait_until(lambda: len(seen) > paused["applied_step"], 20, "it goes on")
    stopped = training.do("stop")
    thread.join(20)
    assert not thread.is_alive()
    assert len(seen) == stopped["applied_step"]
    assert training.ask("")["config"]["batches_per_epoch"] == 10_000
    curves = training.ask("/metrics?names=perf/data_ms,perf/step_ms")["metrics"]
    assert curves["perf/data_ms"]["steps"] == list(range(len(seen)))
    assert min(curves["perf/step_ms"]["values"]) >= 9
    assert max(curves["perf/data_ms"]["values"][:5]) < min(curves["perf/step_ms"]["values"])


ASLEEP = """
import sys, time
import livetrain

control = livetrain.ControlOptions(lost_contact_seconds=4.0)
with livetrain.Monitor("asleep", server=sys.argv[1], control=control) as monitor:
    while not monitor.should_stop:
        monitor.log_batch(None, None, 0.5)
        time.sleep(0.01)
"""


def test_a_paused_process_that_was_stopped_itself_is_still_paused_when_it_wakes(
    server: Server, tmp_path: Path
) -> None:
    """For longer than it would wait for a server: all that time it was the process that heard nobody."""
    training = Training.__new__(Training)
    training.server = server

    def found() -> bool:
        with urllib.request.urlopen(f"{server.http}/api/runs?q=asleep", timeout=10) as answer:
            runs = json.load(answer)["runs"]
        training.run_id = runs[0]["run_id"] if runs else ""
        return bool(runs) and runs[0]["steps"] > 5

    with Process([sys.executable, "-c", ASLEEP, server.grpc], tmp_path, "asleep") as process:
        wait_until(found, 30, "the training runs")
        paused = training.do("pause")
        assert paused["state"] == "applied"
        process.signal(signal.SIGSTOP)
        slept = time.monotonic() + 6.5
        wait_until(lambda: time.monotonic() > slept, 20, "it sleeps")
        process.signal(signal.SIGCONT)
        woke = time.time()
        wait_until(lambda: training.ask("")["last_heard_at"] > woke + 1, 20, "it is heard again")
        assert training.ask("")["status"] == "paused"
        assert training.ask("")["steps"] == paused["applied_step"]
        assert training.do("resume")["message"].startswith("resumed by ada")
        assert training.do("stop")["state"] == "applied"
        assert process.wait(20) == 0, process.stderr
