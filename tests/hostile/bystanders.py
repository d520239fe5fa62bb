"""Who must not be harmed: a trainer at 60 steps a second, a viewer of its run, and somebody who asks whether the server is well."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.trainer import Trainer
from tests.integration.server.viewer import LiveViewer

__all__ = ["Bystanders", "HealthProbe", "server_cpu_seconds"]

STEP_SECONDS = 1 / 60
PROBE_SECONDS = 0.05
_JPEG = b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x40\x00\x40\x03" + b"x" * 4000


def server_cpu_seconds(pid: int) -> float:
    """Return what another process has used of the processor, all its threads together: Linux has a clock of it."""
    return time.clock_gettime(~pid << 3 | 2)


class HealthProbe:
    """Asks ``/healthz`` over and over, each time on a connection of its own."""

    def __init__(self, server: ServerProcess) -> None:
        self._address = urlsplit(server.http)
        self._pid = server.process.pid
        self.answers: list[tuple[float, float]] = []
        """Of each question, how long it took, and what the server used of the processor meanwhile; in seconds."""
        self.failed = 0
        self._asked = 0.0

    def ask(self, patience: float = 30.0) -> None:
        """Ask once."""
        cpu, began = server_cpu_seconds(self._pid), time.monotonic()
        self._asked = began
        host, port = self._address.hostname, self._address.port
        assert host is not None
        assert port is not None
        answer = b""
        with (
            contextlib.suppress(OSError),
            socket.create_connection((host, port), patience) as asking,
        ):
            asking.sendall(
                f"GET /healthz HTTP/1.1\r\nHost: {self._address.netloc}\r\nConnection: close\r\n\r\n".encode()
            )
            answer = asking.recv(1000)
        if not answer.startswith(b"HTTP/1.1 200"):
            self.failed += 1
        self.answers.append((time.monotonic() - began, server_cpu_seconds(self._pid) - cpu))
        self._asked = 0.0

    def worst(self) -> tuple[float, float]:
        """Return the longest answer and the most processor time of one, an unanswered question included."""
        asked = self._asked
        waiting = [(time.monotonic() - asked, 0.0)] if asked else []
        answers = [*self.answers, *waiting] or [(0.0, 0.0)]
        return max(wall for wall, _ in answers), max(cpu for _, cpu in answers)


class _TimedTrainer(Trainer):
    """Notes when each record was acknowledged, and what the server had used of the processor by then."""

    def __init__(self, server: ServerProcess) -> None:
        super().__init__(server.grpc)
        self._pid = server.process.pid
        self.acknowledged: dict[int, tuple[float, float]] = {}
        self._durable = 0

    def _read(self, call: object) -> None:
        with contextlib.suppress(Exception):
            for raw in call:  # type: ignore[attr-defined]
                response = pb.TelemetryResponse.FromString(raw)
                if response.HasField("error"):
                    self.responses.append(response)
                now = time.monotonic(), server_cpu_seconds(self._pid)
                for seq in range(self._durable + 1, response.ack.durable_seq + 1):
                    self.acknowledged[seq] = now
                self._durable = max(self._durable, response.ack.durable_seq)
        self.ended.set()

    @property
    def durable(self) -> int:
        return self._durable


class Bystanders:
    """A trainer, a viewer and a probe beside it; a context manager."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.trainer = _TimedTrainer(server)
        answer = self.trainer.register(run_name="bystander")
        assert answer.success, answer.message
        self.run_id = answer.run_id
        self.trainer.open()
        self.probe = HealthProbe(server)
        self.sent: dict[int, tuple[float, float]] = {}
        self.seen: dict[int, float] = {}
        self._viewer = LiveViewer(server, self.run_id, live.Hello(no_curves=True))
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._every, args=(STEP_SECONDS, self._step), daemon=True),
            threading.Thread(target=self._every, args=(PROBE_SECONDS, self.probe.ask), daemon=True),
            threading.Thread(target=self._watch, daemon=True),
        ]

    def _every(self, seconds: float, act: Callable[[], None]) -> None:
        due = time.monotonic()
        while not self._ending.wait(max(0.0, due - time.monotonic())):
            act()
            # One that was held up goes on from now: a hundred steps at once would measure themselves.
            due = max(due + seconds, time.monotonic() - seconds)

    def _step(self) -> None:
        seq = len(self.sent) + 1
        self.sent[seq] = time.monotonic(), server_cpu_seconds(self.server.process.pid)
        self.trainer.batch(seq, strip=pb.ImageStrip(image_bytes=_JPEG, format="jpeg"))

    def _watch(self) -> None:
        while not self._ending.is_set():
            message = self._viewer.read(0.5)
            if self._viewer.close_code:
                return
            if message is not None and message.HasField("frame"):
                self.seen[message.frame.record.seq] = time.monotonic()
                with contextlib.suppress(ConnectionClosed):
                    self._viewer.say(frame_credit=live.FrameCredit(frames=1))

    def settle(self) -> int:
        """Wait until what was sent so far is acknowledged, and return the number of the next record."""
        top = len(self.sent)
        until(lambda: self.trainer.durable >= top or self.trainer.ended.is_set(), "acknowledgement")
        assert not self.trainer.ended.is_set(), self.trainer.errors
        return top + 1

    def acknowledgement(self, first: int, last: int) -> list[tuple[float, float]]:
        """Return how long the records from first to last waited, and what the server used of the processor meanwhile; in seconds.

        Those that still wait count up to now.
        """
        now = time.monotonic(), server_cpu_seconds(self.server.process.pid)
        waited = []
        for seq in range(first, last + 1):
            acknowledged = self.trainer.acknowledged.get(seq, now)
            waited.append(
                (acknowledged[0] - self.sent[seq][0], acknowledged[1] - self.sent[seq][1])
            )
        return waited

    def frames(self, first: int, last: int) -> list[float]:
        """Return how many seconds after they were logged the frames of these records reached the viewer."""
        return [
            self.seen[seq] - self.sent[seq][0] for seq in range(first, last + 1) if seq in self.seen
        ]

    @property
    def viewer_closed(self) -> int:
        """With which code the viewer was sent away; 0: it was not."""
        return self._viewer.close_code

    def __enter__(self) -> Bystanders:
        for thread in self._threads:
            thread.start()
        until(lambda: self.trainer.durable and self.seen, "the first acknowledgement and frame")
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(35.0)
        self._viewer.close()
        self.trainer.__exit__(None, None, None)
