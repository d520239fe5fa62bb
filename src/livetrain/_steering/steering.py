"""What a monitor lets be done to its training: what is attached and handled becomes settings and commands that are declared."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

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
from livetrain._steering.rates import learning_rates
from livetrain._steering.recipe import RecipeStep
from livetrain._steering.settings import Handled, Setting
from livetrain._steering.wrappers import groups_of, unwrapped
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
    ) -> None:
        self._options = options
        self.rank = rank
        self._alone = world_size < 2
        self._put = put
        self._tell = declare
        self._optimizers = 0
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
            self.control, rank, silent=lambda: not reachable() and not recipe
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

    def attach(self, target: Any) -> None:
        """Let an optimizer's learning rate or a batch sampler's batch size be set; see `Monitor.attach`."""
        target = unwrapped(target)
        if groups_of(target):
            self._attach_optimizer(target)
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

    def _attach_optimizer(self, optimizer: Any) -> None:
        self._optimizers += 1
        name = "learning_rate" if self._optimizers == 1 else f"learning_rate/{self._optimizers}"
        rates = learning_rates(optimizer, *self._options.range_of("learning_rate"), name)
        self._allow(*rates)
        # A scheduler that steps between our boundary and the optimizer's step must not undo what was set.
        with contextlib.suppress(Exception):  # what takes no hook is seen to at the boundaries
            optimizer.register_step_pre_hook(lambda *_: rates[0].hold())

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
