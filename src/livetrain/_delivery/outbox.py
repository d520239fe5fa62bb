"""What the training thread hands over and the stream's thread takes: bounded, never waiting, counted.

*Critical* records are always taken in. *Durable* ones and *points* of curves too, up to the bounds in count and bytes; past
them the oldest make room and are counted, for the training must not wait and memory must not grow. Numbers stand in line as rows
of tables, which take a twentieth of a record's memory. *Conflated* records are kept one a key, the newest. Images are no lane of
their own: a batch's record stands in line from the moment of the call, and waits there for its picture.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from livetrain._bell import Bell
from livetrain._delivery.line import (
    BatchRecord,
    Droppable,
    FramedRecord,
    Gap,
    Lane,
    Mark,
    Record,
    SmallRecord,
)
from livetrain._delivery.rows import BatchShape, Shape, Table
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Outbox", "Taken"]

Taken = Record | Mark | Table | Gap

_URGENT = frozenset({Lane.CRITICAL, Lane.ANSWER})
_SHAPES = 256
_SHAPE_NAMES = 1 << 20
"""How many shapes of rows are remembered, and names in them."""
_GROUP_TABLES = 64
_BATCH = "batches"
"""The key of the group's table of batches."""
_TAKEN = 2_048
"""How many records are taken together at most, so that those who log see that the stream's thread is at work."""
_PACE_SECONDS = 0.0002
"""That a loop is held up by each record that it logs much faster than they can be taken; else memory would run out."""
_AT_WORK_SECONDS = 0.5
"""The stream's thread is at work if it took something so lately: a training does not wait for one that waits for a disk."""
_clock = time.perf_counter_ns
_PLAIN = frozenset({float, int, np.float64, np.float32, np.int64, np.int32})
"""Types of numbers that are packed as they are: none of their values is anything but a number."""


