"""What a server must hold of a training: plain Python that follows the documentation, and shares no code with livetrain."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from tests.oracle.trainings import (
    Batch,
    Checkpoint,
    Epoch,
    Fork,
    Life,
    Log,
    Look,
    Outage,
    Training,
    Validation,
)

__all__ = ["Expected", "Points", "Tip", "epoch_name", "expect", "number_of", "val_name"]

MAX_STEP = 2**53 - 1
Points = list[tuple[int, float]]


@dataclass(frozen=True)
class Tip:
    """Where a curve stands, of the points that count.

    Attributes:
        step, value: what was logged last.
        points, nonfinite: how many count, and how many of them are not finite; 0: later starts have replaced all.
        finite_step, finite: the last that is finite; None: there is none.
        attempt: which start logged the newest.
    """

    step: int
    value: float
    points: int
    nonfinite: int
    finite_step: int | None
    finite: float | None
    attempt: int


@dataclass
class Expected:
    """One run as it must be stored.

    Attributes:
        attempts: for each start that logged something, from the first, its curves: name to (step, value) in the order in which
            they were logged. The last may be empty.
        starts: for each of these, the step that it logged first; None: it logged nothing.
        status: of the run, once its last life is over.
        children: how many numbers each child process logged in a run of its own.
        left_out: whether something was logged at a step that no server takes.
    """

    attempts: list[dict[str, Points]] = field(default_factory=list)
    starts: list[int | None] = field(default_factory=list)
    status: str = ""
    children: list[int] = field(default_factory=list)
    left_out: bool = False

    @property
    def numbers(self) -> list[int]:
        """The numbers of the starts that are attempts: one that only logged results of what was trained before goes with that."""
        begun = [number for number, start in enumerate(self.starts, 1) if start is not None]
        return begun or list(range(1, len(self.starts) + 1))[:1]

    def attempt(self, number: int) -> dict[str, Points]:
        """Return the curves of an attempt, by ascending step; those of one step stay in the order in which they came."""
        end = len(self.attempts) if number == self.numbers[-1] else number
        named: dict[str, Points] = {}
        for part in self.attempts[number - 1 : end]:
            for name, points in part.items():
                named.setdefault(name, []).extend(points)
        return {name: sorted(points, key=lambda point: point[0]) for name, points in named.items()}

    def bound(self, number: int) -> float:
        """Return the step from which on later attempts have replaced this one; infinity: none has."""
        later = [start for start in self.starts[number:] if start is not None]
        return min(later, default=math.inf)

    def newest(self) -> dict[str, Points]:
        """Return the curves as they are shown: from its first step on the newest attempt takes the place of the older ones."""
        return self._parts(lambda step, bound: step < bound)

    def replaced(self) -> dict[str, Points]:
        """Return what later attempts have replaced, by ascending step."""
        return self._parts(lambda step, bound: step >= bound)

    def _parts(self, wanted: Callable[[int, float], bool]) -> dict[str, Points]:
        parts: dict[str, Points] = {}
        for number in self.numbers:
            for name, points in self.attempt(number).items():
                parts.setdefault(name, []).extend(
                    point for point in points if wanted(point[0], self.bound(number))
                )
        return {
            name: sorted(points, key=lambda p: p[0]) for name, points in parts.items() if points
        }

    def tips(self) -> dict[str, Tip]:
        """Return where each curve stands."""
        logged: dict[str, list[tuple[int, int, float]]] = {}
        for number, curves in enumerate(self.attempts, 1):
            of = min(number, self.numbers[-1])
            for name, points in curves.items():
                known = logged.setdefault(name, [])
                known += [(of, *point) for point in points if point[0] < self.bound(of)]
        return {name: _tip(points) for name, points in logged.items()}


def _tip(points: list[tuple[int, int, float]]) -> Tip:
    if not points:
        return Tip(0, math.nan, 0, 0, None, None, 1)
    attempt, step, value = points[-1]
    finite = [point for point in points if math.isfinite(point[2])]
    finite_step, last = (finite[-1][1], finite[-1][2]) if finite else (None, None)
    odd = len(points) - len(finite)
    return Tip(step, value, len(points), odd, finite_step, last, attempt)


def expect(training: Training) -> list[Expected]:
    """Return the runs that a training makes, oldest first: a life without a checkpoint before it begins a new one."""
    runs: list[Expected] = []
    saved: tuple[Expected, int, int] | None = None
    for life in training.lives:
        if saved is None:
            run, turns = Expected(), _Turns()
            runs.append(run)
        else:
            run, turns = saved[0], _Turns(saved[1], saved[2])
        before = None if saved is None else saved[1] - 1
        if not run.attempts or run.starts[-1] is not None:  # a start that said nothing is none
            run.attempts.append({})
            run.starts.append(None)
        writer = _Writer(run, turns, before)
        away = False
        for act in life.acts:
            if isinstance(act, Outage):
                away = act.begins
            elif isinstance(act, Checkpoint):
                if not away:
                    saved = (run, turns.next_step, turns.epoch)
            elif isinstance(act, Look):
                pass
            elif isinstance(act, Fork):
                run.children.append(act.points)
            else:
                writer.write(act)
        run.status = _status(life)
    return runs


def _status(life: Life) -> str:
    if life.ends is None:
        return "finished"
    return "failed" if issubclass(life.ends, Exception) else "interrupted"


class _Turns:
    """The table "Which step a number belongs to" of the how-to for loops of one's own."""

    def __init__(self, next_step: int = 0, epoch: int = 0) -> None:
        self.next_step, self.epoch = next_step, epoch
        self.batches = 0
        self.open: set[str] | None = (
            None  # the names at a step that numbers opened before any batch
        )
        self.before: set[str] = set()  # every name that came before the first batch

    def batch(self, step: int | None, epoch: int | None) -> int:
        if step is None:
            step = self.next_step - 1 if self.open is not None else self.next_step
        self.open = None
        self.batches += 1
        self.next_step = step + 1
        if epoch is not None:
            self.epoch = epoch
        return step

    def numbers(self, step: int | None, names: set[str]) -> int:
        if self.batches:
            if step is not None:
                return step
            return self.next_step if names & self.before else self.next_step - 1
        if step is None:
            self.before |= names
            joins = self.open is not None and not self.open & names
        else:
            joins = self.open is not None and step == self.next_step - 1
        if joins:
            assert self.open is not None
            self.open |= names
            return self.next_step - 1
        step = self.next_step if step is None else step
        self.next_step, self.open = step + 1, set(names)
        return step

    def of_epoch(self, epoch: int, step: int | None) -> int:
        if step is not None:
            return step
        return self.next_step - 1 if self.next_step else epoch


