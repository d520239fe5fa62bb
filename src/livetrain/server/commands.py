"""Commands of one run: who gave which, what became of it, and which still have to reach the trainer. Pure.

A run's log is the record: a command is there as `CommandIssued`, and each thing that became of it as a `CommandResult`. What this
module knows is a fold over these, so that a server that comes back knows the same, and the log is the audit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from livetrain.proto import telemetry_pb2 as pb

__all__ = [
    "OLDER_CONTROLS",
    "PARAMETERS",
    "PARAMETER_CHARS",
    "REMEMBERED",
    "VERB_CHARS",
    "Command",
    "CommandBook",
    "moved_on",
    "refusal",
    "to_wire",
    "too_large",
]

VERB_CHARS: Final = 64
PARAMETERS: Final = 32
PARAMETER_CHARS: Final = 1000
"""Of the name of a parameter, and of its value: whatever is given is written into the run's log, also if it is refused."""

_WEIGHT: Final[dict[int, int]] = {
    pb.QUEUED: 1,
    pb.SENT: 2,
    pb.ACCEPTED: 3,
    pb.EXPIRED: 4,
    pb.APPLIED: 5,
    pb.COMMAND_FAILED: 6,
    pb.REJECTED: 7,
}
"""What is believed where several things are said of one command, by several ranks or more than once: the heaviest, in whatever
order they come. A trainer never applies too late, so that it applied outweighs our guess that it would not; that one rank
failed outweighs that the others did not."""
_FINAL: Final = frozenset({pb.APPLIED, pb.REJECTED, pb.EXPIRED, pb.COMMAND_FAILED})
_WITHOUT_EFFECT: Final = frozenset({pb.REJECTED, pb.EXPIRED, pb.COMMAND_FAILED})
REMEMBERED: Final = 1000
_MOST_OPEN: Final = 256
_MOST_BYTES: Final = 1024 * 1024
_COMMAND_BYTES: Final = 500
_UNANSWERED_MS: Final = 60_000
"""How long after its lifetime a command that was sent may still be answered: the trainer keeps its answer while it is away."""

OLDER_CONTROLS: Final = (
    *(pb.ControlDeclaration(verb=verb) for verb in ("pause", "resume", "stop")),
    pb.ControlDeclaration(
        verb="set",
        parameters=[
            pb.ControlParameter(name="learning_rate", kind="float", minimum=0.0),
            pb.ControlParameter(name="batch_size", kind="int", minimum=1.0),
        ],
    ),
)
"""What a trainer of the older protocol takes: it has no way to say."""

_OLDER_TYPES: Final = {
    "pause": pb.ControlCommand.PAUSE_TRAINING,
    "resume": pb.ControlCommand.RESUME_TRAINING,
    "stop": pb.ControlCommand.STOP_TRAINING,
    "learning_rate": pb.ControlCommand.CHANGE_LEARNING_RATE,
    "batch_size": pb.ControlCommand.ADJUST_BATCH_SIZE,
}
_SHOWN_BY_STATUS: Final[dict[int, str]] = {
    pb.PAUSED: "pause",
    pb.RUNNING: "resume",
    pb.COMPLETED: "stop",
    pb.FAILED: "stop",
}
_MESSAGE_CHARS: Final = 2000
_RATE_WORDS: Final = ("follow", "undo")


@dataclass(slots=True)
class Command:
    """One command and what became of it so far.

    Attributes:
        offset: of its `CommandIssued` in the run's log.
        issued_ms, expires_ms: Unix milliseconds.
        state: what is believed of all that was heard.
        applied_step: the first step under it.
        values, previous: what took effect, and what held before.
        ranks: that applied it.
        pending: the trainer took it, and it takes effect later by itself.
        origin: the address that it came from.
        size: about how much memory it takes.
    """

    offset: int
    command_id: str
    verb: str
    parameters: Mapping[str, str]
    issued_by: str
    issued_ms: int
    expires_ms: int
    state: int = pb.QUEUED
    applied_step: int = 0
    message: str = ""
    values: dict[str, str] = field(default_factory=dict)
    previous: dict[str, str] = field(default_factory=dict)
    ranks: list[int] = field(default_factory=list)
    pending: bool = False
    origin: str = ""
    size: int = 0

    @property
    def final(self) -> bool:
        """Is it known what became of it?"""
        return self.state in _FINAL


