"""Answers questions about curves from chunks, their levels and the tail, each where it is enough.

Chunks that lie inside the window are answered from the coarsest of their summary, their level and their points that is fine enough
for the stretches asked for; those that a bound of the window, or the first step of a later start, cuts are read as points.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from livetrain.server.series import Series
from livetrain.server.store.buckets import Rows, bucketize, merge
from livetrain.server.store.chunk import summary_row
from livetrain.server.store.grid import Axis, Window, fit_width
from livetrain.server.store.packing import CorruptError
from livetrain.server.store.parts import load_levels, load_points
from livetrain.server.store.question import Buckets, Curve, Lost, Question
from livetrain.server.store.scene import ChunkRow, Metric, Scene, chunk_rows, find_metrics
from livetrain.server.store.sketch import sketch

__all__ = ["read_curves"]

_POINTS_AT_ONCE: Final = 1 << 18
"""So many points are in memory before they become buckets."""
_LEVELS_AT_ONCE: Final = 1000
"""So many levels, of some 80 buckets each."""
_ROWS_AT_ONCE: Final = 1 << 18
"""So many buckets, before those of one stretch become one."""


def read_curves(
    connection: Connection, scene: Scene, names: Sequence[str], question: Question
) -> dict[str, Curve | Buckets]:
    """Return curves by name; one that the run does not have has no points."""
    metrics = find_metrics(connection, scene.run_key, names)
    window = question.window
    chunks = chunk_rows(
        connection,
        [metric.key for metric in metrics.values()],
        axis=window.axis,
        first=window.first,
        last=window.last,
    )
    found: dict[str, Curve | Buckets] = {}
    for name in names:
        metric = metrics.get(name)
        rows = chunks[metric.key] if metric is not None else []
        curve = _Asked(connection, scene, name, metric, rows, question).answer()
        found[name] = replace(curve, offset=scene.last)
    return found


class _Asked:
    """One curve that is asked for.

    Its sources, chunks and pieces of the tail, are numbered in the order in which their points were logged: of points of one step
    the later one is the last.
    """

    def __init__(
        self,
        connection: Connection,
        scene: Scene,
        name: str,
        metric: Metric | None,
        chunks: Sequence[ChunkRow],
        question: Question,
    ) -> None:
        self._connection = connection
        self._question = question
        self._axis: Axis = question.window.axis
        self._lost: list[Lost] = []
        self._inside: dict[int, ChunkRow] = {}
        self._loose: dict[int, Series] = {}
        self._collect(scene, name, metric, chunks)

    def _collect(
        self, scene: Scene, name: str, metric: Metric | None, chunks: Sequence[ChunkRow]
    ) -> None:
        """Number the sources, and read the points of those that are cut."""
        lineage = scene.lineage
        tail: dict[int, list[Series]] = {}
        for stream, series in scene.tail(name, metric.sealed_offset if metric is not None else 0):
            tail.setdefault(stream, []).append(series)
        by_stream: dict[int, list[ChunkRow]] = {}
        for chunk in chunks:
            by_stream.setdefault(chunk.stream_key, []).append(chunk)
        streams = sorted({*tail, *by_stream}, key=lambda s: (lineage.attempt_of(s), s))
        number, cut = 0, dict[int, tuple[ChunkRow, int | None]]()
        for stream in streams:
            if self._question.attempt is None:
                end = lineage.end_of(stream, name)
            elif self._question.attempt == lineage.attempt_of(stream):
                end = None
            else:
                continue
            for chunk in by_stream.get(stream, ()):
                if end is not None and chunk.first_step >= end:
                    continue
                if self._is_inside(chunk, end):
                    self._inside[number] = chunk
                else:
                    cut[number] = chunk, end
                number += 1
            for series in tail.get(stream, ()):
                self._put_loose(number, series, end)
                number += 1
        numbers = list(cut)
        read = load_points(self._connection, [chunk for chunk, _ in cut.values()])
        for number, (chunk, points) in zip(numbers, read, strict=True):
            if points is None:
                self._note_lost(chunk)
            else:
                self._put_loose(number, points, cut[number][1])

    def _is_inside(self, chunk: ChunkRow, end: int | None) -> bool:
        """Return whether every point of a chunk is asked for, as far as that is known without them."""
        window = self._question.window
        if end is not None and chunk.last_step >= end:
            return False
        if self._axis == "step":
            return window.covers(chunk.first_step, chunk.last_step)
        return chunk.version > 1 and window.covers(chunk.first_us, chunk.last_us)

    def _put_loose(self, number: int, series: Series, end: int | None) -> None:
        window = self._question.window
        if end is not None:
            series = series.between(None, end - 1)
        series = _cut(series, window)
        if len(series):
            self._loose[number] = series

    def _note_lost(self, chunk: ChunkRow) -> None:
        self._lost.append(Lost(chunk.first_step, chunk.last_step, chunk.points))

    def answer(self) -> Curve | Buckets:
        """Return what was asked."""
        question, axis = self._question, self._axis
        total = sum(chunk.points for chunk in self._inside.values())
        total += sum(map(len, self._loose.values()))
        if question.stat == "points" and (question.points is None or total <= question.points):
            series = self._raw()
            series = series.by_step() if axis == "step" else series.by_time()
            return Curve(series, len(series), tuple(self._lost))
        points = question.points or 1
        width = fit_width(axis, *self._extent(), points)
        rows = self._rows(width)
        total = int(rows["count"].sum() + rows["odd"].sum())
        if question.stat == "buckets":
            return Buckets(rows, axis, width, total, tuple(self._lost))
        return Curve(sketch(rows, axis, width, points), total, tuple(self._lost))

    def _raw(self) -> Series:
        found = dict(self._loose)
        for number, series in self._points_of(self._inside):
            found[number] = series
        return Series.join([found[number] for number in sorted(found)])

    def _points_of(self, chunks: dict[int, ChunkRow]) -> Iterator[tuple[int, Series]]:
        read = load_points(self._connection, list(chunks.values()))
        for number, (chunk, points) in zip(chunks, read, strict=True):
            if points is None:
                self._note_lost(chunk)
            else:
                yield number, points

    def _extent(self) -> tuple[int, int]:
        """Return the first and the last place on the axis of what is answered.

        The width of stretches depends on the window alone where it has bounds; thinned points are as fine as the points allow.
        """
        window, by_step = self._question.window, self._axis == "step"
        firsts, lasts = [], []
        for chunk in self._inside.values():
            firsts.append(chunk.first_step if by_step else chunk.first_us)
            lasts.append(chunk.last_step if by_step else chunk.last_us)
        for series in self._loose.values():
            keys = series.steps if by_step else series.times_us
            firsts.append(int(keys.min()))
            lasts.append(int(keys.max()))
        first, last = min(firsts, default=0), max(lasts, default=0)
        if self._question.stat == "buckets":
            first = first if window.first is None else window.first
            last = last if window.last is None else window.last
        return first, max(first, last)

    def _rows(self, width: int) -> Rows:
        """Return the buckets of all sources."""
        fold = _Fold(self._axis)
        levelled, raw = self._put_summaries(fold, width)
        if levelled:
            raw |= self._put_levels(fold, levelled, width)
        for number, series in self._loose.items():
            fold.put(bucketize(series, self._axis, width), number)
        points = self._points_of({number: raw[number] for number in sorted(raw)})
        for number, series in _joined(points):
            fold.put(bucketize(series, self._axis, width), number)
        return fold.finish()

    def _put_summaries(
        self, fold: _Fold, width: int
    ) -> tuple[dict[int, ChunkRow], dict[int, ChunkRow]]:
        """Put in the chunks that lie in one stretch each; return those that need their level, and those that need their points."""
        by_step = self._axis == "step"
        levelled: dict[int, ChunkRow] = {}
        raw: dict[int, ChunkRow] = {}
        numbers, slots, found = [], [], []
        for number, chunk in self._inside.items():
            first, last, level = (
                (chunk.first_step, chunk.last_step, chunk.step_width)
                if by_step
                else (chunk.first_us, chunk.last_us, chunk.time_width)
            )
            if first // width == last // width and chunk.summary is not None:
                try:
                    found.append(summary_row(chunk.summary, self._axis))
                    numbers.append(number)
                    slots.append(first // width)
                    continue
                except CorruptError:
                    level = 0
            if level and width % level == 0:
                levelled[number] = chunk
            else:
                raw[number] = chunk
        if found:
            rows = np.concatenate(found)
            rows["slot"] = slots
            fold.put(rows, np.array(numbers, np.intp))
        return levelled, raw

    def _put_levels(
        self, fold: _Fold, levelled: dict[int, ChunkRow], width: int
    ) -> dict[int, ChunkRow]:
        """Put in the levels of chunks, and return the chunks whose level is damaged."""
        by_step = self._axis == "step"
        bad: dict[int, ChunkRow] = {}
        listed = list(levelled.items())
        for start in range(0, len(listed), _LEVELS_AT_ONCE):
            chunks = [chunk for _, chunk in listed[start : start + _LEVELS_AT_ONCE]]
            numbers = np.array([n for n, _ in listed[start : start + _LEVELS_AT_ONCE]], np.intp)
            rows, of, damaged = load_levels(self._connection, chunks, self._axis)
            widths = np.array([c.step_width if by_step else c.time_width for c in chunks])
            rows["slot"] = rows["slot"] * widths[of] // width
            fold.put(rows, numbers[of])
            bad |= {int(numbers[at]): chunks[at] for at in damaged}
        return bad


class _Fold:
    """Gathers buckets, each with the number of its source."""

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        self._rows: list[Rows] = [bucketize(Series.empty(), axis, 1)]
        self._numbers: list[npt.NDArray[np.intp]] = [np.empty(0, np.intp)]
        self._fresh = 0

    def put(self, rows: Rows, numbers: npt.NDArray[np.intp] | int) -> None:
        """Add buckets of one source, or of one each."""
        self._rows.append(rows)
        self._numbers.append(np.broadcast_to(np.array(numbers, np.intp), rows.shape))
        self._fresh += len(rows)
        if self._fresh > _ROWS_AT_ONCE:
            merged = self.finish()
            self._rows, self._numbers = [merged], [np.zeros(len(merged), np.intp)]
            self._fresh = 0

    def finish(self) -> Rows:
        """Return one bucket for each stretch that has points."""
        numbers = np.concatenate(self._numbers)
        rows = self._rows[-1] if len(self._rows[-1]) == len(numbers) else np.concatenate(self._rows)
        if not bool(np.all(numbers[1:] >= numbers[:-1])):
            rows = rows[np.argsort(numbers, kind="stable")]
        return merge(rows, self._axis)


def _joined(points: Iterable[tuple[int, Series]]) -> Iterator[tuple[int, Series]]:
    """Yield the points of sources that follow each other together, as many as may be in memory."""
    waiting: list[Series] = []
    began = after = count = 0
    for number, series in points:
        if waiting and (number != after or count + len(series) > _POINTS_AT_ONCE):
            yield began, Series.join(waiting)
            waiting, count = [], 0
        if not waiting:
            began = number
        waiting.append(series)
        count += len(series)
        after = number + 1
    if waiting:
        yield began, Series.join(waiting)


def _cut(series: Series, window: Window) -> Series:
    """Return the points within a window."""
    if window.whole:
        return series
    keys = series.steps if window.axis == "step" else series.times_us
    keep = np.ones(len(series), np.bool_)
    if window.first is not None:
        keep &= keys >= window.first
    if window.last is not None:
        keep &= keys <= window.last
    return series.take(keep)
