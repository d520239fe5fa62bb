"""Commands from the page, applied by the training's thread between two steps.

A command comes in on the stream's thread, is judged there against what this trainer declared, and
waits. The training's thread applies it at the next step boundary and answers with the step and the
value that took effect. A command is known by its id: given twice, it is applied once and answered
twice. A hostile server can make nothing happen that was not declared.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from livetrain._steering.recipe import RecipeStep
from livetrain._steering.settings import Refused, Setting, check_parameters
from livetrain._warnings import warn_once_a_minute
from livetrain.config import ControlOptions
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Command", "Control", "Outcome", "read_command"]

_MAX_WAITING = 256
_MAX_REMEMBERED = 4096
_TICK_SECONDS = (
    0.1  # how often a paused training looks whether its lease or lost contact ends the pause
)
_BUILT_IN = ("pause", "resume", "stop", "set")


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
    values: Mapping[str, str] = field(default_factory=dict)


_OLDER_VERBS = {
    pb.ControlCommand.PAUSE_TRAINING: ("pause", ""),
    pb.ControlCommand.RESUME_TRAINING: ("resume", ""),
    pb.ControlCommand.STOP_TRAINING: ("stop", ""),
    pb.ControlCommand.ADJUST_BATCH_SIZE: ("set", "batch_size"),
    pb.ControlCommand.CHANGE_LEARNING_RATE: ("set", "learning_rate"),
}


def read_command(message: pb.ControlCommand, now: float) -> Command:
    """Read a command of the wire; `now` in seconds on the monotonic clock.

    An older server sends a type and no verb, and of the parameters only the one that belongs to the type counts.
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
        message.issued_by[:200],
        now + message.ttl_ms / 1000 if message.ttl_ms else None,
    )