class CommandBook:
    """The newest commands of one run.

    Attributes:
        bytes: about how much memory they take.

    Example:
        >>> book = CommandBook()
        >>> issued = pb.CommandIssued(command_id="c1", verb="pause", expires_ms=5000)
        >>> book.apply(1, pb.TelemetryRequest(command_issued=issued))
        >>> [command.verb for command in book.open(now_ms=4000)]
        ['pause']
    """

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}
        self.bytes = 0

    def __contains__(self, command_id: str) -> bool:
        return command_id in self._commands

    def get(self, command_id: str) -> Command | None:
        """Return a command, or None if it is not known any more."""
        return self._commands.get(command_id)

    def newest(self, limit: int) -> list[Command]:
        """Return commands, the newest first."""
        return list(reversed(self._commands.values()))[:limit]

    def open(self, now_ms: int) -> list[Command]:
        """Return what the trainer has to be told, oldest first."""
        return [
            command
            for command in self._commands.values()
            if not command.final and now_ms < command.expires_ms
        ]

    def unfinished(self) -> list[Command]:
        """Return those of which it is not known what became."""
        return [command for command in self._commands.values() if not command.final]

    @property
    def full(self) -> str | None:
        """Why no further command can be taken now; None: one can."""
        open_ = len(self.unfinished())
        if open_ >= _MOST_OPEN or self._open_bytes >= _MOST_BYTES // 2:
            return f"{open_} commands of this run wait already."
        return None

    @property
    def _open_bytes(self) -> int:
        return sum(command.size for command in self._commands.values() if not command.final)

    def overdue(self, now_ms: int, *, reachable: bool) -> list[Command]:
        """Return what will not be answered any more.

        Args:
            now_ms: Unix milliseconds.
            reachable: whether the trainer is there to answer; one that was told gets time to come back.
        """
        return [
            command
            for command in self.unfinished()
            if not (command.pending and reachable)
            and now_ms
            >= command.expires_ms
            + (0 if command.state == pb.QUEUED else _UNANSWERED_MS if not reachable else 5_000)
        ]

    def last_set(self, names: Iterable[str]) -> Command | None:
        """Return the newest command that set one of these values, or may still do so."""
        wanted = set(names)
        return next(
            (
                command
                for command in reversed(self._commands.values())
                if command.verb == "set"
                and command.state not in _WITHOUT_EFFECT
                and wanted & command.parameters.keys()
            ),
            None,
        )

    def apply(self, offset: int, record: pb.TelemetryRequest) -> None:
        """Fold one record of the run's log in; those of other kinds change nothing."""
        match record.WhichOneof("payload"):
            case "command_issued":
                self._issue(offset, record.command_issued)
            case "command_result":
                self._settle(record.command_result)

    def _issue(self, offset: int, issued: pb.CommandIssued) -> None:
        self._forget(issued.command_id)
        command = self._commands[issued.command_id] = Command(
            offset,
            issued.command_id,
            issued.verb,
            dict(issued.parameters),
            issued.issued_by,
            issued.issued_ms,
            issued.expires_ms,
            origin=issued.origin,
            size=issued.ByteSize() + _COMMAND_BYTES,
        )
        self.bytes += command.size
        self._make_room()

    def _make_room(self) -> None:
        """Forget the oldest. What is open has yet to be answered; there are at most some hundred of these."""
        while len(self._commands) > REMEMBERED or self.bytes > _MOST_BYTES:
            oldest = next((c for c in self._commands.values() if c.final), None)
            if oldest is None:
                return
            self._forget(oldest.command_id)

    def _forget(self, command_id: str) -> None:
        command = self._commands.pop(command_id, None)
        if command is not None:
            self.bytes -= command.size

    def _settle(self, result: pb.CommandResult) -> None:
        command = self._commands.get(result.command_id)
        if command is None:
            return
        if result.state == pb.APPLIED:
            if command.ranks and result.applied_step != command.applied_step:
                ranks = " and ".join(map(str, result.ranks))
                said = f"rank {ranks} counts step {result.applied_step}"
                told = f"{command.message}; {said}" if command.message else said
                command.message = told[:_MESSAGE_CHARS]
            elif not command.ranks:
                command.applied_step = result.applied_step
            command.ranks = sorted({*command.ranks, *result.ranks})
        heard, known = _WEIGHT.get(result.state, 0), _WEIGHT.get(command.state, 0)
        if heard < known or (heard == known and command.final):
            return
        command.state = result.state
        command.message = result.message
        command.pending = result.pending
        command.applied_step = result.applied_step or command.applied_step
        command.values = dict(result.values) or command.values
        command.previous = dict(result.previous) or command.previous
        size = result.ByteSize()
        command.size, self.bytes = command.size + size, self.bytes + size
        self._make_room()

    def shown_by(self, status: int) -> Command | None:
        """Return the open command that an older trainer, which answers none, has obeyed by this status."""
        verb = _SHOWN_BY_STATUS.get(status)
        waiting = [c for c in self._commands.values() if c.verb == verb and c.state == pb.SENT]
        return waiting[-1] if waiting else None


