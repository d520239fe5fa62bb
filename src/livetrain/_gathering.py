"""A frame in the making: from one batch, or from several small ones."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from livetrain._device import Device
from livetrain._frame import CapturedFrame, FrameReader
from livetrain._outputs import Column, length_of, take_rows
from livetrain._ring import Ring, Slot
from livetrain._snapshot import Snapshot
from livetrain._source import Images

__all__ = ["Gathering"]

_COLUMNS = ("predictions", "targets", "per_sample_loss")


class Gathering:
    """Collects copies until there are enough for a frame.

    Args:
        reader: reads the frame later.
        ring: where the slot goes in the end.
        slot: memory for the images, lent from the ring.
        wanted: how many tiles make a full frame.
        since: when it began, seconds.
        find_device: tells where a tensor lives.
    """

    def __init__(
        self,
        reader: FrameReader,
        ring: Ring,
        slot: Slot,
        wanted: int,
        since: float,
        find_device: Callable[[Any], Device | None],
    ) -> None:
        self.since = since
        self.seen: set[Hashable] = set()
        self._reader = reader
        self._ring = ring
        self._slot = slot
        self._wanted = wanted
        self._find_device = find_device
        self._snapshot = Snapshot(slot, wanted)
        self._columns: dict[str, Column] = {}
        self._ids: list[str] = []
        self._places: list[int] = []

    @property
    def missing(self) -> int:
        """How many tiles there is room for."""
        return self._wanted - self._snapshot.count

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return self._snapshot.count == 0

    def add(
        self,
        images: Images,
        picks: Sequence[int],
        columns: Sequence[Any],
        ids: Sequence[Hashable] | None,
    ) -> None:
        """Copy some samples.

        Args:
            images: the batch.
            picks: which of them.
            columns: predictions, targets and losses of the whole batch, each None where not given.
            ids: of the whole batch; None: not given.
        """
        images.take(picks, self._snapshot)
        if images.guess:
            self._reader.reports.guess("layout", images.guess)
        for name, values in zip(_COLUMNS, columns, strict=True):
            if values is not None:
                try:
                    self._add_column(name, values, images.count, picks)
                except Exception as error:
                    self._reader.problem(name, error)
        if ids is not None:
            self._ids.extend(str(ids[pick]) for pick in picks)

    def follow(
        self, ids: Sequence[Hashable], picks: Sequence[int], places: dict[Hashable, int]
    ) -> None:
        """Note which followed samples these are."""
        for pick in picks:
            self.seen.add(ids[pick])
            self._places.append(places[ids[pick]])

    def finish(self) -> CapturedFrame:
        """Return the frame, which owns the slot from here on."""
        count = self._snapshot.count
        order = (
            tuple(sorted(range(count), key=self._places.__getitem__))
            if len(self._places) == count
            else None
        )
        columns = self._columns
        return CapturedFrame(
            self._reader,
            self._snapshot.parts,
            count,
            columns.get("predictions"),
            columns.get("targets"),
            columns.get("per_sample_loss"),
            tuple(self._ids) if len(self._ids) == count else (),
            None if order == tuple(range(count)) else order,
            self._ring,
            self._slot,
        )

    def abandon(self) -> None:
        """Give the slot back without a frame."""
        self._ring.give_back(self._slot)

    def _add_column(self, name: str, values: Any, count: int, picks: Sequence[int]) -> None:
        length = length_of(values)
        if length != count:
            raise ValueError(f"{length} rows for {count} images")
        column = self._columns.setdefault(name, Column())
        column.add(take_rows(values, picks, self._find_device))
