"""F15: one viewer never reads, beside others that do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conditions import wait_until
from tests.faults.conftest import Measure
from tests.faults.ledger import read_store
from tests.faults.processes import Server, Trainer, Viewer
from tests.faults.verdict import assert_delivered, assert_undisturbed, percentile

FRAME_BYTES = 64 << 10
"""More than a frame of this training takes."""


def frames_late(viewer: Viewer, spans: list[tuple[float, float]]) -> list[float]:
    """Return how long after their log call frames came, of those that came within one of the spans."""
    return [
        entry["late"]
        for entry in viewer.entries()
        if entry["kind"] == "frame" and any(a <= entry["time"] < b for a, b in spans)
    ]


def assert_frames_counted(viewer: Viewer) -> None:
    """Assert that each frame since a viewer came was either sent to it or counted as skipped."""
    first: dict[int, int] = {}
    taken: dict[int, int] = {}
    for entry in viewer.entries():
        if entry["kind"] != "frame":
            continue
        number = entry["viewer"]
        begin = first.setdefault(number, entry["number"] - entry["skipped"])
        taken[number] = taken.get(number, 0) + 1
        came = entry["number"] - begin + 1
        assert came == taken[number] + entry["skipped"], (
            f"of {came} frames viewer {number} got {taken[number]}, and {entry['skipped']} are counted"
        )
    assert taken, "no viewer got a frame"


def assert_events_whole(viewer: Viewer, measure: Measure) -> None:
    """Assert that each viewer was told every event once and in order, over all its connections."""
    at: dict[int, tuple[str, int]] = {}
    duplicates = gaps = 0
    for entry in viewer.entries():
        number = entry["viewer"]
        if entry["kind"] == "snapshot":
            at[number] = entry["epoch"], entry["offset"]
        elif entry["kind"] == "resumed":
            assert at[number] == (entry["epoch"], entry["offset"])
        elif entry["kind"] == "events":
            epoch, offset = at[number]
            assert entry["epoch"] == epoch
            for told in entry["offsets"]:
                duplicates += told <= offset
                gaps += told > offset + 1
                offset = told
            at[number] = epoch, offset
    measure("duplicates", duplicates)
    measure("gaps", gaps)
    assert at, "no viewer was told anything"
    assert (duplicates, gaps) == (0, 0)


def beside_a_stuck_one(
    folder: Path,
    server: Server,
    seed: int,
    measure: Measure,
    *,
    others: int,
    steps: int,
    turns: int,
) -> None:
    """Have the others look on in turns: alone, beside a stuck one, alone, beside a stuck one ..."""
    trainer = Trainer(
        folder, server.grpc, steps=0, step_seconds=0.05, seed=seed, scalars=5, flush=15.0
    )
    trainer.wait_for_acknowledged(10, 20)
    (stream,) = read_store(server.data_dir)
    viewers = Viewer(folder, server, stream.run_id, name="viewers", count=others)
    wait_until(lambda: len(viewers.entries()) > others * 5, 60, "the viewers see the run")
    alone: list[tuple[float, float]] = []
    beside: list[tuple[float, float]] = []
    for turn in range(turns):
        begin = trainer.last()["time"]
        trainer.wait_for_steps(trainer.steps + steps, 90)
        alone.append((begin, trainer.last()["time"]))
        with Viewer(folder, server, stream.run_id, name=f"stuck{turn}", mode="stuck") as stuck:
            wait_until(stuck.entries, 20, "the stuck viewer is there")
            begin = trainer.last()["time"]
            trainer.wait_for_steps(trainer.steps + steps, 90)
            beside.append((begin, trainer.last()["time"]))
    trainer.finish()
    assert_undisturbed(trainer, measure)
    assert_delivered(trainer, server, measure)
    viewers.stop()
    assert_events_whole(viewers, measure)
    assert_frames_counted(viewers)
    # A few frames have no 99th percentile: it would be the latest one, and this machine's worst moment.
    enough = steps >= 200
    share = 0.99 if enough else 0.9
    usual = percentile(frames_late(viewers, alone), share)
    late = percentile(frames_late(viewers, beside), share)
    print(
        f"others' {share:.0%}: {usual * 1e3:.1f} ms alone, {late * 1e3:.1f} ms beside a stuck one"
    )
    if enough:
        measure("others_p99_ratio", late / usual)
    # Far wider than the bound of the report: other work on this machine shows in both.
    assert late <= 3 * usual + 0.05


def test_one_of_ten(folder: Path, server: Server, seed: int, measure: Measure) -> None:
    beside_a_stuck_one(folder, server, seed, measure, others=9, steps=40, turns=1)


@pytest.mark.faults_full
@pytest.mark.timeout(300)
def test_one_of_a_hundred(folder: Path, server: Server, seed: int, measure: Measure) -> None:
    beside_a_stuck_one(folder, server, seed, measure, others=99, steps=250, turns=4)


def memory_of_stuck_ones(
    folder: Path, server: Server, seed: int, measure: Measure, count: int
) -> None:
    """As much is told as fills what waits for a viewer; the server's memory is shared out among them."""
    trainer = Trainer(
        folder, server.grpc, steps=0, step_seconds=0.05, seed=seed, scalars=100, flush=15.0
    )
    trainer.wait_for_acknowledged(10, 20)
    (stream,) = read_store(server.data_dir)

    def peak(steps: int) -> int:
        """Return the most memory that the server has over so many steps."""
        most, goal = 0, trainer.steps + steps
        while trainer.steps < goal:
            trainer.wait_for_steps(min(goal, trainer.steps + 5), 30)
            most = max(most, server.process.memory_bytes())
        return most

    with Viewer(folder, server, stream.run_id):  # what one viewer costs anyway is there
        peak(200)
        before = peak(100)
        with Viewer(
            folder, server, stream.run_id, name="stuck", mode="stuck", count=count
        ) as stuck:
            wait_until(lambda: len(stuck.entries()) == count, 30, "the stuck viewers are there")
            grown = peak(300) - before
    trainer.finish()
    assert_undisturbed(trainer, measure)
    each = (grown / count - FRAME_BYTES) / 2**20
    measure("stuck_viewer_mib", each)
    # The bound of the report is 1.5: what is asserted is that there is one at all.
    assert each <= 8


