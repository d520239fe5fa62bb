"""A recording has every message in order, ends where its limit is, and costs nothing while it is off."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server import dialect_recorder
from livetrain.server.dialect_recorder import DialectRecorder
from livetrain.server.errors import StartError


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_is_said_stands_in_the_file_in_order(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    recorder = DialectRecorder(path)
    one = recorder.begin("relay", "/")
    two = recorder.begin("telemetry-grpc", "/a/B", peer="ipv4:1", client=pb.TelemetryRequest)
    one.client('{"type":"ping"}')
    raw = pb.TelemetryRequest(batch_data=pb.BatchData(batch_idx=7)).SerializeToString()
    two.client(raw)
    one.server('{"src":"data:image/png;base64,' + "A" * 64 + '"}')
    two.end("broken")
    recorder.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    head, *said = lines(path)
    assert head["recording"] == 1
    assert [{k: v for k, v in line.items() if k != "at"} for line in said] == [
        {"conversation": 1, "begin": "relay", "path": "/"},
        {"conversation": 2, "begin": "telemetry-grpc", "path": "/a/B", "connection": 1},
        {"conversation": 1, "from": "client", "text": '{"type":"ping"}'},
        {
            "conversation": 2,
            "from": "client",
            "bytes": base64.b64encode(raw).decode(),
            "says": "batch_data { batch_idx: 7 }",
        },
        {
            "conversation": 1,
            "from": "server",
            "text": '{"src":"data:image/png;base64,"}',
            "pictures": 1,
        },
        {"conversation": 2, "end": "broken"},
    ]
    again = DialectRecorder(path)
    again.close()
    assert [line for line in lines(path) if "recording" in line][1:], "it is gone on with"


def test_unknown_fields_are_shown_and_bytes_that_are_no_message_are_cut(tmp_path: Path) -> None:
    recorder = DialectRecorder(tmp_path / "talk")
    said = recorder.begin("telemetry-grpc", "/a/B", client=pb.TelemetryRequest)
    said.client(b"\x62\x03abc")
    said.client(b"\xff" * 5000)
    recorder.close()
    *_, unknown, junk = lines(tmp_path / "talk")
    assert unknown["says"] == '12: "abc"'
    assert (len(base64.b64decode(junk["bytes"])), junk["cut_from"]) == (1024, 5000)


def test_a_full_file_is_said_and_not_gone_on_with(tmp_path: Path) -> None:
    recorder = DialectRecorder(tmp_path / "talk", limit_bytes=1000)
    said = recorder.begin("relay", "/")
    for _ in range(20):
        said.client("x" * 100)
    recorder.close()
    assert lines(tmp_path / "talk")[-1] == {"full": 1000}
    assert (tmp_path / "talk").stat().st_size < 1100


def test_what_cannot_be_written_in_time_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect_recorder, "_WAITING_BYTES", 1000)
    recorder = DialectRecorder(tmp_path / "talk")
    said = recorder.begin("relay", "/")
    said.client("x" * 2000)
    assert recorder.left_out == 1
    recorder.close()
    assert lines(tmp_path / "talk")[-1] == {"left_out": 1}


def test_off_it_is_silent_and_a_bad_file_is_refused_in_words(tmp_path: Path) -> None:
    off = DialectRecorder(None)
    said = off.begin("relay", "/")
    said.client("x")
    said.end()
    assert not said.recorded
    off.close()
    with pytest.raises(StartError, match="--record-dialect"):
        DialectRecorder(tmp_path / "missing" / "talk")
