"""A monitor that is given its commands at the very steps of a row, and keeps what it answers."""

from __future__ import annotations

import threading
from typing import Any

import livetrain
from livetrain._engine import Engine
from livetrain._steering.command import Outcome
from livetrain.proto import telemetry_pb2 as pb
from tests.steering.case import Answer, Case

__all__ = ["Maker", "SteeredMonitor"]

_CALLS = 3
"""Of `Monitor.sync` until the ranks agree once more: trainings of some milliseconds have no tenths of a second."""


class SteeredMonitor(livetrain.Monitor):
    """A real monitor, offline, with a server's commands from a row of the table instead of from a server.

    Args:
        case: the row.
        given: numbers of the commands that were given already, to which this adds.
        answers: what is answered, by number; this changes it.
        disturbed: whether any command is given at all.

    Attributes:
        disturbed: the same.
    """

    def __init__(
        self,
        *args: Any,
        case: Case,
        given: set[int],
        answers: dict[int, Answer],
        disturbed: bool,
        **options: Any,
    ) -> None:
        self._case, self._numbers_given, self._answers = case, given, answers
        self.disturbed = disturbed
        super().__init__(*args, **options)
        steering = self._steering
        answer = steering.control._answer

        def keep(outcome: Outcome) -> None:
            self._keep(outcome)
            answer(outcome)

        steering.control._answer = keep
        steering._agreement._pace.calls = lambda: _CALLS  # type: ignore[method-assign]
        self.on("pause", self._resume_soon)

    def between_epochs(self, epoch: int) -> None:
        """Give what is to be given in the validation after an epoch; of several ranks the first alone is given commands."""
        for number, given in enumerate(self._case.given):
            if given.after_epoch == epoch:
                self._give(number)

    def resume_state(self) -> dict[str, Any]:
        """Return it as if a server had answered: without a token there is no run to go on with."""
        return {**super().resume_state(), "resume_token": "a token"}

    def _boundary(self, engine: Engine, batch_size: int = 0) -> None:
        for number, given in enumerate(self._case.given):
            if given.before is not None and self._place.step >= given.before:
                self._give(number)
        super()._boundary(engine, batch_size)

    def _reachable(self) -> bool:
        return True

    def _give(self, number: int) -> None:
        if self._steering.rank or not self.disturbed or number in self._numbers_given:
            return
        self._numbers_given.add(number)
        given = self._case.given[number]
        self._steering.commanded(
            pb.ControlCommand(
                command_id=f"given-{number}",
                verb=given.verb,
                parameters=dict(given.parameters),
                issued_by="ada",
            )
        )

    def _resume_soon(self) -> None:
        if self._steering.rank:
            return
        control = self._steering.control
        resume = pb.ControlCommand(command_id="resume", verb="resume", issued_by="ada")
        timer = threading.Timer(0.03, lambda: self._steering.commanded(resume))
        timer.daemon = True
        assert control.paused
        timer.start()

    def _keep(self, outcome: Outcome) -> None:
        name, _, number = outcome.command_id.partition("-")
        if name == "given":
            self._answers[int(number)] = Answer(
                int(number),
                pb.CommandState.Name(outcome.state).lower().removeprefix("command_"),
                outcome.applied_step,
                outcome.message,
                dict(outcome.values),
            )


class Maker:
    """Makes the monitors of one row, of which a resumed training has several.

    Args:
        case: the row.
        disturbed: whether commands are given.

    Attributes:
        answers: what was answered so far, by the number of the command.
        made: the monitors.
    """

    def __init__(self, case: Case, *, disturbed: bool) -> None:
        self.case = case
        self.disturbed = disturbed
        self.answers: dict[int, Answer] = {}
        self.made: list[SteeredMonitor] = []
        self._given: set[int] = set()

    def __call__(self, *args: Any, **options: Any) -> SteeredMonitor:
        monitor = SteeredMonitor(
            *args,
            case=self.case,
            given=self._given,
            answers=self.answers,
            disturbed=self.disturbed,
            **{"max_overhead": 0.5, **options},
        )
        self.made.append(monitor)
        return monitor

    @property
    def newest(self) -> SteeredMonitor:
        return self.made[-1]
