"""What a later process needs to go on with a run: small enough for a checkpoint, and plain enough for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
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
    """

    session_id: str
    resume_token: str = ""
    step: int = 0
    epoch: int = 0

    def as_dict(self) -> dict[str, str | int]:
        """Return it as a mapping of texts and whole numbers."""
        return asdict(self)


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
    except TypeError:
        fits = False
    if not fits:
        raise ConfigurationError(
            "resume",
            given,
            "not the state of a run",
            "give what resume_state() of the earlier monitor returned",
        )
    return state if state.resume_token else None
