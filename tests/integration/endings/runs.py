"""What a server shows of the runs of one test."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.faults.conditions import wait_until
from tests.faults.processes import Server

__all__ = ["Runs"]

PATIENCE = 60.0
"""Seconds that a test waits for a condition: only a failing test ever waits so long."""


class Runs:
    """The runs that were made since this object was, by name."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._earlier: frozenset[str] = frozenset()
        self._earlier = frozenset(run["run_id"] for run in self.all())

    @property
    def address(self) -> str:
        """The address for trainers."""
        return self._server.grpc

    def get(self, path: str) -> Any:
        """Return what the server answers."""
        with urllib.request.urlopen(self._server.http + path, timeout=20) as answer:
            return json.load(answer)

    def all(self) -> list[dict[str, Any]]:
        """Return the new runs, the newest first."""
        found: list[dict[str, Any]] = []
        page = self.get("/api/runs?limit=200")
        found.extend(page["runs"])
        return [run for run in found if run["run_id"] not in self._earlier]

    def only(self) -> dict[str, Any]:
        """Return the one new run, whole."""
        wait_until(self.all, PATIENCE, "there is a run")
        (run,) = self.all()
        return self.whole(run)

    def whole(self, run: dict[str, Any]) -> dict[str, Any]:
        """Return all that is known of a run."""
        return dict(self.get(f"/api/runs/{run['run_id']}"))

    def until(self, condition: Callable[[list[dict[str, Any]]], bool], what: str) -> None:
        """Wait until the runs are as they should be."""
        try:
            wait_until(lambda: condition(self.all()), PATIENCE, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {self.all()}") from None

    def ended(self, count: int = 1) -> list[dict[str, Any]]:
        """Wait until there are so many runs and none of them runs any more; return them whole, by name."""

        def over() -> bool:
            found = self.all()
            return len(found) >= count and all(
                run["status"] not in ("initializing", "running") for run in found
            )

        try:
            wait_until(over, PATIENCE, f"{count} runs have ended")
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {self.all()}") from None
        found = self.all()
        assert len(found) == count, found
        return sorted((self.whole(run) for run in found), key=lambda run: str(run["name"]))

    def curve(self, name: str, run: dict[str, Any] | None = None) -> dict[int, float]:
        """Return the points of a curve by step; empty: there is no such curve."""
        run_id = (run or self.only())["run_id"]
        metrics = self.get(f"/api/runs/{run_id}/metrics")["metrics"]
        if name not in metrics:
            return {}
        return dict(zip(metrics[name]["steps"], metrics[name]["values"], strict=True))
