"""What makes no sense is refused with the reason: in the API, in the run's log, and on the page; and the training is as before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.faults.conditions import wait_until
from tests.faults.processes import Server
from tests.integration.test_steering import Training

import livetrain

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PATIENCE_MS = 40_000
REFUSED = [
    ("set", {"learning_rate": "nan"}, "a finite number is needed"),
    ("set", {"learning_rate": -1}, "0 to 10 is allowed"),
    ("set", {"learning_rate": 1e9}, "0 to 10 is allowed"),
    ("set", {"learning_rate": "abc"}, "a number is needed"),
    ("set", {"batch_size": 0}, "1 to 65536 is allowed"),
    ("set", {"batch_size": 1.5}, "a whole number is needed"),
    ("set", {"momentum": 0.9}, "takes no 'momentum' here"),
    ("set", {}, "Say what to set"),
    ("explode", {}, "does not allow 'explode'"),
    ("stop", {}, "does not allow 'stop'"),  # known, and not declared by this training
    ("resume", {}, "the training is not paused"),
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    with Server(folder) as started:
        yield started


class Steered(Training):
    """A training that may be paused and not be stopped; it ends when the test says so."""

    def __init__(self, server: Server) -> None:
        super().__init__(server, control=livetrain.ControlOptions(allow=("pause", "resume")))
        self.hold = threading.Event()
        self.hold.set()
        self.monitor.on("wait", lambda: self.hold.wait(20))
        self.monitor.on("finish", self.finish)

    def finish(self) -> None:
        self.monitor._steering.control.should_stop = True

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self.give("finish")
        self._thread.join(20)
        assert not self._thread.is_alive()

    @property
    def held(self) -> tuple[list[float], int, bool]:
        """What no refused command may change."""
        rates = [group["lr"] for group in self.groups]
        return rates, self.sampler.batch_size, self.monitor.should_stop


def test_each_refusal_has_its_reason_everywhere_and_no_effect(page: Page, server: Server) -> None:
    with Steered(server) as training:
        page.goto(f"{server.http}/runs/{training.run_id}")
        shown = page.get_by_test_id("command")
        before = training.held

        def refused(command_id: str, state: str, why: str) -> None:
            done = training.settled(command_id)
            assert (done["state"], done["issued_by"], done["origin"]) == (state, "ada", "127.0.0.1")
            assert why in done["message"]
            expect(shown.first).to_have_attribute("data-state", state, timeout=PATIENCE_MS)
            expect(shown.first).to_contain_text(why, timeout=PATIENCE_MS)
            issued, *results = audit(training, command_id)
            assert issued["kind"] == "command_issued"
            assert issued["record"]["command_issued"]["issued_by"] == "ada"
            assert issued["record"]["command_issued"]["origin"] == "127.0.0.1"
            assert issued["received_at"] > 0
            ends = [r["record"]["command_result"] for r in results]
            assert ends[-1]["state"] == {"rejected": "REJECTED", "expired": "EXPIRED"}[state]
            assert why in ends[-1]["message"]
            assert training.held == before, "no effect on the training"

        for verb, parameters, why in REFUSED:
            refused(training.give(verb, parameters), "rejected", why)

        assert training.do("pause")["state"] == "applied"
        refused(training.give("pause"), "rejected", "the training is paused already by ada")
        assert training.do("resume")["state"] == "applied"

        # Twice: the same command is one, however often it is given.
        for _ in range(3):
            training.give("pause", command_id="twice")
        training.settled("twice")

        def told() -> list[tuple[str, Any]]:
            return [
                (event["kind"], event["record"][event["kind"]].get("state"))
                for event in audit(training, "twice")
            ]

        results = [("command_result", state) for state in ("SENT", "ACCEPTED", "APPLIED")]
        # It is known before it is committed.
        wait_until(lambda: told() == [("command_issued", None), *results], 20, "each of it once")
        training.do("resume")

        # After its lifetime: a step takes longer than the command may wait.
        training.hold.clear()
        training.give("wait")
        late = training.give("set", {"learning_rate": 0.5}, ttl_seconds=1.0)
        wait_until(
            lambda: training.command(late)["state"] == "accepted", 20, "it waits for the step"
        )
        threading.Event().wait(1.1)  # its lifetime goes by
        training.hold.set()
        refused(late, "expired", "its lifetime was over")

        training.do("finish")
        wait_until(lambda: training.ask("")["status"] == "finished", 20, "the end")
        before = training.held
        refused(training.give("set", {"learning_rate": 0.5}), "rejected", "The run has ended.")
        expect(page.get_by_test_id("steering-reason")).to_contain_text("nothing left to steer")


def audit(training: Training, command_id: str) -> list[dict[str, Any]]:
    """Return all that the run's log has of a command, in order."""
    events = training.ask("/events?notable=true&limit=5000")["events"]
    return [
        event
        for event in events
        if event["kind"] in ("command_issued", "command_result")
        and event["record"][event["kind"]]["command_id"] == command_id
    ]
