"""A curve thinned to real points that draw the same: of each stretch the first, the lowest, the highest and the last. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from livetrain.server.series import Series
from livetrain.server.store.buckets import Rows, merge, reslot
from livetrain.server.store.grid import Axis, coarser

__all__ = ["LEAST_POINTS", "sketch"]

LEAST_POINTS: Final = 5
"""Fewer points than these cannot be asked for: both ends, two extremes, and one that is not finite."""

_ODD_SHARE: Final = 4
"""Points that are not finite are few and telling: one in so many is kept for them, spread evenly."""


def sketch(rows: Rows, axis: Axis, width: int, points: int) -> Series:
    """Return at most ``points`` points of a curve, ascending on the axis, as many as buckets of equal extent give.

    The first and the last point are among them, the lowest, the highest, and the first that is not finite.

    Args:
        rows: the curve's buckets, ascending by slot.
        axis: what the points are ordered by.
        width: of these buckets.
        points: how many are wanted; it counts as :data:`LEAST_POINTS` at least.
    """
    points = max(points, LEAST_POINTS)
    base, base_width = rows, width
    while True:
        chosen = _chosen(rows, axis, points)
        if len(chosen) <= points:
            return chosen
        wider = coarser(axis, width)
        if wider is None or len(rows) == 1:
            return _ends_and_extremes(merge(_as_one(rows), axis), axis)
        if wider % base_width:
            base, base_width = rows, width
        rows, width = merge(reslot(base, wider // base_width), axis), wider


def _ends_and_extremes(row: Rows, axis: Axis) -> Series:
    """Return of one bucket the first and the last point, the extremes, and the first that is not finite."""
    key = "_step" if axis == "step" else "_us"
    parts = [_part(row, name) for name in ("low", "high") if row["count"][0]]
    parts += [_part(row, "odd_first")] if row["odd"][0] else []
    begins_odd = row["odd_first" + key][0] < row["first" + key][0]
    ends_odd = row["odd_last" + key][0] > row["last" + key][0]
    parts.append(_part(row, "odd_first" if begins_odd else "first"))
    parts.append(_part(row, "odd_last" if ends_odd else "last"))
    return _distinct(Series.join(parts), axis)


def _as_one(rows: Rows) -> Rows:
    rows = rows.copy()
    rows["slot"] = 0
    return rows


def _chosen(rows: Rows, axis: Axis, points: int) -> Series:
    finite, odd = rows[rows["count"] > 0], rows[rows["odd"] > 0]
    room = points // _ODD_SHARE
    odd_places = np.arange(len(odd))
    if len(odd) > room:
        odd_places = np.unique(np.linspace(0, len(odd) - 1, max(1, room)).astype(np.intp))
    parts = [_part(finite, name) for name in ("first", "low", "high", "last")]
    parts.append(_part(odd[odd_places], "odd_first"))
    if len(odd):
        parts += _ends(finite, odd, axis)
    return _distinct(Series.join(parts), axis)


def _ends(finite: Rows, odd: Rows, axis: Axis) -> list[Series]:
    """Return the first and the last point of all where these are not finite."""
    key = "_step" if axis == "step" else "_us"
    ends = []
    if not len(finite) or odd["odd_first" + key][0] < finite["first" + key][0]:
        ends.append(_part(odd[:1], "odd_first"))
    if not len(finite) or odd["odd_last" + key][-1] > finite["last" + key][-1]:
        ends.append(_part(odd[-1:], "odd_last"))
    return ends


def _part(rows: Rows, name: str) -> Series:
    return Series(
        rows[f"{name}_step"].astype(np.int64),
        rows[name].astype(np.float64),
        rows[f"{name}_us"].astype(np.int64),
    )


def _distinct(series: Series, axis: Axis) -> Series:
    """Return points by ascending step or time, each once."""
    bits: npt.NDArray[np.int64] = series.values.view(np.int64)
    minor, major = series.times_us, series.steps
    if axis == "time":
        minor, major = major, minor
    order = np.lexsort((bits, minor, major))
    series = series.take(order)
    bits = bits[order]
    fresh = np.ones(len(series), np.bool_)
    fresh[1:] = (
        (series.steps[1:] != series.steps[:-1])
        | (series.times_us[1:] != series.times_us[:-1])
        | (bits[1:] != bits[:-1])
    )
    return series.take(fresh)
