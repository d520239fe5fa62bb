"""The bare prototype that `bench_path` sets livetrain against: the same pictures the same way, and nothing else.

No numbers, no store, no acknowledgement, no second viewer, nothing survives anything. Each role is a process of its own:

    python -m tests.benchmarks.bare server | trainer ADDRESS SECONDS SIZE | viewer URL [livetrain]
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

METHOD = "/bare/Stream"
PACE = 1 / 60


def trainer(address: str, seconds: float, size: int) -> None:
    """Copy 16 pictures into a ring, encode them as one strip on a second thread, and stream that."""
    import grpc
    import numpy as np
    import simplejpeg
    from tests.benchmarks.measuring import photographs

    images = photographs(64, size)
    ring = np.empty((4, 16, size, size, 3), np.uint8)
    picks = np.random.default_rng(0)
    captured: queue.SimpleQueue[int] = queue.SimpleQueue()
    encoded: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def encode() -> None:
        while True:
            strip = ring[captured.get()].reshape(16 * size, size, 3)
            # As livetrain encodes tiles of this size.
            encoded.put(simplejpeg.encode_jpeg(strip, quality=85, colorsubsampling="420"))

    def messages() -> Iterator[bytes]:
        while True:
            yield encoded.get()

    channel = grpc.insecure_channel(address)
    call = channel.stream_stream(METHOD)(messages())
    threading.Thread(target=encode, daemon=True).start()
    threading.Thread(target=lambda: list(call), daemon=True).start()
    started = time.monotonic()
    for step in range(int(seconds * 60)):
        slot = step % 4
        for place, pick in enumerate(picks.choice(64, 16, replace=False)):
            np.copyto(ring[slot, place], images[pick])
        captured.put(slot)
        time.sleep(max(0.0, started + (step + 1) * PACE - time.monotonic()))


async def server() -> None:
    """Pass each message on to the one viewer, over the same two stacks."""
    import grpc
    import grpc.aio
    import uvicorn

    newest: list[bytes] = []
    came = asyncio.Event()

    async def stream(_: Any, context: Any) -> None:
        while (raw := await context.read()) is not grpc.aio.EOF:
            newest[:] = [raw]
            came.set()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            await came.wait()
            came.clear()
            await send({"type": "websocket.send", "bytes": newest[0]})

    handler = grpc.stream_stream_rpc_method_handler(stream)
    service, method = METHOD.strip("/").split("/")
    grpc_server = grpc.aio.server(options=[("grpc.max_receive_message_length", 4 << 20)])
    grpc_server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    await grpc_server.start()
    config = uvicorn.Config(
        app,
        port=0,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    web = uvicorn.Server(config)
    serving = asyncio.create_task(web.serve())
    while not web.started:
        await asyncio.sleep(0.01)
    http = web.servers[0].sockets[0].getsockname()[1]
    print(f"127.0.0.1:{port} ws://127.0.0.1:{http}/", flush=True)
    await serving


async def viewer(url: str, livetrain: bool) -> None:
    """Read, count, and ask for the next frame where that is needed; say so each second."""
    from websockets.asyncio.client import connect

    from livetrain.proto import live_pb2 as live

    credit = live.ViewerMessage(frame_credit=live.FrameCredit(frames=1)).SerializeToString()
    frames, due = 0, time.monotonic()
    async with connect(url, max_size=None, compression=None) as socket:
        if livetrain:
            await socket.send(live.ViewerMessage(hello=live.Hello()).SerializeToString())
        async for data in socket:
            # A frame is field 3 of a LiveMessage; all else is small.
            if not livetrain or data[0] == 0x1A:  # type: ignore[comparison-overlap]
                frames += 1
                if livetrain:
                    await socket.send(credit)
            if time.monotonic() >= due:
                due += 1.0
                print(frames, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "trainer":
        trainer(sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
    else:
        asyncio.run(server() if sys.argv[1] == "server" else viewer(sys.argv[2], len(sys.argv) > 3))
