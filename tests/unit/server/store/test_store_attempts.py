"""A training that was resumed has two attempts: they are kept apart, and the newest one counts from its first step on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from livetrain.server.series import Series
from livetrain.server.store.grid import Window
from livetrain.server.store.lineage import Lineage, Start
from livetrain.server.store.question import Buckets, Question
from tests.unit.server.store.examples import START_US, same
from tests.unit.server.store.world import RunWorld, opened

HOUR_US = 3_600_000_000


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunWorld]:
    with opened(tmp_path / "livetrain.db") as world:
        yield world.add_run()


def losses(first: int, last: int, value: float, *, hours: int = 0) -> Series:
    steps = np.arange(first, last)
    times_us = START_US + hours * HOUR_US + 16_000 * steps
    return Series(steps, np.full(len(steps), value), times_us)


def resumed(run: RunWorld, *, seal: bool, rank: int = 0) -> int:
    """Log 1,000 steps, then 150 that go on from step 500; return the second stream."""
    first = run.stream if not rank else run.add_stream(rank=rank)
    run.log({"loss": losses(0, 1000, 0.25)}, stream=first)
    if seal:
        run.seal()
    second = run.add_stream(rank=rank, attempt=2, from_step=500)
    run.log({"loss": losses(500, 650, 9.0, hours=1)}, stream=second)
    return second


@pytest.mark.parametrize("seal", [False, True])
@pytest.mark.parametrize("seal_again", [False, True])
def test_the_newest_attempt_counts_and_the_other_is_kept(
    run: RunWorld, seal: bool, seal_again: bool
) -> None:
    resumed(run, seal=seal)
    if seal_again:
        run.seal()
        run.merge()
    one, two = losses(0, 1000, 0.25), losses(500, 650, 9.0, hours=1)
    same(run.curves("loss")["loss"], Series.join([one.between(0, 499), two]))
    same(run.curves("loss", attempt=1)["loss"], one)
    same(run.curves("loss", attempt=2)["loss"], two)
    assert len(run.curves("loss", attempt=3)["loss"]) == 0
    window = Window("step", 400, 700)
    same(
        run.curves("loss", window=window)["loss"],
        Series.join([one.between(400, 499), two]),
    )
    found = run.reader.curves(
        run.key, names=["loss"], question=Question(Window("step", 0, 1023), 16, "buckets")
    )["loss"]
    assert isinstance(found, Buckets)
    assert found.total == 650
    for row in found.rows:  # no stretch is a mean of both
        start = int(row["slot"]) * found.width
        if start + found.width <= 500:
            assert (row["low"], row["high"]) == (0.25, 0.25)
        elif start >= 500:
            assert (row["low"], row["high"]) == (9, 9)
    (summary,) = run.reader.metric_page(run.key, limit=10).summaries.values()
    assert (summary.points, summary.attempt) == (650, 2)
    assert (summary.last, summary.last_step) == (9.0, 649)
    assert (summary.low, summary.low_step) == (0.25, 0)
    assert (summary.high, summary.high_step) == (9.0, 500)


@pytest.mark.parametrize("seal", [False, True])
def test_a_curve_that_the_newest_attempt_has_not_logged_ends_where_that_began(
    run: RunWorld, seal: bool
) -> None:
    run.log({"val/loss": Series.of([450, 550, 950], [0.5, 0.4, 0.3], [1, 2, 3])})
    if seal:
        run.seal()
    resumed(run, seal=False)
    assert run.curves("val/loss")["val/loss"].steps.tolist() == [450]
    summary = run.reader.metric_page(run.key, limit=10).summaries["val/loss"]
    assert (summary.points, summary.last_step, summary.attempt) == (1, 450, 1)


def test_each_rank_has_its_own_attempts(run: RunWorld) -> None:
    resumed(run, seal=True, rank=3)
    run.log({"loss": losses(0, 1000, 1.0)})
    assert len(run.curves("loss")["loss"]) == 1000
    assert len(run.curves("rank3/loss")["rank3/loss"]) == 650


def test_an_earlier_attempt_that_is_heard_late_is_put_in_its_place(run: RunWorld) -> None:
    """What lay on the disk of a machine comes after the later start: then the later one is attempt 2, in chunks too."""
    later = run.stream
    run.set_stream(later, from_step=500)
    run.log({"loss": losses(500, 650, 9.0, hours=1)}, stream=later)
    run.seal()
    assert len(run.curves("loss")["loss"]) == 150
    earlier = run.add_stream(from_step=0, attempt=1)
    run.set_stream(later, attempt=2)
    run.log({"loss": losses(0, 1000, 0.25)}, stream=earlier)
    for _ in range(2):
        found = run.curves("loss")["loss"]
        assert found.steps.tolist() == list(range(650))
        assert found.values.tolist() == [0.25] * 500 + [9.0] * 150
        (summary,) = run.reader.metric_page(run.key, limit=10).summaries.values()
        assert (summary.points, summary.last, summary.attempt) == (650, 9.0, 2)
        run.seal()


def test_three_attempts() -> None:
    starts = [Start(1, 0, 1, 0), Start(2, 0, 2, 500), Start(3, 0, 3, 100), Start(4, 1, 1, 7)]
    lineage = Lineage([*starts, Start(9, 0, 4, None)])
    assert [lineage.end_of(key, "loss") for key in (1, 2, 3, 4, 9)] == [100, 100, None, None, None]
    # Of a time when the store did not keep whose points they were: the first attempt of the rank that the name says.
    assert lineage.end_of(0, "loss") == 100
    assert lineage.end_of(0, "rank1/loss") is None
    assert lineage.end_of(0, "rank2/loss") == 100
    assert lineage.signature(0) != 0
    assert lineage.signature(1) == 0
    moved = Lineage([Start(1, 0, 2, 0), Start(2, 0, 3, 500), Start(3, 0, 4, 100)])
    assert lineage.signature(0) != moved.signature(0)


def test_a_start_that_logged_nothing_goes_with_the_newest() -> None:
    starts = [Start(1, 0, 1, 0), Start(2, 0, 2, 50), Start(3, 0, 3, None), Start(4, 1, 3, None)]
    lineage = Lineage(starts)
    assert [lineage.attempt_of(key) for key in (1, 2, 3, 4, 99)] == [1, 2, 2, 1, 1]
