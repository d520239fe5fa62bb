"""What the steps of a training are to be made with, from its schedule and from the answers to its commands. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tests.steering.case import Case, Trace

__all__ = ["verdict", "verdict_of_loss", "wanted"]

_ENDS = ("applied", "rejected", "expired", "failed")
_Mode = tuple[float | None, float]  # a value that is held, or None and a factor
_FOLLOW: _Mode = (None, 1.0)


def wanted(schedule: float, modes: Sequence[str]) -> float:
    """Return the rate after some values were set, one after the other: a number, ``x`` and a factor, ``follow`` or ``undo``.

    Example:
        >>> wanted(0.5, ["0.25", "x0.5"]), wanted(0.5, ["0.25", "undo"]), wanted(0.5, ["x2", "follow"])
        (0.125, 0.5, 0.5)
    """
    mode, before = _FOLLOW, []
    for text in modes:
        if text == "undo":
            mode = before.pop()
            continue
        before.append(mode)
        held, factor = mode
        if text == "follow":
            mode = _FOLLOW
        elif text.startswith("x"):
            by = float(text[1:])
            mode = (None, factor * by) if held is None else (held * by, 1.0)
        else:
            mode = float(text), 1.0
    held, factor = mode
    return schedule * factor if held is None else held


def verdict(case: Case, schedule: Trace, traces: Sequence[Trace]) -> str:
    """Say how a row came out: ``right``, ``refused: ...``, or ``wrong: ...``.

    Args:
        case: the row.
        schedule: of the training that nobody disturbed.
        traces: of each rank, with the commands.
    """
    for rank, trace in enumerate(traces):
        if trace.error:
            return f"wrong: rank {rank} ended with {trace.error}"
    answers = [{answer.number: answer for answer in trace.answers} for trace in traces]
    taken: list[tuple[int, int]] = []  # (first step under it, number)
    refusals = []
    for number, given in enumerate(case.given):
        first = answers[0].get(number)
        if first is None or first.state not in _ENDS:
            return f"wrong: {given.words} was never answered"
        if first.state != "applied":
            if not first.message:
                return f"wrong: {given.words} was {first.state} without a reason"
            refusals.append(first.message)
            continue
        for rank, known in enumerate(answers):
            said = known.get(number)
            if said is None or (said.state, said.step) != ("applied", first.step):
                return f"wrong: rank {rank} says {said} where rank 0 says {first}"
        taken.append((first.step, number))
    if bool(refusals) != bool(case.refused):
        return f"wrong: refused were {refusals}, to be refused was {case.refused!r}"
    for rank, trace in enumerate(traces):
        if problem := _compare(case, schedule, trace, sorted(taken)):
            return f"wrong: rank {rank} {problem}"
    if refusals and case.refused not in " ".join(refusals):
        return f"wrong: the reason is {refusals}"
    return f"refused: {refusals[0]}" if refusals else "right"


def verdict_of_loss(case: Case, schedule: Trace, traces: Sequence[Trace]) -> str:
    """Say how a row came out in which a rank was killed: what each rank said of itself is to be true as long as it was there.

    Rank 0 answers every command in the end, unless it is the one that was killed. Whoever is left is told by its own collective.

    Args:
        case: the row.
        schedule: of the training that nobody disturbed.
        traces: of each rank, the killed one's until then.
    """
    lost = case.options["lost"]
    for rank, trace in enumerate(traces):
        if trace.lost != (rank == lost):
            return (
                f"wrong: rank {rank} was {'killed' if trace.lost else f'not killed: {trace.error}'}"
            )
        last = trace.steps[-1][0]
        taken = []
        for answer in trace.answers:
            said = case.given[answer.number].words
            if answer.state == "applied":
                if answer.step > last + 1:
                    return f"wrong: rank {rank} says {said} was applied at step {answer.step}, and it came to {last}"
                taken.append((answer.step, answer.number))
            elif rank != lost and answer.state not in _ENDS:
                return f"wrong: rank {rank} says of {said} in the end: {answer.state}"
            elif answer.state in _ENDS and not answer.message:
                return f"wrong: {said} was {answer.state} without a reason"
        if rank == 0 and rank != lost and len(trace.answers) != len(case.given):
            return f"wrong: of {len(case.given)} commands {len(trace.answers)} were answered"
        if problem := _rates(case, schedule.steps, trace, sorted(taken)):
            return f"wrong: rank {rank} {problem}"
    pairs = zip(*(trace.steps for trace in traces), strict=False)
    for first, *others in pairs:
        if any(other != first for other in others):
            return f"wrong: the ranks made a step with {[first, *others]}"
    stopped = any(
        answer.state == "applied" and case.given[answer.number].verb == "stop"
        for answer in traces[1 - lost].answers
    )
    if not stopped and not traces[1 - lost].error:
        return "wrong: nobody was told that a rank is gone"
    return "right"


def _compare(
    case: Case, schedule: Trace, trace: Trace, taken: Sequence[tuple[int, int]]
) -> str | None:
    stops = [step for step, number in taken if case.given[number].verb == "stop"]
    until = min(stops, default=math.inf)
    expected = [entry for entry in schedule.steps if entry[0] < until]
    if len(trace.steps) != len(expected):
        return f"made {len(trace.steps)} steps of the optimizer, {len(expected)} were to be made"
    return _rates(case, expected, trace, taken)


def _rates(
    case: Case,
    expected: Sequence[tuple[int, float]],
    trace: Trace,
    taken: Sequence[tuple[int, int]],
) -> str | None:
    """Say which step was made with another rate than it was to be; None: none was."""
    for (step, rate), (_, scheduled) in zip(trace.steps, expected, strict=False):
        modes = [
            case.given[number].parameters["learning_rate"]
            for first, number in taken
            if first <= step and "learning_rate" in case.given[number].parameters
        ]
        right = wanted(scheduled, modes)
        if not math.isclose(rate, right, rel_tol=1e-6, abs_tol=1e-9):
            return f"made step {step} with {rate:.8g}, {right:.8g} was to be"
    return None
