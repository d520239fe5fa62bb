"""A client of `clients/` in a process of its own, and the JSON lines that it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.integration.server.processes import PATIENCE, until

__all__ = ["Client"]

CLIENTS = Path(__file__).parent / "clients"


class Client:
    """One client. It is ended with the ``with`` block, and must not have failed by itself.

    Args:
        script: its file in `clients/`; without an ending it is Python's.
        arguments: what it is started with.
        path: where it finds the packages that were generated for it.
        node: the program that runs it; empty: this Python.
    """

    def __init__(
        self, script: str, *arguments: str, path: Path | None = None, node: str = ""
    ) -> None:
        file = script if "." in script else f"{script}.py"
        self.name = script
        self.said: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self._process = subprocess.Popen(
            [node or sys.executable, str(CLIENTS / file), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(path) if path else ""},
        )
        self._threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(json.loads(line))

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.errors.append(line)

    def say(self, *messages: dict[str, Any]) -> None:
        """Write lines to its stdin."""
        assert self._process.stdin is not None
        for message in messages:
            self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return what it said of one type."""
        return [message for message in list(self.said) if message.get("type") == kind]

    def wait(self, condition: Callable[[Client], Any], what: str) -> Any:
        """Wait for something that it says."""

        def ask() -> Any:
            assert not self.errors or self._process.poll() is None, "".join(self.errors)
            return condition(self)

        try:
            return until(ask, what)
        except AssertionError as error:
            raise AssertionError(
                f"{self.name}: {error}; it said {self.said[-3:]} {''.join(self.errors[-5:])}"
            ) from None

    def connected(self) -> Client:
        """Wait until it says that it is connected."""
        self.wait(lambda me: {"connected": True} in me.said, "the connection")
        return self

    def finish(self) -> list[dict[str, Any]]:
        """Let it come to its end and return all that it said."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = self._process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        assert code == 0, "".join(self.errors)
        return self.said

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        failed = self._process.poll()
        if failed is None:
            self._process.kill()
        self._process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()
        if error is None:
            assert not failed, f"{self.name} failed: {''.join(self.errors)}"
