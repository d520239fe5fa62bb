"""The copies of one frame's samples, taken on the training thread as they were given: nothing is converted here."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetrain._capture.device import Device, Pending
from livetrain._capture.layout import Order
from livetrain._capture.outputs import Rows, arrive, length_of, take_rows
from livetrain._capture.reader import FrameReader
from livetrain._capture.ring import Block, Ring, Slot

__all__ = ["CapturedFrame", "Part"]

Array = NDArray[np.generic]


@dataclass(slots=True)
class Part:
    """Images of one size and type that came together, or the reason why there are none.

    Attributes:
        count: how many tiles this stands for.
        order: the axes of one image.
        block: the copies in host memory; None: see pending or error.
        pending: the copies on their way to the host.
        samples: copies of what is no picture yet, one a tile; they are rendered when the frame is read.
        single: what is pending is one image without a batch axis.
        error: why there are no images, a sentence.
    """

    count: int
    order: Order = "HW"
    block: Block | None = None
    pending: Pending | None = None
    samples: Any = None
    single: bool = False
    error: str = ""

    def read(self) -> Array:
        """Return the copies, shape (count, ...); waits for a device where it must."""
        if self.block is not None:
            return self.block.array()
        assert self.pending is not None
        rows = self.pending.read()
        return rows[np.newaxis] if self.single else rows

    def bytes(self, rows: Array) -> NDArray[np.uint8]:
        """Return what was read as it lies in memory, shape (count, bytes of an image)."""
        if self.block is not None:
            block = self.block
            return block.buffer[block.start : block.end].reshape(self.count, -1)
        return np.ascontiguousarray(rows).reshape(self.count, -1).view(np.uint8)


class CapturedFrame:
    """One frame, filled from one batch or several small ones; read once in the background, then released.

    Args:
        reader: reads it later.
        slot: memory for the images.
        wanted: how many tiles make a full frame.
        ring: where the slot goes in the end; None: nowhere.
        alone: it is one picture, to be shown by itself.
    """

    __slots__ = (
        "_columns",
        "_ids",
        "_places",
        "_ring",
        "_slot",
        "alone",
        "count",
        "is_of_classes",
        "parts",
        "pixels",
        "reader",
        "seen",
        "since",
        "wanted",
    )

    def __init__(
        self,
        reader: FrameReader,
        slot: Slot,
        wanted: int,
        ring: Ring | None = None,
        *,
        alone: bool = False,
    ) -> None:
        self.reader = reader
        self.alone = alone
        self.wanted = wanted
        self.count = 0
        self.parts: list[Part] = []
        self.since: float | None = None  # when the first batch came, if it was too small; seconds
        self.seen: set[Hashable] = set()  # followed samples that are in it
        # Says whether the outputs are class scores; None: that is found out from what is shown.
        self.is_of_classes: Callable[[], bool] | None = None
        self.pixels: int | None = None  # values of one image; None: not known
        self._ring = ring
        self._slot: Slot | None = slot
        self._columns: dict[str, list[Any]] = {}
        self._ids: list[str] = []
        self._places: list[int] = []

    # ------------------------------------------------------------ the training thread

    def add_rows(self, source: Array, picks: Sequence[int], order: Order) -> None:
        """Copy images of an array of shape (N, ...)."""
        assert self._slot is not None
        last = self.parts[-1] if self.parts else None
        block = last.block if last is not None and last.order == order else None
        added = self._slot.append(source, picks, self.wanted, block)
        if last is not None and added is block:
            # Small batches of equal images lie one behind the other: one part, converted in one piece.
            last.count += len(picks)
        else:
            self.parts.append(Part(len(picks), order, added))
        self.count += len(picks)

    def add_pending(
        self, pending: Pending, count: int, order: Order, *, single: bool = False
    ) -> None:
        """Take over images that a device is copying."""
        self.parts.append(Part(count, order, pending=pending, single=single))
        self.count += count

    def add_samples(self, samples: Any, count: int) -> None:
        """Take over copies of what is no picture yet: a sequence, or one that is on its way from a device."""
        self.parts.append(Part(count, samples=samples))
        self.count += count

    def add_error(self, error: str, count: int) -> None:
        """Leave the place of images that there are none of."""
        self.reader.reports.problem("images", f"an image cannot be shown: {error}", count)
        self.parts.append(Part(count, error=error))
        self.count += count

    def add_column(
        self,
        name: str,
        values: Any,
        picks: Sequence[int],
        count: int,
        find_device: Callable[[Any], Device | None],
        copied: Any = None,
    ) -> None:
        """Copy what belongs to the samples: predictions, targets or losses, one row a sample of the whole batch.

        Args:
            name: of the column.
            values: one row a sample of the whole batch.
            picks: which rows.
            count: samples in the batch.
            find_device: tells where a tensor lives.
            copied: a copy of `values` that is there already; None: there is none.

        Raises:
            ValueError: there are not as many rows as images.
        """
        length = length_of(values)
        if length != count:
            raise ValueError(f"{length} rows for {count} images")
        chunk = take_rows(values, picks, find_device) if copied is None else Rows(copied, picks)
        if name in self._columns:
            self._columns[name].append(chunk)
        else:
            self._columns[name] = [chunk]

    def add_ids(self, ids: Sequence[Hashable], picks: Sequence[int]) -> None:
        """Note what identifies the samples."""
        self._ids.extend(["" if ids[pick] is None else str(ids[pick]) for pick in picks])

    def follow(
        self, ids: Sequence[Hashable], picks: Sequence[int], places: dict[Hashable, int]
    ) -> None:
        """Note which followed samples these are, and where their tiles belong."""
        for pick in picks:
            self.seen.add(ids[pick])
            self._places.append(places[ids[pick]])

    # ------------------------------------------------------------ the background

    @property
    def sample_ids(self) -> tuple[str, ...]:
        """One a tile, or none."""
        return tuple(self._ids) if len(self._ids) == self.count else ()

    @property
    def order(self) -> tuple[int, ...] | None:
        """The tiles in the order in which they are shown, if they were not gathered in it; None: as they are."""
        if len(self._places) != self.count:
            return None
        order = tuple(sorted(range(self.count), key=self._places.__getitem__))
        return None if order == tuple(range(self.count)) else order

    def read(self, name: str) -> Array | list[Any] | None:
        """Return a column's rows, as one array where they are of one shape; None: it was not given. Waits for devices."""
        chunks = [arrive(chunk) for chunk in self._columns.get(name, ())]
        if not chunks:
            return None
        arrays = all(isinstance(chunk, np.ndarray) for chunk in chunks)
        if arrays and len({chunk.shape[1:] for chunk in chunks}) == 1:
            return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
        rows: list[Any] = [row for chunk in chunks for row in chunk]
        return rows

    def release(self) -> None:
        """Give the memory back for the next frame; calling it again does nothing."""
        slot, self._slot = self._slot, None
        self.parts = []
        self._columns = {}
        if slot is not None and self._ring is not None:
            self._ring.give_back(slot)
