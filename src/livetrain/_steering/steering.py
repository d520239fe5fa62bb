"""What a monitor lets be done to its training: what is attached and handled becomes settings and commands that are declared."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from livetrain._ranks.abilities import Abilities
from livetrain._records import Writer
from livetrain._steering.agreement import Agreement, Broadcast
from livetrain._steering.batch_size import BatchSize
from livetrain._steering.command import (
    ID_CHARS,
    Outcome,
    problem_with,
    read_command,
    result_record,
)
from livetrain._steering.control import Control
from livetrain._steering.guard import SizeGuard
from livetrain._steering.rates import Rates
from livetrain._steering.recipe import RecipeStep
from livetrain._steering.settings import Handled, Setting
from livetrain._steering.wrappers import groups_of, unwrapped
from livetrain._warnings import warn_once_a_minute
from livetrain.config import ControlOptions, Parameter
from livetrain.exceptions import TrainingStopped, UsageError
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Steering"]

_BUILT_IN = ("pause", "resume", "stop")
_VALUES = ("learning_rate", "batch_size")


class Steering:
    """The control of one training and the records that it makes.

    Args:
        options: what is allowed.
        rank, world_size: of this process; several are steered through `sync` alone.
        put: takes the records.
        declare: takes all that is allowed, whenever that changes.
        announce: called with "paused" or "running" and a sentence.
        silence: seconds since the server was heard.
        reachable: whether a command can ever come.
        recipe: commands to be carried out again.
        rates: what `rates_state` returned in the process that this one goes on from; None: it goes on from none.

    Attributes:
        control: what is decided, and done on this rank.
        rank: of this process.
    """

    def __init__(
        self,
        options: ControlOptions,
        rank: int,
        world_size: int,
        put: Callable[[Writer], None],
        declare: Callable[[Sequence[pb.ControlDeclaration]], None],
        announce: Callable[[str, str], None],
        silence: Callable[[], float],
        reachable: Callable[[], bool],
        recipe: Sequence[RecipeStep] = (),
        rates: Mapping[str, Sequence[Sequence[Any]]] | None = None,
    ) -> None:
        self._options = options
        self.rank = rank
        self._alone = world_size < 2
        self._put = put
        self._tell = declare
        self._rates: list[Rates] = []
        self._settings_of: list[list[str]] = []  # names, by optimizer
        self._resumed: Mapping[str, Sequence[Sequence[Any]]] = rates or {}
        self._sizes: list[BatchSize] = []
        self._epoch = 0
        self._raised: TrainingStopped | None = None
        self.control = Control(
            options,
            answer=self._answer,
            announce=announce,
            silence=silence,
            recipe=() if rank else recipe,
            rank=rank,
        )
        self._agreement = Agreement(
            self.control,
            rank,
            Abilities(rank, world_size),
            silent=lambda: not reachable() and not recipe,
        )
        self._refusal = self.control.refuses
        if rank:
            self.control.refuses = "commands are given to rank 0, which agrees with the others"
        elif not self._alone:
            self.control.refuses = self._refusal or (
                f"this training has {world_size} ranks, and its loop does not call monitor.sync: "
                "the command would reach one of them alone"
            )
        # Alone: a rank that goes on with another batch size than the others would leave them waiting.
        self._guard = SizeGuard(
            self._sizes if self._alone else [],
            lambda size, why: self.control.withdraw("batch_size", size, why),
        )

    # ------------------------------------------------------------ what the training does

    def boundary(self, step: int, epoch: int, batch_size: int = 0) -> None:
        """A batch was logged, and `step` of `epoch` comes next; `batch_size` 0: of a size that nobody knows."""
        trained = self._guard.came_to_boundary(batch_size)
        for size in self._sizes:
            if epoch != self._epoch:
                size.epoch_ended()
            if trained:
                size.saw(batch_size)
            if why := size.lost():
                self.control.withdraw("batch_size", size.current(), why)
        self._epoch = epoch
        self._follow_groups()
        self._come_to(step)

    def epoch_begins(self, step: int) -> None:
        """The loop over an epoch's batches begins at `step`: what was asked for since the last batch is done."""
        self._come_to(step)

    def _come_to(self, step: int) -> None:
        # Of several ranks none does anything by itself: commands wait for `sync`.
        if self._alone:
            self.control.boundary(step)
        elif not self._agreement.used:
            self.control.hold(step)
        self._leave_if_stopped()

    def sync(self, broadcast: Broadcast, step: int) -> None:
        """Agree with the other ranks; see `Monitor.sync`."""
        if self._alone:
            return
        if not self._agreement.used and not self.rank:
            self.control.refuses = self._refusal
            self._declare()
        self._agreement.sync(broadcast, step)
        self._leave_if_stopped()

    def raised(self, error: BaseException | None) -> bool:
        """Return whether an error is the one by which this training was made to leave its loop."""
        return error is not None and error is self._raised

    def _leave_if_stopped(self) -> None:
        if self._options.stop == "raise" and self.control.should_stop and not self.control.busy:
            self._raised = TrainingStopped(self.control.stopping.by)
            self.control.stopping.heeded = True
            raise self._raised

    def cannot_agree(self, why: str) -> None:
        """Say why several ranks cannot be steered, until one of them calls `sync`."""
        if not self._alone and not self.rank and not self._agreement.used:
            self.control.refuses = self._refusal or why
            self._declare()

    def guard(self) -> AbstractContextManager[None]:
        """Survive a batch size that does not fit; see `Monitor.guard`."""
        return self._guard.step()

    # ------------------------------------------------------------ what may be done to it

    def commanded(self, message: pb.ControlCommand, late: float = 0.0) -> None:
        """Take a command from the server that was `late` seconds on its way; on the stream's thread."""
        if problem := problem_with(message):
            if 0 < len(message.command_id) <= ID_CHARS:  # else nobody could read the answer
                self._answer(Outcome(message.command_id, pb.REJECTED, problem))
            return
        self.control.receive(read_command(message, time.monotonic(), late))

    def attach(self, target: Any, schedulers: Sequence[Any] = ()) -> None:
        """Let an optimizer's learning rate or a batch sampler's batch size be set; see `Monitor.attach`."""
        target = unwrapped(target)
        if groups_of(target):
            self._attach_optimizer(target, schedulers)
        elif isinstance(getattr(target, "batch_size", None), int):
            before = self._sizes[0] if self._sizes else None
            if before is None or not before.holds(target):
                size = BatchSize(target, *self._options.range_of("batch_size"), before)
                self._sizes[:] = [size]
                self._allow(size)
        else:
            raise UsageError(
                f"attach({type(target).__name__}): neither an optimizer nor a batch sampler; "
                "give one of these, or a handler by on('batch_size', handler)."
            )

    def _attach_optimizer(self, optimizer: Any, schedulers: Sequence[Any]) -> None:
        known = next((rates for rates in self._rates if rates.optimizer is optimizer), None)
        if known is not None:
            known.know(schedulers)
            return
        low, high = self._options.range_of("learning_rate")
        try:
            rates = Rates(optimizer, low, high)
        except Exception as error:  # a rate that is no number
            warn_once_a_minute(
                "attach",
                f"attach({type(optimizer).__name__}): its learning rate cannot be read, so that it cannot be set ({error!r}).",
            )
            return
        place = self._place_for(optimizer)
        if place == len(self._rates):
            self._rates.append(rates)
            self._settings_of.append([])
        else:
            rates.take_over(self._rates[place])
            self._rates[place] = rates
        name = "learning_rate" if not place else f"learning_rate/{place + 1}"
        if (state := self._resumed.get(name)) is not None:
            self._resumed = {n: s for n, s in self._resumed.items() if n != name}
            rates.resume(state)
        rates.watch()
        if (attached := getattr(optimizer, "rates_attached", None)) is not None:
            attached(rates)  # what stands for an optimizer that has no hooks
        rates.know(schedulers)
        self._declare_rates(place, name)

    def _place_for(self, optimizer: Any) -> int:
        """Return which optimizer's place another one takes: of one that is gone, or has the same parameters."""
        for again in (False, True) if self._rates else ():
            if again:  # schedulers and optimizers refer to each other in circles
                gc.collect()
            for place, rates in enumerate(self._rates):
                if rates.shares(optimizer):
                    return place
        return len(self._rates)

    def _declare_rates(self, place: int, name: str) -> None:
        for gone in self._settings_of[place]:
            self.control.forget_setting(gone)
        made = self._rates[place].settings(name)
        self._settings_of[place] = [setting.declaration.name for setting in made]
        self._allow(*made)

    def _follow_groups(self) -> None:
        """Let groups be set that were added to an optimizer since."""
        for place, rates in enumerate(self._rates):
            optimizer = rates.optimizer
            count = len(groups_of(optimizer)) if optimizer is not None else 0
            known = len(self._settings_of[place]) - 1 or 1
            if count > known:
                self._declare_rates(place, self._settings_of[place][0])

    def rates_state(self) -> dict[str, list[list[float | None]]]:
        """Return what another process needs to go on with the rates that were set, by name; empty: nothing is set."""
        states = {
            names[0]: rates.state()
            for names, rates in zip(self._settings_of, self._rates, strict=True)
        }
        return {name: state for name, state in states.items() if state}

    def on(
        self,
        verb: str,
        handler: Callable[..., Any],
        parameters: Mapping[str, Parameter] | None,
        title: str,
    ) -> None:
        """Let `handler` be called when a command comes; see `Monitor.on`."""
        if not callable(handler):
            raise UsageError(f"on({verb!r}, {handler!r}): not callable; give a function.")
        if verb in _BUILT_IN:
            self.control.listen(verb, handler)
        elif verb in _VALUES:
            low, high = self._options.range_of(verb)
            self._allow(Handled(verb, handler, low, high, whole=verb == "batch_size"))
        elif verb == "set":
            raise UsageError(f"on('set', ...): say what is set; give one of {', '.join(_VALUES)}.")
        else:
            declared = [p.declare(name) for name, p in (parameters or {}).items()]
            self.control.allow_verb(
                pb.ControlDeclaration(verb=verb, title=title, parameters=declared), handler
            )
            self._declare()

    def declarations(self) -> list[pb.ControlDeclaration]:
        """Return all that may be done to this training: of several ranks, what rank 0 says."""
        return [] if self.rank else self.control.declarations()

    def _allow(self, *settings: Setting) -> None:
        for setting in settings:
            self.control.allow_setting(setting)
        self._declare()

    def _declare(self) -> None:
        if not self.rank:
            self._tell(self.declarations())

    def _answer(self, outcome: Outcome) -> None:
        self._put(result_record(outcome, self.rank))
