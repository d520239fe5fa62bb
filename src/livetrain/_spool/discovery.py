"""The spools that dead runs left on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from livetrain._spool.directory_lock import DirectoryLock
from livetrain._spool.private_directory import is_ours
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
    """List the spools under `state_dir` of this user that no process owns, oldest first.

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
            if not is_ours(directory):
                continue
            if not (segments_of(directory) or read_meta(directory)):
                continue
            lock = DirectoryLock(directory)
        except OSError:
            continue
        # Looked at again: its owner may just have deleted what was in it, and given it up with that.
        try:
            info = _look(directory)
            if info is None:
                lock.delete()
            else:
                found.append(info)
        except OSError:
            pass
        finally:
            lock.release()
    return sorted(found, key=lambda info: info.modified)


def _look(directory: Path) -> SpoolInfo | None:
    """Return what is in a directory that is locked for it; None: nothing."""
    segments, meta = segments_of(directory), read_meta(directory)
    if not segments and meta is None:
        return None
    modified = max(path.stat().st_mtime for path in directory.iterdir())
    return SpoolInfo(directory, meta, sum(segment.size for segment in segments), modified)
