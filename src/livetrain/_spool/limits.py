"""How much of a disk and of memory a spool may take."""

from __future__ import annotations

from dataclasses import dataclass

from livetrain._spool.segment_log import Fsync

__all__ = ["MIB", "SpoolLimits"]

KIB = 1 << 10
MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolLimits:
    """The bounds of a spool, in bytes.

    Attributes:
        max_bytes: of the disk space.
        segment_bytes: of one file; what is acknowledged is deleted by the file. A file that is being
            written can be neither thinned nor deleted, so it is never more than an eighth of all.
        reserve_bytes: the part of the limit that only critical records may use.
        memory_bytes: of the records in memory while the disk cannot be used.
        tail_bytes: of the records that stay in memory to be read, although they are on disk.
        flush_bytes: past this many, records are written without waiting for a flush.
        fsync: ``"roll"`` survives this process at any moment, and loss of power up to the last full
            file; ``"flush"`` survives loss of power up to the last flush; ``"never"`` leaves that to
            the system.
    """

    max_bytes: int = 512 * MIB
    segment_bytes: int = 4 * MIB
    reserve_bytes: int = 1 * MIB
    memory_bytes: int = 16 * MIB
    tail_bytes: int = 1 * MIB
    flush_bytes: int = 256 * KIB
    fsync: Fsync = "roll"

    @property
    def file_bytes(self) -> int:
        """How large a file gets."""
        return min(self.segment_bytes, max(self.max_bytes // 8, 1))

    @property
    def unwritten_bytes(self) -> int:
        """How much waits for a flush at most: it counts against the limit, but cannot be thinned."""
        return min(self.flush_bytes, self.file_bytes)

    def usable(self, limit: int, *, critical: bool) -> int:
        """Return what of `limit` a record may use."""
        return limit if critical else limit - min(self.reserve_bytes, limit // 8)
