"""Followed samples through a real server: their pictures travel once, to everyone, whenever they come."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.viewer import LiveViewer

import livetrain
from livetrain.proto import live_pb2 as live

IDS = list(range(16))
COLOURS = np.arange(16, dtype=np.uint8)[:, None, None, None] * 15


def images() -> np.ndarray:
    """Sixteen noisy squares, each of its own brightness."""
    noise = np.random.default_rng(0).integers(0, 15, (16, 64, 64, 3), dtype=np.uint8)
    return noise + COLOURS


@contextmanager
def training(server: ServerProcess, spool: Path, batch: np.ndarray) -> Iterator[livetrain.Monitor]:
    """A training that shows the same sixteen at every step."""
    over = threading.Event()
    options = livetrain.ImageOptions(watch=IDS)
    with livetrain.Monitor(
        "followed", server=server.grpc, images=options, max_overhead=1.0, spool_dir=spool
    ) as monitor:

        def train() -> None:
            step = 0
            while not over.wait(0.02):
                monitor.log_batch(batch, np.full(16, step % 10), loss=0.5, ids=IDS)
                step += 1

        thread = threading.Thread(target=train)
        thread.start()
        try:
            until(lambda: monitor.run_id, "the run")
            yield monitor
        finally:
            over.set()
            thread.join(10)


def frames(viewer: LiveViewer) -> Iterator[live.Frame]:
    """Yield frames, and take the next each time."""
    while True:
        frame = viewer.wait(lambda message: message.HasField("frame")).frame
        viewer.say(frame_credit=live.FrameCredit(frames=1, painted_frame=frame.frame_number))
        yield frame


def brought(frame: live.Frame) -> dict[int, bytes]:
    images = [*frame.kept, *frame.record.batch_data.images]
    return {image.content_hash: image.image_bytes for image in images if image.image_bytes}


def shown(frame: live.Frame, have: dict[int, bytes]) -> list[int]:
    """The brightness of each tile, in steps of 15."""
    pictures = [have[image.content_hash] for image in frame.record.batch_data.images]
    return [round((np.asarray(Image.open(io.BytesIO(p))).mean() - 7) / 15) for p in pictures]


def test_pictures_travel_once_and_predictions_always(server: ServerProcess, tmp_path: Path) -> None:
    with (
        training(server, tmp_path, images()) as monitor,
        LiveViewer(server, str(monitor.run_id), live.Hello()) as viewer,
    ):
        have: dict[int, bytes] = {}
        seen, brought_in = set(), 0
        for _, frame in zip(range(30), frames(viewer), strict=False):
            brought_in += len(brought(frame))
            have.update(brought(frame))
            assert shown(frame, have) == IDS
            assert list(frame.record.batch_data.sample_ids) == [str(i) for i in IDS]
            seen.add(frame.record.batch_data.predictions[0].predicted_class)
        assert brought_in == 16
        assert len(seen) > 3, "predictions are new each time"
        # Who comes later, or looks on for the second time, is shown the same.
        for _ in range(2):
            with LiveViewer(server, str(monitor.run_id), live.Hello()) as late:
                first = next(frames(late))
                assert shown(first, brought(first)) == IDS


def test_one_that_changed_travels_and_the_others_stay(
    server: ServerProcess, tmp_path: Path
) -> None:
    batch = images()
    with (
        training(server, tmp_path, batch) as monitor,
        LiveViewer(server, str(monitor.run_id), live.Hello()) as viewer,
    ):
        have: dict[int, bytes] = {}
        coming = frames(viewer)
        for _, frame in zip(range(5), coming, strict=False):
            have.update(brought(frame))
        batch[3] = images()[12]
        expected = [12 if i == 3 else i for i in IDS]
        changed = 0
        for frame in coming:
            changed += len(brought(frame))
            have.update(brought(frame))
            if shown(frame, have) == expected:
                break
        assert changed <= 2, "it, and what it was while it was being changed"


def test_a_viewer_that_skips_frames_lacks_nothing(server: ServerProcess, tmp_path: Path) -> None:
    batch = images()
    with (
        training(server, tmp_path, batch) as monitor,
        LiveViewer(server, str(monitor.run_id), live.Hello()) as viewer,
    ):
        first = viewer.wait(lambda message: message.HasField("frame")).frame
        have = brought(first)
        batch[5] = images()[0]
        sent = monitor.stats().frames_sent
        until(lambda: monitor.stats().frames_sent > sent + 10, "frames that it does not take")
        viewer.say(frame_credit=live.FrameCredit(frames=1, painted_frame=first.frame_number))
        for frame in frames(viewer):
            have.update(brought(frame))
            now = shown(frame, have)
            assert now[5] in (0, 5)
            if now[5] == 0:
                assert frame.skipped
                break


def test_a_server_that_comes_back_asks_for_nothing_and_has_all(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with ServerProcess(folder) as server:
        grpc, http = server.grpc, server.http.removeprefix("http://")
        with training(server, tmp_path / "spool", images()) as monitor:
            run_id = str(monitor.run_id)
            until(lambda: monitor.stats().frames_sent > 5, "frames")
            server.kill()
            with ServerProcess(folder, "--grpc", grpc, "--http", http) as again:
                until(lambda: monitor.stats().reconnects > 0, "a reconnect")
                sent = monitor.stats().frames_sent
                until(lambda: monitor.stats().frames_sent > sent + 3, "frames")
                with LiveViewer(again, run_id, live.Hello()) as viewer:
                    frame = next(frames(viewer))
                    assert shown(frame, brought(frame)) == IDS
