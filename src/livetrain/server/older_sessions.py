"""Which run an older client speaks for: it says a session's id alone, and many trainings say the same one. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.outlet import Outlet
from livetrain.server.run import Run, Stream

__all__ = ["OLDER_STREAM", "Announcement", "Announcements", "continued_run", "older_stream"]

OLDER_STREAM: Final = "older"
"""The one stream of an older client's run."""
_MOST: Final = 10_000
_MOST_BYTES: Final = 8 * 1024 * 1024
_PATIENCE_SECONDS: Final = 60.0
"""Who registers opens its stream within this time, or is gone."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A registration whose stream is not open yet.

    Attributes:
        info: what it said.
        run_key: of the run that it would go on in.
        beside: whether another stream of that run was open then.
        when: seconds of the monotonic clock.
    """

    info: pb.SessionInfo
    run_key: int
    beside: bool
    when: float


class Announcements:
    """Registrations by session and client, at most so many; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[str, str], Announcement] = OrderedDict()
        self._bytes = 0

    def add(self, session: str, peer: str, announcement: Announcement) -> None:
        """Keep a registration until its stream opens.

        Args:
            session: its hash.
            peer: the address and port from which the client speaks: those of its stream are the same.
            announcement: the registration.
        """
        self._forget((session, peer))
        self._waiting[session, peer] = announcement
        self._bytes += announcement.info.ByteSize()
        while len(self._waiting) > _MOST or self._bytes > _MOST_BYTES:
            self._forget(next(iter(self._waiting)))

    def _forget(self, key: tuple[str, str]) -> Announcement | None:
        announcement = self._waiting.pop(key, None)
        if announcement is not None:
            self._bytes -= announcement.info.ByteSize()
        return announcement

    def take(self, session: str, peer: str, now: float) -> Announcement | None:
        """Return and forget what a client registered; None: it did not, or long ago."""
        announcement = self._forget((session, peer))
        if announcement is None or now - announcement.when > _PATIENCE_SECONDS:
            return None
        return announcement

    def others(self, run: Run, peer: str, now: float) -> bool:
        """Return whether another client waits to open a stream of a run."""
        return any(
            session == run.session_hash and who != peer and waiting.run_key == run.key
            for (session, who), waiting in self._waiting.items()
            if now - waiting.when <= _PATIENCE_SECONDS
        )


def older_stream(run: Run) -> Stream | None:
    """Return the one stream of an older client's run; None: it is another's, or was not written to the end."""
    return run.streams.get(OLDER_STREAM) if run.protocol == 0 else None


def is_free(run: Run, outlet: Outlet) -> bool:
    """Return whether nobody else is connected for a run."""
    stream = older_stream(run)
    return stream is not None and stream.outlet in (None, outlet)


def continued_run(runs: Iterable[Run], outlet: Outlet) -> Run | None:
    """Return the run that a client goes on in, which opens a stream and did not register; None: in none, it begins one.

    Args:
        runs: all of its session.
        outlet: of its connection.
    """
    runs = [run for run in runs if older_stream(run) is not None and not run.deleted]
    free = [run for run in runs if is_free(run, outlet)]
    going = [run for run in free if not run.ended and run.contact != "lost"]
    # Of several, whose stream broke comes back; whose stream was closed in order usually does not.
    likely = going if len(going) == 1 else [run for run in going if not _half_closed(run)]
    if len(likely) == 1:
        return likely[0]
    if going or len(free) < len(runs):
        return None  # nothing tells which it is, and trainings are not mixed
    return max(free, key=lambda run: run.key, default=None)


def _half_closed(run: Run) -> bool:
    stream = older_stream(run)
    return stream is not None and stream.half_closed is not None
