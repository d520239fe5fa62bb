"""Curves as JSON. NaN and infinity are no JSON: such a value is null, and stands in a list of its own. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from livetrain.server.series import Floats, Ints, Series
from livetrain.server.store.buckets import Rows, means
from livetrain.server.store.question import Buckets, Curve, Lost
from livetrain.server.store.summaries import MetricPage
from livetrain.server.store.summary import Summary

__all__ = ["curve_pieces", "page_json", "text"]

_KINDS: Final = {math.inf: "inf", -math.inf: "-inf"}
_MICROSECOND: Final = 1e6
_AT_ONCE: Final = 1 << 16
"""Numbers that are text at once."""


def text(value: object) -> bytes:
    """Return JSON without blanks."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def curve_pieces(curves: Mapping[str, Curve | Buckets]) -> Iterator[bytes]:
    """Yield the members of an object, each with a comma before it: the curves by their names."""
    for name, curve in curves.items():
        yield b"," + text(name) + b":"
        if isinstance(curve, Buckets):
            yield text(_buckets(curve))
        else:
            yield from _points(curve)


def _points(curve: Curve) -> Iterator[bytes]:
    series = curve.series
    rest: dict[str, Any] = {"total_points": curve.total, "offset": curve.offset}
    odd = np.flatnonzero(~np.isfinite(series.values))
    if len(odd):
        steps, values = series.steps[odd].tolist(), series.values[odd].tolist()
        rest["nonfinite"] = [
            {"step": step, "kind": _KINDS.get(value, "nan")}
            for step, value in zip(steps, values, strict=True)
        ]
    rest |= _lost(curve.lost)
    if len(series) <= _AT_ONCE:
        yield text({**{name: list(column) for name, column in _columns(series)}, **rest})
        return
    for name, column in _columns(series):
        yield (b"{" if name == "steps" else b",") + text(name) + b":"
        yield from _list_pieces(column)
    yield b"," + text(rest)[1:]


def _columns(series: Series) -> Iterable[tuple[str, Iterator[Any]]]:
    yield "steps", _numbers(series.steps, lambda part: part.tolist())
    yield "values", _numbers(series.values, _finite_values)
    yield "times", _numbers(series.times_us, _seconds)


def _numbers(column: Any, listed: Any) -> Iterator[Any]:
    for start in range(0, len(column), _AT_ONCE):
        yield from listed(column[start : start + _AT_ONCE])


def _list_pieces(numbers: Iterator[Any]) -> Iterator[bytes]:
    """Yield a list's JSON, a part at a time."""
    part: list[Any] = []
    before = b"["
    for number in numbers:
        part.append(number)
        if len(part) == _AT_ONCE:
            yield before + text(part)[1:-1]
            part, before = [], b","
    yield (before + text(part)[1:-1] if part else before if before == b"[" else b"") + b"]"


def _finite_values(values: Floats) -> list[float | None]:
    listed: list[float | None] = values.tolist()
    for at in np.flatnonzero(~np.isfinite(values)).tolist():
        listed[at] = None
    return listed


def _buckets(curve: Buckets) -> dict[str, Any]:
    rows = curve.rows
    begins = rows["slot"] * curve.width
    by_step = curve.axis == "step"
    first_steps, first_us = _first(rows, "_step"), _first(rows, "_us")
    return {
        "axis": curve.axis,
        "width": curve.width if by_step else curve.width / _MICROSECOND,
        "steps": (begins if by_step else first_steps).tolist(),
        "times": _seconds(first_us if by_step else begins),
        "count": rows["count"].tolist(),
        "mean": _finite(means(rows), rows),
        "min": _finite(rows["low"], rows),
        "max": _finite(rows["high"], rows),
        "first": _finite(rows["first"], rows),
        "last": _finite(rows["last"], rows),
        "nonfinite_count": rows["odd"].tolist(),
        "first_step": first_steps.tolist(),
        "last_step": np.maximum(rows["last_step"], rows["odd_last_step"]).tolist(),
        "last_time": _seconds(np.maximum(rows["last_us"], rows["odd_last_us"])),
        "min_step": _finite(rows["low_step"], rows),
        "max_step": _finite(rows["high_step"], rows),
        "total_points": curve.total,
        "offset": curve.offset,
        **_lost(curve.lost),
    }


def _first(rows: Rows, part: str) -> Ints:
    found: Ints = np.minimum(rows[f"first{part}"], rows[f"odd_first{part}"])
    return found


def _seconds(times_us: Ints) -> list[float]:
    seconds: list[float] = (times_us / _MICROSECOND).tolist()
    return seconds


def _finite(numbers: Floats | Ints, rows: Rows) -> list[float | int | None]:
    """Return numbers, with null for a stretch that has no finite point."""
    found: list[float | int | None] = numbers.tolist()
    for at in np.flatnonzero(rows["count"] == 0).tolist():
        found[at] = None
    return found


def _lost(lost: Sequence[Lost]) -> dict[str, Any]:
    """Return what is said of damaged points; nothing where there are none."""
    if not lost:
        return {}
    return {
        "corrupt": [
            {"from": part.first_step, "to": part.last_step, "points": part.points} for part in lost
        ]
    }


def page_json(page: MetricPage) -> bytes:
    """Return where curves stand."""
    listed = [_summary(name, summary) for name, summary in page.summaries.items()]
    after = listed[-1]["name"] if page.more else None
    return text({"metrics": listed, "total": page.total, "next": after})


def _summary(name: str, summary: Summary) -> dict[str, Any]:
    some, finite = summary.points > 0, summary.has_finite
    answer: dict[str, Any] = {
        "name": name,
        "points": summary.points,
        "nonfinite": summary.odd,
        "last": summary.last if math.isfinite(summary.last) else None,
        "last_step": summary.last_step if some else None,
        "last_time": summary.last_us / _MICROSECOND if some else None,
        "last_finite": summary.finite if finite else None,
        "last_finite_step": summary.finite_step if finite else None,
        "min": summary.low if finite else None,
        "min_step": summary.low_step if finite else None,
        "max": summary.high if finite else None,
        "max_step": summary.high_step if finite else None,
        "attempt": summary.attempt,
    }
    if some and answer["last"] is None:
        answer["last_kind"] = _KINDS.get(summary.last, "nan")
    return answer
