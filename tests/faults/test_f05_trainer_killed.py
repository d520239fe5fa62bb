"""F05: the trainer is killed with -9; `livetrain sync` or the next run uploads what it left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conditions import wait_until
from tests.faults.conftest import Measure
from tests.faults.ledger import StoredStream, read_store, stream_of
from tests.faults.processes import Server, Trainer, synchronize
from tests.faults.verdict import assert_delivered, assert_undisturbed

UNWRITTEN_SECONDS = 0.5
"""What a kill may take along: what was in memory only."""


def start_and_kill(folder: Path, server: Server, seed: int, steps: int) -> Trainer:
    """Leave a spool behind: half of it acknowledged, half of it never sent."""
    trainer = Trainer(folder, server.grpc, steps=0, seed=seed, name="killed")
    trainer.wait_for_acknowledged(10, 20)
    server.kill()
    trainer.wait_for_steps(trainer.steps + steps, 30)
    trainer.kill()
    return trainer


def assert_nothing_but_the_end_is_missing(trainer: Trainer, stream: StoredStream) -> None:
    steps = [entry for entry in trainer.entries() if "step" in entry]
    written = [s["step"] for s in steps if s["time"] < steps[-1]["time"] - UNWRITTEN_SECONDS]
    missing = [step for step in written if step not in stream.batches]
    assert not missing, f"{len(missing)} of {len(written)} steps are missing, e.g. {missing[:5]}"


def test_sync_uploads_what_a_killed_run_left(
    folder: Path, server: Server, seed: int, measure: Measure
) -> None:
    trainer = start_and_kill(folder, server, seed, steps=50)
    server.start()
    for _ in range(2):  # safe to repeat
        assert synchronize(folder, server).wait(30) == 0
        (stream,) = read_store(server.data_dir)
        assert_nothing_but_the_end_is_missing(trainer, stream)
        assert_delivered(trainer, server, measure, whole=False, stream=stream)
    assert not list((folder / "spool").glob("**/*.seg"))


def test_sync_beside_a_live_run_leaves_it_alone(
    folder: Path, server: Server, seed: int, measure: Measure
) -> None:
    live = Trainer(folder, server.grpc, steps=0, seed=seed + 1, name="live", flush=15.0)
    live.wait_for_acknowledged(1, 20)  # it has looked for what others left, and found nothing
    killed = start_and_kill(folder, server, seed, steps=30)
    server.start()
    assert synchronize(folder, server).wait(30) == 0
    live.wait_for_acknowledged(10, 20)
    live.finish()
    assert_undisturbed(live, measure)
    streams = read_store(server.data_dir)
    (of_killed,) = [
        stream for stream in streams if stream.batches.get(1) == killed.entries()[2]["loss"]
    ]
    (of_live,) = [stream for stream in streams if stream is not of_killed]
    assert_nothing_but_the_end_is_missing(killed, of_killed)
    assert_delivered(live, server, measure, stream=of_live)


def test_the_next_run_uploads_what_a_killed_one_left(
    folder: Path, server: Server, seed: int, measure: Measure
) -> None:
    killed = start_and_kill(folder, server, seed, steps=50)
    server.start()
    following = Trainer(folder, server.grpc, steps=0, seed=seed, name="following", flush=15.0)

    def uploaded() -> bool:
        return any(
            killed.steps - 60 < max(stream.batches, default=0)
            and len(stream.batches) >= killed.steps - 30
            for stream in read_store(server.data_dir)
        )

    wait_until(uploaded, 30, "the next run uploads what the killed one left")
    following.finish()
    assert_undisturbed(following, measure)
    assert len(read_store(server.data_dir)) == 2


HOUR_STEPS = 180_000  # at 50 a second


def drain(folder: Path, server: Server, seed: int, steps: int) -> float:
    """Make a backlog faster than it would come, then drain it beside a training that goes on at 50 steps a second."""
    trainer = Trainer(
        folder,
        server.grpc,
        steps=0,
        hurry_until=steps,
        images=False,
        scalars=0,
        seed=seed,
        flush=60.0,
    )
    trainer.wait_for_acknowledged(1, 20)
    server.kill()
    trainer.wait_for_steps(steps, 280)
    server.start()
    seconds = trainer.wait_for_acknowledged(steps, 200)
    trainer.finish()
    assert trainer.wait(90) == 0
    assert trainer.last()["flushed"]
    assert trainer.last()["dropped"] == {}
    stream = stream_of(trainer, server.data_dir)
    assert stream.durable_seq > steps
    return seconds


def test_a_backlog_is_drained_while_live(
    folder: Path, server: Server, seed: int, measure: Measure
) -> None:
    drain(folder, server, seed, 5000)


@pytest.mark.faults_full
@pytest.mark.timeout(600)
def test_an_hours_backlog_is_drained_while_live(
    folder: Path, server: Server, seed: int, measure: Measure
) -> None:
    measure("backlog_s", drain(folder, server, seed, HOUR_STEPS))
