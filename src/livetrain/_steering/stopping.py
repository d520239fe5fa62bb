"""A stop, from when the training was told of it until it ended: what is said of it meanwhile. Pure."""

from __future__ import annotations

from livetrain._steering.command import Outcome
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Stopping"]


class Stopping:
    """What is known of the stops that a training was told of.

    A stop is *applied* when the training ended. Until then the answer says at which step the training was told, and whether it goes
    on all the same.

    Attributes:
        by: ``"stopped by ada"``. Empty: nobody asked for it.
        heeded: whether the loop, or the framework, was seen to ask whether it is to stop.
        until: why the training goes on for a while, e.g. ``"Lightning trains for min_epochs=10"``. Empty: nobody said so.

    Example:
        >>> stopping = Stopping()
        >>> stopping.tell("c1", "stopped by ada", step=57).message
        'told at step 57; it is applied when the training has ended'
        >>> [outcome.message for outcome in stopping.goes_on(step=58)]
        ['told at step 57, goes on: the loop does not ask monitor.should_stop']
        >>> stopping.heeded = True
        >>> [(outcome.applied_step, outcome.message) for outcome in stopping.ended(step=60)]
        [(60, 'stopped by ada')]
    """

    def __init__(self) -> None:
        self.by = ""
        self.heeded = False
        self.until = ""
        self._told_at = 0
        self._waiting: list[str] = []
        self._ended_at: int | None = None
        self._applied: list[str] = []
        self._said = ""

    def tell(self, command_id: str, by: str, step: int) -> Outcome:
        """Note that the training was told before `step`, and return what is to be said."""
        if not self.by:
            self.by, self._told_at = by, step
        self._waiting.append(command_id)
        self._said = f"told at step {self._told_at}; it is applied when the training has ended"
        return self._pending(command_id)

    def goes_on(self, step: int) -> list[Outcome]:
        """Return what is to be said of a training that comes to `step` after it was told."""
        if not self.by or step <= max(self._told_at, self._ended_at or 0):
            return []
        if self._applied:
            why = f"its loop ended at step {self._ended_at}, and the training went on after it"
            applied, self._applied = self._applied, []
            return [Outcome(name, pb.COMMAND_FAILED, why) for name in applied]
        said = f"told at step {self._told_at}, goes on"
        if self.until:
            said += f": {self.until}"
        elif not self.heeded:
            said += ": the loop does not ask monitor.should_stop"
        if said == self._said:
            return []
        self._said = said
        return [self._pending(name) for name in self._waiting]

    def ended(self, step: int) -> list[Outcome]:
        """Return what is to be said when the training, or its loop over `Monitor.steps`, has ended before `step`."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return []
        self._ended_at = step
        if self.ignored(step):
            why = (
                f"told at step {self._told_at}, and the training went on to its own end at step {step}: "
                "its loop does not ask monitor.should_stop; ControlOptions(stop='raise') ends such loops"
            )
            return [Outcome(name, pb.COMMAND_FAILED, why) for name in waiting]
        self._applied = waiting
        return [Outcome(name, pb.APPLIED, self.by, step) for name in waiting]

    def ignored(self, step: int) -> bool:
        """Return whether a training that ends before `step` did so for reasons of its own."""
        return bool(self.by) and step > self._told_at and not (self.heeded or self.until)

    def _pending(self, command_id: str) -> Outcome:
        return Outcome(command_id, pb.ACCEPTED, self._said, pending=True)
