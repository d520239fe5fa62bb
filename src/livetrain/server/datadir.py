"""The data directory: for this user alone, and for one server at a time."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from livetrain.server.errors import StartError

__all__ = ["DataDir"]


def _make_private(path: Path) -> None:
    """Make a directory, and whatever is missing above it, for this user alone."""
    if not path.parent.is_dir() and path.parent != path:
        _make_private(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


class DataDir:
    """A directory that is locked while this server runs.

    Raises:
        StartError: it cannot be made or written, or another server uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _make_private(path)
            if path.stat().st_uid == os.geteuid():
                path.chmod(0o700)
            # The lock goes with the process, however that ends; the file stays.
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(
                f"The data directory {path} cannot be written ({error.strerror}); give another with --data-dir."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise StartError(
                    f"The data directory {path} cannot be locked ({error.strerror}); give one on a local disk with --data-dir."
                ) from error
            raise StartError(
                f"Another livetrain-server uses the data directory {path}; stop it, or give another with --data-dir."
            ) from error

    @property
    def database(self) -> str:
        """The URL of the database in here."""
        return f"sqlite:///{self.path / 'livetrain.db'}"

    def close(self) -> None:
        """Let another server have it."""
        os.close(self._lock)
