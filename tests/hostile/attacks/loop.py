"""Attacks on the time of the event loop."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from tests.hostile.attack import Attack, Hostile, Target

__all__ = ["ATTACKS"]


def frames(message: bytes, count: int, opcode: Opcode = Opcode.TEXT) -> bytes:
    """Return so many WebSocket frames of one message, as a client sends them."""
    return Frame(opcode, message).serialize(mask=True) * count


async def flood(address: str, data: bytes, end: float, *, before: bytes = b"") -> None:
    """Send the same bytes over and over on a WebSocket, a new one when it is closed, and read nothing."""
    while time.monotonic() < end:
        try:
            async with connect(address, max_queue=1, compression=None, close_timeout=0.1) as socket:
                if before:
                    await socket.send(before)
                await _pour(socket, data, end)
        except (ConnectionClosed, OSError, TimeoutError):
            await asyncio.sleep(0.05)


async def _pour(socket: ClientConnection, data: bytes, end: float) -> None:
    while time.monotonic() < end and not socket.transport.is_closing():
        socket.transport.write(data)
        async with asyncio.timeout(max(0.1, end - time.monotonic())):
            while (
                socket.transport.get_write_buffer_size() > len(data)
                and not socket.transport.is_closing()
            ):
                await asyncio.sleep(0.005)
        await asyncio.sleep(0)


async def listen(address: str, end: float) -> None:
    """Read whatever comes on a WebSocket, and drop it."""
    async with connect(address, max_size=None, compression=None, close_timeout=0.1) as socket:
        try:
            async with asyncio.timeout(max(0.1, end - time.monotonic())):
                async for _ in socket:
                    pass
        except (TimeoutError, ConnectionClosed):
            pass


def relay_flood(message: bytes, count: int, viewers: int):  # type: ignore[no-untyped-def]
    def act(target: Target, end: float, ready: Callable[[], None]) -> None:
        async def all_of_it() -> None:
            there = [asyncio.create_task(listen(target.relay, end)) for _ in range(viewers)]
            await asyncio.sleep(0.3)
            ready()
            await flood(target.relay, frames(message, count), end)
            await asyncio.gather(*there, return_exceptions=True)

        asyncio.run(all_of_it())

    return act


def socket_flood(path: str, message: bytes, count: int, opcode: Opcode = Opcode.TEXT):  # type: ignore[no-untyped-def]
    def act(target: Target, end: float, ready: Callable[[], None]) -> None:
        before = b""
        address = target.live + path.format(run=target.run_id)
        if path.endswith("/live"):
            before = live.ViewerMessage(hello=live.Hello(no_frames=True)).SerializeToString()
        ready()
        asyncio.run(flood(address, frames(message, count, opcode), end, before=before))

    return act


def streams(count: int, messages: Callable[[Hostile], Callable[[int], bytes]]):  # type: ignore[no-untyped-def]
    """Return an attack of so many streams at once, each as fast as it can."""

    def act(target: Target, end: float, ready: Callable[[], None]) -> None:
        hostiles = [Hostile(target) for _ in range(count)]
        for hostile in hostiles:
            hostile.register()
        made = [messages(hostile) for hostile in hostiles]
        ready()

        def one(hostile: Hostile, make: Callable[[int], bytes]) -> None:
            def say() -> Iterator[bytes]:
                yield hostile.opening()
                turn = 0
                while time.monotonic() < end:
                    yield make(turn)
                    turn += 1

            while time.monotonic() < end:
                try:
                    for _ in hostile.stream(say(), timeout=max(0.1, end - time.monotonic())):
                        pass
                except Exception:  # however the server ends it: it comes again
                    time.sleep(0.05)

        threads = [
            threading.Thread(target=one, args=pair, daemon=True)
            for pair in zip(hostiles, made, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()) + 0.5)

    return act


@cache
def bundle(first: int, records: int) -> bytes:
    """Return a bundle of so many records with one number each; it needs no session, which the stream has."""
    several = [
        pb.TelemetryRequest(
            seq=first + n + 1,
            scalars=pb.Scalars(step=first + n, values=[pb.Scalar(name="a", value=1.0)]),
        ).SerializeToString()
        for n in range(records)
    ]
    return pb.TelemetryRequest(bundle=pb.RecordBundle(records=several)).SerializeToString()


def bundles(records: int) -> Callable[[Hostile], Callable[[int], bytes]]:
    """Return what gives bundles, the same ones over and over; the server stores some of them, and drops those that it has."""
    made = [bundle(turn * records, records) for turn in range(6)]
    return lambda hostile: lambda turn: made[turn % len(made)]


def heartbeats(hostile: Hostile) -> Callable[[int], bytes]:
    message = pb.TelemetryRequest(
        session_id=hostile.session_id, heartbeat=pb.Heartbeat(sequence_number=1)
    ).SerializeToString()
    return lambda turn: message


def junk(hostile: Hostile) -> Callable[[int], bytes]:
    """Return messages that are refused, each with an answer."""
    return lambda turn: b"\xff\xff"


NESTED = json.dumps(
    {"type": "x", "data": {"a": [{"b": [1.5] * 8}] * 20_000}}, separators=(",", ":")
).encode()

CREDIT = live.ViewerMessage(frame_credit=live.FrameCredit(frames=1)).SerializeToString()
WATCH = live.ViewerMessage(introduce=live.Introduce(name="x")).SerializeToString()

ATTACKS = [
    Attack("relay: tiny texts, 40 viewers", relay_flood(b'{"type":"a","data":{}}', 50_000, 40)),
    Attack("relay: nested JSON of 1 MB", relay_flood(NESTED, 1, 2)),
    Attack("/ws: tiny texts", socket_flood("/ws", b'{"type":"ping"}', 30_000)),
    Attack(
        "live view: introductions",
        socket_flood("/api/runs/{run}/live", WATCH, 30_000, Opcode.BINARY),
    ),
    Attack(
        "bundles of 9,900 records on 8 streams", streams(8, lambda hostile: bundles(9_900)(hostile))
    ),
    Attack("heartbeats on 8 streams", streams(8, heartbeats), slice=False),
    Attack("messages that are refused", streams(4, junk), slice=False),
]
