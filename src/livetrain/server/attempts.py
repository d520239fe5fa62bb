"""Which start of a training a stream is. Pure.

Each start of a training is an attempt, numbered from 1 among the streams of one rank. What a stream's connections are does not
matter, nor does a stream that logged nothing. Records that an earlier start left on its disk may come after a later start began:
then the earlier one takes its place before it, and the later ones count on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

__all__ = ["Start", "attempt_of", "later_attempts"]


class Start(Protocol):
    """What is known of one stream of a rank.

    Attributes:
        attempt: its number.
        from_step: the step that it logged first; None: none yet.
        first_us: when its first record was made, Unix microseconds by the server's clock; 0: it made none, or that is not known.
        leftover: whether its producer was dead already when it was first heard.
    """

    attempt: int
    from_step: int | None
    first_us: int
    leftover: bool


_Start = TypeVar("_Start", bound=Start)


def attempt_of(stream: Start, others: Iterable[Start]) -> int:
    """Return the number of a stream's attempt.

    Args:
        stream: the stream.
        others: the other streams of its rank.
    """
    logged = (other for other in others if other.from_step is not None)
    before = [
        other.attempt
        for other in logged
        if not stream.leftover or not stream.first_us or other.first_us <= stream.first_us
    ]
    return 1 + max(before, default=0)


def later_attempts(stream: Start, others: Iterable[_Start]) -> Sequence[_Start]:
    """Return which attempts count on by one because a stream took its place before them.

    Args:
        stream: with its number.
        others: the other streams of its rank, with the numbers that they had.
    """
    found = [other for other in others if other.from_step is not None]
    if all(other.attempt != stream.attempt for other in found):
        return ()
    return [other for other in found if other.attempt >= stream.attempt]
