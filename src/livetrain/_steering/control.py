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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from livetrain._steering.command import RECIPE, Command, Outcome
from livetrain._steering.recipe import RecipeStep
from livetrain._steering.settings import Refused, Setting, check_parameters
from livetrain._steering.sleep import Wakefulness
from livetrain._steering.stopping import Stopping
from livetrain._warnings import warn_once_a_minute
from livetrain.config import ControlOptions
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Control", "Decision"]

_MAX_WAITING = 256
_MAX_REMEMBERED = 4096
_TICK_SECONDS = 0.1
"""How often a paused training looks whether its lease or lost contact ends the pause."""
_BUILT_IN = ("pause", "resume", "stop", "set")


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done at one boundary; `resume` says why a pause ends by itself, empty: it does not."""

    commands: tuple[Command, ...] = ()
    resume: str = ""


class Control:
    """Everything that may be done to one training.

    Args:
        options: what is allowed.
        answer: called with each `Outcome`, from either thread; must not wait.
        announce: called with "paused" or "running" and a sentence when that changes.
        silence: seconds since the server was heard last, for a pause that nobody can end any more.
        recipe: commands to be carried out again at their steps, in that order.
        rank: of this process; one above 0 carries out what rank 0 decided, and speaks for itself alone.
        clock: seconds, monotonic.

    Attributes:
        should_stop: somebody asked the training to stop.
        stopping: what is known of that.
        paused: the training stands still.
        stood_still: seconds that it was paused in all, until it last went on.
        refuses: why no command is taken at all; empty: they are.

    Example:
        >>> control = Control(ControlOptions(), answer=lambda outcome: print(outcome.message))
        >>> control.receive(Command("1", "stop", issued_by="ada"))
        <BLANKLINE>
        >>> control.boundary(step=8)
        told at step 8; it is applied when the training has ended
        >>> control.should_stop
        True
        >>> control.ended(step=8)
        stopped by ada
    """

    def __init__(
        self,
        options: ControlOptions,
        answer: Callable[[Outcome], None],
        announce: Callable[[str, str], None] = lambda status, message: None,
        silence: Callable[[], float] = lambda: 0.0,
        recipe: Sequence[RecipeStep] = (),
        rank: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._answer = answer
        self._announce = announce
        self._silence = silence
        self._rank = rank
        self._clock = clock
        self._settings: dict[str, Setting] = {}
        self._custom: dict[str, tuple[Callable[..., Any], pb.ControlDeclaration]] = {}
        self._listeners: dict[str, list[Callable[[], Any]]] = {}
        self._recipe: deque[RecipeStep] = deque(recipe)
        self._waiting: deque[Command] = deque()
        # Of the recipe, by id. Other ranks hear of them from rank 0, and whoever calls himself "recipe" is taken for it there.
        self._replays: dict[str, Command] = {}
        self._unsettled: list[tuple[Command, Outcome]] = []  # taken, and not in effect yet
        self._sources: dict[str, str] = {}  # by which command each value was set last
        # The oldest is forgotten past the bound.
        self._known: OrderedDict[str, Outcome] = OrderedDict()
        # Wakes a paused training; what it guards is only that no wake-up is lost.
        self._condition = threading.Condition()
        self.should_stop = False
        self.stopping = Stopping()
        self.paused = False
        self.refuses = "" if options.allow else "this training takes no commands"
        self.stood_still = 0.0
        self._paused_at = 0.0
        self._paused_by = ""
        self._awake = Wakefulness()
        self._busy_thread = 0  # that is at a boundary

    # ------------------------------------------------------------ what is allowed

    def declarations(self) -> list[pb.ControlDeclaration]:
        """Return all that this training lets be done to it."""
        if self.refuses:
            told = _BUILT_IN if self._options.allow else ()
            return [pb.ControlDeclaration(verb=verb, impossible=self.refuses) for verb in told]
        verbs = [
            pb.ControlDeclaration(verb=verb)
            for verb in self._options.allow
            if verb in _BUILT_IN[:3] and verb not in self._options.impossible
        ]
        if self._settings:
            parameters = [setting.declaration for setting in self._settings.values()]
            verbs.append(pb.ControlDeclaration(verb="set", parameters=parameters))
        verbs.extend(declaration for _, declaration in self._custom.values())
        verbs.extend(
            pb.ControlDeclaration(verb=verb, impossible=reason)
            for verb, reason in self._options.impossible.items()
        )
        return verbs

    def allow_setting(self, setting: Setting) -> None:
        """Let a value be set."""
        self._settings[setting.declaration.name] = setting

    @property
    def settings(self) -> Iterable[str]:
        """The names of what can be set."""
        return tuple(self._settings)

    def forget_setting(self, name: str) -> None:
        """Let a value be set no longer."""
        self._settings.pop(name, None)

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
        if self.refuses:
            raise Refused(self.refuses)
        if verb in self._options.impossible:
            raise Refused(self._options.impossible[verb])
        if verb in self._custom:
            check_parameters(self._custom[verb][1], command.parameters)
        elif verb == "set":
            if not command.parameters:
                raise Refused("set needs a value, such as learning_rate")
            waiting = {name for other in tuple(self._waiting) for name in other.parameters}
            for name, text in command.parameters.items():
                setting = self._setting(name)
                # What is relative to a value that waits is judged after that.
                if name not in waiting or not text.startswith(("undo", "x")):
                    setting.check(text)
        elif verb not in _BUILT_IN:
            raise Refused(f"this training knows no command {verb!r}")
        elif verb not in allowed:
            raise Refused(f"this training does not allow {verb}")

    def _setting(self, name: str) -> Setting:
        if name not in self._settings:
            raise Refused(f"this training does not let {name} be set")
        return self._settings[name]

    # ------------------------------------------------------------ the training's thread

    def boundary(self, step: int) -> None:
        """Between two steps: apply what waits, and stay here while paused; `step` is the one that comes next.

        Within itself it does nothing: a handler of the user's, or a signal's, that logs a batch comes here again.
        """
        if self.busy:
            return
        self._busy_thread = threading.get_ident()
        try:
            while True:
                decision = self.decide(step)
                self.carry_out(decision, step)
                if self.waiting:
                    continue
                if not self.paused or self.should_stop:
                    break
                self.wait(_TICK_SECONDS)
            self.hold(step)
        finally:
            self._busy_thread = 0

    @property
    def busy(self) -> bool:
        """Whether this thread is at a boundary just now."""
        return self._busy_thread == threading.get_ident()

    @property
    def waiting(self) -> bool:
        """Is there a command that no decision took yet?"""
        return bool(self._waiting)

    def decide(self, step: int, objection: Callable[[Command], str] = lambda _: "") -> Decision:
        """Return what is to be done before `step`: what waits, but for what waited for too long, or has an `objection`."""
        while self._recipe and self._recipe[0].step <= step:
            again = self._recipe.popleft()
            name = f"recipe-{again.step}-{uuid.uuid4().hex[:8]}"
            replay = Command(name, again.verb, again.parameters, RECIPE)
            # The server knows nothing of it: what becomes of it says which it is.
            self._replays[name] = replay
            self.receive(replay)
        if not self._waiting and not self.paused:
            return Decision()
        commands = []
        while self._waiting:
            command = self._waiting.popleft()
            if command.expires_at is not None and self._clock() > command.expires_at:
                why = "its lifetime was over before the training came to it"
                self._settle(Outcome(command.command_id, pb.EXPIRED, why))
            elif why := objection(command):
                self._settle(Outcome(command.command_id, pb.REJECTED, why))
            else:
                commands.append(command)
                if self._calls_user(command):  # while that runs, lifetimes go by
                    break
        return Decision(tuple(commands), self._why_resume() if self.paused else "")

    def _calls_user(self, command: Command) -> bool:
        settings = (self._settings[n] for n in command.parameters if n in self._settings)
        known = command.verb in self._custom or command.verb in self._listeners
        return known or any(setting.may_fail for setting in settings)

    def carry_out(self, decision: Decision, step: int) -> None:
        """Do it, before `step`."""
        for command in decision.commands:
            self._carry_out(command, step)
        if decision.resume and self.paused:
            self._resume(decision.resume)

    def give_up(self, decision: Decision, why: str) -> None:
        """Answer what was decided and is not carried out: the ranks that were to do it with this one may be gone."""
        for command in decision.commands:
            self._settle(Outcome(command.command_id, pb.COMMAND_FAILED, why))

    def hold(self, step: int) -> None:
        """See that what was set holds, and settle what has come into effect by now."""
        for outcome in self.stopping.goes_on(step):
            self._settle(outcome)
        for setting in self._settings.values():
            setting.hold()
        for command, outcome in tuple(self._unsettled):
            why = self._waits_for(command)
            if why and why != outcome.message:
                outcome = replace(outcome, message=why)
                self._unsettled = [
                    (command, outcome) if entry[0] is command else entry
                    for entry in self._unsettled
                ]
                self._settle(outcome)
            elif not why:
                self._unsettled.remove((command, outcome))
                # The batch that was logged last is the first under it.
                first = max(step - 1, 0)
                self._settle(
                    Outcome(
                        command.command_id, pb.APPLIED, "", first, outcome.values, outcome.previous
                    )
                )

    def wait(self, seconds: float) -> None:
        """Wait until a command comes, `seconds` at most."""
        deadline = time.monotonic() + seconds
        with self._condition:
            while not self._waiting and (left := deadline - time.monotonic()) > 0:
                # Short, so that Ctrl-C comes through everywhere.
                self._condition.wait(min(left, _TICK_SECONDS))

    def ended(self, step: int) -> None:
        """The training, or its loop over `Monitor.steps`, has ended before `step`: a stop is applied now, and not before."""
        for outcome in self.stopping.ended(step):
            self._settle(outcome)

    def dismiss(self, why: str) -> None:
        """Answer whatever the training will not come to any more, and let it go on if it is paused."""
        if self.paused:
            self._resume(why)
        while self._waiting:
            self._settle(Outcome(self._waiting.popleft().command_id, pb.REJECTED, why))
        while self._unsettled:
            self._settle(Outcome(self._unsettled.pop()[0].command_id, pb.COMMAND_FAILED, why))

    def withdraw(self, name: str, value: str, why: str) -> None:
        """Say that a value which was set did not last, and that `value` holds in its place."""
        command_id = self._sources.pop(name, None)
        if command_id is None:
            return
        self._unsettled = [entry for entry in self._unsettled if entry[0].command_id != command_id]
        step = self._known[command_id].applied_step if command_id in self._known else 0
        self._settle(Outcome(command_id, pb.COMMAND_FAILED, why, step, {name: value}))

    def _carry_out(self, command: Command, step: int) -> None:
        name, verb = command.command_id, command.verb
        if self._rank and command.issued_by == RECIPE and len(self._replays) < _MAX_REMEMBERED:
            self._replays[name] = command
        if self._rank and verb not in self._custom and verb not in _BUILT_IN:
            return  # a handler that only rank 0 has
        try:
            message, values, previous = self._apply(command)
        except Refused as refusal:
            self._fail(command, pb.REJECTED, str(refusal))
        except Exception as error:  # a handler's fault is told to who asked, not to the training
            self._fail(command, pb.COMMAND_FAILED, f"{type(error).__name__}: {error}"[:500])
        else:
            if why := self._waits_for(command):
                outcome = Outcome(name, pb.ACCEPTED, why, 0, values, previous, pending=True)
                self._unsettled.append((command, outcome))
                self._settle(outcome)
                return
            if verb == "stop":
                self._settle(self.stopping.tell(name, message, step))
            else:
                self._settle(Outcome(name, pb.APPLIED, message, step, values, previous))
            for listener in self._listeners.get(verb, ()):
                try:
                    listener()
                except Exception as error:  # the command took effect all the same
                    warn_once_a_minute("listener", f"a handler of {verb!r} failed: {error!r}")

    def _fail(self, command: Command, state: pb.CommandState, why: str) -> None:
        if not self._rank:
            self._settle(Outcome(command.command_id, state, why))
        elif command.verb not in ("pause", "resume"):  # these are refused alike by every rank
            why = f"rank {self._rank}: {why}"
            self._settle(Outcome(command.command_id, pb.COMMAND_FAILED, why))

    def _apply(self, command: Command) -> tuple[str, dict[str, str], dict[str, str]]:
        """Return what is to be said of it, what took effect, and what held before."""
        by = f" by {command.issued_by}" if command.issued_by else ""
        match command.verb:
            case verb if verb in self._custom:
                handler, declaration = self._custom[verb]
                said = handler(**check_parameters(declaration, command.parameters))
                return "" if said is None else str(said)[:500], dict(command.parameters), {}
            case "pause":
                if self.paused:
                    raise Refused(f"the training is paused already{self._paused_by}")
                self.paused, self._paused_at, self._paused_by = True, self._clock(), by
                self._awake.begin(self._paused_at)
                self._announce("paused", f"paused{by}")
                return f"paused{by}", {}, {}
            case "resume":
                if not self.paused:
                    raise Refused("the training is not paused")
                self._resume(f"resumed{by}")
                return f"resumed{by}", {}, {}
            case "stop":
                self.should_stop = True
                if self.paused:
                    self._resume(f"stopping{by}")
                return f"stopped{by}", {}, {}
            case _:
                return "", *self._set(command.command_id, command.parameters)

    def _set(
        self, command_id: str, wanted: Mapping[str, str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        settings = {name: self._setting(name) for name in wanted}
        for name, setting in settings.items():
            setting.check(wanted[name])  # all or nothing
        previous = {name: setting.current() for name, setting in settings.items()}
        for command, _ in tuple(self._unsettled):
            if command.parameters.keys() & wanted.keys():
                self._unsettled = [entry for entry in self._unsettled if entry[0] is not command]
                why = "another value was set before this one took effect"
                self._settle(Outcome(command.command_id, pb.COMMAND_FAILED, why))
        # Those first that a function of the user's carries out: should it raise, nothing was set yet.
        for name in sorted(wanted, key=lambda name: not settings[name].may_fail):
            settings[name].apply(wanted[name])
            self._sources[name] = command_id
        return {name: setting.current() for name, setting in settings.items()}, previous

    def _waits_for(self, command: Command) -> str:
        names = command.parameters if command.verb == "set" else ()
        return next(filter(None, (self._settings[name].waits() for name in names)), "")

    def _resume(self, message: str) -> None:
        self.paused = False
        self.stood_still += self._clock() - self._paused_at
        self._announce("running", message)

    def _why_resume(self) -> str:
        options, now = self._options, self._clock()
        self._awake.look(now)
        if now - self._paused_at - self._awake.slept >= options.pause_lease_seconds:
            return f"resumed by itself: a pause lasts at most {options.pause_lease_seconds:g} s"
        if min(self._silence(), self._awake.seconds(now)) >= options.lost_contact_seconds:
            return f"resumed by itself: no contact with the server for {options.lost_contact_seconds:g} s"
        return ""

    def _settle(self, outcome: Outcome) -> None:
        if replay := self._replays.get(outcome.command_id):
            outcome = replace(outcome, replay=replay)
            if outcome.state in (pb.REJECTED, pb.COMMAND_FAILED) and not self._rank:
                what = " ".join((replay.verb, *map("=".join, replay.parameters.items())))
                warn_once_a_minute(
                    f"recipe:{outcome.command_id}",
                    f"the recipe's {what} was not carried out: {outcome.message}",
                )
        self._known[outcome.command_id] = outcome
        while len(self._known) > _MAX_REMEMBERED:
            self._known.popitem(last=False)
        self._answer(outcome)
