"""A headless viewer that writes down what it was sent; run as a process of its own.

``python viewer.py URL FILE MODE COUNT``. MODE is "read" (takes all, grants the next frame at once, comes back after a lost
connection with the offset that it has) or "stuck" (opens, asks for frames, and never reads). COUNT viewers share the process,
told apart by "viewer" in each line; of many only some look into their frames, the others count them and ask for the next.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from livetrain.proto import live_pb2

NOT_AGAIN = (4001, 4004)
LOOKING = 10
"""So many viewers of a process look into frames; a hundred would be busy with nothing else."""
FRAME = 0x1A
"""What a message with a frame begins with."""


CREDIT = live_pb2.ViewerMessage(frame_credit=live_pb2.FrameCredit(frames=1)).SerializeToString()


class Notes:
    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, **entry: Any) -> None:
        line = json.dumps({"time": time.monotonic(), **entry}, separators=(",", ":"))
        os.write(self._fd, line.encode() + b"\n")


async def watch(url: str, notes: Notes, number: int) -> None:
    epoch, offset = "", 0
    while True:
        try:
            # The dashboard's origin: a browser sends one, and the server checks it.
            origin = f"http://{urlsplit(url).netloc}"
            async with connect(
                url, max_size=None, compression=None, origin=origin, open_timeout=5
            ) as socket_:  # type: ignore[arg-type]
                hello = live_pb2.Hello(epoch=epoch, offset=offset)
                await socket_.send(live_pb2.ViewerMessage(hello=hello).SerializeToString())
                async for data in socket_:
                    if number >= LOOKING and data[0] == FRAME:
                        await socket_.send(CREDIT)
                        continue
                    message = live_pb2.LiveMessage.FromString(data)  # type: ignore[arg-type]
                    kind = message.WhichOneof("body")
                    if kind == "snapshot":
                        epoch, offset = message.snapshot.epoch, message.snapshot.offset
                        notes.write(viewer=number, kind=kind, epoch=epoch, offset=offset)
                    elif kind == "resumed":
                        notes.write(
                            viewer=number,
                            kind=kind,
                            epoch=epoch,
                            offset=message.resumed.from_offset,
                        )
                    elif kind == "events":
                        offsets = [event.offset for event in message.events.events]
                        offset = offsets[-1]
                        notes.write(
                            viewer=number, kind=kind, epoch=message.events.epoch, offsets=offsets
                        )
                    elif kind == "frame":
                        frame = message.frame
                        late = time.time() - frame.record.batch_data.logged_us / 1e6
                        notes.write(
                            viewer=number,
                            kind=kind,
                            number=frame.frame_number,
                            skipped=frame.skipped,
                            late=late,
                        )
                        await socket_.send(CREDIT)
                    elif kind == "state":
                        state = message.state
                        notes.write(
                            viewer=number, kind=kind, status=state.status, contact=state.contact
                        )
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 0
            notes.write(viewer=number, kind="closed", code=code)
            if code in NOT_AGAIN:
                return
        except (OSError, InvalidHandshake, TimeoutError) as error:
            notes.write(viewer=number, kind="unreachable", reason=repr(error)[:200])
        await asyncio.sleep(0.1)


async def stick(url: str, notes: Notes, number: int) -> None:
    """Open, ask, and never read: the kernel's buffers fill up, then the server's bounds show."""
    parts = urlsplit(url)
    raw = socket.create_connection((parts.hostname or "", parts.port or 80))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    async with connect(
        url,
        sock=raw,
        max_size=None,
        compression=None,
        max_queue=1,
        ping_interval=None,
        origin=f"http://{parts.netloc}",
    ) as socket_:  # type: ignore[arg-type]
        grant = live_pb2.ViewerMessage(hello=live_pb2.Hello())
        await socket_.send(grant.SerializeToString())
        credit = live_pb2.ViewerMessage(frame_credit=live_pb2.FrameCredit(frames=1000))
        await socket_.send(credit.SerializeToString())
        notes.write(viewer=number, kind="stuck")
        socket_.transport.pause_reading()
        await asyncio.Event().wait()


async def main(url: str, path: str, mode: str, count: int) -> None:
    notes = Notes(path)
    viewers = [
        asyncio.ensure_future((stick if mode == "stuck" else watch)(url, notes, number))
        for number in range(count)
    ]
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(
            number, lambda: [viewer.cancel() for viewer in viewers]
        )
    await asyncio.gather(*viewers, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
