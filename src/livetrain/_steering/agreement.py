"""Several ranks do the same before the same step: rank 0 decides, and a broadcast that the caller makes tells the others.

Nothing here starts a collective. The loop calls `sync` on every rank at the same place, with a function that gives every rank
what rank 0 has. Not each call needs it: with each decision rank 0 says how many calls go by until the next, so that a loop of
quick steps does not pay for it at every one. While a training is paused the ranks go on deciding together, so none of them sits
in one collective for so long that the others' time-out ends it, and one that dies is noticed at once.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from livetrain._ranks.abilities import Abilities
from livetrain._steering.command import Command
from livetrain._steering.control import Control, Decision
from livetrain._warnings import warn_once_a_minute
from livetrain.exceptions import UsageError

__all__ = ["Agreement", "Broadcast"]

Broadcast = Callable[[Any], Any]

_PERIOD_SECONDS = 0.1
"""How long a command may wait for the ranks to agree, beside the step itself."""
_SHARE = 0.005
"""How much of the training's time the broadcasts may take."""
_LONGEST_SECONDS = 1.0
_MOST_CALLS = 256
_PAUSED_SECONDS = 0.5
_FOREVER = 0


class Agreement:
    """What the ranks of one training agree on.

    Args:
        control: of this rank.
        rank: 0 decides.
        abilities: what can be set on each rank.
        silent: nobody can give a command to this training, now or later.
        clock: seconds, monotonic.

    Attributes:
        used: it was asked for at least once: the loop has a place for it.
    """

    def __init__(
        self,
        control: Control,
        rank: int,
        abilities: Abilities,
        silent: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._control = control
        self._rank = rank
        self._abilities = abilities
        self._met = False  # the others have told what can be set on them
        self._silent = silent
        self._pace = _Pace(clock)
        self._left = 1  # calls until the next broadcast
        self.used = False

    def sync(self, broadcast: Broadcast, step: int) -> None:
        """Agree, if it is time to; `step` is the one that comes next.

        Raises:
            UsageError: `broadcast` does not give what rank 0 has.
            BaseException: whatever `broadcast` raises: a collective that failed concerns the training itself.
        """
        self.used = True
        self._pace.called()
        if self._left != 1:
            self._left -= self._left != _FOREVER
            self._control.hold(step)
            return
        while True:
            agreed, self._left = self._exchange(broadcast, step)
            self._control.carry_out(agreed, step)
            if not self._control.paused or self._control.should_stop:
                break
            if not self._rank:
                self._control.wait(_PAUSED_SECONDS)
            self._pace.paused()
        self._control.hold(step)

    def _exchange(self, broadcast: Broadcast, step: int) -> tuple[Decision, int]:
        """Return what rank 0 decided, and how many calls there are until the next time."""
        said, decision = None, Decision()
        if self._rank:
            self._abilities.tell(self._control.settings)
        else:
            ready = self._met or not self._abilities.shared
            decision = self._control.decide(step, self._objection) if ready else decision
            usual = _FOREVER if self._silent() else self._pace.calls()
            said = _write(decision, step, 1 if self._control.waiting else usual)
        try:
            heard = self._hear(broadcast, said)
        except BaseException as error:
            why = f"the ranks could not agree on it before step {step} ({type(error).__name__})"
            self._control.give_up(decision, why)
            raise
        commands, resume, theirs, calls = json.loads(heard)
        if theirs != step:
            warn_once_a_minute(
                "ranks",
                f"rank {self._rank} is at step {step} where rank 0 is at {theirs}; "
                "call sync at the same place in the loop of every rank, and log each batch once.",
            )
        return Decision(tuple(Command(*command) for command in commands), resume), calls

    def _hear(self, broadcast: Broadcast, said: str | None) -> str:
        began = time.perf_counter()
        heard = broadcast(said)
        self._pace.took(time.perf_counter() - began)
        self._met = True
        if not isinstance(heard, str) or (said is not None and heard != said):
            raise UsageError(
                f"sync(broadcast): on rank {self._rank} broadcast gave back {heard!r:.80}; "
                "it has to return what rank 0 gave to it, on every rank."
            )
        return heard

    def _objection(self, command: Command) -> str:
        """Say why a command is not carried out by any rank; empty: it is."""
        if command.verb != "set":
            return ""
        for name, ranks in self._abilities.missing(command.parameters).items():
            whose = f"rank {' and '.join(map(str, ranks[:8]))}"
            return (
                f"{whose} does not let {name} be set, so that the ranks would train apart; "
                "attach on every rank what rank 0 has attached"
            )
        return ""


def _write(decision: Decision, step: int, calls: int) -> str:
    commands = [[c.command_id, c.verb, dict(c.parameters), c.issued_by] for c in decision.commands]
    return json.dumps([commands, decision.resume, step, calls])


class _Pace:
    """How often there is a broadcast: as often as a command should not wait longer, and no more than it may cost."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._called: float | None = None
        self._steps: deque[float] = deque(maxlen=9)
        self._costs: deque[float] = deque(maxlen=9)

    def called(self) -> None:
        now = self._clock()
        if self._called is not None:
            self._steps.append(now - self._called)
        self._called = now

    def paused(self) -> None:
        self._called = None  # what a pause takes is no step

    def took(self, seconds: float) -> None:
        self._costs.append(seconds)

    def calls(self) -> int:
        if not self._steps:
            return 1
        # A median: a validation between two steps says nothing of the steps.
        step = max(statistics.median(self._steps), 1e-6)
        cost = statistics.median(self._costs) if self._costs else 0.0
        wanted = max(_PERIOD_SECONDS / step, cost / (_SHARE * step))
        return max(1, min(round(wanted), round(_LONGEST_SECONDS / step), _MOST_CALLS))
