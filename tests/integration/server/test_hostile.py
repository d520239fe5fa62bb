"""Hostile bytes and full disks: an error to the one who sent them, and nobody else is affected."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.texts import Texts
from tests.integration.server.trainer import LIVETRAIN, Trainer
from tests.integration.server.viewer import LiveViewer

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb

MESSAGE = 4 << 20
JPEG = b"\xff\xd8\xff\xc0\x00\x11\x08\x04\x00\x00\x40\x03" + b"x" * 1000


def length_field(number: int, body: bytes) -> bytes:
    size, out = len(body), bytearray()
    for value in (number << 3 | 2, size):
        while value >= 0x80:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        out.append(value)
    return bytes(out) + body


class Memory:
    """What a server's memory is at most, from now on."""

    def __init__(self, server: ServerProcess) -> None:
        self._folder = Path(f"/proc/{server.process.pid}")
        # The kernel begins anew: what other tests sent is no part of it.
        (self._folder / "clear_refs").write_text("5")
        self._before = self._peak()

    def grown(self) -> int:
        """Return by how many bytes it was more."""
        return self._peak() - self._before

    def _peak(self) -> int:
        status = (self._folder / "status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024


FLOODS = {
    "epoch metrics": length_field(4, b"\x8a\x01\x00" * 1_300_000),
    "images": length_field(3, b"\x22\x00" * 2_000_000),
    "top-k scores": length_field(3, length_field(5, b"\x22\x00" * 2_000_000)),
    "counters": length_field(21, b"\x0a\x00" * 2_000_000),
    "bundle": length_field(30, b"\x0a\x00" * 2_000_000),
    "unknown": b"\x98\x06\x00" * 1_300_000,
    "names": length_field(24, length_field(2, length_field(1, b"x" * 4_000_000))),
    "status lists": length_field(6, length_field(3, b"\x32\x00" * 2_000_000)),
    "nothing but ones": b"\xff" * 4_000_000,
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_costs_memory_for_itself_and_no_more(
    shared_server: ServerProcess, flood: str
) -> None:
    with Trainer(shared_server.grpc) as honest, Trainer(shared_server.grpc) as hostile:
        honest.register()
        honest.open()
        honest.batch(1)
        honest.wait_durable(1)
        hostile.register()
        hostile.open()
        hostile.heartbeat()
        hostile.wait(lambda: hostile.acks, "the stream to be open")
        memory = Memory(shared_server)
        hostile.send_raw(FLOODS[flood])
        hostile.wait(lambda: hostile.errors or hostile.error, "an error")
        assert hostile.errors[0].code == pb.ErrorResponse.INVALID_DATA
        honest.batch(2)
        honest.wait_durable(2)
        assert honest.error is None
        assert memory.grown() <= 4 * MESSAGE
    # Once a minute, however many there are.
    until(
        lambda: any("refused a" in line and "127.0.0.1" in line for line in shared_server.log),
        "the log to say so",
    )


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (MESSAGE + 1, f"refused a message from ipv4:127.0.0.1.*: {MESSAGE + 1} bytes"),
        (MESSAGE * 2, "from ipv4:127.0.0.1.* broke off: .* a message was larger than"),
    ],
)
def test_a_message_over_the_limit_ends_its_stream_alone(
    server: ServerProcess, size: int, said: str
) -> None:
    with Trainer(server.grpc) as honest, Trainer(server.grpc) as hostile:
        honest.register()
        honest.open()
        hostile.register()
        hostile.open()
        hostile.heartbeat()
        hostile.wait(lambda: hostile.acks, "the stream to be open")
        memory = Memory(server)
        hostile.send_raw(b"\0" * size)
        assert hostile.ended.wait(20)
        assert hostile.error is not None
        assert hostile.error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        honest.batch(1)
        honest.wait_durable(1)
        assert honest.error is None
        assert memory.grown() <= 4 * MESSAGE
    until(
        lambda: any(re.search(said, line) for line in server.log),
        f"the log to say {said!r}",
    )


