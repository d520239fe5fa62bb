"""What a dead trainer left on the disk, brought to the server: `livetrain sync`, and each new run by itself."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from livetrain._delivery.backoff import full_jitter
from livetrain._delivery.identity import Identity
from livetrain._delivery.ledger import Ledger
from livetrain._delivery.listener import Listener
from livetrain._delivery.outbox import Outbox
from livetrain._delivery.session import Session, State
from livetrain._delivery.stream import Stream
from livetrain._delivery.transport import Endpoint
from livetrain._point_columns import PointThinner
from livetrain._spool.spool import Spool, SpoolInfo, discover
from livetrain.proto import telemetry_pb2 as pb

LEFTOVER = "leftover"
"""Says at the registration that the trainer is dead: what comes from its disk is no sign of life."""

__all__ = ["Leftover", "Upload", "leftovers", "unreadable", "upload", "upload_in_background"]


@dataclass(frozen=True, slots=True)
class Leftover:
    """The records that one dead stream left.

    Attributes:
        directory: where they are.
        info: the registration of that stream.
        size_bytes: of the files.
        modified: when they were last written, Unix seconds.
    """

    directory: Path
    info: pb.SessionInfo
    size_bytes: int
    modified: float


@dataclass(frozen=True, slots=True)
class Upload:
    """How an upload ended: records that the server committed, records that are left, and why; of the former, those of
    which only the place was left, because the disk had damaged them.
    """  # noqa: D205

    committed: int
    left: int
    reason: str = ""
    damaged: int = 0


def leftovers(spool_dir: Path) -> list[Leftover]:
    """List what dead trainers left, the oldest first; what a living one uses is not among it."""
    return [found for spool in discover(spool_dir) if (found := _read(spool)) is not None]


def unreadable(spool_dir: Path) -> list[Path]:
    """List the directories with records of which nobody can say any more what they belong to."""
    return [spool.directory for spool in discover(spool_dir) if _read(spool) is None]


def _read(spool: SpoolInfo) -> Leftover | None:
    try:
        info = pb.SessionInfo.FromString(spool.meta or b"")
    except (
        Exception
    ):  # protobuf's DecodeError moves between its versions; a damaged file is no leftover
        return None
    if not info.session_id or not info.stream_id:
        return None
    return Leftover(spool.directory, info, spool.size_bytes, spool.modified)


def upload(
    leftover: Leftover,
    endpoint: Endpoint,
    *,
    timeout: float,
    progress: Callable[[int, int], None] = lambda committed, total: None,
) -> Upload:
    """Send one leftover; safe to repeat, for the server knows what it has.

    Args:
        leftover: what to send.
        endpoint: where to.
        timeout: seconds without any progress after which it is given up.
        progress: called some times a second with records committed and records in all.
    """
    spool = Spool.take_over(leftover.directory, thinner=PointThinner())
    if spool is None:
        if not leftover.directory.is_dir():
            return Upload(0, 0)  # somebody else sent it in the meantime
        return Upload(0, 0, "another process uses it, or the directory cannot be written")
    first, last = spool.first_seq, spool.last_seq
    total = last - first + 1
    session = Session(full_jitter, durable_seq=first - 1, last_seq=last)
    if LEFTOVER not in leftover.info.capabilities:
        leftover.info.capabilities.append(LEFTOVER)
    identity = Identity(leftover.info, resume_token=leftover.info.resume_token)
    ledger = Ledger(identity.session_id, session, spool, leftover.info.run_name)
    stream = Stream(
        identity,
        endpoint.connect,
        Outbox(),
        ledger,
        session,
        Listener(),
        endpoint.address,
        earlier=True,
    )
    stream.start()
    committed, moved_at = 0, time.monotonic()
    while session.unacknowledged and session.state is not State.DISABLED:
        now = time.monotonic()
        if session.durable_seq - first + 1 > committed:
            committed, moved_at = session.durable_seq - first + 1, now
        if now - moved_at >= timeout:
            break
        progress(committed, total)
        stream.flush(0.1)
    stream.close(timeout=2.0, away_timeout=0.5)
    committed = min(session.durable_seq - first + 1, total)
    progress(committed, total)
    left = session.unacknowledged
    reason = session.reason or "no progress" if left else ""
    return Upload(committed, left, reason, spool.stats.corrupt)


_uploading: set[tuple[Path, str]] = set()
"""Directories, and servers, that a thread of this process is sending to now: one is enough, however many runs begin."""


def upload_in_background(spool_dir: Path, endpoint: Endpoint) -> threading.Thread | None:
    """Send all that is left below `spool_dir`, one after the other, on a daemon thread.

    Returns:
        The thread; None: one that does this already goes on.
    """
    place = spool_dir, endpoint.address
    if place in _uploading:
        return None

    def run() -> None:
        try:
            for leftover in leftovers(spool_dir):
                upload(leftover, endpoint, timeout=10.0)
        finally:
            _uploading.discard(place)

    _uploading.add(place)
    thread = threading.Thread(target=run, name="livetrain-sync", daemon=True)
    thread.start()
    return thread


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_uploading.clear)  # a forked child has none of the threads
