"""What a later process needs to go on with a run: small enough for a checkpoint, and plain enough for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from livetrain.exceptions import ConfigurationError

__all__ = ["ResumeState", "read_resume"]


@dataclass(frozen=True, slots=True)
class ResumeState:
    """Where a run stood.

    Attributes:
        session_id: the run, as its trainer named it.
        resume_token: lets another stream into it; empty: no server answered yet, and there is nothing to go on with.
        step, epoch: what came next.
        rates: of each optimizer of which a learning rate was set, by the setting's name: for each group the value held, the factor,
            what the schedule says, and the rate.
    """

    session_id: str
    resume_token: str = ""
    step: int = 0
    epoch: int = 0
    rates: Mapping[str, Sequence[Sequence[float | None]]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as a mapping that JSON can hold; without rates where none was set."""
        return {name: value for name, value in asdict(self).items() if name != "rates" or value}


def read_resume(given: Mapping[str, Any] | None) -> ResumeState | None:
    """Read what `Monitor.resume_state` returned; None where there is nothing to go on with.

    Raises:
        ConfigurationError: it is something else.

    Example:
        >>> read_resume({"session_id": "a", "resume_token": "b", "step": 7, "epoch": 1}).step
        7
    """
    if given is None:
        return None
    try:
        state = ResumeState(**given)
        texts, counts = (state.session_id, state.resume_token), (state.step, state.epoch)
        fits = all(type(t) is str for t in texts) and all(type(n) is int and n >= 0 for n in counts)
        fits = fits and all(_is_rate(group) for groups in state.rates.values() for group in groups)
    except (TypeError, AttributeError):
        fits = False
    if not fits:
        raise ConfigurationError(
            "resume",
            given,
            "not the state of a run",
            "give what resume_state() of the earlier monitor returned",
        )
    return state if state.resume_token else None


def _is_rate(group: Any) -> bool:
    held, *others = group
    numbers = others if held is None else group
    return len(group) == 4 and all(
        isinstance(n, (int, float)) and math.isfinite(n) for n in numbers
    )