def too_large(verb: str, parameters: Mapping[str, str]) -> str | None:
    """Say why a command is too large to be written down; None: it is not.

    Example:
        >>> too_large("set", {"learning_rate": "1" * 5000})
        'A command has at most 32 parameters of 1000 characters, and a verb of 64.'
    """
    longest = max((len(text) for item in parameters.items() for text in item), default=0)
    if len(verb) <= VERB_CHARS and len(parameters) <= PARAMETERS and longest <= PARAMETER_CHARS:
        return None
    return f"A command has at most {PARAMETERS} parameters of {PARAMETER_CHARS} characters, and a verb of {VERB_CHARS}."


def refusal(
    declared: Iterable[pb.ControlDeclaration],
    verb: str,
    parameters: Mapping[str, str],
    *,
    ended: bool,
) -> str | None:
    """Say why a command cannot be given to a run; None: it can.

    Args:
        declared: what the trainer allows.
        verb: the command's.
        parameters: the command's.
        ended: whether the run is over.
    """
    if ended:
        return "The run has ended."
    found = next((declaration for declaration in declared if declaration.verb == verb), None)
    if found is None:
        return f"This training does not allow {verb!r}."
    if found.impossible:
        return found.impossible
    known = {parameter.name: parameter for parameter in found.parameters}
    if verb == "set" and not parameters:
        return f"Say what to set: {', '.join(known)}."
    for name, text in parameters.items():
        parameter = known.get(name)
        if parameter is None:
            allowed = f"; it takes {', '.join(known)}" if known else ""
            return f"{verb} takes no {name!r} here{allowed}."
        problem = _problem(parameter, text)
        if problem:
            return f"{name}={text!r}: {problem}."
    return None


def moved_on(last: Command | None, seen: Command | None) -> str | None:
    """Say why a value should not be set by somebody who does not know who set it last; None: they do.

    Args:
        last: the newest command that set it; None: none did.
        seen: the newest that they know of; None: they know of none.
    """
    if last is None or (seen is not None and seen.offset >= last.offset):
        return None
    asked = ", ".join(f"{name}={text}" for name, text in last.parameters.items())
    when = f" at step {last.applied_step}" if last.state == pb.APPLIED else " just now"
    return (
        f"The run moved on: {last.issued_by} set {asked}{when}. Give it again if you still want it."
    )


def _problem(parameter: pb.ControlParameter, text: str) -> str | None:
    if parameter.kind == "choice":
        return (
            None
            if text in parameter.choices
            else f"one of {', '.join(parameter.choices)} is needed"
        )
    if parameter.kind not in ("float", "int"):
        return None
    if parameter.name.startswith("learning_rate"):
        if text in _RATE_WORDS:
            return None
        text = text.removeprefix("x")
    try:
        value = float(text)
        if parameter.kind == "int" and not value.is_integer():
            raise ValueError(text)
    except (ValueError, OverflowError):
        return f"a {'whole ' if parameter.kind == 'int' else ''}number is needed"
    if not math.isfinite(value):
        return "a finite number is needed"
    low = parameter.minimum if parameter.HasField("minimum") else -math.inf
    high = parameter.maximum if parameter.HasField("maximum") else math.inf
    return None if low <= value <= high else f"{low:g} to {high:g} is allowed"


def to_wire(command: Command, now_ms: int, *, older: bool) -> list[pb.ControlCommand]:
    """Return a command as a trainer is told it; an older one is told each value by a command of its own."""

    def message(kind: int, parameters: Mapping[str, str]) -> pb.ControlCommand:
        return pb.ControlCommand(
            type=kind,  # type: ignore[arg-type]  # the enum's ints are its values
            parameters=parameters,
            command_id=command.command_id,
            ttl_ms=max(command.expires_ms - now_ms, 1),
            issued_by=command.issued_by,
            verb=command.verb,
        )

    if not older or command.verb in _OLDER_TYPES:
        kind = _OLDER_TYPES.get(command.verb, pb.ControlCommand.CUSTOM)
        return [message(kind, command.parameters)]
    return [
        message(_OLDER_TYPES[name], {name: text})
        for name, text in command.parameters.items()
        if name in _OLDER_TYPES
    ]
