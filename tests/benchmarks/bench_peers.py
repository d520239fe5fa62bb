"""What other trackers cost the training's thread for the same 16 images, beside livetrain, in one run.

    nox -s bench_peers [-- --seconds 6 --rounds 3]

Each logs 16 of a batch of 64 photographs of 256 × 256 × 3 a step, at 60 steps a second where it can keep up, in a process of its
own; all of them in turns, round by round. The peers live in an environment of their own: see `bench_peers` in noxfile.py.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from tests.benchmarks.measuring import BATCH, PACE, TILES, Quiet, Times, floor_of, photographs
from tests.faults.processes import Server, Viewer, kill_leftovers

Log = Callable[[int], object]

_draw = random.Random(0)
_batch = photographs(BATCH, 256)


def _pick() -> list[np.ndarray]:
    return [_batch[i] for i in sorted(_draw.sample(range(BATCH), TILES))]


def copy(folder: Path) -> Log:
    """Only copy them: the floor."""
    floor = floor_of(_batch)
    return lambda step: floor()


def livetrain(folder: Path) -> Log:
    """This, with a server and somebody who watches."""
    import livetrain

    server = Server(folder).start()
    monitor = livetrain.Monitor("bench", server=server.grpc, max_overhead=1.0, spool_dir=folder)
    while monitor.run_id is None:
        time.sleep(0.01)
    viewer = Viewer(folder, server, monitor.run_id)
    while not viewer.entries():
        time.sleep(0.01)
    time.sleep(1.5)  # until it knows that somebody watches
    return lambda step: monitor.log_batch(_batch, None, 0.5)


def tensorboard(folder: Path) -> Log:
    """TensorBoard's writer of PyTorch: one PNG of all images."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))
    return lambda step: writer.add_images("images", np.stack(_pick()), step, dataformats="NHWC")


def wandb_jpeg(folder: Path) -> Log:
    """Weights & Biases, offline, JPEG."""
    import wandb

    run = wandb.init(mode="offline", dir=str(folder))
    return lambda step: run.log(
        {"images": [wandb.Image(image, file_type="jpg") for image in _pick()]}, step=step
    )


def aim_jpeg(folder: Path) -> Log:
    """Aim, JPEG."""
    import aim

    run = aim.Run(repo=str(folder), system_tracking_interval=None, log_system_params=False)
    return lambda step: run.track(
        [aim.Image(image, format="jpeg", quality=85) for image in _pick()], name="images", step=step
    )


def _rerun(folder: Path, *, jpeg: bool) -> Log:
    import rerun

    rerun.init("bench")
    rerun.save(str(folder / "bench.rrd"))

    def log(step: int) -> None:
        rerun.set_time("step", sequence=step)
        for number, pixels in enumerate(_pick()):
            image = rerun.Image(pixels)
            rerun.log(f"images/{number}", image.compress(jpeg_quality=85) if jpeg else image)

    return log


def rerun_raw(folder: Path) -> Log:
    """Rerun, uncompressed, into a file: 3 MB a step."""
    return _rerun(folder, jpeg=False)


def rerun_jpeg(folder: Path) -> Log:
    """Rerun, JPEG, into a file."""
    return _rerun(folder, jpeg=True)


def trackio(folder: Path) -> Log:
    """Trackio, into its local database."""
    import trackio

    trackio.init(project="bench")
    return lambda step: trackio.log(
        {f"images/{n}": trackio.Image(image) for n, image in enumerate(_pick())}, step=step
    )


PEERS: dict[str, tuple[Callable[[Path], Log], str]] = {
    "a bare copy": (copy, ""),
    "livetrain": (livetrain, "livetrain"),
    "Rerun, raw": (rerun_raw, "rerun-sdk"),
    "Rerun, JPEG": (rerun_jpeg, "rerun-sdk"),
    "Aim, JPEG": (aim_jpeg, "aim"),
    "W&B offline, JPEG": (wandb_jpeg, "wandb"),
    "Trackio": (trackio, "trackio"),
    "TensorBoard": (tensorboard, "tensorboard"),
}


def one(name: str, seconds: float, folder: Path) -> None:
    """Run one of them for some seconds, and print what each call took."""
    os.chdir(folder)
    log = PEERS[name][0](folder)
    taken: list[float] = []
    due = time.perf_counter()
    end = due + seconds
    step = 0
    while (began := time.perf_counter()) < end or len(taken) < 8:
        log(step)
        if step >= 3:  # what comes first loads and connects
            taken.append(time.perf_counter() - began)
        step += 1
        due = max(due + PACE, time.perf_counter() - PACE)
        time.sleep(max(0.0, due - time.perf_counter()))
    kill_leftovers()
    print("\n" + json.dumps(taken), flush=True)
    os._exit(0)  # some have threads that outlive everything


def measured(name: str, seconds: float) -> list[float]:
    """Return what each call took, from a process of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        done = subprocess.run(
            [
                sys.executable,
                *("-m", "tests.benchmarks.bench_peers"),
                "--one",
                name,
                "--seconds",
                str(seconds),
                "--folder",
                folder,
            ],
            capture_output=True,
            text=True,
            timeout=120 + 10 * seconds,
            env={**os.environ, "HOME": folder, "WANDB_SILENT": "true"},
            start_new_session=True,
        )
        if done.returncode:
            raise RuntimeError(f"{name} failed:\n{done.stderr[-2000:]}")
        taken: list[float] = json.loads(done.stdout.splitlines()[-1])
        return taken


def main() -> None:
    """Run them in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each, a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", choices=PEERS)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments.one, arguments.seconds, arguments.folder)
    taken: dict[str, list[float]] = {name: [] for name in PEERS}
    with Quiet():
        for _ in range(arguments.rounds):
            for name, into in taken.items():
                into += measured(name, arguments.seconds)
    ours = Times("livetrain", taken["livetrain"])
    print(
        f"\n{'16 of 64 photographs of 256², ms':<44} {'p50':>8} {'p99':>8} {'max':>8}  p50 to ours"
    )
    for name, seconds in taken.items():
        try:
            release = version(PEERS[name][1]) if PEERS[name][1] else ""
        except PackageNotFoundError:
            release = ""
        print(Times(f"{name} {release}".strip(), seconds).row(ours))


if __name__ == "__main__":
    main()
