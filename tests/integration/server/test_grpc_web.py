"""gRPC-Web: byte by byte over HTTP, and from a page of another origin with both client libraries."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import httpx
import numpy as np
import pytest
import simplejpeg
from playwright.sync_api import Page
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.trainer import Trainer
from tests.interop.built import built
from tests.interop.page import Origin

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb

WATCH = "/livetrain.v1.TelemetryService/WatchRun"
OLDER = "/telemetry.TelemetryService/StreamTelemetry"
BINARY = {"content-type": "application/grpc-web+proto"}


def strip(size: int = 32) -> pb.ImageStrip:
    pixels = np.full((16 * size, size, 3), 128, np.uint8)
    data = simplejpeg.encode_jpeg(pixels, quality=85)
    return pb.ImageStrip(
        image_bytes=data, format="jpeg", tile_width=size, tile_height=size, count=16
    )


def framed(message: bytes) -> bytes:
    return struct.pack(">BI", 0, len(message)) + message


def frames(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield flag and message of each frame of an answer."""
    buffer = b""
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= 5:
            size = int.from_bytes(buffer[1:5], "big")
            if len(buffer) < 5 + size:
                break
            yield buffer[0], buffer[5 : 5 + size]
            buffer = buffer[5 + size :]


def status(body: bytes) -> tuple[int, str]:
    """Return the status and the words with which an answer ends."""
    *_, (flag, trailer) = frames(iter([body]))
    assert flag == 0x80
    lines = dict(line.split(": ", 1) for line in trailer.decode().strip().split("\r\n"))
    return int(lines["grpc-status"]), unquote(lines.get("grpc-message", ""))


