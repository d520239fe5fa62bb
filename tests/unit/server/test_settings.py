from __future__ import annotations

from pathlib import Path

import pytest

from livetrain.server.errors import StartError
from livetrain.server.settings import Address, load


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_what_stands_here_when_nothing_is_said(tmp_path: Path) -> None:
    settings = load()
    assert (settings.grpc, settings.http) == (("127.0.0.1", 50051), ("127.0.0.1", 8080))
    assert settings.data_dir == tmp_path / "livetrain" / "server"


def test_a_flag_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVETRAIN_SERVER_HTTP", "127.0.0.1:1")
    monkeypatch.setenv("LIVETRAIN_SERVER_GRPC", "[::1]:2")
    monkeypatch.setenv("LIVETRAIN_SERVER_ALLOW_HOST", "a.example, b.example:9")
    monkeypatch.setenv("LIVETRAIN_SERVER_LOG_LEVEL", "")
    settings = load(http="localhost:3")
    assert settings.http == Address("127.0.0.1", 3)
    assert str(settings.grpc) == "[::1]:2"
    assert settings.allow_host == ["a.example", "b.example:9"]
    assert settings.log_level == "info"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"http": "8080"}, ["--http", "'8080'", "HOST:PORT"]),
        ({"http": "127.0.0.1:x"}, ["HOST:PORT"]),
        ({"http": "127.0.0.1:65536"}, ["HOST:PORT"]),
        ({"grpc": "0.0.0.0:50051"}, ["--grpc", "loopback", "ssh -L"]),
        ({"grpc": "[::]:50051"}, ["loopback"]),
        ({"grpc": "example.org:50051"}, ["loopback"]),
        ({"allow_origin": ["null"]}, ["--allow-origin", "origin"]),
        ({"allow_origin": ["https://*.example.org"]}, ["origin"]),
        ({"allow_origin": ["example.org"]}, ["origin"]),
        ({"allow_host": ["*"]}, ["--allow-host", "host"]),
        ({"log_format": "xml"}, ["--log-format", "'xml'", "text"]),
        ({"log_level": "loud"}, ["--log-level", "'loud'"]),
        ({"retain_events": "3"}, ["--retain-events", "1000"]),
        ({"retain_days": "-1"}, ["--retain-days"]),
    ],
)
def test_what_cannot_work_is_one_sentence(flags: dict[str, object], words: list[str]) -> None:
    with pytest.raises(StartError) as refusal:
        load(**flags)
    sentence = str(refusal.value)
    assert all(word in sentence for word in words), sentence
    assert "\n" not in sentence


def test_the_environment_is_named_when_it_is_to_blame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVETRAIN_SERVER_GRPC", "0.0.0.0:1")
    with pytest.raises(StartError, match=r"LIVETRAIN_SERVER_GRPC '0\.0\.0\.0:1'"):
        load()
