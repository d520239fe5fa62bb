"""Attacks on the server's memory: each makes it hold what nobody reads."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import grpc
from websockets.frames import Frame, Opcode

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from tests.hostile.attack import SERVICE, Attack, Hostile, Target

__all__ = ["ATTACKS"]

_MIB = 2**20
Act = Callable[[Target, float, Callable[[], None]], None]


def side_by_side(count: int, one: Callable[[Target, float, int], None]) -> Act:
    """Return an attack of so many threads; what the server makes of one of them is no matter."""

    def act(target: Target, end: float, ready: Callable[[], None]) -> None:
        def carried_out(number: int) -> None:
            while time.monotonic() < end:
                with contextlib.suppress(OSError, grpc.RpcError, ValueError):
                    one(target, end, number)
                time.sleep(0.02)

        threads = [
            threading.Thread(target=carried_out, args=(n,), daemon=True) for n in range(count)
        ]
        ready()
        for thread in threads:
            thread.start()
        while time.monotonic() < end:
            time.sleep(0.05)
        os._exit(0)  # whatever they still wait for

    return act


# ------------------------------------------------------------ clients that do not read


def unread(address: str, path: str, *, headers: str = "") -> socket.socket:
    """Return a connection that asks for a path and takes as little of the answer as a socket can."""
    parts = urlsplit(address)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(5)
    connection.connect((parts.hostname, parts.port))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{headers}\r\n".encode())
    return connection


def web_socket(address: str, path: str, *messages: bytes) -> socket.socket:
    """Return a WebSocket that says something and never reads."""
    key = base64.b64encode(os.urandom(16)).decode()
    connection = unread(
        address,
        path,
        headers="Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {key}\r\n",
    )
    for message in messages:
        connection.sendall(Frame(Opcode.BINARY, message).serialize(mask=True))
    return connection


def never_read(count: int, open_one: Callable[[Target], socket.socket]) -> Callable[..., None]:
    """Return what opens so many connections, and others for those that the server ends."""

    def one(target: Target, end: float, number: int) -> None:
        held = [open_one(target) for _ in range(count)]
        while time.monotonic() < end:
            for place, connection in enumerate(held):
                connection.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    try:
                        gone = connection.recv(1, socket.MSG_PEEK) == b""
                    except ConnectionError:
                        gone = True
                    if gone:
                        connection.close()
                        held[place] = open_one(target)
            time.sleep(0.1)

    return one


def live_hello() -> bytes:
    """Return the first message of a viewer that asks for everything and takes frames one after the other."""
    return live.ViewerMessage(hello=live.Hello()).SerializeToString()


def large_logs(size: int) -> Callable[[Target, float, int], None]:
    """Return what streams log lines of this size into a run, which it watches, and reads over HTTP, without reading."""

    def one(target: Target, end: float, number: int) -> None:
        hostile = Hostile(target)
        run_id = hostile.register().run_id
        held: list[socket.socket] = []

        def say() -> Iterator[bytes]:
            yield hostile.opening()
            seq = 0
            while time.monotonic() < end:
                seq += 1
                log = pb.Log(message=f"{seq} " + "x" * size)
                yield pb.TelemetryRequest(
                    session_id=hostile.session_id, seq=seq, log=log
                ).SerializeToString()
                if seq % 3 == 0 and len(held) < 40:
                    held.append(web_socket(target.http, f"/api/runs/{run_id}/live", live_hello()))
                    events = f"/api/runs/{run_id}/events?limit=5000"
                    held.append(unread(target.http, events))

        for _ in hostile.stream(say(), timeout=end - time.monotonic()):
            pass

    return one


# ------------------------------------------------------------ trainers that say much


def registrations(size: int) -> Callable[[Target, float, int], None]:
    """Return what registers runs with settings of this size, and has each of them commit."""

    def one(target: Target, end: float, number: int) -> None:
        hostile = Hostile(target)
        config = pb.TrainingConfig(config_json='{"a": "' + "x" * size + '"}')
        config.class_names.extend(f"{n}" * 20 for n in range(2_000))
        if not hostile.register(config=config, timeout=5.0).success:
            return

        def say() -> Iterator[bytes]:
            yield hostile.opening()
            for seq in range(1, 200):
                status = pb.StatusUpdate(status=pb.RUNNING, message="x" * 100_000)
                yield pb.TelemetryRequest(
                    session_id=hostile.session_id, seq=seq, status_update=status
                ).SerializeToString()
                time.sleep(0.01)

        with contextlib.suppress(grpc.RpcError):
            for _ in hostile.stream(say(), timeout=1.0):
                pass
        hostile.close()

    return one


def frames_of_ranks(ranks: int, size: int) -> Callable[[Target, float, int], None]:
    """Return what streams frames of this size for each rank of one run."""

    def one(target: Target, end: float, number: int) -> None:
        first = Hostile(target, stream_id="rank0")
        all_ranks = [first] + [Hostile(target, stream_id=f"rank{n}") for n in range(1, ranks)]
        for rank, hostile in enumerate(all_ranks):
            hostile.session_id = first.session_id
            hostile.register(rank=rank, world_size=ranks)
        picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0\0\0\x08" * 2 + bytes(size)
        batch = pb.BatchData(images=[pb.ImageData(image_bytes=picture, format="png")])

        def stream(hostile: Hostile) -> None:
            def say() -> Iterator[bytes]:
                yield hostile.opening()
                seq = 0
                while time.monotonic() < end:
                    seq += 1
                    yield pb.TelemetryRequest(
                        session_id=hostile.session_id, seq=seq, batch_data=batch
                    ).SerializeToString()

            with contextlib.suppress(grpc.RpcError):
                for _ in hostile.stream(say(), timeout=end - time.monotonic()):
                    pass

        threads = [threading.Thread(target=stream, args=(h,), daemon=True) for h in all_ranks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    return one


def half_a_message(streams: int) -> Callable[[Target, float, int], None]:
    """Return what opens streams and sends most of a large message on each of them, and never its end."""

    def one(target: Target, end: float, number: int) -> None:
        host, port = target.grpc.rsplit(":", 1)
        body = bytes(3 * _MIB)
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            http2 = HalfStreams(connection, target.grpc)
            for _ in range(streams):
                http2.begin(len(body))
            http2.pour(body[:-1], end)

    return one


class HalfStreams:
    """HTTP/2 by hand, as far as a client needs it that sends parts of messages."""

    _HEADER_FIELDS = (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", f"{SERVICE}/StreamTelemetry"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    )

    def __init__(self, connection: socket.socket, authority: str) -> None:
        self._connection = connection
        self._authority = authority
        self._streams: dict[int, int] = {}  # what each has sent
        self._windows: dict[int, int] = {0: 65_535}
        self._initial = 65_535
        self._left = b""
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self._frame(4, 0, 0, b""))

    @staticmethod
    def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return (
            len(payload).to_bytes(3, "big")
            + bytes([kind, flags])
            + stream.to_bytes(4, "big")
            + payload
        )

    def begin(self, size: int) -> None:
        """Open a stream and send the head of a message of this size."""
        number = 1 + 2 * len(self._streams)
        fields = (*self._HEADER_FIELDS, (":authority", self._authority))
        block = b"".join(
            b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
            for name, value in sorted(fields, key=lambda field: not field[0].startswith(":"))
        )
        self._connection.sendall(self._frame(1, 4, number, block))
        head = b"\0" + size.to_bytes(4, "big")
        self._connection.sendall(self._frame(0, 0, number, head))
        self._streams[number] = 0
        self._windows[number] = self._initial - len(head)
        self._windows[0] -= len(head)

    def pour(self, body: bytes, end: float) -> None:
        """Send as much of a body on every stream as the server lets."""
        while time.monotonic() < end:
            moved = False
            for number, sent in self._streams.items():
                room = min(self._windows[0], self._windows[number], 16_384, len(body) - sent)
                if room > 0:
                    self._connection.sendall(self._frame(0, 0, number, body[sent : sent + room]))
                    self._streams[number] += room
                    self._windows[number] -= room
                    self._windows[0] -= room
                    moved = True
            self._read(0.0 if moved else 0.05)

    def _read(self, timeout: float) -> None:
        self._connection.settimeout(max(timeout, 0.001))
        with contextlib.suppress(TimeoutError):
            data = self._connection.recv(1 << 20)
            if not data:
                raise ConnectionError("the server ended the connection")
            self._left += data
        self._connection.settimeout(5)
        while len(self._left) >= 9:
            size = int.from_bytes(self._left[:3], "big")
            if len(self._left) < 9 + size:
                return
            kind, flags = self._left[3], self._left[4]
            stream = int.from_bytes(self._left[5:9], "big") & 0x7FFFFFFF
            payload, self._left = self._left[9 : 9 + size], self._left[9 + size :]
            self._take(kind, flags, stream, payload)

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == 8:  # WINDOW_UPDATE
            self._windows[stream] = self._windows.get(stream, 0) + int.from_bytes(payload, "big")
        elif kind == 4 and not flags & 1:  # SETTINGS
            for at in range(0, len(payload), 6):
                if int.from_bytes(payload[at : at + 2], "big") == 4:
                    value = int.from_bytes(payload[at + 2 : at + 6], "big")
                    for number in self._streams:
                        self._windows[number] += value - self._initial
                    self._initial = value
            self._connection.sendall(self._frame(4, 1, 0, b""))
        elif kind == 6 and not flags & 1:  # PING
            self._connection.sendall(self._frame(6, 1, 0, payload))
        elif kind == 3:  # RST_STREAM
            self._windows[stream] = -(10**9)


def reused_id(size: int) -> Callable[[Target, float, int], None]:
    """Return what trains with one id of an older client over and over, a frame each time."""

    def one(target: Target, end: float, number: int) -> None:
        hostile = Hostile(target)
        session = f"training {number}"
        register: Any = hostile.channel.unary_unary(f"{SERVICE}/RegisterTrainingSession")
        picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0\0\0\x08" * 2 + bytes(size)
        while time.monotonic() < end:
            register(pb.SessionInfo(session_id=session).SerializeToString(), timeout=5)
            batch = pb.BatchData(images=[pb.ImageData(image_bytes=picture)], batch_loss=1.0)
            done = pb.StatusUpdate(status=pb.COMPLETED)
            said = [
                pb.TelemetryRequest(session_id=session, batch_data=batch).SerializeToString(),
                pb.TelemetryRequest(session_id=session, status_update=done).SerializeToString(),
            ]
            for _ in hostile.stream(iter(said), timeout=5):
                pass

    return one


def pings(target: Target, end: float, number: int) -> None:
    """Send pings and read no answer."""
    connection = web_socket(target.http, "/ws")
    many = Frame(Opcode.PING, b"x" * 125).serialize(mask=True) * 500
    while time.monotonic() < end:
        connection.sendall(many)


def refused_commands(target: Target, end: float, number: int) -> None:
    """Give commands that are refused, with as much beside them as is taken."""
    parts = urlsplit(target.http)
    beside = ",".join(f'"{n:0900}":"{"y" * 950}"' for n in range(30))
    body = ('{"verb":"no_such","parameters":{' + beside + "}}").encode()
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=5) as connection:
        head = (
            f"POST /api/runs/{target.run_id}/commands HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        while time.monotonic() < end:
            connection.sendall(head + body)
            if not connection.recv(1 << 20):
                return


def nested_relay(target: Target, end: float, number: int) -> None:
    """Publish texts that become many times their size when they are read."""
    data = "[" + ",".join(["[]"] * 300_000) + "]"
    text = f'{{"type":"event_{number}","data":{{"a":{data}}}}}'.encode()
    connection = web_socket(target.relay.replace("ws", "http", 1), "/")
    message = Frame(Opcode.TEXT, text).serialize(mask=True)
    while time.monotonic() < end:
        connection.sendall(message)


VIEWS = ("/api/runs/{run}/live", "/telemetry", "/ws")


def of_dialects(target: Target) -> socket.socket:
    path = VIEWS[int.from_bytes(os.urandom(1), "big") % len(VIEWS)]
    return web_socket(target.http, path.format(run=target.run_id), live_hello())


ATTACKS = [
    # In every run of the tests all of them go on at once: see `test_memory`.
    Attack("memory: registrations of 4 MB", side_by_side(4, registrations(4_000_000)), slice=False),
    Attack("memory: unread logs of 1 MB", side_by_side(1, large_logs(1_000_000)), slice=False),
    Attack(
        "memory: frames of 3.9 MB of 70 ranks",
        side_by_side(1, frames_of_ranks(70, 3_900_000)),
        slice=False,
    ),
    Attack("memory: halves of messages", side_by_side(1, half_a_message(90)), slice=False),
    Attack("memory: an older id, reused", side_by_side(2, reused_id(1_000_000)), slice=False),
    Attack("memory: pings that are not read", side_by_side(4, pings), slice=False),
    Attack("memory: refused commands", side_by_side(2, refused_commands), slice=False),
    Attack("memory: nested relay messages", side_by_side(2, nested_relay), slice=False),
    Attack(
        "memory: views that are not read", side_by_side(1, never_read(60, of_dialects)), slice=False
    ),
]