def test_watch_run_is_what_native_viewers_get(shared_server: ServerProcess) -> None:
    with Trainer(shared_server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        trainer.batch(1, strip=strip())
        trainer.wait_durable(1)
        request = live.WatchRequest(run_id=run_id).SerializeToString()
        with httpx.stream(
            "POST", shared_server.http + WATCH, content=framed(request), headers=BINARY
        ) as answer:
            assert answer.headers["content-type"] == "application/grpc-web+proto"
            messages = (live.LiveMessage.FromString(m) for _, m in frames(answer.iter_raw()))
            first = next(messages)
            assert first.snapshot.offset == 1
            assert [curve.name for curve in first.snapshot.curves] == ["loss"]
            trainer.batch(2, strip=strip())
            seen = {"events": 0, "frame": 0}
            while not all(seen.values()):
                message = next(messages)
                kind = message.WhichOneof("body") or ""
                if kind == "events":
                    assert message.events.events[-1].record.batch_data.step == 1
                if kind == "frame":
                    assert message.frame.record.batch_data.strip == strip()
                seen[kind] = seen.get(kind, 0) + 1
            assert httpx.get(f"{shared_server.http}/api/runs/{run_id}").json()["viewers"] == 1
        until(
            lambda: httpx.get(f"{shared_server.http}/api/runs/{run_id}").json()["viewers"] == 0,
            "the viewer to be gone",
        )


def test_who_names_no_run_sees_the_next_that_begins(server: ServerProcess) -> None:
    with (
        Trainer(server.grpc) as trainer,
        httpx.stream("POST", server.http + WATCH, content=framed(b""), headers=BINARY) as answer,
    ):
        assert answer.status_code == 200, "it is connected before there is a run"
        messages = (live.LiveMessage.FromString(m) for _, m in frames(answer.iter_raw()))
        run_id = trainer.register().run_id
        trainer.open()
        trainer.batch(1)
        assert next(messages).snapshot.state.run_id == run_id


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("body", [b"", framed(b""), framed(b"\x0a\x01x")])
def test_the_older_stream(server: ServerProcess, text: bool, body: bytes) -> None:
    kind = "application/grpc-web-text" if text else "application/grpc-web"
    content = base64.b64encode(body) if text else body
    with (
        Trainer(server.grpc) as trainer,
        httpx.stream(
            "POST", server.http + OLDER, content=content, headers={"content-type": kind}
        ) as answer,
    ):
        assert answer.headers["content-type"] == f"{kind}+proto"
        chunks = (base64.b64decode(c) for c in answer.iter_raw()) if text else answer.iter_raw()
        records = (pb.TelemetryRequest.FromString(m) for _, m in frames(chunks))
        trainer.register()
        trainer.open()
        trainer.batch(1, strip=strip(), loss=0.25)
        record = next(records)
        assert record.batch_data.batch_loss == 0.25
        assert len(record.batch_data.images) == 16
        assert record.batch_data.images[3].format == "jpeg"
        assert not record.batch_data.HasField("strip")
        epoch = pb.EpochData(epoch=0, average_loss=0.5, has_loss=True)
        trainer.send(pb.TelemetryRequest(seq=2, epoch_data=epoch))
        assert next(records).epoch_data.average_loss == 0.5


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize(
    "path",
    [
        "/telemetry.TelemetryService/RegisterTrainingSession",
        "/metrics.MetricsService/RegisterTrainingSession",
        "/telemetry.TelemetryService/RegisterSession",
    ],
)
def test_a_registration_of_a_page_is_answered_and_begins_no_run(
    shared_server: ServerProcess, path: str, text: bool
) -> None:
    before = httpx.get(f"{shared_server.http}/api/runs").json()["total"]

    def register(raw: bytes) -> tuple[pb.SessionResponse, bytes]:
        body = base64.b64encode(framed(raw)) if text else framed(raw)
        kind = "application/grpc-web-text" if text else "application/grpc-web+proto"
        answer = httpx.post(shared_server.http + path, content=body, headers={"content-type": kind})
        content = base64_pieces(answer.content) if text else answer.content
        (flag, message), trailer = frames(iter([content]))
        assert (flag, trailer[0]) == (0, 0x80)
        return pb.SessionResponse.FromString(message), trailer[1]

    info = pb.SessionInfo(session_id="page", client_name="web")
    told, trailer = register(info.SerializeToString())
    assert b"grpc-status: 0" in trailer
    assert (told.success, told.session_id) == (True, "page")
    config = told.server_config
    assert (config.max_batch_size, config.max_image_dimension) == (16, 512)
    assert (config.heartbeat_interval_ms, config.buffer_size) == (2000, 1000)
    odd, _ = register(info.SerializeToString() + b"\x20\x07\x60\x01")
    assert odd.success
    assert "field 4 of SessionInfo (config) came as a whole number" in odd.message
    assert "field 12" in odd.message
    assert not register(pb.SessionInfo(session_id="x" * 300).SerializeToString())[0].success
    assert register(b"")[0].success
    assert httpx.get(f"{shared_server.http}/api/runs").json()["total"] == before


def base64_pieces(content: bytes) -> bytes:
    """Return what pieces hold that are padded one by one."""
    return b"".join(
        base64.b64decode(piece[0]) for piece in re.finditer(rb"[A-Za-z0-9+/]+={0,2}", content)
    )


def test_errors_are_said_in_the_trailer(shared_server: ServerProcess) -> None:
    def ask(content: bytes) -> tuple[int, str]:
        return status(
            httpx.post(shared_server.http + WATCH, content=content, headers=BINARY).content
        )

    code, words = ask(framed(live.WatchRequest(run_id="nosuchrun").SerializeToString()))
    assert (code, "nosuchrun" in words) == (5, True)
    assert ask(framed(b"\xff\xff"))[0] == 3
    assert ask(b"\xff")[0] == 3
    assert ask(b"\x00\xff\xff\xff\xff")[0] in (3, 8)
    assert ask(b"")[0] == 12


@pytest.mark.parametrize("path", [WATCH, OLDER])
@pytest.mark.parametrize(
    "kind", ["application/grpc", "application/json", "application/connect+json", "text/html", ""]
)
def test_other_kinds_are_refused(shared_server: ServerProcess, path: str, kind: str) -> None:
    answer = httpx.post(shared_server.http + path, headers={"content-type": kind})
    assert answer.status_code == 415
    assert httpx.get(shared_server.http + path).status_code == 415
    assert httpx.post(shared_server.http + path + "x", headers=BINARY).status_code == 404


@pytest.mark.parametrize("origin", ["null", "http://evil.example"])
def test_a_strange_origin_gets_nothing(shared_server: ServerProcess, origin: str) -> None:
    headers = {**BINARY, "origin": origin}
    answer = httpx.post(shared_server.http + WATCH, content=framed(b""), headers=headers)
    assert answer.status_code == 403
    asks = {"origin": origin, "access-control-request-method": "POST"}
    preflight = httpx.options(shared_server.http + WATCH, headers=asks)
    assert "access-control-allow-origin" not in preflight.headers


def test_a_stop_ends_every_stream(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with (
            httpx.stream("POST", server.http + WATCH, content=framed(b""), headers=BINARY) as one,
            httpx.stream("POST", server.http + OLDER, content=framed(b""), headers=BINARY) as two,
        ):
            assert server.stop() == 0
            for answer in (one, two):
                assert status(b"".join(answer.iter_raw()))[0] == 14
        assert not any("timeout" in line or "Traceback" in line for line in server.log)


@pytest.fixture(scope="session")
def built_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("interop_page", tmp_path_factory.mktemp("interop") / "page")


@pytest.mark.browser
@pytest.mark.timeout(360)  # the first time, Node is installed
@pytest.mark.parametrize("allowed", [True, False])
def test_both_clients_in_a_page_of_another_origin(
    page: Page, tmp_path: Path, built_page: Path, allowed: bool
) -> None:
    with Origin(built_page) as elsewhere:
        flags = ("--allow-origin", elsewhere.origin) if allowed else ()
        with ServerProcess(tmp_path / "data", *flags) as server, Trainer(server.grpc) as trainer:
            run_id = trainer.register().run_id
            trainer.open()
            trainer.batch(1, loss=1.0)
            trainer.wait_durable(1)
            page.goto(f"{elsewhere.origin}/index.html")
            page.evaluate("([server, run]) => window.watch(server, run)", [server.http, run_id])
            if not allowed:
                until(lambda: page.evaluate("window.seen.error"), "the refusal", patience=30)
                assert page.evaluate("window.seen.kinds") == []
                return
            until(lambda: page.evaluate("window.seen.kinds.includes('snapshot')"), "a snapshot")
            for seq in range(2, 12):
                trainer.batch(seq, loss=1.0 / seq, strip=strip(64))
            trainer.wait_durable(11)
            until(lambda: page.evaluate("window.seen.batches.length") == 11, "every batch")
            until(lambda: page.evaluate("window.seen.frames.length"), "a frame")
            seen = page.evaluate("window.seen")
            assert seen["error"] == ""
            assert [step for step, _ in seen["batches"]] == list(range(11))
            assert seen["batches"][9][1] == pytest.approx(0.1)
            assert seen["frames"][0] == {"pictures": 16, "width": 64}

            page.evaluate("window.stop()")
            page.reload()
            page.evaluate("(server) => window.stream(server)", server.http)
            until(lambda: page.evaluate("window.seen.frames.length"), "the newest frame")
            trainer.batch(12, loss=0.125, strip=strip(64))
            until(lambda: page.evaluate("window.seen.batches.at(-1)[0]") == 11, "the next batch")
            seen = page.evaluate("window.seen")
            assert seen["error"] == ""
            assert seen["batches"][-1] == [11, 0.125]
            assert seen["frames"][0] == {"pictures": 16, "width": 64}
