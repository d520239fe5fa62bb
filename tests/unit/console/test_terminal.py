"""What a server says reaches a terminal as plain, short lines, whatever it says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from livetrain._spool.spool import Spool
from livetrain._sync import Upload
from livetrain.cli import main
from livetrain.proto import telemetry_pb2 as pb

EVIL = "\x1b]0;title\x07\x1b[2J\x1b[1;1Howned\nsecond line\r\x9b31m\u202e" + "x" * 20_000
RUN: dict[str, Any] = {
    "run_id": EVIL,
    "name": EVIL,
    "project": EVIL,
    "status": "failed",
    "contact": EVIL,
    "created_at": 1.7e9,
    "steps": EVIL,
    "epoch": 3,
    "message": EVIL,
    "trouble": EVIL,
    "remarks": [EVIL, EVIL],
    "traceback": "",
    "total_epochs": EVIL,
}
COMMAND = {
    "command_id": "c",
    "state": "rejected",
    "message": EVIL,
    "values": {EVIL: EVIL},
    "applied_step": EVIL,
}


class Answers(BaseHTTPRequestHandler):
    """A server that answers whatever it is asked with what a test wants."""

    answer: Callable[[str], tuple[int, bytes]]

    def do_GET(self) -> None:
        status, body = type(self).answer(self.path)
        self.send_response(status, "OK")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def run(address: str, *arguments: str, **answers: object) -> Result:
    """Run a console command against a server that answers so; `status`, and one answer for each part of a path."""
    status = int(str(answers.pop("status", 200)))

    def answer(path: str) -> tuple[int, bytes]:
        for part, given in answers.items():
            if part in path:
                return status, given if isinstance(given, bytes) else json.dumps(given).encode()
        return 404, b"{}"

    Answers.answer = staticmethod(answer)  # type: ignore[assignment, method-assign]
    return CliRunner().invoke(main, [*arguments, "--http", address])


def assert_plain(said: str, most_lines: int, most_chars: int = 2100) -> None:
    lines = said.removesuffix("\n").split("\n")
    assert len(lines) <= most_lines
    for line in lines:
        assert line.isprintable(), line[:200]
        assert len(line) <= most_chars


def test_runs_are_a_table(address: str) -> None:
    result = run(address, "runs", runs={"runs": [RUN, RUN], "next": None, "total": 5})
    assert result.exit_code == 0
    assert "\\x1b]0;title" in result.output
    assert_plain(result.output, most_lines=4)
    assert all(len(cell) < 220 for cell in result.output.split("\n")[1].split("  "))


@pytest.mark.parametrize("traceback", ["", "Traceback\n  File\x1b[2J\n" + "x" * 100_000])
def test_a_run_is_watched_in_plain_lines(address: str, traceback: str) -> None:
    shown = RUN | {"contact": "ended", "traceback": traceback}
    result = run(address, "watch", "r", metrics={"metrics": {}}, runs=shown)
    assert result.exit_code == 1
    assert "owned\\x0asecond line" in result.output
    assert_plain(result.output, most_lines=6)


@pytest.mark.parametrize(
    "arguments",
    [("runs",), ("watch", "r"), ("pause", "r"), ("set", "r", "lr=1"), ("recipe", "r"), ("doctor",)],
)
def test_a_refusal_is_one_line(
    address: str, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livetrain._console.doctor.GRPC_SECONDS", 0.01)
    refused = run(address, *arguments, status=500, api={"detail": EVIL}, healthz={"detail": EVIL})
    assert refused.exit_code in (1, 2)
    assert "owned\\x0asecond line" in refused.output
    assert_plain(refused.output, most_lines=1 if arguments != ("doctor",) else 12)


@pytest.mark.parametrize("state", ["rejected", "applied"])
def test_what_became_of_a_command_is_one_line(address: str, state: str) -> None:
    commands: Any = COMMAND | {"state": state}
    result = run(address, "stop", "r", commands=commands, runs={"run_id": "r"})
    assert "owned" in result.output
    assert_plain(result.output, most_lines=1)


@pytest.mark.parametrize(
    "answer", [b"[" * 100_000, b"[1]", b"\xff", b'"x"', b"{" * 10, b'{"a": 1' + b"0" * 5000 + b"}"]
)
def test_an_answer_that_is_none_is_said_to_be_none(address: str, answer: bytes) -> None:
    result = run(address, "runs", runs=answer)
    assert (result.exit_code, result.exception.__class__) == (2, SystemExit)
    assert "is not a livetrain server" in result.output


def test_an_answer_without_end_is_not_read_to_its_end(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livetrain._console.server_api._MOST_BYTES", 1 << 20)
    result = run(address, "runs", runs=b'{"runs": [' + b" " * (2 << 20))
    assert result.exit_code == 2
    assert "more than 1 MiB" in result.output


def test_what_is_uploaded_later_has_a_plain_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livetrain._console.sync.upload", lambda *_, **__: Upload(0, 1, EVIL))
    for place, name in enumerate((EVIL, "")):
        spool = Spool.open(tmp_path / str(place))
        info = pb.SessionInfo(session_id="secret session", stream_id="s", run_name=name)
        spool.set_meta(info.SerializeToString())
        spool.append(1, pb.TelemetryRequest(seq=1).SerializeToString())
        spool.close()
    arguments = ["sync", "--server", "127.0.0.1:9", "--spool-dir", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "secret" not in result.output
    assert "a run without a name" in result.output
    assert "\x1b]0" not in result.output
    assert len(result.output) < 10_000
