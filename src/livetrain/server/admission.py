"""Who may speak for a run: by which token, and which newcomers without one. Pure."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.run import Run, Stream

__all__ = [
    "LEFTOVER",
    "RefusedError",
    "check_join",
    "check_numbers",
    "fits",
    "fits_any",
    "hashed",
]

LEFTOVER: Final = "leftover"
"""The capability of a stream whose trainer is dead: what comes is from its disk, and no sign of life."""
_MOST_RANKS: Final = 10_000
_MOST_RESTARTS: Final = 2**31


class RefusedError(Exception):
    """A registration or stream is not let in; ``retryable``: the same may be let in later, after ``retry_after_ms``."""

    def __init__(self, message: str, *, retryable: bool = False, retry_after_ms: int = 0) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms


def hashed(secret: str) -> str:
    """Return what is kept of a session id or token."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fits(token: str, stream: Stream) -> bool:
    """Return whether this is the resume token of a stream."""
    return bool(token and stream.token_hash) and hmac.compare_digest(
        hashed(token), stream.token_hash
    )


def fits_any(token: str, run: Run) -> bool:
    """Return whether this is the resume token of a stream of a run."""
    return any(fits(token, stream) for stream in run.streams.values())


def check_numbers(info: pb.SessionInfo) -> None:
    """See that what a registration counts can be.

    Raises:
        RefusedError: it has a rank, a number of ranks or a number of restarts that no training has.
    """
    if max(info.rank, info.world_size) > _MOST_RANKS:
        raise RefusedError(
            f"Rank {info.rank} of world_size={info.world_size} is too high; up to {_MOST_RANKS} ranks are taken."
        )
    if info.restart_count > _MOST_RESTARTS:
        raise RefusedError(
            f"restart_count={info.restart_count} is too high; up to {_MOST_RESTARTS} is taken."
        )


def check_join(run: Run, info: pb.SessionInfo, *, most_streams: int) -> None:
    """See that a stream that the run does not know may join it: it is the first, has a token, or is a rank still missing.

    A rank cannot have a token yet; that it knows the session's id, which leaves neither trainer nor server, is enough once for
    each start of the training that its launcher counted, but not beside a start that goes on. Which ranks a start has was said
    when its first one registered: what a newcomer says of that is not believed.

    Args:
        run: that it wants to join.
        info: its registration.
        most_streams: of one run.

    Raises:
        RefusedError: it may not.
    """
    if not run.streams:
        return
    if len(run.streams) >= most_streams:
        raise RefusedError(f"This run has {most_streams} streams, which is its limit.")
    start = run.controls.restart_count
    if info.resume_token:
        if fits_any(info.resume_token, run):
            return
    elif info.restart_count > start:
        # Its launcher started the training once more, maybe with another number of ranks. It ended the start before.
        if all(stream.outlet is None or stream.leftover for stream in run.streams.values()):
            return
        raise RefusedError(
            "The start of this training before is still connected; come again when it is not.",
            retryable=True,
        )
    elif info.restart_count < start:
        if LEFTOVER in info.capabilities and _came_less_often(run, info.rank):
            return
    elif info.world_size == run.world_size and info.rank < run.world_size:
        if not _is_of_newest_start(run, info.rank):
            return
    elif run.world_size > 1:
        raise RefusedError(
            f"This run was registered with world_size={run.world_size}, and rank {info.rank} of {info.world_size} is none "
            "of it; start every rank with the same world_size, or another run with a session of its own."
        )
    raise RefusedError(
        "This session is known; a resume_token of it is needed and was not given, or is another."
    )


def _came_less_often(run: Run, rank: int) -> bool:
    """Return whether a rank came less often than its training was started."""
    known = sum(stream.rank == rank for stream in run.streams.values())
    return known <= run.controls.restart_count


def _is_of_newest_start(run: Run, rank: int) -> bool:
    """Return whether a rank came since the newest start of its training began, with the stream that `controls` names.

    What is left on a disk may be of any start, but for the first.
    """
    first = run.streams.get(run.controls.stream_id)
    since = first.key if first is not None else 0
    return any(
        stream.rank == rank
        and stream.key >= since
        and (stream is first or first is None or not stream.leftover)
        for stream in run.streams.values()
    )
