"""Ownership of a directory by one process, kept by the operating system until that process ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["LOCK_NAME", "DirectoryLock", "LockedError"]

LOCK_NAME = "lock"


class LockedError(OSError):
    """Another process owns the spool."""


class DirectoryLock:
    """Ownership of a directory until it is released or the process ends.

    Raises:
        LockedError: another process has it.
        OSError: the lock file cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / LOCK_NAME
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._fd)
            # The last owner deletes a drained spool: a lock on a nameless file protects nothing.
            if not os.path.samestat(os.fstat(self._fd), os.stat(path)):
                raise LockedError(f"{directory} was deleted by its last owner")
        except OSError as error:
            os.close(self._fd)
            if isinstance(error, (BlockingIOError, PermissionError)):
                raise LockedError(f"{directory} is in use by another process") from error
            raise

    def release(self) -> None:
        """Give the directory up; in a forked child, let go of what the parent goes on to hold."""
        # Closed, not unlocked: LOCK_UN in a child would take the lock from the parent too.
        os.close(self._fd)


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # PermissionError when taken
else:
    import fcntl

    def _lock(fd: int) -> None:
        # flock and not POSIX locks: those are dropped as soon as any descriptor of the file is
        # closed in this process, which listing the spools does.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
