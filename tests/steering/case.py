"""One row of the table: what is trained, what is asked of it, and what is seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["Answer", "Case", "Event", "Given", "Trace"]

Event = Literal[
    "none",
    "validation",
    "accumulation",
    "resume",
    "new optimizer",
    "new scheduler",
    "optimizer loaded",
    "rank lost",
]


@dataclass(frozen=True, slots=True)
class Given:
    """One command.

    Attributes:
        verb: the command's.
        parameters: the command's.
        before: it is given when this step is the next; None: see `after_epoch`.
        after_epoch: it is given between this epoch and the next, in a validation; None: see `before`.
    """

    verb: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    before: int | None = None
    after_epoch: int | None = None

    @property
    def words(self) -> str:
        values = " ".join(f"{name}={text}" for name, text in self.parameters.items())
        return f"{self.verb} {values}".strip()


@dataclass(frozen=True, slots=True)
class Case:
    """One row.

    Attributes:
        framework: a module of `tests.steering.trainings`.
        scheduler: a name in its ``SCHEDULERS``.
        given: the commands, in order.
        event: what happens beside them.
        ranks: how many processes train.
        epochs, batches: how long it trains: epochs, and batches of each.
        often: whether every run of the tests has it.
        refused: part of the sentence that refuses the commands; empty: they are to be carried out.
        options: whatever else a framework's training has to know.
    """

    framework: str
    scheduler: str
    given: tuple[Given, ...]
    event: Event = "none"
    ranks: int = 1
    epochs: int = 3
    batches: int = 8
    often: bool = False
    refused: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        commands = ", ".join(given.words for given in self.given)
        more = " ".join(f"{name}={value}" for name, value in self.options.items())
        parts = (self.framework, self.scheduler, commands, self.event, f"{self.ranks} ranks", more)
        return " | ".join(part for part in parts if part)

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Case:
        """Return what `dataclasses.asdict` made of one."""
        return cls(**{**values, "given": tuple(Given(**given) for given in values["given"])})


@dataclass(frozen=True, slots=True)
class Answer:
    """What one rank said of one command: `number` of it, and the last that was said."""

    number: int
    state: str
    step: int
    message: str
    values: Mapping[str, str]


@dataclass(slots=True)
class Trace:
    """What one rank did.

    Attributes:
        steps: (step of the monitor, rate that it was made with), for each step of the optimizer.
        answers: to the commands.
        error: that ended the training; empty: it came to its end.
        lost: this rank is killed once what it did is written down.
    """

    steps: list[tuple[int, float]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    error: str = ""
    lost: bool = False
    _weight: float = 0.0

    def moved(self, step: int, weight: float) -> None:
        """Note a step of the optimizer: the weight after it, which a gradient of 1 moved down by the rate."""
        self.steps.append((step, self._weight - weight))
        self._weight = weight

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Trace:
        """Return what `as_dict` made of one."""
        steps = [(step, rate) for step, rate in values["steps"]]
        answers = [Answer(**answer) for answer in values["answers"]]
        return cls(steps, answers, values["error"], values["lost"])
