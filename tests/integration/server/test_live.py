"""What a viewer is promised: a snapshot or what it missed, then everything once, and frames as fast as it paints."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from tests.integration.server.processes import ServerProcess
from tests.integration.server.trainer import Trainer
from tests.integration.server.viewer import LiveViewer

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb

JPEG = b"\xff\xd8\xff\xc0\x00\x11\x08\x04\x00\x00\x40\x03" + b"x" * 1000
STRIP = pb.ImageStrip(image_bytes=JPEG, format="jpeg", tile_width=64, tile_height=64, count=16)


@pytest.fixture
def server(shared_server: ServerProcess) -> ServerProcess:
    """One for all: each test has a run of its own, and asks about no other."""
    return shared_server


def started(trainer: Trainer) -> str:
    run_id = trainer.register(run_name="digits").run_id
    trainer.open()
    return run_id


def test_a_snapshot_then_what_happens(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        for seq in range(1, 11):
            trainer.batch(seq, loss=seq)
        trainer.send(pb.TelemetryRequest(seq=11, log=pb.Log(level=pb.INFO, message="hello")))
        trainer.wait_durable(11)
        with LiveViewer(server, run_id, live.Hello()) as viewer:
            first = viewer.read()
            assert first is not None
            snapshot = first.snapshot
            assert (snapshot.offset, snapshot.state.status, snapshot.state.name) == (
                11,
                "running",
                "digits",
            )
            (loss,) = snapshot.curves
            assert (loss.name, loss.total_points) == ("loss", 10)
            assert list(loss.values) == list(range(1, 11))
            assert [event.record.log.message for event in snapshot.recent] == ["hello"]
            trainer.wait(lambda: trainer.acks[-1].frame_interval_ms == 0, "the wish for frames")
            trainer.batch(12, loss=12)
            (event,) = viewer.events_until(12)
            assert event.record.batch_data.batch_loss == 12
            assert (event.stream_id, event.record.session_id) == (trainer.stream_id, "")
            update = pb.StatusUpdate(status=pb.FAILED, message="nan")
            trainer.send(pb.TelemetryRequest(seq=13, status_update=update))
            state = viewer.wait(lambda m: m.HasField("state") and m.state.status == "failed").state
            assert (state.message, state.contact) == ("nan", "ended")
        trainer.wait(lambda: trainer.acks[-1].frame_interval_ms == 1000, "the wish for few frames")


def test_frames_come_as_they_are_painted_and_the_rest_is_counted(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        with LiveViewer(server, run_id, live.Hello()) as viewer:
            viewer.wait(lambda m: m.HasField("snapshot"))
            trainer.batch(1, strip=STRIP)
            frame = viewer.wait(lambda m: m.HasField("frame")).frame
            assert (frame.frame_number, frame.skipped) == (1, 0)
            assert frame.record.batch_data.strip == STRIP
            assert frame.record.batch_data.batch_loss == 0.5
            assert frame.record.session_id == ""
            for seq in range(2, 12):
                trainer.batch(seq, strip=STRIP)
            # Events go on, frames wait for credit; of ten that came the newest is left.
            viewer.events_until(11)
            viewer.say(frame_credit=live.FrameCredit(frames=1, painted_frame=1))
            frame = viewer.wait(lambda m: m.HasField("frame")).frame
            assert (frame.frame_number, frame.skipped) == (11, 9)
            assert frame.record.batch_data.step == 10
        with LiveViewer(server, run_id, live.Hello()) as viewer:
            late = viewer.wait(lambda m: m.HasField("frame")).frame
            assert late.frame_number == 11
        with LiveViewer(server, run_id, live.Hello(no_frames=True)) as viewer:
            viewer.wait(lambda m: m.HasField("snapshot"))
            trainer.batch(12, strip=STRIP)
            viewer.events_until(12)
            message = viewer.read(0.3)
            assert message is None or not message.HasField("frame")


def test_of_frames_that_travelled_together_a_viewer_gets_as_many_as_it_takes(
    server: ServerProcess,
) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        with LiveViewer(server, run_id, live.Hello()) as viewer:
            viewer.wait(lambda m: m.HasField("snapshot"))
            viewer.say(frame_credit=live.FrameCredit(frames=3))
            viewer.say(ping=live.Ping())
            viewer.say(introduce=live.Introduce(name="me"))  # answered, so the credit is there
            viewer.wait(lambda m: m.HasField("presence") and "me" in m.presence.names)
            bundle = pb.RecordBundle()
            for seq in range(1, 7):
                data = pb.BatchData(step=seq - 1, strip=STRIP)
                record = pb.TelemetryRequest(
                    session_id=trainer.session_id, seq=seq, batch_data=data
                )
                bundle.records.append(record.SerializeToString())
            trainer.send(pb.TelemetryRequest(bundle=bundle))
            frames = [viewer.wait(lambda m: m.HasField("frame")).frame for _ in range(4)]
            assert [frame.frame_number for frame in frames] == [1, 2, 3, 4]
            viewer.say(frame_credit=live.FrameCredit(frames=1))
            frame = viewer.wait(lambda m: m.HasField("frame")).frame
            assert (frame.frame_number, frame.skipped) == (6, 1)


@pytest.mark.parametrize("restart", [False, True])
def test_a_viewer_that_comes_back_gets_what_it_missed(tmp_path: Path, restart: bool) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with Trainer(server.grpc) as trainer:
            run_id = started(trainer)
            for seq in range(1, 21):
                trainer.batch(seq)
            trainer.wait_durable(20)
            with LiveViewer(server, run_id, live.Hello()) as viewer:
                snapshot = viewer.wait(lambda m: m.HasField("snapshot")).snapshot
            for seq in range(21, 41):
                trainer.batch(seq)
            trainer.wait_durable(40)
        if not restart:
            check_recovery(server, run_id, snapshot.epoch)
    if restart:
        with ServerProcess(tmp_path / "data") as server:
            check_recovery(server, run_id, snapshot.epoch)


def check_recovery(server: ServerProcess, run_id: str, epoch: str) -> None:
    hello = live.Hello(epoch=epoch, offset=20)
    with LiveViewer(server, run_id, hello) as viewer:
        first = viewer.read()
        assert first is not None
        assert (first.resumed.from_offset, first.resumed.to_offset) == (20, 40)
        assert [event.offset for event in viewer.events_until(40)] == list(range(21, 41))
    for hello in (live.Hello(epoch=epoch, offset=41), live.Hello(epoch="another", offset=20)):
        with LiveViewer(server, run_id, hello) as viewer:
            first = viewer.read()
            assert first is not None
            assert first.snapshot.offset == 40
    with LiveViewer(server, run_id, live.Hello(epoch=epoch, offset=40)) as viewer:
        first = viewer.read()
        assert first is not None
        assert first.resumed.to_offset == 40


def test_the_curves_of_a_large_snapshot_come_ahead_of_it_in_parts(server: ServerProcess) -> None:
    names = {f"curve{number:02}" for number in range(60)}
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        for seq in range(1, 301):
            values = [pb.Scalar(name=name, value=float(seq)) for name in names]
            scalars = pb.Scalars(step=seq, values=values)
            trainer.send(pb.TelemetryRequest(seq=seq, scalars=scalars))
        trainer.wait_durable(300)
        with LiveViewer(server, run_id, live.Hello(no_frames=True)) as viewer:
            parts = [viewer.read()]
            while (last := parts[-1]) is not None and last.HasField("curves"):
                parts.append(viewer.read())
    assert last is not None
    assert last.snapshot.offset == 300
    assert len(parts) > 2
    assert max(part.ByteSize() for part in parts if part is not None) < 256 << 10
    curves = [
        c
        for part in parts
        if part is not None
        for c in (*part.curves.curves, *part.snapshot.curves)
    ]
    assert sorted(curve.name for curve in curves) == sorted(names)
    assert {tuple(curve.steps) for curve in curves} == {tuple(range(1, 301))}


def test_nothing_is_lost_or_doubled_between_snapshot_and_stream(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        for seq in range(1, 3001):
            trainer.batch(seq)
            if seq % 500 == 0:
                # It joins while records come.
                with LiveViewer(server, run_id, live.Hello(no_frames=True)) as viewer:
                    snapshot = viewer.wait(lambda m: m.HasField("snapshot")).snapshot
                    rest = (
                        [event.offset for event in viewer.events_until(seq)]
                        if snapshot.offset < seq
                        else []
                    )
                    assert rest == list(range(snapshot.offset + 1, seq + 1))
                    assert [curve.total_points for curve in snapshot.curves] == [
                        snapshot.offset
                    ] * bool(snapshot.offset)
                    assert all(len(curve.steps) <= 1500 for curve in snapshot.curves)
        with LiveViewer(
            server, run_id, live.Hello(epoch=snapshot.epoch, offset=1, no_frames=True)
        ) as viewer:
            offsets = [event.offset for event in viewer.events_until(3000)]
            assert offsets == list(range(2, 3001))


def test_close_codes(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with LiveViewer(server, "nosuchrun") as viewer:
            assert viewer.wait_closed() == 4004
        with Trainer(server.grpc) as trainer:
            run_id = started(trainer)
            for nonsense in (
                b"\xff\xff",
                live.ViewerMessage(ping=live.Ping()).SerializeToString(),
                "text",
            ):
                with LiveViewer(server, run_id) as viewer:
                    viewer.socket.send(nonsense)
                    assert viewer.wait_closed() == 4001
            with LiveViewer(server, run_id, live.Hello()) as viewer:
                viewer.wait(lambda m: m.HasField("snapshot"))
                assert server.stop() == 0
                assert viewer.wait_closed() == 1012


def test_a_viewer_that_never_reads_harms_nobody(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        stuck = LiveViewer(server, run_id, live.Hello(), reads_ahead=1)
        stuck.read()
        # From here on it reads nothing: what the kernel does not take waits in the server, and that is bounded.
        with LiveViewer(server, run_id, live.Hello()) as viewer:
            viewer.wait(lambda m: m.HasField("snapshot"))
            text = "x" * 15_000
            seq = 0
            for _ in range(40):
                for _ in range(20):
                    seq += 1
                    trainer.send(pb.TelemetryRequest(seq=seq, log=pb.Log(message=text)))
                trainer.wait_durable(seq)
                viewer.events_until(seq)
        assert stuck.wait_closed() == 4000
        stuck.close()


def test_a_server_that_lives_says_so_once_a_second(server: ServerProcess) -> None:
    """So a page knows within seconds that one does not answer, also where a training has nothing to say."""
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        with LiveViewer(server, run_id, live.Hello()) as viewer:
            beats = [viewer.wait(lambda m: m.HasField("beat")).beat.server_us for _ in range(3)]
    apart = [(later - earlier) / 1e6 for earlier, later in pairwise(beats)]
    assert all(0.5 < seconds < 5 for seconds in apart), apart
    assert abs(beats[-1] / 1e6 - time.time()) < 30
