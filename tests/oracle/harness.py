"""Puts trainings into practice: real monitors, a real server, and a link that can be cut."""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Self

import numpy as np

import livetrain
from livetrain._delivery.transport import Endpoint
from livetrain._spool.segment_log import segments_of
from livetrain._sync import leftovers, upload
from tests.faults.conditions import wait_until
from tests.faults.processes import Server
from tests.faults.proxy import Proxy
from tests.oracle.pages import Held, Pages
from tests.oracle.trainings import (
    Batch,
    Checkpoint,
    EndingError,
    Epoch,
    Fork,
    Life,
    Log,
    Look,
    Outage,
    Restart,
    Training,
    Validation,
)

__all__ = ["Bench", "Shown"]

PATIENCE = 60.0
_IMAGES = np.zeros((4, 8, 8, 3), np.uint8)
_KINDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
# The server's own curves, of which a training says nothing.
_OURS = ("perf/", "system/", "livetrain/")

Points = list[tuple[int, float]]


class Shown:
    """A run as the server tells of it."""

    def __init__(self, server: Server, pages: Pages, run_id: str) -> None:
        self._server, self._pages, self._run_id = server, pages, run_id

    def _get(self, path: str, **query: Any) -> Any:
        address = (
            f"{self._server.http}/api/runs/{self._run_id}{path}?{urllib.parse.urlencode(query)}"
        )
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            return json.load(answer, parse_constant=_refuse)

    @property
    def status(self) -> str:
        """Its status."""
        return str(self._get("")["status"])

    def curves(self, attempt: int | None = None) -> dict[str, Points]:
        """Return its curves as the metrics route gives them; `attempt` None: without asking for one."""
        query = {} if attempt is None else {"attempt": attempt}
        metrics = self._get("/metrics", **query)["metrics"]
        return {
            name: _points(metric)
            for name, metric in metrics.items()
            if not name.startswith(_OURS) and metric["steps"]
        }

    def buckets(self, names: list[str], points: int) -> dict[str, Any]:
        """Return its curves as stretches of equal extent."""
        query = {"name": names, "stat": "buckets", "points": points}
        path = urllib.parse.urlencode(query, doseq=True)
        address = f"{self._server.http}/api/runs/{self._run_id}/metrics?{path}"
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            metrics: dict[str, Any] = json.load(answer, parse_constant=_refuse)["metrics"]
        return metrics

    def pages(self) -> Held:
        """Return what pages of it hold."""
        return self._pages.read(self._run_id)


def _refuse(token: str) -> float:
    raise AssertionError(f"{token} is not JSON")


def _points(metric: dict[str, Any]) -> Points:
    odd = iter(metric.get("nonfinite", []))
    return [
        (step, _KINDS[next(odd)["kind"]] if value is None else value)
        for step, value in zip(metric["steps"], metric["values"], strict=True)
    ]


class Bench:
    """A server behind a proxy, for as many trainings as one likes, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.server = Server(folder)
        self._proxy = Proxy(self.server.grpc_port)
        self._pages = Pages(self.server.http, folder)
        self._cases = 0

    def __enter__(self) -> Self:
        self._pages.__enter__()
        self.server.start()
        self._proxy.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._pages.__exit__()
        self._proxy.__exit__()
        self.server.__exit__()

    def perform(self, training: Training) -> tuple[list[Shown], list[Shown]]:
        """Train, deliver everything, and return the training's runs and those of its child processes, oldest first."""
        self._cases += 1
        project = f"case{self._cases}"
        spool = self._folder / project
        state: dict[str, Any] | None = None
        for number, life in enumerate(training.lives):
            state = self._live(life, state, f"life {number:02}", project, spool)
        self._deliver(spool)
        # By name: what waited for an upload is registered after what came later.
        runs = sorted(self._runs(project), key=lambda run: str(run["name"]))
        shown = [
            (run["name"] == "child", Shown(self.server, self._pages, run["run_id"])) for run in runs
        ]
        return [run for child, run in shown if not child], [run for child, run in shown if child]

    def _live(
        self, life: Life, state: dict[str, Any] | None, name: str, project: str, spool: Path
    ) -> dict[str, Any] | None:
        """Do what a process does; return what the next one goes on from."""
        self._cut(False)
        monitor = livetrain.Monitor(
            name, server=self._proxy.address, project=project, spool_dir=spool, resume=state
        )
        with contextlib.suppress(EndingError, KeyboardInterrupt), monitor:
            for act in life.acts:
                if isinstance(act, Checkpoint):
                    if not self._proxy.refusing:
                        assert monitor.flush(PATIENCE)
                        state = monitor.resume_state()
                else:
                    self._act(monitor, act, project, spool)
            self._cut(False)
            if life.ends is not None:
                raise life.ends("the end")
        return state

    def _act(self, monitor: livetrain.Monitor, act: object, project: str, spool: Path) -> None:
        match act:
            case Log(values, step):
                monitor.log(values, step=step)
            case Batch(loss, accuracy, step, epoch, images):
                shown = _IMAGES if images else None
                monitor.log_batch(shown, None, loss, accuracy=accuracy, step=step, epoch=epoch)
            case Epoch(means, epoch, step):
                monitor.log_epoch(epoch, step=step, **means)
            case Validation(values, step):
                monitor.log_validation(step=step, **values)
            case Look():
                if not self._proxy.refusing:
                    assert monitor.flush(PATIENCE)  # a run that nobody has heard of has no page
                    self._pages.open(str(monitor.run_id))
            case Outage(begins):
                self._cut(begins)
            case Restart():
                self.server.kill()
                self.server.start()
            case Fork(points):
                arguments = (points, self.server.grpc, project, str(spool))
                child = multiprocessing.get_context("fork").Process(target=_child, args=arguments)
                child.start()
                child.join(PATIENCE)
                assert child.exitcode == 0

    def _cut(self, cut: bool) -> None:
        self._proxy.refusing = cut
        if cut:
            self._proxy.reset_all()

    def _deliver(self, spool: Path) -> None:
        def delivered() -> bool:
            for left in leftovers(spool):
                upload(left, Endpoint(self.server.grpc), timeout=PATIENCE)
            # A life uploads what the one before it left, in the background; nothing is listed meanwhile.
            return not any(segments_of(folder) for folder in spool.iterdir())

        wait_until(delivered, PATIENCE, "every record is delivered")

    def _runs(self, project: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(
            f"{self.server.http}/api/runs?limit=50", timeout=PATIENCE
        ) as got:
            runs = json.load(got)["runs"]
        return [run for run in runs if run["project"] == project]


def _child(points: int, server: str, project: str, spool: str) -> None:
    monitor = livetrain.Monitor("child", server=server, project=project, spool_dir=spool)
    for step in range(points):
        monitor.log({"n": step}, step=step)
