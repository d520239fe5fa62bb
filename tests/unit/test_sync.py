"""What earlier trainings left is theirs: it is sent as theirs, said as theirs, and once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livetrain import _sync, _warnings, _wire
from livetrain._delivery.transport import Endpoint, Reply
from livetrain._spool.spool import Spool
from livetrain._sync import Upload, leftovers, upload, upload_in_background
from livetrain.proto import telemetry_pb2 as pb
from tests.unit.delivery.test_stream import Server, payloads


def leave(folder: Path, run: str, records: int) -> None:
    """Leave what a training leaves that was killed."""
    spool = Spool.open(folder / run)
    info = pb.SessionInfo(session_id=run, stream_id="0", run_name=run, protocol_version=1)
    spool.set_meta(info.SerializeToString())
    for seq in range(1, records + 1):
        spool.append(seq, _wire.scalars(_wire.Stamp(run, seq, 0, 0), seq, {"a": 1.0}))
    spool.flush()
    spool._abandon()


class FakeEndpoint:
    """Connects to a server that is an object."""

    address = "nowhere:1"

    def __init__(self, server: Server) -> None:
        self._server = server

    def connect(self, deliver: Callable[[Any], None]) -> Server:
        return self._server.connect(deliver)


@pytest.fixture(autouse=True)
def a_new_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_warnings, "_last", {})


def test_a_refused_record_is_said_to_be_of_the_run_that_left_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    leave(tmp_path, "yesterday", 5)
    server = Server(refused=2)
    (leftover,) = leftovers(tmp_path)
    assert upload(leftover, FakeEndpoint(server), timeout=20) == Upload(5, 0)  # type: ignore[arg-type]
    assert payloads(server) == ["scalars"] * 5
    (said,) = [record.getMessage() for record in caplog.records]
    assert "'yesterday'" in said
    assert list(tmp_path.iterdir()) == [], "nothing that a later training would send again"


def test_records_go_out_under_the_session_of_the_run_that_left_them(tmp_path: Path) -> None:
    for run in ("one", "two"):
        leave(tmp_path, run, 2)
    server = Server()
    for leftover in leftovers(tmp_path):
        upload(leftover, FakeEndpoint(server), timeout=20)  # type: ignore[arg-type]
    sessions = [record.session_id for records in server.data for record in records]
    assert sessions == ["one", "one", "two", "two"]


def test_a_refused_run_is_said_to_be_an_earlier_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    leave(tmp_path, "yesterday", 2)
    (leftover,) = leftovers(tmp_path)

    class Refusing(Server):
        def register(self, info: pb.SessionInfo, timeout: float) -> None:
            self._deliver(Reply(pb.SessionResponse(success=False, message="it was deleted")))

    found = upload(leftover, FakeEndpoint(Refusing()), timeout=20)  # type: ignore[arg-type]
    assert (found.committed, found.left, found.reason) == (0, 2, "it was deleted")
    (said,) = [record.getMessage() for record in caplog.records]
    assert "'yesterday'" in said
    assert "earlier training" in said
    assert len(leftovers(tmp_path)) == 1


def test_what_is_in_use_or_gone_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    leave(tmp_path, "yesterday", 2)
    (leftover,) = leftovers(tmp_path)
    heir = Spool.take_over(leftover.directory)
    assert heir is not None
    server = Server()
    assert "uses it" in upload(leftover, FakeEndpoint(server), timeout=20).reason  # type: ignore[arg-type]
    heir.trim(2)
    heir.close()
    assert upload(leftover, FakeEndpoint(server), timeout=20) == Upload(0, 0)  # type: ignore[arg-type]
    assert server.registrations == 0
    assert caplog.records == []


def test_one_thread_of_a_process_sends_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(tmp_path, "yesterday", 2)
    uploading, go_on = threading.Event(), threading.Event()

    def slow(leftover: object, endpoint: object, *, timeout: float) -> Upload:
        uploading.set()
        go_on.wait(20)
        return Upload(0, 0)

    monkeypatch.setattr(_sync, "upload", slow)
    first = upload_in_background(tmp_path, Endpoint("nowhere:1"))
    assert first is not None
    assert uploading.wait(20)
    assert upload_in_background(tmp_path, Endpoint("nowhere:1")) is None
    go_on.set()
    first.join(20)
    began = time.monotonic()
    while (again := upload_in_background(tmp_path, Endpoint("nowhere:1"))) is None:
        assert time.monotonic() - began < 20
    again.join(20)
