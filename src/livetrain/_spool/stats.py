"""What a spool went through, as one frozen snapshot."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SpoolStats"]


@dataclass(frozen=True, slots=True)
class SpoolStats:
    """What a spool went through since it was opened.

    Attributes:
        records: appended and kept.
        refused: points and other records that were not kept: full, with nothing left to thin.
        thinned: the same, left out afterwards to make room, and not on their way to the server all the same.
        corrupt: lost to damage on disk.
        torn: torn tails that were cut.
        disk_errors: failed attempts to use the disk.
        memory_only: the disk is not in use now.
        disk_bytes: size of the files.
        memory_bytes: size of the records held in memory.
    """

    records: int
    refused: int
    thinned: int
    corrupt: int
    torn: int
    disk_errors: int
    memory_only: bool
    disk_bytes: int
    memory_bytes: int
