"""Where on a curve the records stood that had to go, told by those beside them; pure."""

from __future__ import annotations

from collections.abc import Sequence

from livetrain import _wire

__all__ = ["HoleSteps"]


class HoleSteps:
    """Gives each hole of a stream a step between those of its neighbours.

    Example:
        >>> record = lambda step: _wire.scalars(_wire.Stamp("run", 1, 0, 0), step, {"loss": 1.0})
        >>> HoleSteps().steps([(1, record(10)), (2, None), (3, None), (4, record(13))])
        {2: 11, 3: 12}
    """

    def __init__(self) -> None:
        self._before: bytes | None = (
            None  # the last record that was read, whose step is looked up when it is needed
        )

    def steps(self, entries: Sequence[tuple[int, bytes | None]]) -> dict[int, int]:
        """Return the steps of the holes among entries, by number; one beside no record with a step is left out.

        Args:
            entries: numbers and records as they follow one another, after those of the call before; None: a hole.
        """
        found: dict[int, int] = {}
        hole: list[int] = []
        before = self._before
        for seq, record in entries:
            if record is None:
                hole.append(seq)
                continue
            if hole:
                _fill(found, hole, before, record)
                hole = []
            before = record
        if hole:
            _fill(found, hole, before, None)
        self._before = before
        return found


def _fill(
    found: dict[int, int], hole: list[int], before: bytes | None, after: bytes | None
) -> None:
    first = _wire.step_of(before) if before is not None else None
    last = _wire.step_of(after) if after is not None else None
    first = last if first is None else first
    last = first if last is None else last
    if first is None or last is None:
        return
    # A loop may begin anew at step 0: then all stand where it ended.
    span = max(0, last - first)
    for index, seq in enumerate(hole, 1):
        found[seq] = first + span * index // (len(hole) + 1)