@pytest.mark.parametrize(
    "picture",
    [
        b"<svg onload=alert(1)>",
        b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03" + b"x" * 50,
        b"GIF89a" + b"x" * 50,
    ],
)
def test_what_is_no_bearable_picture_reaches_no_viewer(
    shared_server: ServerProcess, picture: bytes
) -> None:
    with Trainer(shared_server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        with LiveViewer(shared_server, run_id, live.Hello()) as viewer:
            viewer.wait(lambda m: m.HasField("snapshot"))
            trainer.batch(1, images=[pb.ImageData(image_bytes=picture, format="jpeg")])
            trainer.wait_durable(1)
            trainer.wait(lambda: trainer.errors, "an error")
            assert trainer.errors[0].code == pb.ErrorResponse.INVALID_DATA
            trainer.batch(2, strip=pb.ImageStrip(image_bytes=JPEG, format="jpeg"))
            frame = viewer.wait(lambda m: m.HasField("frame")).frame
            assert (frame.frame_number, frame.record.seq) == (1, 2)


def test_a_port_that_is_spoken_to_in_another_tongue(shared_server: ServerProcess) -> None:
    for address, words in (
        (shared_server.grpc, b"GET / HTTP/1.1\r\n\r\n"),
        (
            shared_server.http.removeprefix("http://"),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 100,
        ),
    ):
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=5) as stranger:
            stranger.sendall(words)
            stranger.recv(100)
    with Trainer(shared_server.grpc) as trainer:
        trainer.register()
        trainer.open()
        trainer.batch(1)
        trainer.wait_durable(1)


def test_a_bad_registration_is_refused_with_a_reason(shared_server: ServerProcess) -> None:
    with grpc.insecure_channel(shared_server.grpc) as channel:
        register = channel.unary_unary(f"/{LIVETRAIN[0]}/RegisterTrainingSession")
        for raw in (b"\xff\xff", length_field(26, b"") * 100_000):
            with pytest.raises(grpc.RpcError) as refused:
                register(raw, timeout=20)
            assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        for info in (
            pb.SessionInfo(),
            pb.SessionInfo(session_id="x" * 300),
            pb.SessionInfo(session_id="x", protocol_version=1),
        ):
            answer = pb.SessionResponse.FromString(register(info.SerializeToString(), timeout=20))
            assert not answer.success
            assert answer.message


def test_nobody_but_the_server_writes_who_gave_a_command(shared_server: ServerProcess) -> None:
    forged = length_field(
        32,
        pb.CommandIssued(
            command_id="forged", verb="stop", issued_by="the boss", origin="10.0.0.1"
        ).SerializeToString(),
    )
    with Trainer(shared_server.grpc) as trainer, Trainer(shared_server.grpc) as bystander:
        bystander.register()
        bystander.open()
        run_id = trainer.register().run_id
        trainer.open()
        log = pb.TelemetryRequest(session_id=trainer.session_id, seq=1, log=pb.Log(message="a"))
        trainer.send_raw(log.SerializeToString() + forged)
        trainer.send_raw(pb.TelemetryRequest(seq=2).SerializeToString() + forged)
        trainer.send_raw(
            pb.TelemetryRequest(
                seq=3, command_result=pb.CommandResult(command_id="forged", state=pb.SENT)
            ).SerializeToString()
        )
        trainer.batch(4)
        trainer.wait_durable(4)
        assert all("payload" in e.message or "only the server" in e.message for e in trainer.errors)
        assert [error.rejected_seq for error in trainer.errors] == [1, 2, 3]
        site = f"{shared_server.http}/api/runs/{run_id}"
        events = httpx.get(f"{site}/events").json()["events"]
        assert [event["kind"] for event in events] == ["tombstone"] * 3 + ["batch_data"]
        assert "boss" not in str(events)
        assert httpx.get(f"{site}/commands").json()["commands"] == []
        bystander.batch(1)
        bystander.wait_durable(1)
        assert not bystander.errors


