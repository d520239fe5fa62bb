"""What was logged is what is answered: from chunks and from the tail, in every window, on both axes, at every width."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livetrain.server.series import Series
from livetrain.server.store.buckets import bucketize, means
from livetrain.server.store.grid import Axis, Window, fit_width
from livetrain.server.store.question import Buckets, Curve, Question
from tests.unit.server.store.examples import curve, same, series
from tests.unit.server.store.test_buckets import check
from tests.unit.server.store.world import RunWorld, StoreWorld

AXES = st.sampled_from(get_args(Axis))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreWorld]:
    world = StoreWorld(tmp_path_factory.mktemp("store") / "livetrain.db")
    yield world
    world.close()


@pytest.fixture
def run(world: StoreWorld) -> RunWorld:
    return world.add_run()


def cut(points: Series, window: Window) -> Series:
    keys = points.steps if window.axis == "step" else points.times_us
    keep = np.ones(len(points), np.bool_)
    if window.first is not None:
        keep &= keys >= window.first
    if window.last is not None:
        keep &= keys <= window.last
    return points.take(keep)


def ask(run: RunWorld, name: str, question: Question) -> Curve | Buckets:
    return run.reader.curves(run.key, names=[name], question=question)[name]


def check_answers(run: RunWorld, points: Series, window: Window, count: int) -> None:
    """Check every answer about a window against the points that were logged."""
    axis = window.axis
    raw = cut(points, window)
    whole = ask(run, "x", Question(window))
    assert isinstance(whole, Curve)
    same(whole.series, raw.by_step() if axis == "step" else raw.by_time())
    assert whole.total == len(raw)
    thinned = ask(run, "x", Question(window, count))
    assert isinstance(thinned, Curve)
    assert thinned.total == len(raw)
    assert len(thinned.series) <= max(count, 5)
    if len(raw):
        keys, kept = ((s.steps if axis == "step" else s.times_us) for s in (raw, thinned.series))
        assert (kept[0], kept[-1]) == (keys.min(), keys.max())
        finite = raw.values[np.isfinite(raw.values)]
        shown = thinned.series.values[np.isfinite(thinned.series.values)]
        if len(finite):
            assert (shown.min(), shown.max()) == (finite.min(), finite.max())
    found = ask(run, "x", Question(window, count, "buckets"))
    assert isinstance(found, Buckets)
    assert found.total == len(raw)
    check(found.rows, raw, axis, found.width)
    assert len(found.rows) <= count
    if window.first is not None and window.last is not None and window.last >= window.first:
        assert found.width == fit_width(axis, window.first, window.last, count)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
@given(st.data(), series(most=60), st.lists(st.sampled_from("lsm"), max_size=8))
def test_every_window_is_answered_rightly_whatever_is_packed(
    world: StoreWorld, data: st.DataObject, points: Series, acts: list[str]
) -> None:
    run = world.add_run()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(points)), min_size=4, max_size=4)))
    pieces = iter(points.take(slice(a, b)) for a, b in zip([0, *cuts], [*cuts, None], strict=True))
    for act in acts:
        if act == "l" and (piece := next(pieces, None)) is not None and len(piece):
            run.log({"x": piece})
        elif act == "s":
            run.seal()
        elif act == "m":
            run.merge()
    rest = Series.join(list(pieces))
    if len(rest):
        run.log({"x": rest})
    if not len(points):
        return
    for _ in range(3):
        axis: Axis = data.draw(AXES)
        keys = (points.steps if axis == "step" else points.times_us).tolist()
        bound = st.none() | st.sampled_from([max(0, k + d) for k in keys for d in (-1, 0, 1)])
        window = Window(axis, data.draw(bound), data.draw(bound))
        check_answers(run, points, window, data.draw(st.integers(4, 40)))


NOISE = np.random.default_rng(7).normal(size=30_000) + 2
CURVES = {
    "even": curve(NOISE, first=61_010),
    "strided": Series(
        7 * np.arange(30_000), NOISE, 1_700_000_000_000_000 + 977 * np.arange(30_000)
    ),
    "again": Series(
        np.arange(30_000) % 1000, NOISE, 1_700_000_000_000_000 + 16_000 * np.arange(30_000)
    ),
    "uneven": Series(
        np.cumsum(np.where(np.arange(30_000) % 1000 == 0, 10**6, 1)),
        NOISE,
        1_700_000_000_000_000 + np.cumsum(np.where(np.arange(30_000) % 700 == 0, 10**8, 50)),
    ),
    "any order": Series(
        np.random.default_rng(8).permutation(30_000),
        NOISE,
        1_700_000_000_000_000 + 16_000 * np.random.default_rng(9).permutation(30_000),
    ),
    "odd": curve(np.where(np.arange(30_000) % 97 == 5, math.nan, NOISE)),
}


@pytest.mark.parametrize("kind", CURVES)
@pytest.mark.parametrize("axis", get_args(Axis))
def test_levels_say_the_same_as_points(run: RunWorld, kind: str, axis: Axis) -> None:
    """Many chunks with levels, a piece of the tail, and windows that cut both anywhere."""
    points = CURVES[kind]
    for start in range(0, 27_000, 4_500):
        run.log({"x": points.take(slice(start, start + 4_500))})
        run.seal()
    run.log({"x": points.take(slice(27_000, None))})
    keys = np.sort(points.steps if axis == "step" else points.times_us)
    picked = [int(keys[at]) for at in (0, 1, 4_097, 12_864, 20_000, -1)]
    windows = [Window(axis), Window(axis, picked[2], None), Window(axis, None, picked[3] + 1)]
    windows += [Window(axis, picked[3], picked[4] - 1), Window(axis, picked[1], picked[1])]
    for window in windows:
        raw = cut(points, window)
        for count in (7, 100, 1500):
            found = ask(run, "x", Question(window, count, "buckets"))
            assert isinstance(found, Buckets)
            expected = bucketize(raw, axis, found.width)
            for name in ("slot", "count", "odd", "low", "low_step", "high", "high_step"):
                np.testing.assert_array_equal(found.rows[name], expected[name], err_msg=name)
            for name in ("first", "first_step", "last", "last_step", "last_us", "odd_first_step"):
                np.testing.assert_array_equal(found.rows[name], expected[name], err_msg=name)
            # In the last bit: the same stretch has the same numbers for everybody, before and after it is packed.
            np.testing.assert_array_equal(means(found.rows), means(expected))
            thinned = ask(run, "x", Question(window, count))
            assert isinstance(thinned, Curve)
            assert thinned.total == len(raw)


def test_a_spike_at_the_edge_of_a_window_is_not_lost(run: RunWorld) -> None:
    """A window from 12,864 that cuts a stretch of 128 points lost the spike at 12,900."""
    values = np.zeros(200_000)
    values[12_900] = 1.0
    points = curve(values)
    for start in range(0, 200_000, 4096):
        run.log({"x": points.take(slice(start, start + 4096))})
        run.seal()
    window = Window("step", 12_864, None)
    found = ask(run, "x", Question(window, 1500))
    assert isinstance(found, Curve)
    assert found.series.values.max() == 1.0
    assert found.total == 200_000 - 12_864


def test_a_growing_run_never_changes_a_closed_stretch(run: RunWorld) -> None:
    seen: dict[int, bytes] = {}
    points = curve(NOISE)
    window = Window("step", 0, 2**15 - 1)
    for start in range(0, 30_000, 1_250):
        run.log({"x": points.take(slice(start, start + 1_250))})
        if start % 3_750 == 0:
            run.seal()
            run.merge()
        found = ask(run, "x", Question(window, 64, "buckets"))
        assert isinstance(found, Buckets)
        assert found.width == 512
        numbers = found.rows.copy()
        numbers["sum"], numbers["rest"] = means(numbers), 0
        for row in numbers[:-1]:
            assert seen.setdefault(int(row["slot"]), row.tobytes()) == row.tobytes()


def test_the_same_question_has_the_same_answer_between_two_slices(run: RunWorld) -> None:
    """Packing is done in slices: a curve's points are never there twice or missing, though the server is killed in between."""
    names = [f"m/{at}" for at in range(2_500)]
    for step in range(3):
        run.log({n: curve([step + at / 7.0], first=step) for at, n in enumerate(names)})
    expected = run.curves()
    run.seal(slices=1)
    found = run.curves()
    assert list(found) == list(expected)
    for name in names:
        same(found[name], expected[name])
    run.log({n: curve([9.0], first=9) for n in names[::2]})
    run.seal(slices=2)
    run.seal()
    found = run.curves()
    for at, name in enumerate(names):
        assert found[name].steps.tolist() == [0, 1, 2] + ([9] if at % 2 == 0 else [])


