"""Real servers as processes, and waiting for what they say."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

_Value = TypeVar("_Value")
PATIENCE = 60.0
"""Seconds that a test waits for a condition: only a failing test ever waits so long."""


def until(condition: Callable[[], _Value], what: str, patience: float = PATIENCE) -> _Value:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + patience
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {patience:.0f} s for {what}"
        pause.wait(0.01)


class ServerProcess:
    """`livetrain-server` on free ports with a data directory; a context manager that kills what is left."""

    def __init__(
        self,
        data_dir: Path,
        *flags: str,
        env: dict[str, str] | None = None,
        relay: str | None = "127.0.0.1:0",
        before: Sequence[str] = (),
    ) -> None:
        arguments = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir", str(data_dir)]
        if relay is not None:
            arguments += ["--relay", relay]
        self.process = subprocess.Popen(
            [*before, sys.executable, "-m", "livetrain.server.cli", *arguments, *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        self.log: list[str] = []
        self._said: queue.Queue[str] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._read_stdout, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self.grpc = self._address("grpc: ")
        self.http = self._address("http: ")
        self.relay = self._address("relay: ") if relay not in (None, "off") else ""

    def _read_stdout(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(line.rstrip("\n"))
        self._said.put("")

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))

    def _address(self, prefix: str) -> str:
        line = self._said.get(timeout=PATIENCE)
        assert line.startswith(prefix), f"{line!r}; log: {self.log}"
        return line.removeprefix(prefix)

    @property
    def live(self) -> str:
        """The WebSocket address of the server."""
        return self.http.replace("http", "ws", 1)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        """End it in order and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        for thread in self._threads:
            thread.join(PATIENCE)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
