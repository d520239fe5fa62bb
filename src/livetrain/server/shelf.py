"""Messages that wait until one viewer reads them: on disk beyond a few, so that who never reads holds no memory."""

from __future__ import annotations

import contextlib
import tempfile
from collections import deque
from pathlib import Path
from typing import IO, Final

__all__ = ["Shelf"]

_IN_MEMORY: Final = 64 << 10


class Shelf:
    """A queue of messages, those past `in_memory` bytes in a file without a name, which goes with the shelf.

    Args:
        directory: where the file is made.
        in_memory: bytes of messages that are held without a file.

    Example:
        >>> with contextlib.closing(Shelf(Path(tempfile.gettempdir()), in_memory=1)) as shelf:
        ...     for message in (b"1", b"two", b"three"):
        ...         shelf.put(message)
        ...     [shelf.take() for _ in range(len(shelf))]
        [b'1', b'two', b'three']
    """

    def __init__(self, directory: Path, in_memory: int = _IN_MEMORY) -> None:
        self._directory = directory
        self._room = in_memory
        self._file: IO[bytes] | None = None
        self._end = 0
        self._waiting: deque[bytes | range] = deque()  # a range: of bytes in the file

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: bytes) -> None:
        """Add a message; a disk that takes no more costs memory instead."""
        if len(message) > self._room:
            with contextlib.suppress(OSError):
                if self._file is None:
                    self._file = tempfile.TemporaryFile(dir=self._directory, buffering=0)  # noqa: SIM115  # ends with us
                self._file.seek(self._end)
                if self._file.write(message) == len(message):
                    self._waiting.append(range(self._end, self._end + len(message)))
                    self._end += len(message)
                    return
        self._room -= len(message)
        self._waiting.append(message)

    def take(self) -> bytes:
        """Return the next message and forget it.

        Raises:
            IndexError: there is none.
            OSError: the disk gives it back no more.
        """
        message = self._waiting.popleft()
        if isinstance(message, bytes):
            return message
        assert self._file is not None  # it has what this range is of
        self._file.seek(message.start)
        data = self._file.read(len(message))
        if len(data) != len(message):
            raise OSError(f"a file gave back {len(data)} of {len(message)} bytes")
        return data

    def close(self) -> None:
        """Forget all of it."""
        self._waiting.clear()
        if self._file is not None:
            self._file.close()
