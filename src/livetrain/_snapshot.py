"""The copies of one frame's images, as they were given: converted in the background, not here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livetrain._device import Pending
from livetrain._layout import Order
from livetrain._ring import Block, Slot

__all__ = ["Part", "Snapshot"]

Array = NDArray[np.generic]


@dataclass(slots=True)
class Part:
    """Images of one size and type that came together, or the reason why there are none.

    Attributes:
        count: how many tiles this stands for.
        order: the axes of one image.
        block: the copies in host memory; None: see pending or error.
        pending: the copies on their way to the host.
        single: what is pending is one image without a batch axis.
        error: why there are no images, a sentence.
    """

    count: int
    order: Order = "HW"
    block: Block | None = None
    pending: Pending | None = None
    single: bool = False
    error: str = ""

    def read(self) -> Array:
        """Return the copies, shape (count, ...); waits for a device where it must."""
        if self.block is not None:
            return self.block.array()
        assert self.pending is not None
        rows = self.pending.read()
        return rows[np.newaxis] if self.single else rows


class Snapshot:
    """Gathers a frame's images in a slot, over one batch or several.

    Args:
        slot: the memory; lent, and not given back here.
        room_for: how many tiles the frame has when it is full.
    """

    def __init__(self, slot: Slot, room_for: int) -> None:
        self.parts: list[Part] = []
        self.count = 0
        self._slot = slot
        self._room_for = room_for

    def add_rows(self, source: Array, picks: Sequence[int], order: Order) -> None:
        """Copy rows of an array of shape (N, ...)."""
        last = self.parts[-1] if self.parts else None
        block = last.block if last is not None and last.order == order else None
        added = self._slot.append(source, picks, self._room_for, block)
        if last is not None and added is block:
            # Small batches of equal images lie one behind the other: one part, converted in one piece.
            last.count += len(picks)
        else:
            self.parts.append(Part(len(picks), order, added))
        self.count += len(picks)

    def add_pending(
        self, pending: Pending, count: int, order: Order, *, single: bool = False
    ) -> None:
        """Take over copies that a device is making."""
        self.parts.append(Part(count, order, pending=pending, single=single))
        self.count += count

    def add_error(self, error: str, count: int) -> None:
        """Leave the place of images that there are none of."""
        self.parts.append(Part(count, error=error))
        self.count += count