def test_small_chunks_are_put_together(run: RunWorld) -> None:
    points = curve(NOISE[:3_000])
    for start in range(0, 3_000, 5):
        run.log(
            {"x": points.take(slice(start, start + 5)), "y": points.take(slice(start, start + 1))}
        )
        run.seal()
        if start % 100 == 0:
            run.merge()
    run.merge()
    assert run.count("chunks") < 40
    found = run.curves()
    same(found["x"], points)
    same(found["y"], points.take(slice(None, None, 5)))


def test_a_curve_of_one_record_with_very_many_points(run: RunWorld) -> None:
    points = curve(np.random.default_rng(1).normal(size=100_000))
    run.log({"x": points})
    run.seal()
    assert run.count("chunks") == 13
    same(run.curves("x")["x"], points)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20
)
@given(st.data(), series(most=40), st.integers(0, 10))
def test_two_windows_side_by_side_are_as_one(
    world: StoreWorld, data: st.DataObject, points: Series, power: int
) -> None:
    """And the same buckets, where the windows meet between two."""
    if not len(points):
        return
    axis: Axis = data.draw(AXES)
    run = world.add_run()
    half = data.draw(st.integers(0, len(points)))
    if half:
        run.log({"x": points.take(slice(None, half))})
        run.seal()
    if half < len(points):
        run.log({"x": points.take(slice(half, None))})
    width = 2**power if axis == "step" else 10 ** min(power, 9)
    keys = points.steps if axis == "step" else points.times_us
    low = int(keys.min()) // width * width
    middle, high = low + 64 * width, low + 128 * width - 1

    def asked(first: int, last: int, count: int) -> Buckets:
        found = ask(run, "x", Question(Window(axis, first, last), count, "buckets"))
        assert isinstance(found, Buckets)
        return found

    one, other = asked(low, middle - 1, 64), asked(middle, high, 64)
    both = asked(low, high, 128)
    assert one.width == other.width == both.width == width
    assert one.rows.tobytes() + other.rows.tobytes() == both.rows.tobytes()
