"""What the ledger needs of a place to keep records in; `livetrain._spool.spool.Spool` is the one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

__all__ = ["Backlog", "Disk"]


class Disk(Protocol):
    """How a disk is."""

    @property
    def is_slow(self) -> bool:
        """Whether it keeps whoever writes waiting."""


class Backlog(Protocol):
    """Where records are kept until they are committed; only the stream's thread calls it."""

    @property
    def first_seq(self) -> int:
        """The oldest record that is kept; one past the last when there is none."""

    @property
    def record_bytes(self) -> int:
        """How large records of points should be at most."""

    directory: Path
    """Where it is on the disk."""
    memory_only: bool
    """The disk is not in use: what is kept dies with this process."""

    @property
    def disk(self) -> Disk:
        """The disk; any thread may ask how it is."""

    @property
    def pending_bytes(self) -> int:
        """Size of what is not acknowledged yet."""

    @property
    def thinned(self) -> int:
        """How many points and other records were given up for want of room, and are not on their way all the same."""

    def append(self, seq: int, record: bytes, *, critical: bool, thinnable: bool) -> bool:
        """Keep the next record; False: its place is empty."""

    def read(self, after_seq: int, max_bytes: int) -> list[tuple[int, bytes | None]]:
        """Return what follows, in order; None stands for a record that had to go."""

    def hole_reason(self, seq: int) -> str:
        """Say why `read` gave no record for a number."""

    def replace(self, seq: int) -> None:
        """Give a record up."""

    def sent(self, seq: int) -> None:
        """Everything up to `seq` is on its way."""

    def resumed(self) -> None:
        """A connection began: what `trim` was not told of by now did not arrive."""

    def trim(self, durable_seq: int) -> None:
        """Forget everything up to and including `durable_seq`."""

    def flush(self) -> None:
        """Hand what was appended to the operating system."""

    def set_meta(self, meta: bytes) -> None:
        """Keep what is needed to send these records from another process."""

    def close(self) -> None:
        """Give everything back; what is kept on a disk stays there."""
