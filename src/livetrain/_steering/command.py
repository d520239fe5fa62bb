"""One command, as it comes over the wire, and what became of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from livetrain import _wire
from livetrain._records import Writer
from livetrain._terminal_text import one_line
from livetrain.proto import telemetry_pb2 as pb

__all__ = [
    "ID_CHARS",
    "RECIPE",
    "Command",
    "Outcome",
    "problem_with",
    "read_command",
    "result_record",
]

RECIPE: Final = "recipe"
"""Who gives the commands of a recipe."""

ID_CHARS = 200
"""Of a command's id: each answer repeats it."""
_COMMAND_BYTES = 64 << 10
_PARAMETERS = 64
_MESSAGE_CHARS = 1_000
_VALUE_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `expires_at` in seconds on the monotonic clock, None: never."""

    command_id: str
    verb: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    issued_by: str = ""
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command so far."""

    command_id: str
    state: pb.CommandState
    message: str = ""
    applied_step: int = 0  # the first step under it
    values: Mapping[str, str] = field(default_factory=dict)  # what took effect
    previous: Mapping[str, str] = field(default_factory=dict)  # what held before
    pending: bool = False  # with ACCEPTED: it was taken, and takes effect later by itself
    replay: Command | None = None  # of a recipe, of which the server knows nothing


_OLDER_VERBS = {
    pb.ControlCommand.PAUSE_TRAINING: ("pause", ""),
    pb.ControlCommand.RESUME_TRAINING: ("resume", ""),
    pb.ControlCommand.STOP_TRAINING: ("stop", ""),
    pb.ControlCommand.ADJUST_BATCH_SIZE: ("set", "batch_size"),
    pb.ControlCommand.CHANGE_LEARNING_RATE: ("set", "learning_rate"),
}


def problem_with(message: pb.ControlCommand) -> str:
    """Say why a command is too large to be looked at; empty: it is not."""
    if len(message.command_id) > ID_CHARS:
        return f"a command's id of {len(message.command_id)} characters; {ID_CHARS} are taken"
    if message.ByteSize() > _COMMAND_BYTES:
        return f"a command of {message.ByteSize()} bytes; {_COMMAND_BYTES} are taken"
    if len(message.parameters) > _PARAMETERS:
        return f"a command with {len(message.parameters)} parameters; {_PARAMETERS} are taken"
    return ""


def read_command(message: pb.ControlCommand, now: float, late: float = 0.0) -> Command:
    """Read a command of the wire.

    An older server sends a type and no verb, and of the parameters only the one that belongs to the type counts.

    Args:
        message: the command.
        now: seconds on the monotonic clock.
        late: seconds that it was on its way, which its lifetime went on meanwhile.
    """
    parameters = dict(message.parameters)
    verb = message.verb
    if not verb:
        verb, only = _OLDER_VERBS.get(message.type, ("", ""))
        parameters = {only: parameters[only]} if only in parameters else {}
    return Command(
        message.command_id or uuid.uuid4().hex,
        verb,
        parameters,
        one_line(message.issued_by, 200),
        now - late + message.ttl_ms / 1000 if message.ttl_ms else None,
    )


def result_record(outcome: Outcome, rank: int) -> Writer:
    """What became of a command on this rank."""

    def write(stamp: _wire.Stamp) -> bytes:
        request = stamp.request()
        result = request.command_result
        result.command_id, result.state = outcome.command_id, outcome.state
        result.message = _wire.sendable(outcome.message[:_MESSAGE_CHARS])
        result.applied_step, result.pending = outcome.applied_step, outcome.pending
        for told, values in ((result.values, outcome.values), (result.previous, outcome.previous)):
            for name, value in values.items():
                told[_wire.sendable(name[:_VALUE_CHARS])] = _wire.sendable(value[:_VALUE_CHARS])
        result.ranks.append(rank)
        if (replay := outcome.replay) is not None:
            result.replay.verb = _wire.sendable(replay.verb)
            for name, value in replay.parameters.items():
                result.replay.parameters[_wire.sendable(name)] = _wire.sendable(value)
        return request.SerializeToString()

    return write
