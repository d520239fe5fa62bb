"""Orders from outside, for trainings that a test runs in its own process."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from livetrain import Monitor
from livetrain._console.server_process import ServerProcess
from tests.faults.conditions import wait_until
from tests.frameworks.world import get


def order(
    server: ServerProcess, monitor: Monitor, values: dict[str, Any], verb: str = "set"
) -> str:
    """Give a command and wait until it has reached the trainer, who is the caller; return its id."""
    assert monitor.flush(20)
    request = urllib.request.Request(
        f"{server.http}/api/runs/{monitor.run_id}/commands",
        data=json.dumps({"verb": verb, "parameters": values, "issued_by": "ada"}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        command_id = str(json.load(answer)["command_id"])
    wait_until(lambda: state(server, monitor, command_id) == "accepted", 20, "it has come")
    return command_id


def state(server: ServerProcess, monitor: Monitor, command_id: str) -> str:
    commands = get(server, f"/api/runs/{monitor.run_id}/commands")["commands"]
    return next(str(c["state"]) for c in commands if c["command_id"] == command_id)
