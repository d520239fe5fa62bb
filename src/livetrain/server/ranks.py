"""Several ranks of one run: how each stands, and what is worth saying of them in sentences. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from livetrain.proto import live_pb2 as live

__all__ = ["RankStanding", "end_remarks", "remarks"]

_SLOWER: Final = 1.25
"""By how much a rank takes longer than the middle one before others are said to wait for it."""
_NOTICEABLE_MS: Final = 2.0
_BEHIND_SECONDS: Final = 2.0
_COMING_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class RankStanding:
    """How one rank stands.

    Attributes:
        contact: alive, stale, lost or ended.
        status: as the rank said last.
        message: what it said with that.
        steps: that it made.
        step_ms: wall time of a recent step; None: not known.
        own_ms: of that, what it took before it had to wait for the gradients of others; None: not known.
        silent_seconds: since it was heard.
        last_heard_ms: the same as a time, Unix milliseconds.
    """

    rank: int
    contact: str
    status: str
    message: str
    steps: int
    step_ms: float | None
    own_ms: float | None
    silent_seconds: float
    last_heard_ms: int

    @property
    def here(self) -> bool:
        """Does it go on, as far as anybody knows?"""
        return self.contact in ("alive", "stale")

    @property
    def word(self) -> str:
        """How it stands: as it said last, but for one that is not heard any more."""
        return "lost" if self.contact == "lost" else self.status

    @property
    def last_step(self) -> int | None:
        """The step that it made last; None: it made none."""
        return self.steps - 1 if self.steps else None

    def told(self, *, sends_frames: bool = False) -> live.RankState:
        """Return what viewers are told."""
        return live.RankState(
            rank=self.rank,
            contact=self.contact,
            status=self.word,
            steps=self.steps,
            step_ms=self.step_ms,
            own_ms=self.own_ms,
            last_heard_ms=self.last_heard_ms,
            sends_frames=sends_frames,
        )


def remarks(ranks: Sequence[RankStanding], world_size: int, age_seconds: float) -> list[str]:
    """Return what is worth saying, the most urgent first.

    Args:
        ranks: those that reported, ascending.
        world_size: how many there should be.
        age_seconds: since the run began.

    Example:
        >>> one = RankStanding(0, "alive", "running", "", 90, 20.0, 9.0, 0.1, 0)
        >>> other = RankStanding(1, "lost", "running", "", 40, 20.0, 9.0, 31.0, 0)
        >>> remarks([one, other], world_size=2, age_seconds=60.0)
        ['Rank 1 has not been heard for 31 s; rank 0 goes on.']
    """
    if len(ranks) < 2:
        return []
    here = [rank for rank in ranks if rank.here]
    said = [_failed(rank) for rank in ranks if rank.status in ("failed", "interrupted")]
    if here:
        said += [_silent(rank, here) for rank in ranks if rank.contact in ("stale", "lost")]
    known = {rank.rank for rank in ranks}
    missing = [rank for rank in range(world_size) if rank not in known]
    if missing and age_seconds > _COMING_SECONDS and here:
        said.append(f"{_names(missing)} {_plural(missing, 'has', 'have')} not reported yet.")
    return said + _stragglers([rank for rank in here if rank.contact == "alive"])


def end_remarks(ranks: Sequence[RankStanding], *, speaker: int) -> list[str]:
    """Return what stays worth saying of the ranks of a run that is over.

    Args:
        ranks: those that reported, ascending.
        speaker: the rank whose end is that of the run.

    Example:
        >>> one = RankStanding(0, "ended", "finished", "", 900, None, None, 1.0, 0)
        >>> other = RankStanding(1, "lost", "running", "", 401, None, None, 31.0, 0)
        >>> end_remarks([one, other], speaker=0)
        ['Rank 1 was lost at step 400.']
    """
    said = [
        _failed(rank)
        for rank in ranks
        if rank.status in ("failed", "interrupted") and rank.rank != speaker
    ]
    lost: dict[int | None, list[int]] = {}
    for rank in ranks:
        if rank.contact == "lost":
            lost.setdefault(rank.last_step, []).append(rank.rank)
    for step, numbers in lost.items():
        where = (
            f"before {_plural(numbers, 'its', 'their')} first step"
            if step is None
            else f"at step {step}"
        )
        said.append(f"{_names(numbers)} {_plural(numbers, 'was', 'were')} lost {where}.")
    return said


def _failed(rank: RankStanding) -> str:
    word = "failed" if rank.status == "failed" else "was interrupted"
    return f"Rank {rank.rank} {word}{f': {rank.message}' if rank.message else ''}."


def _silent(rank: RankStanding, here: Sequence[RankStanding]) -> str:
    others = [other.rank for other in here if other.rank != rank.rank]
    seconds = f"Rank {rank.rank} has not been heard for {rank.silent_seconds:.0f} s"
    if rank.contact == "stale" or not others:
        return f"{seconds}."
    return f"{seconds}; {_lower(_names(others))} {_plural(others, 'goes', 'go')} on."


def _stragglers(ranks: Sequence[RankStanding]) -> list[str]:
    said = []
    own = {rank.rank: rank.own_ms for rank in ranks if rank.own_ms is not None}
    if len(own) == len(ranks):
        # Ranks that wait for each other all take the same time for a step; what each takes alone tells them apart.
        for slow, its, theirs in _slow(own):
            said.append(
                f"The others wait for rank {slow}: of a step it takes {its:.0f} ms alone, they take {theirs:.0f} ms."
            )
    else:
        steps = {rank.rank: rank.step_ms for rank in ranks if rank.step_ms is not None}
        for slow, its, theirs in _slow(steps):
            said.append(
                f"Rank {slow} is slower: {its:.0f} ms a step, the others take {theirs:.0f} ms."
            )
    first = max((rank.steps for rank in ranks), default=0)
    for rank in ranks:
        behind = first - rank.steps
        if behind > 1 and rank.step_ms and behind * rank.step_ms > _BEHIND_SECONDS * 1000:
            said.append(f"Rank {rank.rank} is {behind} steps behind.")
    return said


def _slow(times: dict[int, float]) -> Iterable[tuple[int, float, float]]:
    """Yield each rank that takes notably longer than the others, its time, and theirs."""
    for rank, took in times.items():
        others = [time for other, time in times.items() if other != rank]
        if not others:
            return
        theirs = statistics.median(others)
        if took > theirs * _SLOWER and took - theirs > _NOTICEABLE_MS:
            yield rank, took, theirs


def _names(ranks: Sequence[int]) -> str:
    if len(ranks) == 1:
        return f"Rank {ranks[0]}"
    shown = [str(rank) for rank in ranks[:8]]
    if len(ranks) > 8:
        return f"Ranks {', '.join(shown)} and {len(ranks) - 8} more"
    return f"Ranks {', '.join(shown[:-1])} and {shown[-1]}"


def _lower(words: str) -> str:
    return words[0].lower() + words[1:]


def _plural(ranks: Sequence[int], one: str, many: str) -> str:
    return one if len(ranks) == 1 else many
