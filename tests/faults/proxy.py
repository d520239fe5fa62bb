"""A TCP proxy that does to a connection what a bad network does; in a thread of its own.

Each direction can be delayed, jittered, narrowed and stalled; connections can be reset, or cut after so many bytes. What cannot
be done above the kernel (packets that vanish without a word) is for `tests.faults.netns`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Self

__all__ = ["Direction", "Proxy"]

_CHUNK = 16 << 10
_POLL_SECONDS = 0.005


@dataclass
class Direction:
    """What happens to the bytes that go one way; may be changed at any time, from any thread.

    Attributes:
        delay: seconds that each chunk is held.
        jitter: up to this many seconds more or less, drawn for each chunk; the order stays.
        rate: bytes a second; 0: as fast as it goes.
        stalled: nothing passes until it is False again.
        passed: bytes that went through.
    """

    delay: float = 0.0
    jitter: float = 0.0
    rate: float = 0.0
    stalled: bool = False
    passed: int = 0


@dataclass(eq=False)
class _Link:
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def reset(self) -> None:
        for writer in self.writers:
            with contextlib.suppress(OSError):
                # Linger of zero: the kernel sends RST and not FIN.
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
            writer.transport.abort()


class Proxy:
    """Listens on a port of its own and passes on to `upstream`.

    Args:
        upstream: the port on 127.0.0.1 to connect to.
        seed: of the jitter.

    Attributes:
        up, down: towards the server and back.
        refusing: new connections are reset at once.
        cut_after: connections are reset after this many bytes towards the server; 0: never.
        accepted: connections so far.
    """

    def __init__(self, upstream: int, seed: int = 0) -> None:
        self.upstream = upstream
        self.up, self.down = Direction(), Direction()
        self.refusing = False
        self.cut_after = 0
        self.accepted = 0
        self._random = random.Random(seed)
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    @property
    def address(self) -> str:
        """Where clients connect to."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def reset_all(self) -> None:
        """Reset every connection that is open."""
        self._loop.call_soon_threadsafe(lambda: [link.reset() for link in self._links])

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._pass_on(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=_CHUNK)
        self.port: int = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for link in list(self._links):
            link.reset()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = _Link([writer])
        self._links.add(link)
        pumps: list[asyncio.Task[None]] = []
        try:
            if self.refusing:
                return
            there, back = await asyncio.open_connection("127.0.0.1", self.upstream, limit=_CHUNK)
            link.writers.append(back)
            pumps.append(asyncio.ensure_future(self._pump(reader, back, self.up)))
            pumps.append(asyncio.ensure_future(self._pump(there, writer, self.down)))
            # One end closed: the other is reset too; half-closed TCP is nothing that gRPC speaks.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass  # nobody listens upstream
        finally:
            link.reset()
            self._links.discard(link)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        way: Direction,
    ) -> None:
        passed = 0
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)

        async def fill() -> None:
            due = 0.0
            while data := await reader.read(_CHUNK):
                held = max(0.0, way.delay + self._random.uniform(-way.jitter, way.jitter))
                due = max(due, self._loop.time() + held)
                await queue.put((due, data))
            await queue.put((due, b""))

        filling = asyncio.ensure_future(fill())
        try:
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                while way.stalled:
                    await asyncio.sleep(_POLL_SECONDS)
                if not data:
                    return
                if way.rate:
                    await asyncio.sleep(len(data) / way.rate)
                if way is self.up and self.cut_after and passed + len(data) > self.cut_after:
                    writer.write(data[: self.cut_after - passed])
                    return
                writer.write(data)
                await writer.drain()
                passed += len(data)
                way.passed += len(data)
        except OSError:
            return
        finally:
            filling.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await filling
