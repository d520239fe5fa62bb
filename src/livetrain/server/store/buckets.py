"""What is known of the points of a stretch without the points: buckets, and buckets made of buckets. Pure.

Merging is associative, and the sum of a stretch keeps a rest beside it, so that a bucket has the same numbers whether it is made
of points, of buckets, or of both, and however the points lie in the store.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from livetrain.server.series import Floats, Ints, Series
from livetrain.server.store.grid import Axis

__all__ = ["BUCKET", "Rows", "bucketize", "bucketize_each", "means", "merge", "reslot"]

Rows = npt.NDArray[np.void]
"""Buckets: an array of :data:`BUCKET`."""

BUCKET: Final = np.dtype(
    [
        ("slot", "<i8"),  # it covers slot * width up to, without, (slot + 1) * width
        ("count", "<i8"),  # points that are finite; the next fourteen are of these alone
        ("sum", "<f8"),  # infinite: it has no room; `rest` is then the mean
        ("rest", "<f8"),  # what `sum` lacks
        *((f"low{part}", kind) for part, kind in (("", "<f8"), ("_step", "<i8"), ("_us", "<i8"))),
        *((f"high{part}", kind) for part, kind in (("", "<f8"), ("_step", "<i8"), ("_us", "<i8"))),
        *((f"first{part}", kind) for part, kind in (("", "<f8"), ("_step", "<i8"), ("_us", "<i8"))),
        *((f"last{part}", kind) for part, kind in (("", "<f8"), ("_step", "<i8"), ("_us", "<i8"))),
        ("odd", "<i8"),  # points that are not finite; the next six are of these alone
        *((f"odd_first{part}", k) for part, k in (("", "<f8"), ("_step", "<i8"), ("_us", "<i8"))),
        *(
            (f"odd_last{part}", kind)
            for part, kind in (("", "<f8"), ("_step", "<i8"), ("_us", "<i8"))
        ),
    ]
)

_HIGHEST: Final = np.iinfo(np.int64).max
_LOWEST: Final = np.iinfo(np.int64).min
_HUGE: Final = 2.0**900
"""From here on sums of many numbers could have no room."""

_Places = npt.NDArray[np.intp]


def _blank(count: int) -> Rows:
    """Return buckets without points: merged with another, they change nothing."""
    rows = np.zeros(count, BUCKET)
    rows["low"], rows["high"] = np.inf, -np.inf
    for name in ("low", "high", "first", "odd_first"):
        rows[f"{name}_step"] = rows[f"{name}_us"] = _HIGHEST
    for name in ("last", "odd_last"):
        rows[f"{name}_step"] = rows[f"{name}_us"] = _LOWEST
    return rows


def bucketize(series: Series, axis: Axis, width: int) -> Rows:
    """Return the buckets of points, ascending by slot; stretches without points have none.

    Args:
        series: in the order in which the points were logged.
        axis: what they are ordered by.
        width: of a stretch, in steps or in microseconds.
    """
    series = series.by_step() if axis == "step" else series.by_time()
    return _bucketize(series, (series.steps if axis == "step" else series.times_us) // width, axis)


def bucketize_each(series: Series, groups: Ints, axis: Axis) -> Rows:
    """Return one bucket for all points of each group, ascending by group, whose number is its slot.

    Args:
        series: the points of several curves, of each in the order in which they were logged.
        groups: which curve each point is of.
        axis: what the points are ordered by.
    """
    order = np.lexsort((series.steps if axis == "step" else series.times_us, groups))
    return _bucketize(series.take(order), groups[order], axis)


def _bucketize(series: Series, slots: Ints, axis: Axis) -> Rows:
    if not len(series):
        return _blank(0)
    finite = np.isfinite(series.values)
    if bool(finite.all()):
        return _of_finite(series, slots)
    rows = _of_odd(series.take(~finite), slots[~finite])
    if not bool(finite.any()):
        return rows
    return merge(np.concatenate([_of_finite(series.take(finite), slots[finite]), rows]), axis)


def _bounds(slots: Ints) -> tuple[_Places, _Places]:
    """Return the places of the first and the last point of each slot."""
    starts = np.concatenate([[0], np.flatnonzero(slots[1:] != slots[:-1]) + 1])
    return starts, np.append(starts[1:], len(slots)) - 1


def _put(rows: Rows, name: str, series: Series, places: _Places) -> None:
    rows[name] = series.values[places]
    rows[f"{name}_step"] = series.steps[places]
    rows[f"{name}_us"] = series.times_us[places]


def _of_finite(series: Series, slots: Ints) -> Rows:
    starts, ends = _bounds(slots)
    rows = _blank(len(starts))
    rows["slot"], rows["count"] = slots[starts], ends - starts + 1
    rows["sum"], rows["rest"] = _sums(series.values, starts, ends - starts + 1)
    group = np.repeat(np.arange(len(starts)), rows["count"])
    places = np.arange(len(series))
    for name, extreme in (("low", np.minimum), ("high", np.maximum)):
        best = extreme.reduceat(series.values, starts)
        chosen = np.where(series.values == best[group], places, len(series))
        _put(rows, name, series, np.minimum.reduceat(chosen, starts))
    _put(rows, "first", series, starts)
    _put(rows, "last", series, ends)
    return rows


def _of_odd(series: Series, slots: Ints) -> Rows:
    starts, ends = _bounds(slots)
    rows = _blank(len(starts))
    rows["slot"], rows["odd"] = slots[starts], ends - starts + 1
    _put(rows, "odd_first", series, starts)
    _put(rows, "odd_last", series, ends)
    return rows


def _sums(values: Floats, starts: _Places, sizes: _Places) -> tuple[Floats, Floats]:
    sums, rests = _add_up(values, starts, sizes)
    huge = np.maximum.reduceat(np.abs(values), starts) >= _HUGE
    if bool(huge.any()):
        shares = np.add.reduceat(values / np.repeat(sizes, sizes), starts)
        sums, rests = np.where(huge, np.inf, sums), np.where(huge, shares, rests)
    return sums, rests


def _add_up(values: Floats, starts: _Places, sizes: _Places) -> tuple[Floats, Floats]:
    """Return the sum of each group, and what it lacks for want of bits.

    Each number is split at one bit that is high enough for its group: the upper parts add up without an error, the lower ones
    with one that is some 2**-80 of the largest number. Rounded, the sum then does not depend on the order.
    """
    peak = np.maximum.reduceat(np.abs(values), starts)
    exponent = np.frexp(peak)[1] + np.frexp(sizes.astype(np.float64))[1] + 1
    with np.errstate(over="ignore", invalid="ignore"):
        step = np.repeat(np.ldexp(1.5, exponent), sizes)
        upper = (step + values) - step
        return _settle(np.add.reduceat(upper, starts), np.add.reduceat(values - upper, starts))


def _settle(sums: Floats, rests: Floats) -> tuple[Floats, Floats]:
    """Return the same sum with as much of it as possible in the first number."""
    rounded = sums + rests
    return rounded + 0.0, rests - (rounded - sums) + 0.0  # no zero has a sign


def reslot(rows: Rows, factor: int) -> Rows:
    """Return buckets with the slots of a grid that is so many times as wide; :func:`merge` makes one of those of one slot."""
    if factor == 1:
        return rows
    rows = rows.copy()
    rows["slot"] //= factor
    return rows


def merge(rows: Rows, axis: Axis) -> Rows:
    """Return one bucket a slot, ascending by slot.

    Args:
        rows: in any order of their slots; of points of one step, or one moment, those in the earlier row were logged earlier.
        axis: what points are ordered by.
    """
    slots = rows["slot"]
    if len(rows) < 2 or bool(np.all(slots[1:] > slots[:-1])):
        return rows
    if not bool(np.all(slots[1:] >= slots[:-1])):
        rows = rows[np.argsort(slots, kind="stable")]
        slots = rows["slot"]
    starts = np.concatenate([[0], np.flatnonzero(slots[1:] != slots[:-1]) + 1])
    sizes = np.diff(starts, append=len(rows))
    if len(starts) == len(rows):
        return rows
    group = np.repeat(np.arange(len(starts)), sizes)
    merged = _blank(len(starts))
    merged["slot"] = slots[starts]
    merged["count"] = np.add.reduceat(rows["count"], starts)
    merged["odd"] = np.add.reduceat(rows["odd"], starts)
    merged["sum"], merged["rest"] = _merge_sums(rows, merged["count"], starts, sizes, group)
    key = "_step" if axis == "step" else "_us"
    for name, extreme in (("low", np.minimum), ("high", np.maximum)):
        best = extreme.reduceat(rows[name], starts)
        keys = np.where(rows[name] == best[group], rows[name + key], _HIGHEST)
        _take(merged, rows, name, _earliest(keys, starts, group))
    for name in ("first", "odd_first"):
        _take(merged, rows, name, _earliest(rows[name + key], starts, group))
    for name in ("last", "odd_last"):
        _take(merged, rows, name, _latest(rows[name + key], starts, group))
    return merged


def _take(merged: Rows, rows: Rows, name: str, places: _Places) -> None:
    for field in (name, f"{name}_step", f"{name}_us"):
        merged[field] = rows[field][places]


def _earliest(keys: Ints, starts: _Places, group: _Places) -> _Places:
    best = np.minimum.reduceat(keys, starts)
    places = np.where(keys == best[group], np.arange(len(keys)), len(keys))
    found: _Places = np.minimum.reduceat(places, starts)
    return found


def _latest(keys: Ints, starts: _Places, group: _Places) -> _Places:
    best = np.maximum.reduceat(keys, starts)
    places = np.where(keys == best[group], np.arange(len(keys)), -1)
    found: _Places = np.maximum.reduceat(places, starts)
    return found


def _merge_sums(
    rows: Rows, counts: Ints, starts: _Places, sizes: _Places, group: _Places
) -> tuple[Floats, Floats]:
    roomless = np.isinf(rows["sum"])
    if not bool(roomless.any()):
        sums, rests = _add_up(rows["sum"], starts, sizes)
        return _settle(sums, rests + np.add.reduceat(rows["rest"], starts))
    sums, rests = _add_up(np.where(roomless, 0.0, rows["sum"]), starts, sizes)
    sums, rests = _settle(
        sums, rests + np.add.reduceat(np.where(roomless, 0.0, rows["rest"]), starts)
    )
    shares = means(rows) * (rows["count"] / np.maximum(counts, 1)[group])
    whole = np.add.reduceat(np.where(rows["count"] > 0, shares, 0.0), starts)
    any_roomless = np.logical_or.reduceat(roomless, starts)
    return np.where(any_roomless, np.inf, sums), np.where(any_roomless, whole, rests)


def means(rows: Rows) -> Floats:
    """Return the mean of the finite points of each bucket; NaN where it has none."""
    counts: Any = rows["count"]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.where(np.isinf(rows["sum"]), rows["rest"], rows["sum"] / counts)
        found = np.clip(found, rows["low"], rows["high"])
    return np.where(counts > 0, found, np.nan)