class _Writer:
    """Says what each act adds to the curves."""

    def __init__(self, run: Expected, turns: _Turns, before: int | None) -> None:
        self._run, self._turns = run, turns
        self._before = before  # the step before the one at which a resumed training goes on

    def write(self, act: object) -> None:
        turns = self._turns
        if isinstance(act, Batch | Log) and act.step is not None and act.step > MAX_STEP:
            self._run.left_out = True  # and it is no turn
        elif isinstance(act, Batch):
            step = turns.batch(act.step, act.epoch)
            if step <= MAX_STEP:
                self._begin(step)
            self._add(step, {"loss": act.loss, "accuracy": act.accuracy}, ("loss",))
        elif isinstance(act, Log):
            named = _numbers(act.values)
            names = set(named) | _without_number(act.values)
            self._add(turns.numbers(act.step, names), named, names)
        elif isinstance(act, Epoch):
            epoch = turns.epoch if act.epoch is None else act.epoch
            step = turns.of_epoch(epoch, act.step)
            self._add(step, _named(act.means, epoch_name), act.means)
            turns.epoch = epoch + 1
        elif isinstance(act, Validation):
            step = turns.of_epoch(turns.epoch, act.step)
            self._add(step, _named(act.values, val_name), act.values)

    def _add(self, step: int, values: Mapping[str, Any], said: Collection[str]) -> None:
        if step > MAX_STEP and said:
            self._run.left_out = True
        for name, value in values.items():
            read = number_of(value)
            if read is not None and step <= MAX_STEP:
                self._run.attempts[-1].setdefault(name, []).append((step, read))
                if step != self._before:  # a result of what the earlier start trained
                    self._begin(step)

    def _begin(self, step: int) -> None:
        if self._run.starts[-1] is None:
            self._run.starts[-1] = step


def _named(values: Mapping[str, Any], name_of: Callable[[str], str]) -> dict[str, Any]:
    """Return numbers by the names of their curves; where two have one name, the last counts."""
    return {name_of(name): v for name, v in values.items() if number_of(v) is not None}


def epoch_name(name: str) -> str:
    if name.startswith("val_"):
        return f"val/{name[4:]}"
    return "learning_rate" if name == "lr" else f"epoch/{name}"


def val_name(name: str) -> str:
    return f"val/{name.removeprefix('val_')}"


def _flat(values: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        part = str(key).strip() and str(key)  # a blank part of a name is none
        name = f"{prefix}/{part}" if prefix and part else prefix or part
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        elif name:
            yield _short(name), value


def _numbers(values: Mapping[Any, Any]) -> dict[str, float]:
    """Return the numbers of a call by name; where two have one name, the last counts."""
    read = ((name, number_of(value)) for name, value in _flat(values))
    return {name: number for name, number in read if number is not None}


def _without_number(values: Mapping[Any, Any]) -> set[str]:
    return {name for name, _ in _flat(values)}


def _short(name: str) -> str:
    if len(name) <= 256:
        return name
    return f"{name[:239]}~{hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}"


def number_of(value: Any) -> float | None:
    """Return the nearest double of a value that is one number."""
    if value is np.ma.masked:
        return None
    if isinstance(value, np.ndarray):
        return float(value.item()) if value.size == 1 else None
    if isinstance(value, (bool, int, float, Decimal, Fraction, np.generic)):
        try:
            return float(value)
        except OverflowError:
            return None
    return None
