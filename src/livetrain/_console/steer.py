"""What the console commands do to a run: give a command and wait for what becomes of it."""

from __future__ import annotations

import getpass
import socket
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from livetrain._console.server_api import ServerApi

__all__ = ["SHORT_NAMES", "give", "parameters_of", "who"]

SHORT_NAMES = {"lr": "learning_rate", "bs": "batch_size"}
_ENDS = frozenset({"applied", "rejected", "expired", "failed"})
_LOOK_SECONDS = 0.1


def who() -> str:
    """Return who gives a command, as the others see it."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"[:100]
    except (OSError, KeyError):  # a user id without a name, as in some containers
        return "the console"


def parameters_of(assignments: Sequence[str]) -> dict[str, str]:
    """Read ``lr=1e-4 batch_size=64``.

    Raises:
        ValueError: one of them is no assignment; the message is a sentence.
    """
    parameters: dict[str, str] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name or not value:
            raise ValueError(f"{assignment!r} sets nothing; write for example lr=1e-4.")
        parameters[SHORT_NAMES.get(name, name)] = value
    return parameters


def give(
    api: ServerApi,
    run_id: str,
    verb: str,
    parameters: Mapping[str, str],
    *,
    wait_seconds: float,
    changed: Callable[[Mapping[str, Any]], None] = lambda command: None,
) -> Mapping[str, Any]:
    """Give a command and return how it stands when it has an end, or when `wait_seconds` are over.

    Args:
        api: the server.
        run_id: whose trainer it is for.
        verb: what to do.
        parameters: with what.
        wait_seconds: how long to wait for an end; it is also the command's lifetime.
        changed: called whenever its state changed.

    Raises:
        ServerApiError: the server did not take it.
    """
    command = api.command(
        run_id,
        {
            "verb": verb,
            "parameters": dict(parameters),
            "issued_by": who(),
            "ttl_seconds": max(wait_seconds, 1.0),
            "command_id": uuid.uuid4().hex,
        },
    )
    changed(command)
    deadline = time.monotonic() + wait_seconds
    while command["state"] not in _ENDS and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
        now = next(c for c in api.commands(run_id) if c["command_id"] == command["command_id"])
        if now["state"] != command["state"]:
            changed(now)
        command = now
    return command
