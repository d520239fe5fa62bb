"""Directories that nobody but this user can list: what lies in them lets its reader speak for a run."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

__all__ = ["is_ours", "make_private", "tighten"]


def make_private(directory: Path) -> None:
    """Make a directory for this user alone, and so whatever is missing above it; what is there already stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    missing = [directory]
    while not missing[-1].parent.is_dir() and missing[-1].parent != missing[-1]:
        missing.append(missing[-1].parent)
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)


def tighten(directory: Path) -> None:
    """Take a directory of this user's from everybody else; one that is not there, or is somebody else's, stays as it is."""
    if not hasattr(os, "geteuid"):  # Windows has no such modes
        return
    with contextlib.suppress(OSError):
        found = directory.stat()
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
            directory.chmod(0o700)


def is_ours(directory: Path) -> bool:
    """Return whether this is a directory of this user's, and no link to another.

    Somebody else could have put records there that this user's token would be spent on, or a link to files to be deleted. Of a
    network disk that shows one owner for everything, what belongs to the owner of the directory above counts too.

    Raises:
        OSError: it cannot be looked at.
    """
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode):
        return False
    return not hasattr(os, "geteuid") or found.st_uid in (
        os.geteuid(),
        directory.parent.stat().st_uid,
    )
