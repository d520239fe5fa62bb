"""Curves as JSON. NaN and infinity are no JSON: such a value is null, and stands in a list of its own. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from livetrain.server.series import Floats, Ints
from livetrain.server.store.buckets import Rows, means
from livetrain.server.store.question import Buckets, Curve

__all__ = ["curves_json"]

_KINDS = {math.inf: "inf", -math.inf: "-inf"}
_MICROSECOND = 1e6


def curves_json(run_id: str, curves: Mapping[str, Curve | Buckets]) -> bytes:
    """Return the answer to a question about curves."""
    metrics = {
        name: _buckets(curve) if isinstance(curve, Buckets) else _points(curve)
        for name, curve in curves.items()
    }
    answer = {"run_id": run_id, "metrics": metrics}
    return json.dumps(answer, allow_nan=False, separators=(",", ":")).encode()


def _points(curve: Curve) -> dict[str, Any]:
    series = curve.series
    steps, values = series.steps.tolist(), series.values.tolist()
    answer: dict[str, Any] = {
        "steps": steps,
        "values": values,
        "times": _seconds(series.times_us),
        "total_points": curve.total,
    }
    odd = np.flatnonzero(~np.isfinite(series.values)).tolist()
    if odd:
        answer["nonfinite"] = [
            {"step": steps[at], "kind": _KINDS.get(values[at], "nan")} for at in odd
        ]
        for at in odd:
            values[at] = None
    return answer


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
