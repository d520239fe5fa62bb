"""Single pictures of strips, for viewers that know no strips: cut in a process beside this one, in bounded time.

It is the one place where the server lets a stranger's picture be decoded, so it is not done in the server itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import struct
import sys
from asyncio.subprocess import PIPE, Process
from typing import Final

from livetrain.exceptions import ProtocolError
from livetrain.server.pictures import picture_size

__all__ = ["MAX_PIXELS", "REQUEST", "SIZE", "Splitter", "UnsplitError"]

log = logging.getLogger(__name__)

REQUEST: Final = struct.Struct(">HHI")
"""Before a strip, a JPEG or PNG: its tiles' height, how many they are, and the size of the strip."""
SIZE: Final = struct.Struct(">I")
"""Of an answer: how many tiles there are, 0 for a strip that cannot be read, and before each, a JPEG, how large it is."""
MAX_PIXELS: Final = 16 * 1024 * 1024

_SECONDS: Final = 2.0
_START_SECONDS: Final = 20.0
_IDLE_SECONDS: Final = 60.0
_MAX_BYTES: Final = 4 * 1024 * 1024
_MAX_TILES: Final = 64


class UnsplitError(Exception):
    """A strip cannot be cut; the message says why."""


class Splitter:
    """Cuts strips, one at a time; its process starts with the first and ends when none came for a minute."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._ready = False
        self._lock = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def split(self, strip: bytes, tile_height: int, count: int) -> list[bytes]:
        """Return the tiles of a strip as JPEGs.

        Raises:
            UnsplitError: it is no picture of so many tiles, too large, or took too long.
        """
        _check(strip, tile_height, count)
        async with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            try:
                # The first waits until NumPy is loaded over there.
                async with asyncio.timeout(_SECONDS if self._ready else _START_SECONDS):
                    tiles = await self._ask(strip, tile_height, count)
            except TimeoutError:
                self.close()
                raise UnsplitError("cutting a strip took too long") from None
            except (OSError, EOFError) as error:
                self.close()
                raise UnsplitError(f"the process that cuts strips ended ({error!r})") from error
            except BaseException:  # half an answer is still to come
                self.close()
                raise
            self._ready = True
            self._idle = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self.close)
        if len(tiles) != count:
            raise UnsplitError("a strip that cannot be decoded")
        return tiles

    async def start(self) -> None:
        """Start the process, so that the first strip need not wait for it."""
        async with self._lock:
            with contextlib.suppress(OSError):  # the first strip will say so
                await self._start()

    async def _start(self) -> Process:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "livetrain.server.strip_worker"),
                stdin=PIPE,
                stdout=PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for the server, which ends this
            )
        return self._process

    async def _ask(self, strip: bytes, tile_height: int, count: int) -> list[bytes]:
        process = await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(REQUEST.pack(tile_height, count, len(strip)))
        process.stdin.write(strip)
        await process.stdin.drain()
        (tiles,) = SIZE.unpack(await process.stdout.readexactly(SIZE.size))
        found = []
        for _ in range(min(tiles, _MAX_TILES)):
            (size,) = SIZE.unpack(await process.stdout.readexactly(SIZE.size))
            found.append(await process.stdout.readexactly(size))
        return found

    def close(self) -> None:
        """End the process; :meth:`ended` waits until it is gone."""
        process, self._process = self._process, None
        self._ready = False
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            ending = asyncio.create_task(_end(process))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def ended(self) -> None:
        """Wait until every process that was ended is gone."""
        await asyncio.gather(*self._ending)


async def _end(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.stdout is not None:
        with contextlib.suppress(OSError):
            await process.stdout.read()
    await process.wait()


def _check(strip: bytes, tile_height: int, count: int) -> None:
    try:
        width, height = picture_size(strip, 0, len(strip))
    except ProtocolError as error:
        raise UnsplitError(str(error)) from None
    if (
        not 0 < count <= _MAX_TILES
        or not 0 < tile_height < 1 << 16
        or tile_height * count > height
        or width * height > MAX_PIXELS
        or len(strip) > _MAX_BYTES
    ):
        raise UnsplitError(
            f"a strip of {width} x {height} pixels that says it has {count} tiles of {tile_height} rows"
        )
