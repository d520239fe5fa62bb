"""What must hold of the data of a run's page: nothing but what was logged, all of it, and the same live and reloaded."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from typing import Any

from tests.oracle.model import Expected, Points

__all__ = ["assert_page", "assert_same_page"]

# The server's own curves, of which a training says nothing.
_OURS = ("perf/", "system/", "livetrain/")
_WORTH_SMOOTHING = 256


def assert_page(held: dict[str, Any], run: Expected) -> None:
    """Check a page that knows all of a run that is over."""
    assert held["status"] == run.status
    assert held["gaps"] == []  # there is no place for what was left out
    left_out = {reason for reason, count in held["dropped"].items() if count}
    assert left_out == ({"step_too_large"} if run.left_out else set())
    _assert_attempts(held["attempts"], run.starts)
    names = [name for name in held["names"] if not name.startswith(_OURS)]
    newest, replaced = run.newest(), run.replaced()
    assert names == _in_javascript({*newest, *replaced})
    assert held["metricCount"] == len(held["names"])
    _assert_tips(held, run)
    drawn = {curve["name"]: curve for curve in held["curves"]}
    assert len(drawn) == len(held["curves"]), "a curve is drawn twice"
    assert {name for name in drawn if not name.startswith(_OURS)} == set(names)
    for name in names:
        assert_drawn(drawn[name], newest.get(name, []), replaced.get(name, []))


def _assert_attempts(attempts: list[dict[str, int]], starts: list[int | None]) -> None:
    begun = [(number, start) for number, start in enumerate(starts, 1) if start is not None]
    told = [(attempt["attempt"], attempt["fromStep"]) for attempt in attempts]
    assert told == (begun if len(begun) > 1 else told[:1])


def _assert_tips(held: dict[str, Any], run: Expected) -> None:
    told = {tip["name"]: tip for tip in held["tips"]}
    for name, tip in run.tips().items():
        found = told[name]
        assert (found["step"], bits(found["value"])) == (tip.step, bits(tip.value)), name
        assert (found["points"], found["nonfinite"]) == (tip.points, tip.nonfinite), name
        assert found["lastFiniteStep"] == tip.finite_step, name
        if tip.finite is not None:
            assert bits(found["lastFinite"]) == bits(tip.finite), name
        assert found["attempt"] == tip.attempt, name


def assert_drawn(curve: dict[str, Any], newest: Points, replaced: Points) -> None:
    """Check what is drawn of one curve.

    Args:
        curve: as the page says it.
        newest: the points that count.
        replaced: those that a later start has replaced.
    """
    if len(newest) < _WORTH_SMOOTHING:
        assert curve["smooth"] == []
    lines = curve["lines"]
    for line in lines:
        assert line["x"] == sorted(line["x"])
    if curve["width"] == 1:
        counting = [line for line in lines if line["role"] != "replaced"]
        assert_points(counting, newest)
        assert_points([line for line in lines if line["role"] == "replaced"], replaced)
    else:
        assert_totals(lines, newest + replaced)


def assert_points(lines: list[dict[str, Any]], points: Points) -> None:
    """Check lines whose points are exact: several values at one step are their mean and spread, passes stay apart."""
    finite: dict[float, list[float]] = {}
    odd: dict[float, int] = {}
    for step, value in points:
        if math.isfinite(value):
            finite.setdefault(float(step), []).append(value)
        else:
            odd[float(step)] = odd.get(float(step), 0) + 1
    drawn: dict[float, list[tuple[float, float, float, float]]] = {}
    breaks: dict[float, int] = {}
    for line in lines:
        for at, *values in _rows(line):
            if values[0]:
                drawn.setdefault(at, []).append((values[0], *values[1:]))
            else:
                breaks[at] = breaks.get(at, 0) + 1
        for hole in line["holes"]:
            assert hole in odd
    assert drawn.keys() == finite.keys()
    assert breaks.keys() == odd.keys()
    for step, values in finite.items():
        parts = drawn[step]
        assert sum(count for count, *_ in parts) == len(values)
        assert min(low for _, _, low, _ in parts) == min(values)
        assert max(high for _, _, _, high in parts) == max(values)
        assert_mean(((count, mean) for count, mean, _, _ in parts), values)
        if len(values) == 1:
            assert bits(parts[0][1]) == bits(values[0])
    for step, count in breaks.items():
        assert count <= odd[step]


def assert_totals(lines: list[dict[str, Any]], points: Points) -> None:
    """Check lines whose points stand for stretches."""
    values = [value for _, value in points if math.isfinite(value)]
    rows = [row for line in lines for row in _rows(line)]
    assert sum(count for _, count, *_ in rows) == len(values)
    assert any(count == 0 for _, count, *_ in rows) == (len(values) < len(points))
    if values:
        assert min(low for _, count, _, low, _ in rows if count) == min(values)
        assert max(high for _, count, _, _, high in rows if count) == max(values)
        assert_mean(((count, mean) for _, count, mean, *_ in rows), values)


def assert_mean(means: Iterable[tuple[float, float]], values: list[float]) -> None:
    """Check that the means of parts are those of all values."""
    if max(map(abs, values)) < 1e300:  # beyond, their sum is no double
        total = math.fsum(count * mean for count, mean in means if count)
        scale = math.fsum(map(abs, values))
        assert math.isclose(total, math.fsum(values), abs_tol=max(1e-9 * scale, 1e-300))


def assert_same_page(kept: dict[str, Any], loaded: dict[str, Any]) -> None:
    """Check that a page that was open all the time holds what one holds that was opened at the end."""
    assert _told(kept) == _told(loaded)
    for was, now in zip(_sorted(kept["tips"]), _sorted(loaded["tips"]), strict=True):
        assert abs(was.pop("timeUs") - now.pop("timeUs")) <= 1, was["name"]
        assert _exactly(was) == _exactly(now)
    for was, now in zip(_sorted(kept["curves"]), _sorted(loaded["curves"]), strict=True):
        assert_same_curve(was, now)


def assert_same_curve(was: dict[str, Any], now: dict[str, Any]) -> None:
    """Check that two pages draw the same of a curve."""
    name = was["name"]
    assert (name, was["width"]) == (now["name"], now["width"])
    assert [line["role"] for line in was["lines"]] == [line["role"] for line in now["lines"]], name
    for one, other in zip(was["lines"], now["lines"], strict=True):
        for column in ("x", "low", "high", "count", "holes"):
            assert _exactly(one[column]) == _exactly(other[column]), (name, column)
        assert_near(one["mean"], other["mean"])
    for one, other in zip(was["smooth"], now["smooth"], strict=True):
        assert_near(one["x"], other["x"])
        assert_near(one["y"], other["y"])


def assert_near(one: list[float], other: list[float]) -> None:
    """Check that two columns differ only by rounding."""
    scale = max((abs(value) for value in one if math.isfinite(value)), default=0.0)
    for a, b in zip(one, other, strict=True):
        assert (a != a and b != b) or math.isclose(a, b, abs_tol=max(1e-9 * scale, 1e-300))


def bits(value: float) -> bytes:
    """Return a number in a form in which only what is the same is equal: NaN is NaN, and 0.0 is not -0.0."""
    return b"nan" if value != value else struct.pack("<d", value)


def _exactly(value: Any) -> Any:
    if isinstance(value, float):
        return bits(value)
    if isinstance(value, dict):
        return {key: _exactly(part) for key, part in value.items()}
    return [_exactly(part) for part in value] if isinstance(value, list) else value


def _rows(line: dict[str, Any]) -> Iterable[tuple[float, float, float, float, float]]:
    return zip(line["x"], line["count"], line["mean"], line["low"], line["high"], strict=True)


def _told(held: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in held.items() if key not in ("tips", "curves")}


def _sorted(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(parts, key=lambda part: str(part["name"]))


def _in_javascript(names: Iterable[str]) -> list[str]:
    """Sort as JavaScript does: by units of UTF-16."""
    return sorted(names, key=lambda name: name.encode("utf-16-be"))
