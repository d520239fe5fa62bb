"""Trainings as data: what a training says, what happens to it meanwhile, and how hypothesis draws one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st

__all__ = [
    "FOUND",
    "Act",
    "Batch",
    "Checkpoint",
    "EndingError",
    "Epoch",
    "Fork",
    "Life",
    "Log",
    "Look",
    "Outage",
    "Restart",
    "Training",
    "Validation",
    "trainings",
]


class EndingError(Exception):
    """What a training ends by that fails."""


@dataclass(frozen=True)
class Log:
    """`monitor.log(values, step)`."""

    values: dict[Any, Any]
    step: int | None = None


@dataclass(frozen=True)
class Batch:
    """`monitor.log_batch(None, None, loss, ...)`, with images where `images` says so."""

    loss: Any
    accuracy: float | None = None
    step: int | None = None
    epoch: int | None = None
    images: bool = False


@dataclass(frozen=True)
class Epoch:
    """`monitor.log_epoch(epoch, step=step, **means)`."""

    means: dict[str, Any]
    epoch: int | None = None
    step: int | None = None


@dataclass(frozen=True)
class Validation:
    """`monitor.log_validation(epoch, step=step, **values)`."""

    values: dict[str, Any]
    step: int | None = None


@dataclass(frozen=True)
class Outage:
    """The network is gone from here on, or back."""

    begins: bool


@dataclass(frozen=True)
class Restart:
    """The server is killed and started again."""


@dataclass(frozen=True)
class Checkpoint:
    """The training saves what a later one needs to go on from here; it waits for the server first."""


@dataclass(frozen=True)
class Look:
    """Somebody opens the run's page, and leaves it open."""


@dataclass(frozen=True)
class Fork:
    """A child process of the training logs so many numbers in a run of its own."""

    points: int


Act = Log | Batch | Epoch | Validation | Outage | Restart | Checkpoint | Look | Fork


@dataclass(frozen=True)
class Life:
    """One process's part of a training.

    Attributes:
        acts: what it does, in order.
        ends: the class of the exception that ends it; None: none does.
    """

    acts: tuple[Act, ...]
    ends: type[BaseException] | None = None


@dataclass(frozen=True)
class Training:
    """A training, with the lives that it has: each goes on from the last checkpoint before it, if there is one."""

    lives: tuple[Life, ...]


_NAMES = st.sampled_from(
    ["loss", "lr", "a", "a|b", "a,b", "__proto__", "constructor", "epoch/f1", "val/loss", "ü/ß 汉", "x" * 300, "y" * 300 + "1",
     "y" * 300 + "2", "rank1/loss", "client/7/loss", " ", "", "accuracy"]
)  # fmt: skip
_NUMBERS = st.one_of(
    st.floats(width=64),
    st.integers(-(2**60), 2**60),
    st.sampled_from(
        [0.1, 1e39, 1e308, -0.0, 16777217, math.nan, math.inf, -math.inf, True, Decimal("0.1"),
         np.float32(0.1), np.float64(0.1), np.int64(7), np.array([[2.5]])]
    ),
)  # fmt: skip
_JUNK = st.sampled_from([None, "text", 10**400, [1.0, 2.0], 1j, np.ma.masked, np.zeros(3)])
_VALUES = st.one_of(_NUMBERS, _NUMBERS, _NUMBERS, _JUNK)
_STEPS = st.one_of(
    st.none(), st.none(), st.integers(0, 40), st.sampled_from([2**40, 2**53 - 1, 2**53])
)
_NESTED = st.dictionaries(st.sampled_from(["a", "b/c", ""]), _VALUES, max_size=2)
_KEYWORDS = st.sampled_from(["loss", "accuracy", "val_loss", "val_accuracy", "val_ppl", "f1", "lr"])

_LOGS = st.builds(
    Log, st.dictionaries(_NAMES, st.one_of(_VALUES, _NESTED), min_size=1, max_size=3), _STEPS
)
_BATCHES = st.builds(
    Batch,
    _VALUES,
    st.one_of(st.none(), st.floats(0, 1)),
    st.one_of(st.none(), st.none(), st.integers(0, 60)),
    st.one_of(st.none(), st.integers(0, 5)),
    st.sampled_from([False, False, False, True]),
)
_SAID = st.one_of(
    _BATCHES,
    _BATCHES,
    _LOGS,
    _LOGS,
    st.builds(
        Epoch,
        st.dictionaries(_KEYWORDS, _VALUES, max_size=3),
        st.one_of(st.none(), st.integers(0, 5)),
        st.one_of(st.none(), st.integers(0, 60)),
    ),
    st.builds(
        Validation,
        st.dictionaries(_KEYWORDS, _VALUES, max_size=3),
        st.one_of(st.none(), st.integers(0, 60)),
    ),
)
_HAPPENS = st.sampled_from(
    [Outage(True), Outage(False), Outage(False), Checkpoint(), Checkpoint(), Look(), Look()]
)
_RARE = st.one_of(st.just(Restart()), st.builds(Fork, st.integers(1, 20)))
_ENDS = st.sampled_from([None, None, None, EndingError, KeyboardInterrupt])


@st.composite
def trainings(draw: st.DrawFn) -> Training:
    """Draw a training; one in some dozens has a server that restarts or a child process, which take seconds."""
    lives = []
    for _ in range(draw(st.integers(1, 3))):
        acts: list[Act] = draw(
            st.lists(st.one_of(_SAID, _SAID, _SAID, _SAID, _HAPPENS), max_size=12)
        )
        repeats = draw(st.sampled_from([1, 1, 1, 3, 40]))
        acts = [act for act in acts for _ in range(repeats if isinstance(act, Log | Batch) else 1)]
        if (
            draw(st.integers(0, 59)) == 59
        ):  # hypothesis shrinks towards 0, and a restart takes seconds
            acts.insert(draw(st.integers(0, len(acts))), draw(_RARE))
        lives.append(Life(tuple(acts), draw(_ENDS)))
    return Training(tuple(lives))


_B = Batch(0.5)
FOUND = (
    # Curves of which a later start replaced every point, and pages that were open meanwhile.
    Training((Life((_B, Look(), Checkpoint(), _B, Log({"a": 1}), Log({"b": 2})), EndingError), Life((_B,)))),
    # A start that logs nothing, and one that says only what the one before it has trained.
    Training((Life((_B, _B, Checkpoint())), Life((_B, Look())), Life((), EndingError))),
    Training((Life((_B, _B, Checkpoint(), Look())), Life((Epoch({"loss": 0.5}),)))),
    # Steps that come back within a millisecond.
    Training((Life((_B, Look(), *(Validation({"accuracy": 1.5}, step) for step in (0, 56, 1, 4, 4)))),)),
    # Steps that are counted on beyond the last, and what the first of two starts left out.
    Training((Life((Checkpoint(), Log({"a": 1.0}, 2**53 - 1), Log({"a": 2.0}), _B, Look(), _B)), Life((_B,)))),
)  # fmt: skip
"""What a page or a server once got wrong."""
