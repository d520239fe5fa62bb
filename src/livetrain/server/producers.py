"""The streams of one run: which attempt each is, which of a rank is the newest, and whose words count for the run. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from livetrain.proto import live_pb2 as live
from livetrain.server.attempts import attempt_of, later_attempts
from livetrain.server.stream import Stream

__all__ = ["Producers"]


class Producers(dict[str, Stream]):
    """Streams by their id.

    Attributes:
        speaker: the one whose words count for the run: of the lowest rank the newest that spoke; None: there is none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.speaker: Stream | None = None

    def add(self, stream: Stream) -> None:
        """Take in a further stream."""
        self[stream.stream_id] = stream
        if not stream.logged:
            stream.attempt = attempt_of(stream, self._siblings(stream))
        self._elect()

    def place(self, stream: Stream) -> Sequence[Stream]:
        """Give a stream that spoke or logged for the first time its place among the attempts.

        Returns:
            The streams that are a later attempt than was known before, because this earlier one was heard only now.
        """
        moved: Sequence[Stream] = ()
        siblings = self._siblings(stream)
        stream.attempt = attempt_of(stream, siblings)
        if stream.logged:
            moved = later_attempts(stream, siblings)
            for later in moved:
                later.attempt += 1
            moved = [*moved, *self._raise_later(stream, siblings)]
        self._elect()
        return moved

    @staticmethod
    def _raise_later(stream: Stream, siblings: Sequence[Stream]) -> list[Stream]:
        """Let starts that logged nothing count on where one that was made before them was heard only now; return them."""
        raised = [
            other
            for other in siblings
            if not other.logged
            and stream.leftover
            and other.attempt <= stream.attempt
            and 0 < stream.first_us < other.first_us
        ]
        for other in raised:
            other.attempt = stream.attempt + 1
        return raised

    def counting_attempt(self, stream: Stream) -> int:
        """Return the attempt that what a stream says belongs to: one that logged nothing yet goes with the newest that did."""
        if stream.logged:
            return stream.attempt
        logged = [other.attempt for other in self._siblings(stream) if other.logged]
        return min(stream.attempt, max(logged, default=1))

    def _siblings(self, stream: Stream) -> list[Stream]:
        return [
            other for other in self.values() if other.rank == stream.rank and other is not stream
        ]

    def _elect(self) -> None:
        streams = [stream for stream in self.values() if stream.spoke] or list(self.values())
        lowest = min((stream.rank for stream in streams), default=0)
        self.speaker = max(
            (stream for stream in streams if stream.rank == lowest),
            key=lambda stream: stream.recency,
            default=None,
        )

    def _newest_of_ranks(self) -> dict[int, Stream]:
        found: dict[int, Stream] = {}
        for stream in self.values():
            known = found.get(stream.rank)
            if known is None or stream.recency > known.recency:
                found[stream.rank] = stream
        return found

    def newest(self, world_size: int) -> list[Stream]:
        """Return the newest stream of each rank that took part in the newest attempt, ascending by rank."""
        return [
            stream
            for rank, stream in sorted(self._newest_of_ranks().items())
            if rank < world_size and not self._superseded(stream)
        ]

    def _superseded(self, stream: Stream) -> bool:
        """Say whether a stream is of an earlier start, and fell silent before the newest one began."""
        speaker = self.speaker
        return (
            speaker is not None
            and stream.attempt < speaker.attempt
            and 0 < stream.heard_ms < speaker.first_us // 1000
        )

    @property
    def attempts(self) -> list[live.Attempt]:
        """The starts of the training that logged anything, ascending, as the speaker's rank had them; none for one alone."""
        if self.speaker is None:
            return []
        first: dict[int, int] = {}
        for stream in self.values():
            if stream.rank == self.speaker.rank and stream.from_step is not None:
                known = first.get(stream.attempt, stream.from_step)
                first[stream.attempt] = min(known, stream.from_step)
        if len(first) < 2:
            return []
        return [live.Attempt(attempt=n, from_step=step) for n, step in sorted(first.items())]

    def count_steps(self, known: int, stream: Stream, before: int) -> int:
        """Return how many steps the run has: the newest of its newest attempt, plus one.

        Args:
            known: how many it had.
            stream: that said something.
            before: how many steps that stream had.
        """
        speaker = self.speaker
        if speaker is None or not stream.steps or stream.attempt < speaker.attempt:
            return known
        if 0 < before <= stream.steps:
            return max(known, stream.steps)
        ranks = self._newest_of_ranks().values()
        return max(other.steps for other in ranks if other.attempt >= speaker.attempt)
