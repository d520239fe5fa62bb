"""What a monitor lets be done to its training: what is attached and handled becomes settings and commands that are declared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from livetrain import _records
from livetrain._records import Writer
from livetrain._steering.control import Control, Outcome, read_command
from livetrain._steering.recipe import RecipeStep
from livetrain._steering.settings import BatchSize, Handled, Setting, learning_rates
from livetrain.config import ControlOptions, Parameter
from livetrain.exceptions import UsageError
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Steering"]

_BUILT_IN = ("pause", "resume", "stop")
_VALUES = ("learning_rate", "batch_size")


class Steering:
    """The control of one training and the records that it makes.

    Args:
        options: what is allowed.
        rank: of this process, for its answers.
        put: takes the records.
        declare: takes all that is allowed, whenever that changes.
        announce: called with "paused" or "running" and a sentence.
        silence: seconds since the server was heard.
        recipe: commands to be carried out again.
    """

    def __init__(
        self,
        options: ControlOptions,
        rank: int,
        put: Callable[[Writer], None],
        declare: Callable[[Sequence[pb.ControlDeclaration]], None],
        announce: Callable[[str, str], None],
        silence: Callable[[], float],
        recipe: Sequence[RecipeStep] = (),
    ) -> None:
        self._options = options
        self._rank = rank
        self._put = put
        self._tell = declare
        self._optimizers = 0
        self.control = Control(
            options, answer=self._answer, announce=announce, silence=silence, recipe=recipe
        )

    def commanded(self, message: pb.ControlCommand) -> None:
        """Take a command from the server; on the stream's thread."""
        self.control.receive(read_command(message, time.monotonic()))

    def attach(self, target: Any) -> None:
        """Let an optimizer's learning rate or a batch sampler's batch size be set; see `Monitor.attach`."""
        if getattr(target, "param_groups", None):
            self._attach_optimizer(target)
        elif isinstance(getattr(target, "batch_size", None), int):
            self._allow(BatchSize(target, *self._options.range_of("batch_size")))
        else:
            raise UsageError(
                f"attach({type(target).__name__}): neither an optimizer nor a batch sampler; "
                "give one of these, or a handler by on('batch_size', handler)."
            )

    def _attach_optimizer(self, optimizer: Any) -> None:
        self._optimizers += 1
        name = "learning_rate" if self._optimizers == 1 else f"learning_rate/{self._optimizers}"
        rates = learning_rates(
            optimizer.param_groups, *self._options.range_of("learning_rate"), name
        )
        self._allow(*rates)
        if (register := getattr(optimizer, "register_step_pre_hook", None)) is not None:
            # A scheduler that steps between our boundary and the optimizer's step must not undo what was set.
            register(lambda *_: rates[0].hold())

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

    def _allow(self, *settings: Setting) -> None:
        for setting in settings:
            self.control.allow_setting(setting)
        self._declare()

    def _declare(self) -> None:
        self._tell(self.control.declarations())

    def _answer(self, outcome: Outcome) -> None:
        self._put(
            _records.command_result(
                outcome.command_id,
                outcome.state,
                outcome.message,
                outcome.applied_step,
                outcome.values,
                self._rank,
            )
        )
