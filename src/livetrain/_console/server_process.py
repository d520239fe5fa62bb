"""A livetrain-server as a child process on free ports."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

__all__ = ["ServerProcess", "ServerStartError"]

START = "import sys; from livetrain.server.cli import main; sys.exit(main())"
"""Not the `livetrain-server` script: that may not be on PATH, or be another environment's."""


class ServerStartError(Exception):
    """The server ended, or said nothing in time, before it gave its addresses; the message is what it said."""


class ServerProcess:
    """A server that lives as long as the ``with`` block.

    Args:
        data_dir: where it keeps its runs.
        log: the file that takes what it says on stderr.
        start_seconds: how long it may take to give its addresses.
        stop_seconds: how long it may take to end in order; then it is killed.

    Attributes:
        grpc: ``"127.0.0.1:PORT"``, for trainers.
        http: ``"http://127.0.0.1:PORT"``, for browsers.

    Raises:
        ServerStartError: on entry, if it does not start.
    """

    grpc: str
    http: str

    def __init__(
        self, data_dir: Path, log: Path, *, start_seconds: float = 60.0, stop_seconds: float = 15.0
    ) -> None:
        self._log = log
        self._command = [
            *(sys.executable, "-c", START),
            *("--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--relay", "off"),
            *("--data-dir", str(data_dir)),
        ]
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            # A session of its own, so that Ctrl-C reaches the training alone, which still has records to hand in.
            self._process = subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )
        try:
            self._read_addresses()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def _read_addresses(self) -> None:
        assert self._process.stdout is not None
        lines: queue.SimpleQueue[str] = (
            queue.SimpleQueue()
        )  # bounded by what a server prints: its few addresses
        # A thread, since a pipe cannot be read with a deadline on every system, and must be read to its end.
        self._reader = threading.Thread(
            target=_read_lines,
            args=(self._process.stdout, lines),
            name="livetrain-server-output",
            daemon=True,
        )
        self._reader.start()
        found: dict[str, str] = {}
        deadline = time.monotonic() + self._start_seconds
        while not {"grpc", "http"} <= found.keys():
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise ServerStartError(f"no addresses within {self._start_seconds:g} s") from None
            if not line:
                raise ServerStartError(self._last_words())
            name, _, address = line.partition(": ")
            found[name] = address.strip()
        self.grpc, self.http = found["grpc"], found["http"]

    def _last_words(self) -> str:
        said = self._log.read_text(errors="replace").strip().splitlines()
        return said[-1] if said else f"it ended with exit code {self._process.wait()}"

    def _stop(self) -> None:
        if self.alive:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(self._stop_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._reader.join(self._stop_seconds)
            self._process.stdout.close()


def _read_lines(stream: IO[str], lines: queue.SimpleQueue[str]) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")  # the end
