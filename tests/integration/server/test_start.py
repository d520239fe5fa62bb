"""Every reason not to start is one sentence that says the mend, exit code 2, and nothing half started."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.integration.server.processes import PATIENCE, ServerProcess


def refusal(*flags: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "livetrain.server.cli", *flags],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, **(env or {})},
        check=False,
    )
    assert done.returncode == 2, done
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def free(tmp_path: Path) -> list[str]:
    ports = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--relay", "127.0.0.1:0"]
    return [*ports, "--data-dir", str(tmp_path / "data")]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--nonsense"], ["--nonsense", "--help"]),
        (["surplus"], ["surplus", "--help"]),
        (["--http"], ["--http", "--help"]),
        (["--http", "nowhere"], ["--http", "HOST:PORT"]),
        (["--grpc", "0.0.0.0:0"], ["loopback", "ssh -L"]),
        (["--http", "[::]:0"], ["loopback"]),
        (["--relay", "0.0.0.0:0"], ["loopback", "--relay"]),
        (["--relay", "nowhere"], ["--relay", "HOST:PORT"]),
        (["--log-format", "xml"], ["--log-format", "text"]),
        (["--database", "nonsense"], ["nonsense", "sqlite:///"]),
        (["--database", "sqlite:////proc/nowhere/x.db"], ["/proc/nowhere", "sqlite:///"]),
    ],
)
def test_a_bad_flag(tmp_path: Path, flags: list[str], words: list[str]) -> None:
    sentence = refusal(*free(tmp_path), *flags)
    assert all(word in sentence for word in words), sentence


@pytest.mark.parametrize("flag", ["--grpc", "--http", "--relay"])
def test_a_taken_port_leaves_nothing_behind(tmp_path: Path, flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = refusal(*free(tmp_path), flag, f"127.0.0.1:{port}")
    assert flag in sentence
    assert str(port) in sentence
    assert not (tmp_path / "data").exists()


def test_a_data_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "--data-dir" in refusal(*free(tmp_path), "--data-dir", str(tmp_path / "file" / "data"))
    assert "--data-dir" in refusal(*free(tmp_path), "--data-dir", "/proc/livetrain")


def test_a_database_of_a_newer_livetrain(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        assert server.stop() == 0
    with sqlite3.connect(tmp_path / "data" / "livetrain.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    sentence = refusal(*free(tmp_path))
    assert "newer" in sentence
    assert "pip install -U" in sentence


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "livetrain.db").write_bytes(b"not a database at all" * 1000)
    assert "cannot be opened" in refusal(*free(tmp_path))


def test_one_server_a_data_directory(server: ServerProcess, tmp_path: Path) -> None:
    sentence = refusal(*free(tmp_path))
    assert "Another livetrain-server" in sentence
    assert "--data-dir" in sentence


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    # As in a base install: what the extra brings cannot be found.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name in {'fastapi', 'alembic'} else find(name, package)\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    assert "pip install 'livetrain[server]'" in refusal(env={"PYTHONPATH": path})


def test_help_is_no_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "livetrain.server.cli", "--help"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0
    assert "--data-dir" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with ServerProcess(tmp_path / "data") as server:
        server.process.send_signal(number)
        assert server.process.wait(PATIENCE) == 0
    assert not any("Traceback" in line for line in server.log)


def test_files_are_for_this_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with ServerProcess(tmp_path / "state" / "data") as server:
            assert httpx.get(f"{server.http}/readyz").status_code == 200
            modes = {
                path.name: stat.S_IMODE(path.stat().st_mode)
                for path in (tmp_path / "state" / "data").iterdir()
            }
            assert stat.S_IMODE((tmp_path / "state" / "data").stat().st_mode) == 0o700
    finally:
        os.umask(before)
    assert set(modes.values()) == {0o600}, modes
    assert "livetrain.db" in modes


def test_the_log_is_json_when_asked(tmp_path: Path) -> None:
    import json

    with ServerProcess(tmp_path / "data", "--log-format", "json") as server:
        assert server.stop() == 0
    entries = [json.loads(line) for line in server.log]
    assert entries[-1]["message"] == "stopped"


def test_the_environment_sets_what_flags_do_not(tmp_path: Path) -> None:
    with ServerProcess(
        tmp_path / "data", env={"LIVETRAIN_SERVER_ALLOW_HOST": "train.example"}
    ) as server:
        answer = httpx.get(f"{server.http}/healthz", headers={"host": "train.example"})
        assert answer.json() == {"status": "ok"}