class Control:
    """Everything that may be done to one training.

    Args:
        options: what is allowed.
        answer: called with each `Outcome`, from either thread; must not wait.
        announce: called with "paused" or "running" and a sentence when that changes.
        silence: seconds since the server was heard last, for a pause that nobody can end any more.
        recipe: commands to be carried out again at their steps, in that order.
        clock: seconds, monotonic.

    Example:
        >>> control = Control(ControlOptions(), answer=lambda outcome: print(outcome.message))
        >>> control.receive(Command("1", "stop", issued_by="ada"))
        <BLANKLINE>
        >>> control.boundary(step=8)
        stopped by ada
        >>> control.should_stop
        True
    """

    def __init__(
        self,
        options: ControlOptions,
        answer: Callable[[Outcome], None],
        announce: Callable[[str, str], None] = lambda status, message: None,
        silence: Callable[[], float] = lambda: 0.0,
        recipe: Sequence[RecipeStep] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._answer = answer
        self._announce = announce
        self._silence = silence
        self._clock = clock
        self._settings: dict[str, Setting] = {}
        self._custom: dict[str, tuple[Callable[..., Any], pb.ControlDeclaration]] = {}
        self._listeners: dict[str, list[Callable[[], Any]]] = {}
        self._recipe: deque[RecipeStep] = deque(recipe)
        self._waiting: deque[Command] = deque()
        self._known: OrderedDict[str, Outcome] = (
            OrderedDict()
        )  # the oldest is forgotten past the bound
        # Wakes a paused training; what it guards is only that no wake-up is lost.
        self._condition = threading.Condition()
        self.should_stop = False
        self.stopped_by = ""
        self.paused = False
        self._paused_at = 0.0
        self._paused_by = ""

    # ------------------------------------------------------------ what is allowed

    def declarations(self) -> list[pb.ControlDeclaration]:
        """Return all that this training lets be done to it."""
        verbs = [
            pb.ControlDeclaration(verb=verb)
            for verb in self._options.allow
            if verb in _BUILT_IN[:3]
        ]
        if self._settings:
            parameters = [setting.declaration for setting in self._settings.values()]
            verbs.append(pb.ControlDeclaration(verb="set", parameters=parameters))
        verbs.extend(declaration for _, declaration in self._custom.values())
        return verbs

    def allow_setting(self, setting: Setting) -> None:
        """Let a value be set."""
        self._settings[setting.declaration.name] = setting

    def allow_verb(self, declaration: pb.ControlDeclaration, handler: Callable[..., Any]) -> None:
        """Let a command of the user's own be given; its handler is called on the training's thread."""
        self._custom[declaration.verb] = (handler, declaration)

    def listen(self, verb: str, listener: Callable[[], Any]) -> None:
        """Call `listener` on the training's thread after a pause, resume or stop took effect."""
        self._listeners.setdefault(verb, []).append(listener)

    # ------------------------------------------------------------ the stream's thread

    def receive(self, command: Command) -> None:
        """Judge a command and let it wait for the next boundary."""
        known = self._known.get(command.command_id)
        if known is not None:
            self._answer(known)
            return
        try:
            if len(self._waiting) >= _MAX_WAITING:
                raise Refused(f"{_MAX_WAITING} commands wait already")
            self._check(command)
        except Refused as refusal:
            self._settle(Outcome(command.command_id, pb.REJECTED, str(refusal)))
            return
        self._settle(Outcome(command.command_id, pb.ACCEPTED))
        with self._condition:
            self._waiting.append(command)
            self._condition.notify_all()

    def _check(self, command: Command) -> None:
        verb, allowed = command.verb, self._options.allow
        if verb in self._custom:
            check_parameters(self._custom[verb][1], command.parameters)
        elif verb == "set":
            if not command.parameters:
                raise Refused("set needs a value, such as learning_rate")
            for name, text in command.parameters.items():
                if name not in self._settings:
                    raise Refused(f"this training does not let {name} be set")
                self._settings[name].check(text)
        elif verb not in _BUILT_IN:
            raise Refused(f"this training knows no command {verb!r}")
        elif verb not in allowed:
            raise Refused(f"this training does not allow {verb}")

    # ------------------------------------------------------------ the training's thread

    def boundary(self, step: int) -> None:
        """Between two steps: apply what waits, and stay here while paused; `step` is the one that comes next."""
        while self._recipe and self._recipe[0].step <= step:
            again = self._recipe.popleft()
            name = f"recipe-{again.step}-{uuid.uuid4().hex[:8]}"
            self.receive(Command(name, again.verb, again.parameters, "the recipe"))
        while self._waiting or self.paused:
            while self._waiting:
                self._carry_out(self._waiting.popleft(), step)
            if self.should_stop or not self.paused:
                break
            self._stay_paused()
        for setting in self._settings.values():
            setting.hold()

    def _carry_out(self, command: Command, step: int) -> None:
        if command.expires_at is not None and self._clock() > command.expires_at:
            self._settle(
                Outcome(
                    command.command_id,
                    pb.EXPIRED,
                    "its lifetime was over before the training came to it",
                )
            )
            return
        try:
            message, values = self._apply(command)
        except Refused as refusal:
            self._settle(Outcome(command.command_id, pb.REJECTED, str(refusal)))
        except (
            Exception
        ) as error:  # a user's handler: its fault is told to the one who asked, not to the training
            self._settle(
                Outcome(
                    command.command_id, pb.COMMAND_FAILED, f"{type(error).__name__}: {error}"[:500]
                )
            )
        else:
            self._settle(Outcome(command.command_id, pb.APPLIED, message, step, values))
            for listener in self._listeners.get(command.verb, ()):
                try:
                    listener()
                except Exception as error:  # the command took effect all the same
                    warn_once_a_minute(
                        "listener", f"a handler of {command.verb!r} failed: {error!r}"
                    )

    def _apply(self, command: Command) -> tuple[str, dict[str, str]]:
        by = f" by {command.issued_by}" if command.issued_by else ""
        match command.verb:
            case verb if verb in self._custom:
                handler, declaration = self._custom[verb]
                said = handler(**check_parameters(declaration, command.parameters))
                return "" if said is None else str(said)[:500], dict(command.parameters)
            case "pause":
                if self.paused:
                    raise Refused(f"the training is paused already{self._paused_by}")
                self.paused, self._paused_at, self._paused_by = True, self._clock(), by
                self._announce("paused", f"paused{by}")
                return f"paused{by}", {}
            case "resume":
                if not self.paused:
                    raise Refused("the training is not paused")
                self._resume(f"resumed{by}")
                return f"resumed{by}", {}
            case "stop":
                self.should_stop, self.stopped_by = True, f"stopped{by}"
                if self.paused:
                    self._resume(f"stopping{by}")
                return f"stopped{by}", {}
            case _:
                for name, text in command.parameters.items():
                    self._settings[name].check(text)  # all or nothing
                return "", {
                    name: self._settings[name].apply(text)
                    for name, text in command.parameters.items()
                }

    def _resume(self, message: str) -> None:
        self.paused = False
        self._announce("running", message)

    def _stay_paused(self) -> None:
        if self._clock() - self._paused_at >= self._options.pause_lease_seconds:
            self._resume(
                f"resumed by itself: a pause lasts at most {self._options.pause_lease_seconds:g} s"
            )
        elif self._silence() >= self._options.lost_contact_seconds:
            self._resume(
                f"resumed by itself: no contact with the server for {self._options.lost_contact_seconds:g} s"
            )
        else:
            with self._condition:
                if not self._waiting:
                    self._condition.wait(
                        _TICK_SECONDS
                    )  # short, so that Ctrl-C comes through everywhere

    def _settle(self, outcome: Outcome) -> None:
        self._known[outcome.command_id] = outcome
        while len(self._known) > _MAX_REMEMBERED:
            self._known.popitem(last=False)
        self._answer(outcome)