@pytest.mark.faults_full
@pytest.mark.timeout(240)
def test_what_a_stuck_one_costs(folder: Path, server: Server, seed: int, measure: Measure) -> None:
    memory_of_stuck_ones(folder, server, seed, measure, 20)


def test_viewers_come_back_to_where_they_were(
    folder: Path, server: Server, seed: int, measure: Measure
) -> None:
    """F01, F02 as a viewer sees them: no event twice, none missing, over restarts of the server."""
    trainer = Trainer(folder, server.grpc, steps=0, seed=seed, flush=15.0)
    trainer.wait_for_acknowledged(10, 20)
    (stream,) = read_store(server.data_dir)
    viewers = Viewer(folder, server, stream.run_id, count=3)

    def count(kind: str) -> int:
        return sum(entry["kind"] == kind for entry in viewers.entries())

    wait_until(lambda: count("snapshot") == 3, 30, "the viewers see the run")
    for times, end in enumerate((server.kill, server.stop), 1):
        end()
        server.start()
        before = trainer.acknowledged
        trainer.wait_for_acknowledged(before + 50, 30)
        wait_until(lambda n=times: count("resumed") >= 3 * n, 20, "the viewers are back")
    trainer.finish()
    assert_undisturbed(trainer, measure)
    (stream,) = read_store(server.data_dir)

    def all_told() -> bool:
        told = {e["viewer"]: e["offsets"][-1] for e in viewers.entries() if e["kind"] == "events"}
        return len(told) == 3 and min(told.values()) >= len(stream.records)

    wait_until(all_told, 20, "the viewers have caught up")
    viewers.stop()
    assert_events_whole(viewers, measure)
    assert count("snapshot") == 3, "a viewer had to start again"