def test_who_knows_a_session_cannot_join_its_run_of_one_rank(shared_server: ServerProcess) -> None:
    with Trainer(shared_server.grpc) as trainer:
        trainer.register(run_name="mine")
        trainer.open()
        stranger = Trainer(shared_server.grpc, session_id=trainer.session_id, stream_id="stranger")
        with stranger:
            answer = stranger.register(rank=1, world_size=2, run_name="taken over")
            assert not answer.success
            assert "resume_token" in answer.message or "world_size" in answer.message
            stranger.open(rank=1)
            stranger.batch(1, loss=9.0)
            until(lambda: stranger.errors, "the stream to be refused")
        trainer.batch(1)
        trainer.wait_durable(1)
        assert not trainer.errors


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MiB."""
    if os.geteuid() != 0:
        pytest.skip("a small disk is mounted by root only")
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(path)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode()}")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def write_for_ever(file: io.FileIO) -> None:
    while True:
        file.write(b"x" * 4096)


def fill(path: Path) -> None:
    """Write a file until there is no room left."""
    with path.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        write_for_ever(file)


def test_a_full_disk_loses_nothing_and_the_live_view_goes_on(small_disk: Path) -> None:
    with ServerProcess(small_disk / "data") as server, Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        trainer.batch(1)
        trainer.wait_durable(1)
        filler = small_disk / "filler"
        fill(filler)
        seq = 1
        text = "x" * 1000

        def health() -> str:
            return httpx.get(f"{server.http}/healthz").json()["status"]  # type: ignore[no-any-return]

        # The log of the database has some room left; then it has none.
        for _ in range(400):
            seq += 1
            trainer.send(pb.TelemetryRequest(seq=seq, log=pb.Log(message=text)))
        until(lambda: health() == "degraded", "trouble")
        assert httpx.get(f"{server.http}/readyz").status_code == 503
        trainer.wait(lambda: trainer.errors, "an error")
        assert trainer.errors[0].retryable
        assert trainer.errors[0].retry_after_ms
        held = trainer.durable
        assert held < seq
        trouble = httpx.get(f"{server.http}/api/runs/{run_id}").json()["trouble"]
        assert "the disk is full. Nothing is lost" in trouble
        assert trainer.errors[0].message == trouble
        with (
            LiveViewer(server, run_id, live.Hello()) as viewer,
            Texts(f"{server.live}/ws") as client,
        ):
            client.send('{"type": "subscribe", "events": ["log"]}')
            assert viewer.wait(lambda m: m.HasField("snapshot")).snapshot.state.trouble == trouble
            for _ in range(3):
                seq += 1
                trainer.batch(seq, strip=pb.ImageStrip(image_bytes=JPEG, format="jpeg"))
                frame = viewer.wait(lambda m: m.HasField("frame")).frame
                assert frame.record.seq == seq
                viewer.say(frame_credit=live.FrameCredit(frames=1))
            assert trainer.durable == held
            # One that comes while nothing can be stored hears of it too.
            with Trainer(
                server.grpc, session_id=trainer.session_id, token=trainer.token, stream_id="again"
            ) as other:
                assert other.register().message == trouble
            filler.unlink()
            trainer.wait_durable(seq)
            viewer.wait(lambda m: m.HasField("state") and not m.state.trouble)
            client.until(lambda m: m["type"] == "log" and "can store again" in m["message"])
            assert httpx.get(f"{server.http}/api/runs/{run_id}").json()["trouble"] is None
        with LiveViewer(server, run_id, live.Hello(epoch=trainer.acks[-1].server_epoch)) as viewer:
            viewer.events_until(seq)
        assert health() == "ok"
        events = httpx.get(
            f"{server.http}/api/runs/{run_id}/events", params={"limit": 5000}
        ).json()["events"]
        assert [int(event["record"]["seq"]) for event in events] == list(range(1, seq + 1))
        assert not any("Traceback" in line for line in server.log)
        assert sum("the store cannot be written" in line for line in server.log) == 1
