"""Numbers that wait in line as fixed-size rows of bytes: 24 bytes for a point, and 8 more for each further metric of one call.

Threads of the training add rows to a table without a lock. Python refuses to resize a ``bytearray`` as long as a ``memoryview`` of
it exists, so whoever takes a table exports its bytes first: from then on an addition raises ``BufferError``, and that row goes
to another table. No row is lost between the two, and none is waited for.
"""

from __future__ import annotations

import struct
import sys
import time
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from livetrain._delivery.line import Claim, Gap, Lane

__all__ = ["TABLE_BYTES", "BatchShape", "Shape", "Table"]

_OVERHEAD_BYTES = 600
"""What a table takes in memory beside its rows."""
TABLE_BYTES = 64 << 10
"""Of the rows of one table; past them another begins."""
_BATCH_CURVES = frozenset({"loss", "accuracy"})
_HEAD = struct.Struct("<qq")  # step and clock
_READINGS = 5
_TOGETHER_NS = 20_000
"""Clocks that were read within this time are of one moment."""


class BatchShape(NamedTuple):
    """What the batches of one table have in common.

    Attributes:
        size: samples of one batch.
        images: how many images were left out of each.
        reason: a ``StripReason``: why.
    """

    size: int
    images: int
    reason: int


class Shape:
    """The metrics of one call, and how a row of them is written: the step, the clock, and a value for each metric.

    Attributes:
        names: the metrics.
        pack: writes a row.
        row_bytes: length of one.
        is_of_batches: whether one of the metrics is what a batch may be of, too.
        dtype: the same for NumPy.

    Example:
        >>> Shape(("loss", "lr")).row_bytes
        32
    """

    __slots__ = ("dtype", "is_of_batches", "names", "pack", "row_bytes")

    def __init__(self, names: tuple[str, ...]) -> None:
        row = struct.Struct(f"<qq{len(names)}d")
        self.names = names
        self.pack = row.pack
        self.row_bytes = row.size
        self.is_of_batches = not _BATCH_CURVES.isdisjoint(names)
        self.dtype = np.dtype([("step", "<i8"), ("clock", "<i8"), ("values", "<f8", (len(names),))])


def _clocks_together() -> tuple[int, int, int]:
    """Return one moment by three clocks: the rows' (nanoseconds), the wall's and the monotonic one (microseconds).

    Another thread may take its turn between two readings, for milliseconds: what was read the closest together counts.
    """
    closest = (sys.maxsize, 0, 0, 0)
    for _ in range(_READINGS):
        before, unix, mono = time.perf_counter_ns(), time.time_ns(), time.monotonic_ns()
        apart = time.perf_counter_ns() - before
        closest = min(closest, (apart, before + apart // 2, unix // 1000, mono // 1000))
        if apart <= _TOGETHER_NS:
            break
    return closest[1:]


class Table:
    """Rows of one shape that stand in line together.

    Args:
        shape: of the rows.
        group: number of the group that it is in: tables of one group may become one record.
        epoch: of all rows; None: not said.
        batches: the rows are batches, and these have that in common; None: they are named numbers.
        first_batch: index of the first row's batch within its epoch.

    Attributes:
        rows: the rows so far.
        next_batch: index of the batch that may follow.

    Example:
        >>> table = Table(Shape(("loss",)), group=1, epoch=None)
        >>> row = table.shape.pack(7, time.perf_counter_ns(), 0.5)
        >>> table.add(row), table.claim(), table.add(row), table.read()["step"].tolist()
        (True, True, False, [7])
    """

    __slots__ = (
        "_claim",
        "_view",
        "batches",
        "clock_ns",
        "epoch",
        "first_batch",
        "gap",
        "group",
        "mono_us",
        "next_batch",
        "rows",
        "shape",
        "unix_us",
    )

    lane = Lane.POINT
    ready = True

    def __init__(
        self,
        shape: Shape,
        group: int,
        epoch: int | None,
        batches: BatchShape | None = None,
        first_batch: int = 0,
    ) -> None:
        self.shape = shape
        self.group = group
        self.epoch = epoch
        self.batches = batches
        self.first_batch = self.next_batch = first_batch
        self.rows = bytearray()
        self.gap: Gap | None = None
        # Rows have the finest clock, which tells the order even of what is logged within a microsecond.
        self.clock_ns, self.unix_us, self.mono_us = _clocks_together()
        self._view: memoryview | None = None
        self._claim = Claim()

    @property
    def size(self) -> int:
        """How many bytes of memory it takes."""
        return _OVERHEAD_BYTES + len(self.rows)

    @property
    def count(self) -> int:
        """How many rows it has."""
        return len(self.rows) // self.shape.row_bytes

    @property
    def taken(self) -> bool:
        """Whether somebody claimed or dropped it."""
        return self._claim.taken

    def add(self, row: bytes) -> bool:
        """Add a row, on any thread; False: it is full, or somebody has taken the table."""
        rows = self.rows
        if len(rows) >= TABLE_BYTES:
            return False
        try:
            rows += row
        except BufferError:
            return False
        return True

    def claim(self) -> bool:
        """Take the rows, after which none is added; False: they were left out before, and `gap` says what they were."""
        self._freeze()
        return self._claim.take()

    def drop(self) -> int:
        """Leave the rows out and remember them in `gap`; return the bytes that this frees, 0: they were claimed before."""
        self._freeze()
        rows = self.read()
        if len(rows):
            # Set before the claim: who comes too late for the rows finds it.
            points = len(rows) * len(self.shape.names)
            self.gap = Gap(points, int(rows["step"].min()), int(rows["step"].max()))
        if not self._claim.take():
            return 0
        freed = self.size
        empty = bytearray()
        self._view = memoryview(empty)  # first: nothing may be added to it
        self.rows = empty
        return freed

    def _freeze(self) -> None:
        if self._view is None:
            self._view = memoryview(self.rows)

    def read(self) -> npt.NDArray[np.void]:
        """Return the rows with the fields ``step``, ``clock`` (nanoseconds) and ``values`` (one for each metric)."""
        assert self._view is not None, "rows are read after they were claimed"
        return np.frombuffer(self._view, self.shape.dtype)

    def first(self) -> tuple[int, int]:
        """Return step and clock of the first row without NumPy, which costs more than one row is worth."""
        assert self._view is not None, "rows are read after they were claimed"
        step, clock = _HEAD.unpack_from(self._view)
        return step, clock

    def values_of(self, index: int) -> tuple[float, ...]:
        """Return the values of one row."""
        assert self._view is not None, "rows are read after they were claimed"
        shape = self.shape
        start = index * shape.row_bytes + _HEAD.size
        return struct.unpack_from(f"<{len(shape.names)}d", self._view, start)

    def unix_us_at(self, clock_ns: int) -> int:
        """Return the wall clock at a row's clock, Unix microseconds."""
        return self.unix_us + (clock_ns - self.clock_ns) // 1000

    def mono_us_at(self, clock_ns: int) -> int:
        """Return the monotonic clock at a row's clock, microseconds."""
        return self.mono_us + (clock_ns - self.clock_ns) // 1000
