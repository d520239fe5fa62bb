"""The spools that dead runs left on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from livetrain._spool.directory_lock import DirectoryLock
from livetrain._spool.segment_log import read_meta, segments_of

__all__ = ["SpoolInfo", "discover"]


@dataclass(frozen=True, slots=True)
class SpoolInfo:
    """A spool that a run left behind.

    Attributes:
        directory: what to give to `Spool.open`.
        meta: what the run kept beside its records; None where there is none or it is damaged.
        size_bytes: of the records' files.
        modified: when it was last written, Unix seconds.
    """

    directory: Path
    meta: bytes | None
    size_bytes: int
    modified: float


def discover(state_dir: Path) -> list[SpoolInfo]:
    """List the spools under `state_dir` that no process owns, oldest first.

    Never raises on disk trouble: what cannot be read is left out.

    Example:
        >>> discover(Path("/nonexistent"))
        []
    """
    try:
        directories = [path for path in state_dir.iterdir() if path.is_dir()]
    except OSError:
        return []
    found: list[SpoolInfo] = []
    for directory in directories:
        try:
            segments, meta = segments_of(directory), read_meta(directory)
            if not segments and meta is None:
                continue
            DirectoryLock(directory).release()
            modified = max(path.stat().st_mtime for path in directory.iterdir())
        except OSError:
            continue
        size = sum(segment.size for segment in segments)
        found.append(SpoolInfo(directory, meta, size, modified))
    return sorted(found, key=lambda info: info.modified)