class Outbox:
    """The line between the training thread and the stream's thread.

    Args:
        max_records: how many records may stand in line.
        max_bytes: what they may hold together.
        max_picture_bytes: what the encoded pictures among them may hold.
        disk_is_slow: whether the stream's thread waits for a disk; called on any thread.

    Attributes:
        dropped: how many points and other records were left out, by reason.
        stripped: how many images went with them, by ``StripReason``.
        late_seconds: how long a record waits for its pictures.
        has_more: whether the last `take` left something that was ready.

    Example:
        >>> outbox = Outbox()
        >>> outbox.put_numbers(7, {"loss": 0.5}, epoch=0)
        >>> [table.count for table in outbox.take()]
        [1]
    """

    def __init__(
        self,
        max_records: int = 1 << 16,
        max_bytes: int = 16 << 20,
        max_picture_bytes: int = 16 << 20,
        disk_is_slow: Callable[[], bool] = lambda: False,
    ) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._max_picture_bytes = max_picture_bytes
        self._disk_is_slow = disk_is_slow
        # deque.append and popleft are atomic, so the training thread takes no lock that another thread could hold.
        self._line: deque[Record | Mark | Table] = deque()
        # What may be left out, in the order of the line. Entries that were taken meanwhile are passed over.
        self._droppable: deque[Droppable] = deque()
        # Both only grow. Two threads that add at once may lose one addition, which is mended whenever the line is empty.
        self._bytes_in = self._bytes_out = 0
        self._picture_bytes = 0
        self._pictures_lock = (
            threading.Lock()
        )  # encoder threads add, the stream's thread takes away
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._shape_names = 0
        # The tables at the end of the line, which rows are added to; by their shapes. Whatever is put behind them ends the group.
        self._group: dict[Shape | str, Table] = {}
        self._groups = 0
        self._left_out: Gap | None = None  # of what found no room at the end of the line
        self._took_at = -math.inf
        self._conflated: dict[str, Record] = {}
        self._conflated_at: dict[str, float] = {}
        self._bell = Bell()
        self._asleep = False
        self.dropped: Counter[str] = Counter()
        self.stripped: Counter[int] = Counter()
        self.late_seconds = 2.0
        self.has_more = False

    def __len__(self) -> int:
        return len(self._line)

    @property
    def calls(self) -> int:
        """How many calls of the user's stand in line, about."""
        try:
            return sum(item.count if isinstance(item, Table) else 1 for item in self._line)
        except RuntimeError:  # another thread put or took something meanwhile
            return len(self._line)

    @property
    def crowded(self) -> bool:
        """Whether so much waits that what comes should be made as small as it can be."""
        return self._bytes_in - self._bytes_out > self._max_bytes // 4

    def _pace(self) -> None:
        """Let the stream's thread catch up if half of the room is taken, as long as it takes something and waits for no disk."""
        crowd = self._bytes_in - self._bytes_out
        if 2 * crowd <= self._max_bytes or time.monotonic() - self._took_at >= _AT_WORK_SECONDS:
            return
        if not self._disk_is_slow():
            time.sleep(_PACE_SECONDS)

    # ------------------------------------------------------------ rows of numbers

    def shape_of(self, values: Mapping[Any, Any]) -> Shape | None:
        """Return the shape of named numbers for `put_row`, the quick way of `put_numbers`; any thread.

        None: these names were never handed over together as they stand, or one of the values is no plain number.
        """
        shape = self._shapes.get(tuple(values))
        if shape is None or not _PLAIN.issuperset(map(type, values.values())):
            return None
        return shape

    def put_row(self, shape: Shape, step: int, values: Iterable[float], epoch: int | None) -> bool:
        """Hand the values of a shape over; any thread, never waits.

        Args:
            shape: as `shape_of` gave it.
            step: of all of them, up to 2**63 - 1.
            values: in the order of its names.
            epoch: that they belong to; None: not said.

        Returns:
            False: one of them is a whole number that no double can hold; nothing was handed over.
        """
        try:
            row = shape.pack(step, _clock(), *values)
        except OverflowError:
            return False
        table = self._group.get(shape)
        if table is None or table.epoch != epoch or not table.add(row):
            self._add_to_new(shape, shape, row, step, epoch)
        else:
            self._bytes_in += len(row)
        return True

    def put_numbers(self, step: int, values: Mapping[str, float], epoch: int | None) -> None:
        """Hand named numbers over, any doubles; any thread, never waits.

        Args:
            step: of all of them, up to 2**63 - 1.
            values: by name.
            epoch: that they belong to; None: not said.
        """
        self.put_row(self._shape(tuple(values)), step, values.values(), epoch)

    def put_batch(
        self,
        step: int,
        names: tuple[str, ...],
        values: Iterable[float],
        epoch: int,
        index: int,
        batch: BatchShape,
    ) -> None:
        """Hand a batch over that goes without images; any thread, never waits.

        Args:
            step: its global step.
            names: ``loss``, ``accuracy`` or both.
            values: one for each.
            epoch: that it belongs to.
            index: its place within the epoch.
            batch: what else is said of it.
        """
        table = self._group.get(_BATCH)
        if (
            table is not None
            and table.next_batch == index
            and table.shape.names == names
            and table.epoch == epoch
            and table.batches == batch
        ):
            row = table.shape.pack(step, _clock(), *values)
            if table.add(row):
                table.next_batch = index + 1
                self._bytes_in += len(row)
                return
        shape = self._shape(names)
        row = shape.pack(step, _clock(), *values)
        self._add_to_new(_BATCH, shape, row, step, epoch, batch, index)

    def _shape(self, names: tuple[str, ...]) -> Shape:
        shape = self._shapes.get(names)
        if shape is None:
            self._shape_names += len(names)
            if len(self._shapes) >= _SHAPES or self._shape_names > _SHAPE_NAMES:
                self._shapes, self._shape_names = {}, len(names)  # names that change with each call
            shape = self._shapes[names] = Shape(names)
        return shape

    def _add_to_new(
        self,
        key: Shape | str,
        shape: Shape,
        row: bytes,
        step: int,
        epoch: int | None,
        batches: BatchShape | None = None,
        index: int = 0,
    ) -> None:
        """Put a table with one row at the end of the line."""
        group = self._group
        if group and not _fits(group, key, shape, epoch):
            group = self._new_group()
        table = Table(shape, self._groups, epoch, batches, index)
        table.add(row)
        table.next_batch += 1
        self._bytes_in += table.size
        self._make_room()
        if len(self._line) >= self._max_records:
            self._leave_out(Gap(len(shape.names), step, step))
            return
        # In line before it is in the group: who finds it there may count on it.
        self._line.append(table)
        self._droppable.append(table)
        group[key] = table
        if self._asleep and self.can_be_taken:
            self._bell.ring()
        self._pace()

    def _new_group(self) -> dict[Shape | str, Table]:
        self._groups += 1
        group: dict[Shape | str, Table] = {}
        self._group = group
        return group

    # ------------------------------------------------------------ other records

    def put(self, record: Record) -> bool:
        """Hand a record over; any thread, never waits. False: there is no room, and it is counted as left out."""
        self._bytes_in += record.size
        droppable = record.lane not in _URGENT
        if droppable and not (self._make_room() and len(self._line) < self._max_records):
            self._bytes_out += record.size
            records, step = (
                (record.records, record.step) if isinstance(record, SmallRecord) else (1, None)
            )
            self._leave_out(Gap(records, step, step))
            return False
        self._line.append(record)
        if self._group:
            self._new_group()  # rows that come now stand behind this record
        if droppable and isinstance(record, (SmallRecord, BatchRecord)):
            self._droppable.append(record)
        # While the stream's thread is at work it looks here some times a second by itself: waking it for each scalar
        # would cost the training more than the scalar does. A batch that waits for its pictures rings when it has them, for
        # all that stands behind it, too.
        if (self._asleep or record.lane in _URGENT) and self.can_be_taken:
            self._bell.ring()
        self._pace()
        return True

    def _make_room(self) -> bool:
        """Leave out the oldest that may be left out, until the rest keeps within the bounds; whether it does."""
        while self._bytes_in - self._bytes_out > self._max_bytes:
            try:
                record = self._droppable.popleft()
            except IndexError:
                return False
            freed = record.drop()
            if not freed:
                continue
            self._bytes_out += freed
            self.dropped["outbox_full"] += record.gap.records if record.gap is not None else 0
            if isinstance(record, BatchRecord):
                self.stripped[record.reason] += record.images
        return True

    def _leave_out(self, gap: Gap) -> None:
        """Count what found no room at the end of the line; its place is told with what is taken next."""
        self.dropped["outbox_full"] += gap.records
        before = self._left_out
        self._left_out = gap if before is None else Gap.over((before, gap))

    @property
    def can_be_taken(self) -> bool:
        """Whether `take` would return something; any thread."""
        try:
            return self._line[0].ready
        except IndexError:  # the stream's thread took the last one meanwhile
            return False

    def mark(self) -> Mark:
        """Put a mark behind everything that was put before; any thread."""
        mark = Mark()
        self._line.append(mark)
        if self._group:
            self._new_group()
        self._bell.ring()
        return mark

    def admit(self, picture_bytes: int) -> bool:
        """Say whether there is room for a batch's pictures; if so, it is taken. On encoder threads."""
        with self._pictures_lock:
            if self._picture_bytes + picture_bytes > self._max_picture_bytes:
                return False
            self._picture_bytes += picture_bytes
        return True

    def put_newest(self, key: str, record: Record) -> None:
        """Hand a conflated record over: it replaces the one of the same key that was not taken yet."""
        self._conflated[key] = record

    # ------------------------------------------------------------ the stream's thread

    def take(self, now_us: int = 0, most: int = _TAKEN) -> list[Taken]:
        """Take what is ready, in order, marks and gaps among it; the stream's thread.

        Args:
            now_us: the monotonic clock in microseconds; a batch that waited past `late_seconds` for its pictures goes without.
            most: how many records to take; if there are more, `has_more` says so.
        """
        taken: list[Taken] = []
        self._took_at = time.monotonic()
        self.has_more = False
        while self._line:
            record = self._line[0]
            if len(taken) >= most and not _are_one_group(taken[-1], record):
                self.has_more = True
                break
            if not record.ready:
                if (
                    not isinstance(record, FramedRecord)
                    or now_us - record.mono_us < self.late_seconds * 1e6
                ):
                    break
                record.strip(pb.STRIP_REASON_SUPERSEDED)
            self._line.popleft()
            if isinstance(record, (Table, SmallRecord, BatchRecord)) and not record.claim():
                if record.gap is not None:
                    taken.append(record.gap)
                continue
            taken.append(record)
            self._bytes_out += record.size
            if isinstance(record, FramedRecord) and record.pictures is not None:
                with self._pictures_lock:
                    self._picture_bytes -= record.pictures.size
        if self._left_out is not None and not self._line:
            gap, self._left_out = self._left_out, None
            taken.insert(_end_of_points(taken), gap)
        self._forget_taken()
        return taken

    def _forget_taken(self) -> None:
        if not self._line:
            self._bytes_out = self._bytes_in
        # Both threads take from here. At worst one record more than was meant can no longer be left out.
        with contextlib.suppress(IndexError):
            while self._droppable[0].taken:
                self._droppable.popleft()

    def take_newest(self, now: float, every: float) -> list[Record]:
        """Take the conflated records of each key of which none was taken within `every` seconds; the stream's thread."""
        taken = []
        for key in list(self._conflated):
            if now - self._conflated_at.get(key, -math.inf) >= every:
                taken.append(self._conflated.pop(key))
                self._conflated_at[key] = now
        return taken

    def wake(self) -> None:
        """End the current or next `sleep`; any thread."""
        self._bell.ring()

    def sleep(self, seconds: float, *, deep: bool) -> None:
        """Wait for a `wake`, on the stream's thread; when `deep`, a record that is put ends it too."""
        if deep:
            self._asleep = True
            # Looked at again after the flag is up: a record put before saw it down and woke nobody.
            if self.can_be_taken:
                self._asleep = False
                return
        self._bell.wait(seconds)
        self._asleep = False


def _are_one_group(before: Taken, following: Record | Mark | Table) -> bool:
    """Return whether two neighbours are tables of one group, in which the order of rows is known only if all are together."""
    if not (isinstance(before, Table) and isinstance(following, Table)):
        return False
    return before.group == following.group


def _end_of_points(taken: Sequence[Taken]) -> int:
    """Return the place before the critical records at the end, such as that in which a run ends."""
    place = len(taken)
    while place and getattr(taken[place - 1], "lane", Lane.CRITICAL) in _URGENT:
        place -= 1
    return place


def _fits(
    group: Mapping[Shape | str, Table], key: Shape | str, shape: Shape, epoch: int | None
) -> bool:
    """Return whether a table may become one record, or records side by side, with those of a group: their order is not kept."""
    if key in group or len(group) >= _GROUP_TABLES:
        return False
    tables = tuple(group.values())  # at once: another thread may add one meanwhile
    if key is _BATCH:
        return not any(table.shape.is_of_batches for table in tables)
    if _BATCH in group and shape.is_of_batches:
        return False
    return all(table.epoch == epoch for table in tables if table.batches is None)
