"""Ownership of a directory by one process, kept by the operating system until that process ends."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

__all__ = ["LOCK_NAME", "DirectoryLock", "LockedError"]

LOCK_NAME = "lock"

_owned: dict[str, DirectoryLock] = {}
"""What this process owns, by the lock's path."""


class LockedError(OSError):
    """Another process owns the spool."""


class DirectoryLock:
    """Ownership of a directory until it is released or the process ends.

    Raises:
        LockedError: another process has it, or another spool of this process.
        OSError: the lock file cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / LOCK_NAME
        self._path = os.path.abspath(path)
        # On network disks the operating system's lock may be one of the whole process, and not hold within it.
        if _owned.setdefault(self._path, self) is not self:
            raise LockedError(f"{directory} is in use by this process")
        try:
            self._open(directory, path)
        except BaseException:
            _owned.pop(self._path, None)
            raise

    def _open(self, directory: Path, path: Path) -> None:
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

    def delete(self) -> None:
        """Delete the directory, which nothing is in but the lock; before the release."""
        with contextlib.suppress(OSError):  # somebody else's file is in there: then it stays
            Path(self._path).unlink(missing_ok=True)
            Path(self._path).parent.rmdir()

    def release(self) -> None:
        """Give the directory up; in a forked child, let go of what the parent goes on to hold."""
        # Closed, not unlocked: LOCK_UN in a child would take the lock from the parent too.
        os.close(self._fd)
        _owned.pop(self._path, None)


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


if hasattr(os, "register_at_fork"):  # not on Windows
    # What other threads of the parent just looked at is not the child's.
    os.register_at_fork(after_in_child=_owned.clear)
