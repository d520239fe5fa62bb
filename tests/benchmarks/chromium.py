"""A Chromium that is asked as little as possible: what measures must not be part of what is measured.

Playwright follows all of a page's traffic, so each frame that a WebSocket brings is sent on to it as text: on two cores that takes
half as much CPU as painting the frame. Here a page is opened, and asked when it is over.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

__all__ = ["Chromium", "Tab"]

_START_SECONDS = 60.0
_MOST_BYTES = 256 << 20  # of one answer: a trace is large


class Tab:
    """One page, spoken to over the DevTools protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def ask(self, method: str, seconds: float = 60.0, **parameters: Any) -> Any:
        """Send one command and return its result.

        Raises:
            RuntimeError: the browser says that it failed.
            TimeoutError: no answer within `seconds`.
        """
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        deadline = time.monotonic() + seconds
        while True:
            answer = json.loads(self._socket.recv(max(0.0, deadline - time.monotonic())))
            if answer.get("id") != number:
                continue  # an event that nobody asked for
            if "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']}")
            return answer["result"]

    def evaluate(self, script: str, *arguments: Any, seconds: float = 60.0) -> Any:
        """Call a JavaScript function with arguments and return what it resolves to."""
        words = ", ".join(json.dumps(argument) for argument in arguments)
        answer = self.ask(
            "Runtime.evaluate",
            seconds,
            expression=f"({script})({words})",
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait_for(self, condition: str, seconds: float = 60.0) -> None:
        """Wait until a JavaScript expression is true; asked four times a second."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(f"() => Boolean({condition})"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds:g} s: {condition}")
            time.sleep(0.25)

    def go(self, url: str) -> None:
        """Open an address."""
        self.ask("Page.navigate", url=url)

    def close(self) -> None:
        """Close the page."""
        self.ask("Page.close")
        self._socket.close()


class Chromium:
    """The machine's Chromium, headless and with software rendering, as long as the ``with`` block."""

    def __init__(self, width: int = 1440, height: int = 1100) -> None:
        found = shutil.which("chromium") or shutil.which("chromium-browser")
        if found is None:
            raise FileNotFoundError("no chromium on PATH; on Debian: apt-get install chromium")
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._size = f"{width},{height}"
        self._command = [
            *(found, "--headless", "--disable-gpu", "--no-first-run", "--mute-audio"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--remote-debugging-port=0", f"--user-data-dir={self._folder.name}"),
            f"--window-size={self._size}",
            # Chromium's sandbox refuses to run as root, which is what a container usually is.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            "about:blank",
        ]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        said = Path(self._folder.name) / "DevToolsActivePort"
        deadline = time.monotonic() + _START_SECONDS
        while not (said.exists() and len(said.read_text().splitlines()) >= 2):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self._command[0]} did not start")
            time.sleep(0.05)
        port, path = said.read_text().splitlines()[:2]
        self._host = f"ws://127.0.0.1:{port}"
        self._browser = Tab(self._connect(path))
        return self

    def tab(self) -> Tab:
        """Open a page."""
        target = self._browser.ask("Target.createTarget", url="about:blank")["targetId"]
        return Tab(self._connect(f"/devtools/page/{target}"))

    def _connect(self, path: str) -> ClientConnection:
        return connect(self._host + path, max_size=_MOST_BYTES, compression=None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._folder.cleanup()
