"""What capturing a frame costs, beside what it could cost at best: a bare copy, a bare JPEG.

    python -m tests.benchmarks.bench_capture [--seconds 4]

Every figure and the floor that it is compared with come from the same run, taken in turns, at 60 steps a second. Photographs:
scikit-learn's two, cropped.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from tests.benchmarks.measuring import (
    BATCH,
    PACE,
    TILES,
    Times,
    floor_of,
    paced,
    photographs,
    timed,
)

from livetrain._capture.capture import Capture, CapturedFrame, encode
from livetrain._capture.encoder import EncoderPool
from livetrain._wire import EncodedFrame
from livetrain.config import ImageOptions


class Job:
    """A frame on its way through the pool."""

    def __init__(self, frame: CapturedFrame, settled: Callable[[bool], None]) -> None:
        self.frame = frame
        self._settled = settled

    def done(self, pictures: EncodedFrame) -> None:
        self._settled(True)

    def strip(self, reason: int) -> None:
        self._settled(False)


def bench_training_thread(seconds: float) -> None:
    """Print what `take` costs the training thread, with the pool encoding beside it."""
    print("\nOn the training thread, 16 of a batch of 64; the pool encodes beside it         ms")
    print(f"{'':<44} {'p50':>8} {'p99':>8} {'max':>8}")
    logits = np.random.default_rng(0).normal(size=(BATCH, 10)).astype(np.float32)
    targets = np.arange(BATCH) % 10
    for size in (32, 256, 512):
        pictures = photographs(BATCH, size)
        planes = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2) / np.float32(255)).astype(
            np.float32
        )
        batches: list[tuple[str, object]] = [
            ("uint8 NHWC NumPy", pictures),
            ("float32 NCHW NumPy", planes),
        ]
        try:
            import torch

            batches += [
                ("uint8 NHWC torch", torch.from_numpy(pictures)),
                ("float32 NCHW torch", torch.from_numpy(planes)),
                ("bfloat16 NCHW torch", torch.from_numpy(planes).bfloat16()),
            ]
        except ImportError:
            pass
        for name, images in batches:
            host = planes if "float32" in name else pictures
            if "bfloat16" in name:
                host = planes.astype(np.float16)  # as many bytes
            floor = floor_of(host)
            capture = Capture(ImageOptions(), None, seed=0)
            pool = EncoderPool(
                lambda frame: encode(frame, quality=85, max_size=256, packing="strip")
            )

            def take(
                capture: Capture = capture, pool: EncoderPool = pool, images: object = images
            ) -> None:
                captured = capture.take(images, logits, loss=0.5, targets=targets, with_images=True)
                if captured.frame is not None:
                    pool.submit(Job(captured.frame, lambda done: None))

            measured = paced(seconds, timed(floor), timed(take))
            pool.close(5.0)
            copy = Times(f"{size}² {name}: bare copy", measured[0])
            if "NumPy" in name or "bfloat16" in name:
                print(copy.row())
            print(Times(f"{size}² {name}: take", measured[1]).row(copy))
    capture = Capture(ImageOptions(), None, seed=0)
    scalar = timed(lambda: capture.take(None, None, loss=0.5, with_images=False))
    print(Times("without images", paced(seconds, scalar)[0]).row(None))


def bench_background(seconds: float) -> None:
    """Print what a frame costs the encoder thread."""
    print("\nIn the background, 16 tiles                                                     ms")
    print(f"{'':<44} {'p50':>8} {'p99':>8} {'max':>8}")
    for size in (32, 256, 512):
        pictures = photographs(TILES, size)
        small = pictures if size <= 256 else photographs(TILES, 256)
        side = small.shape[1]
        tall = small.reshape(-1, side, 3)
        sampling = "420" if side >= 128 else "444"

        def bare(tall: NDArray[np.uint8] = tall, sampling: str = sampling) -> None:
            simplejpeg.encode_jpeg(tall, quality=85, colorsubsampling=sampling)

        planes = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).astype(np.float32) / 255
        normalised = (planes - np.float32(0.45)) / np.float32(0.22)
        calls, names = [timed(bare)], ["bare JPEG of a strip"]
        for name, images, options in (
            ("uint8 NHWC", pictures, ImageOptions()),
            ("uint8 NCHW", np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)), ImageOptions()),
            ("float32 NCHW, 0 to 1", planes, ImageOptions()),
            (
                "float32 NHWC, 0 to 1",
                np.ascontiguousarray(planes.transpose(0, 2, 3, 1)),
                ImageOptions(),
            ),
            ("float32 NCHW, −1 to 1", planes * 2 - 1, ImageOptions()),
            (
                "float32 NCHW, mean and std",
                normalised,
                ImageOptions(mean=(0.45,) * 3, std=(0.22,) * 3),
            ),
            ("float16 NCHW", planes.astype(np.float16), ImageOptions()),
        ):
            capture = Capture(options, None, seed=0)
            frame = capture.take(images, None, loss=None, with_images=True).frame
            assert frame is not None

            def whole(frame: CapturedFrame = frame) -> None:
                encode(frame, quality=85, max_size=256, packing="strip")
                frame.reader.delta._glances.clear()  # this frame is new each time

            calls.append(timed(whole))
            names.append(name)
        measured = paced(seconds / 2, *calls)
        floor = Times(f"{size}²: {names[0]}", measured[0])
        print(floor.row())
        for name, taken in zip(names[1:], measured[1:], strict=True):
            print(Times(f"{size}² {name}", taken).row(floor))


def bench_beside_busy_python(seconds: float) -> None:
    """Print how many frames a second come through beside a training thread that spins in pure Python."""
    print(
        "\nBeside a training thread that is busy in pure Python, 60 steps a second         frames/s"
    )
    for name, dtype in (("uint8 NHWC", np.uint8), ("float32 NCHW", np.float32)):
        pictures = photographs(BATCH, 256)
        images = pictures
        if dtype == np.float32:
            images = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).astype(np.float32) / 255
        capture = Capture(ImageOptions(), None, seed=0)
        pool = EncoderPool(lambda frame: encode(frame, quality=85, max_size=256, packing="strip"))
        came: list[bool] = []
        steps = 0
        started = due = time.perf_counter()
        taken: list[float] = []
        while due < started + seconds:
            begin = time.perf_counter()
            frame = capture.take(images, None, loss=0.5, with_images=True).frame
            if frame is not None:
                pool.submit(Job(frame, came.append))
            taken.append(time.perf_counter() - begin)
            steps += 1
            due += PACE
            while time.perf_counter() < due:  # a training step in pure Python
                pass
        elapsed = time.perf_counter() - started
        pool.close(5.0)
        times = Times(name, taken)
        print(
            f"{'256² ' + name:<44} {sum(came) / elapsed:8.1f} of {steps / elapsed:.1f}; left out {came.count(False)}; "
            f"take p50 {times.at(0.5):.3f}, p99 {times.at(0.99):.3f} ms"
        )


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each figure")
    seconds = parser.parse_args().seconds
    bench_training_thread(seconds)
    bench_background(seconds)
    bench_beside_busy_python(seconds)


if __name__ == "__main__":
    main()
