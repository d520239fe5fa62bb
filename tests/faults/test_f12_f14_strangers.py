"""F12 to F14: servers that never answer or are none, names that do not resolve, proxies, IPv6 alone."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.faults.conditions import wait_until
from tests.faults.conftest import Measure
from tests.faults.deaf import DeafServer
from tests.faults.netns import Network
from tests.faults.processes import Server, Trainer, free_port
from tests.faults.proxy import Proxy
from tests.faults.verdict import assert_delivered, assert_undisturbed

WARNINGS_A_MINUTE = 1
EXIT_SECONDS = 0.5


@contextlib.contextmanager
def stranger(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listen on a port and do something else than a livetrain-server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    kept.append(connection)
                    behave(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


def assert_trains_alone(trainer: Trainer, measure: Measure, *, said: bool = True) -> None:
    """Assert that the training went on and ended as if nobody were there to look, and said so once.

    `said`: False where it ends before it can know that nobody answers.
    """
    summary = assert_undisturbed(trainer, measure)
    assert not summary["delivered"]
    assert summary["acknowledged"] == 0
    measure("dead_server_exit_s", summary["close"])
    # The report's bound is EXIT_SECONDS; here the machine may do other things.
    assert summary["close"] <= EXIT_SECONDS + 0.6
    lines = [line for line in trainer.stderr.splitlines() if line.strip()]
    assert len(lines) <= 2 * WARNINGS_A_MINUTE, trainer.stderr
    assert any("livetrain" in line for line in lines) == said, trainer.stderr
    if said:
        # Who was asked, and why that was no good.
        sentence = (
            rf"no livetrain server at {re.escape(trainer.plan.monitor['server'])} \(\w+: .+\)"
        )
        assert re.search(sentence, trainer.stderr), trainer.stderr
    memory = max(entry["memory"] for entry in trainer.entries() if "step" in entry)
    measure("trainer_memory_mib", memory / 2**20)
    assert memory < 48 << 20


def never_answer(connection: socket.socket) -> None:
    """The kernel takes what fits into its buffers."""


def say_junk(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example.org ESMTP\r\n" + bytes(range(256)) * 10)


def hang_up(connection: socket.socket) -> None:
    connection.close()


@pytest.mark.parametrize("behave", [never_answer, say_junk, hang_up])
def test_f12_f13_a_port_that_is_something_else(
    folder: Path, seed: int, measure: Measure, behave: Callable[[socket.socket], None]
) -> None:
    with stranger(behave) as address:
        trainer = Trainer(folder, address, steps=60, seed=seed)
        assert_trains_alone(trainer, measure, said=behave is not never_answer)


def test_f13_a_port_that_speaks_http_1(folder: Path, seed: int, measure: Measure) -> None:
    class Quiet(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    with HTTPServer(("127.0.0.1", 0), Quiet) as web:
        serving = threading.Thread(target=web.serve_forever, daemon=True)
        serving.start()
        trainer = Trainer(folder, f"127.0.0.1:{web.server_port}", steps=60, seed=seed)
        assert_trains_alone(trainer, measure)
        web.shutdown()


def test_f12_nobody_listens(folder: Path, seed: int, measure: Measure) -> None:
    trainer = Trainer(folder, f"127.0.0.1:{free_port()}", steps=60, seed=seed)
    assert_trains_alone(trainer, measure)


def test_f12_a_server_that_never_acknowledges(
    folder: Path, server: Server, seed: int, measure: Measure
) -> None:
    with Proxy(server.grpc_port) as proxy:
        trainer = Trainer(folder, proxy.address, steps=0, seed=seed, flush=20.0)
        trainer.wait_for_acknowledged(5, 20)
        proxy.down.stalled = True
        trainer.wait_for_steps(trainer.steps + 100, 20)
        acknowledged = trainer.acknowledged
        proxy.down.stalled = False
        trainer.wait_for_acknowledged(acknowledged + 1, 20)
        trainer.finish()
        assert_undisturbed(trainer, measure)
        assert_delivered(trainer, server, measure)


@pytest.mark.faults_full
@pytest.mark.parametrize("reads", [True, False])
def test_f12_a_server_that_goes_deaf_is_hung_up_on(
    folder: Path, seed: int, measure: Measure, reads: bool
) -> None:
    """Keepalive is answered, so that only silence gives it away: after 15 seconds."""
    with DeafServer(reads=reads) as deaf:
        address = f"127.0.0.1:{deaf.port}"
        trainer = Trainer(folder, address, steps=0, step_seconds=0.05, seed=seed)
        wait_until(lambda: trainer.last().get("state") == "streaming", 30, "it streams")
        began = time.monotonic()
        wait_until(lambda: trainer.last()["state"] != "streaming", 20, "the silence is noticed")
        assert 13 < time.monotonic() - began < 16.5
        wait_until(lambda: deaf.streams >= 2, 10, "it tries again")
        trainer.finish()
        summary = assert_undisturbed(trainer, measure)
        assert summary["close"] <= 2.2, "close() spends at most its timeout"
        memory = max(entry["memory"] for entry in trainer.entries() if "step" in entry)
        measure("trainer_memory_mib", memory / 2**20)


def test_f14_a_name_that_does_not_resolve(folder: Path, seed: int, measure: Measure) -> None:
    trainer = Trainer(folder, "no-such-host.invalid:50051", steps=60, seed=seed)
    assert_trains_alone(trainer, measure)


def test_f14_a_name_server_that_never_answers(folder: Path, seed: int, measure: Measure) -> None:
    with Network(name_server=True) as network:
        network.lose(53)
        trainer = Trainer(
            folder, "slow.example.org:50051", prefix=network.prefix, steps=60, seed=seed
        )
        # It ends before it can know that nobody answers.
        assert_trains_alone(trainer, measure, said=False)


def test_f14_a_proxy_for_the_outside_world_is_not_asked(
    folder: Path, server: Server, seed: int, measure: Measure
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    variables = (
        "http_proxy",
        "https_proxy",
        "grpc_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    )
    env = dict.fromkeys(variables, nowhere)
    trainer = Trainer(folder, server.grpc, steps=60, seed=seed, env=env, flush=10.0)
    assert_undisturbed(trainer, measure)
    assert_delivered(trainer, server, measure)


def test_f14_ipv6_alone(folder: Path, seed: int, measure: Measure) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with contextlib.closing(socket.socket(socket.AF_INET6)) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no ::1")
    server = Server(folder, host="[::1]")
    with server:
        trainer = Trainer(folder, server.grpc, steps=60, seed=seed, flush=10.0)
        assert_undisturbed(trainer, measure)
        assert_delivered(trainer, server, measure)
