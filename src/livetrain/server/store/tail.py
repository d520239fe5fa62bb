"""The points of consecutive records in memory, by curve: what is in no chunk yet. No I/O."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from livetrain.server.series import Floats, Ints, Series

__all__ = ["Gatherer", "TailBlock"]


@dataclass(frozen=True, slots=True)
class TailBlock:
    """Points of the records after one offset up to and including another.

    Attributes:
        after: the offset of the last record before it.
        last: the offset of its last record.
        curves: for each stream, by its key in the store, the place of each of its curves by name.
        bounds: where the points of each place begin; one more than there are places.
        steps, values, times_us: the points, place by place, within one in the order in which they were logged.
        offsets: of the record of each point.
    """

    after: int
    last: int
    curves: dict[int, dict[str, int]]
    bounds: Ints
    steps: Ints
    values: Floats
    times_us: Ints
    offsets: Ints
    _recalled: dict[int, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        return 32 * len(self.steps) + 200 * sum(map(len, self.curves.values()))

    def series(
        self, stream: int, name: str, *, after: int = 0, last: int | None = None
    ) -> Series | None:
        """Return the points of a curve from records after one offset, up to and including another; None: there are none."""
        place = self.curves.get(stream, {}).get(name)
        if place is None:
            return None
        start, end = int(self.bounds[place]), int(self.bounds[place + 1])
        offsets = self.offsets[start:end]
        if after > self.after:
            start += int(np.searchsorted(offsets, after, side="right"))
        if last is not None and last < self.last:
            end = int(self.bounds[place]) + int(np.searchsorted(offsets, last, side="right"))
        if start >= end:
            return None
        part = slice(start, end)
        return Series(self.steps[part], self.values[part], self.times_us[part])

    def names(self) -> Iterator[str]:
        """Yield the name of each curve; one that several streams have comes several times."""
        for places in self.curves.values():
            yield from places

    def recall(self, version: int, find: Callable[[set[str]], frozenset[str]]) -> frozenset[str]:
        """Return what was found of its names, found once for a version of what they are looked up in."""
        found = self._recalled.get(version)
        if found is None:
            found = find(set(self.names()))
            self._recalled.clear()
            self._recalled[version] = found
        return found

    @staticmethod
    def join(blocks: Sequence[TailBlock]) -> TailBlock:
        """Return blocks that follow each other as one."""
        if len(blocks) == 1:
            return blocks[0]
        gatherer = Gatherer(blocks[0].after)
        for block in blocks:
            gatherer.take(block)
        return gatherer.finish(blocks[-1].last)


class Gatherer:
    """Gathers the points of records into a block; :meth:`begin` is called before each record.

    Args:
        after: the offset of the last record before the first one.
    """

    def __init__(self, after: int) -> None:
        self._after = after
        self._offset = after
        self._curves: dict[int, dict[str, int]] = {}
        self._places: dict[str, int] = {}
        self._count = 0
        # Arrays, not lists: a number in a list takes four times the memory, and several threads may gather at once.
        self._place, self._value = array("q"), array("d")
        self._rows: list[tuple[int, int, int, int]] = []  # points, step, time and offset of each
        self._parts: list[tuple[Ints, Ints, Floats, Ints, Ints]] = []

    def begin(self, stream: int, offset: int) -> None:
        """Say whose record the points that follow are of."""
        self._offset = offset
        self._places = self._curves.setdefault(stream, {})

    def put_row(
        self, names: Sequence[str], step: int, values: Sequence[float], time_us: int
    ) -> None:
        """Add points of one moment."""
        found = self._all_placed(names)
        self._place.extend(found)
        self._value.extend(values)
        self._rows.append((len(found), step, time_us, self._offset))

    def put_columns(self, names: Sequence[str], sizes: Sequence[int], series: Series) -> None:
        """Add points of several curves."""
        self._flush()
        placed = np.repeat(np.array(self._all_placed(names), np.int64), sizes)
        at = np.full(len(series), self._offset, np.int64)
        self._parts.append((placed, series.steps, series.values, series.times_us, at))

    def take(self, block: TailBlock) -> None:
        """Add the points of a block that follows what is here."""
        self._flush()
        placed = np.empty(len(block.bounds) - 1, np.int64)
        for stream, places in block.curves.items():
            self.begin(stream, block.last)
            for name, place in places.items():
                placed[place] = self._placed(name)
        repeated = np.repeat(placed, np.diff(block.bounds))
        self._parts.append((repeated, block.steps, block.values, block.times_us, block.offsets))

    def finish(self, last: int) -> TailBlock:
        """Return the block; ``last`` is the offset of the last record, though it may have had no points."""
        self._flush()
        columns = [np.concatenate(column) for column in zip(*self._parts, strict=True)]
        place, steps, values, times_us, offsets = columns or [
            np.empty(0, kind) for kind in (np.int64, np.int64, np.float64, np.int64, np.int64)
        ]
        order = np.argsort(place, kind="stable")
        sizes = np.bincount(place, minlength=self._count)
        return TailBlock(
            after=self._after,
            last=last,
            curves={stream: places for stream, places in self._curves.items() if places},
            bounds=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            steps=steps[order],
            values=values[order],
            times_us=times_us[order],
            offsets=offsets[order],
        )

    def _all_placed(self, names: Sequence[str]) -> list[int]:
        places = self._places
        try:
            return [places[name] for name in names]
        except KeyError:
            return [self._placed(name) for name in names]

    def _placed(self, name: str) -> int:
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = self._count
            self._count += 1
        return place

    def _flush(self) -> None:
        if not self._rows:
            return
        sizes, steps, times_us, offsets = np.array(self._rows, np.int64).T
        self._parts.append(
            (
                np.array(self._place, np.int64),
                np.repeat(steps, sizes),
                np.array(self._value, np.float64),
                np.repeat(times_us, sizes),
                np.repeat(offsets, sizes),
            )
        )
        self._place, self._value = array("q"), array("d")
        self._rows = []
