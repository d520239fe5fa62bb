"""Attacks on what there is a number of: streams, runs, connections, descriptors."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import grpc

from livetrain.proto import telemetry_pb2 as pb
from tests.hostile.attack import SERVICE, Attack, Hostile, Target

__all__ = ["ATTACKS"]


def never_opening(count: int) -> Callable[[Target, float, Callable[[], None]], None]:
    """Return an attack of so many streams that say nothing, over 41 connections."""

    def act(target: Target, end: float, ready: Callable[[], None]) -> None:
        over = threading.Event()

        def silent() -> Iterator[bytes]:
            over.wait()
            yield from ()

        ready()
        hostiles = [Hostile(target) for _ in range(41)]
        calls = []
        for number in range(count):
            if time.monotonic() > end:
                break
            call = hostiles[number % len(hostiles)].channel.stream_stream(
                f"{SERVICE}/StreamTelemetry"
            )
            # No thread of its own reads a request here: what is never sent needs none.
            calls.append(call(silent(), wait_for_ready=False))
        time.sleep(max(0.0, end - time.monotonic()))
        over.set()
        for hostile in hostiles:
            hostile.close()

    return act


def registrations(at_once: int) -> Callable[[Target, float, Callable[[], None]], None]:
    """Return an attack that registers runs, on so many connections at once, and opens none."""

    def act(target: Target, end: float, ready: Callable[[], None]) -> None:
        ready()

        def one() -> None:
            hostile = Hostile(target)
            register = hostile.channel.unary_unary(f"{SERVICE}/RegisterTrainingSession")
            while time.monotonic() < end:
                info = pb.SessionInfo(
                    session_id=secrets.token_hex(16), protocol_version=1, stream_id="s"
                )
                with contextlib.suppress(grpc.RpcError):
                    register(info.SerializeToString(), timeout=max(0.1, end - time.monotonic()))
            hostile.close()

        threads = [threading.Thread(target=one, daemon=True) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()) + 1.0)

    return act


def connections(
    count: int, say: bytes = b""
) -> Callable[[Target, float, Callable[[], None]], None]:
    """Return an attack that keeps so many connections open on each port, and says no more than this on each."""

    def act(target: Target, end: float, ready: Callable[[], None]) -> None:
        ready()
        there: list[socket.socket] = []
        addresses = [urlsplit(target.http).netloc, urlsplit(target.relay).netloc, target.grpc]
        while time.monotonic() < end:
            for address in addresses:
                host, _, port = address.rpartition(":")
                with contextlib.suppress(OSError):
                    one = socket.create_connection((host, int(port)), 0.5)
                    there.append(one)
                    one.sendall(say)
            while len(there) > 3 * count:
                there.pop(0).close()
        for one in there:
            one.close()

    return act


def requests(path: str, at_once: int) -> Callable[[Target, float, Callable[[], None]], None]:
    """Return an attack that asks for something over and over, on so many connections."""

    def act(target: Target, end: float, ready: Callable[[], None]) -> None:
        ready()
        netloc = urlsplit(target.http).netloc
        host, _, port = netloc.rpartition(":")
        asked = f"GET {path.format(run=target.run_id)} HTTP/1.1\r\nHost: {netloc}\r\n\r\n".encode()

        def one() -> None:
            while time.monotonic() < end:
                with (
                    contextlib.suppress(OSError),
                    socket.create_connection((host, int(port)), 5.0) as asking,
                ):
                    while time.monotonic() < end:
                        asking.sendall(asked)
                        if not asking.recv(1 << 20):
                            break

        threads = [threading.Thread(target=one, daemon=True) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()) + 1.0)

    return act


ATTACKS = [
    Attack("requests for the list of runs", requests("/api/runs?limit=500", 30)),
    Attack("requests for curves", requests("/api/runs/{run}/metrics", 30), slice=False),
    Attack("4,100 streams that never open", never_opening(4_100)),
    Attack("registrations that open nothing", registrations(16), log_lines=50),
    Attack("idle connections", connections(400), slice=False),
    Attack("slow requests", connections(400, b"GET / HTTP/1.1\r\nHost:"), slice=False),
    Attack(
        "connections, 256 descriptors",
        connections(300),
        before=("prlimit", "--nofile=256:256"),
    ),
]
