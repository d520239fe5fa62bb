"""What somebody wants to know of curves, and the answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from livetrain.server.series import Series
from livetrain.server.store.buckets import Rows, bucketize
from livetrain.server.store.grid import Axis, Window, fit_width
from livetrain.server.store.sketch import sketch

__all__ = ["Buckets", "Curve", "Question", "Stat", "answer"]

Stat = Literal["points", "buckets"]


@dataclass(frozen=True, slots=True)
class Question:
    """Which points, and how.

    Attributes:
        window: which part of the axis.
        points: how many points or buckets a curve may have at most; None: every point.
        stat: real points, or what is known of the points of stretches of equal extent.
    """

    window: Window = field(default_factory=Window)
    points: int | None = None
    stat: Stat = "points"


@dataclass(frozen=True, slots=True)
class Curve:
    """Real points of a curve, ascending on the axis.

    Attributes:
        series: the points.
        total: how many there are in the window without thinning.
    """

    series: Series
    total: int


@dataclass(frozen=True, slots=True)
class Buckets:
    """What is known of the points of a curve in stretches of equal extent.

    Attributes:
        rows: a bucket for each stretch that has points, ascending.
        axis: what the stretches are of.
        width: of a stretch, in steps or in microseconds.
        total: how many points there are in the window, those that are not finite too.
    """

    rows: Rows
    axis: Axis
    width: int
    total: int


def answer(series: Series, question: Question) -> Curve | Buckets:
    """Return what was asked of the points of one curve, given in the order in which they were logged."""
    axis = question.window.axis
    series = cut(series, question.window)
    total = len(series)
    if question.stat == "points" and (question.points is None or total <= question.points):
        return Curve(series.by_step() if axis == "step" else series.by_time(), total)
    points = question.points or 1
    keys = series.steps if axis == "step" else series.times_us
    first, last = question.window.first, question.window.last
    if total:
        first = int(keys.min()) if first is None else first
        last = int(keys.max()) if last is None else last
    width = fit_width(axis, first or 0, last or 0, points)
    rows = bucketize(series, axis, width)
    if question.stat == "buckets":
        return Buckets(rows, axis, width, total)
    return Curve(sketch(rows, axis, width, points), total)


def cut(series: Series, window: Window) -> Series:
    """Return the points within a window."""
    if window.whole:
        return series
    keys = series.steps if window.axis == "step" else series.times_us
    keep = keys == keys
    if window.first is not None:
        keep &= keys >= window.first
    if window.last is not None:
        keep &= keys <= window.last
    return series.take(keep)
