"""Where on a curve the records stood that had to go, told by those around them; pure."""

from __future__ import annotations

from collections.abc import Sequence

from livetrain import _point_columns

__all__ = ["HoleSteps"]

Entry = tuple[int, bytes | None]


class HoleSteps:
    """Gives each hole of a stream a step between those of the nearest records that have one.

    Example:
        >>> from livetrain import _wire
        >>> record = lambda step: _wire.scalars(_wire.Stamp("run", 1, 0, 0), step, {"loss": 1.0})
        >>> HoleSteps().steps([(1, record(10)), (2, None), (3, None), (4, record(13))])
        {2: 11, 3: 12}
    """

    def __init__(self) -> None:
        self._before: int | None = None  # the last step of what was read

    def steps(self, entries: Sequence[Entry]) -> dict[int, int]:
        """Return the steps of the holes among entries, by number; one around which no record has a step is left out.

        Args:
            entries: numbers and records as they follow one another, after those of the call before; None: a hole.
        """
        found: dict[int, int] = {}
        hole: list[int] = []
        looked = 0  # the entries before this one are done with
        for place, (seq, record) in enumerate(entries):
            if record is None:
                if not hole:
                    # Only here: to read every record that goes out would cost more than to send it.
                    self._look_at(entries[looked:place])
                    looked = place
                hole.append(seq)
            elif hole and (steps := _point_columns.steps_of(record)) is not None:
                _fill(found, hole, self._before, steps[0])
                self._before, hole, looked = steps[1], [], place + 1
        _fill(found, hole, self._before, None)
        self._look_at(entries[looked:])  # a hole may follow; one record of most chunks is read
        return found

    def _look_at(self, entries: Sequence[Entry]) -> None:
        """Take the last step among some entries, if any has one."""
        for _, record in reversed(entries):
            if record is not None and (steps := _point_columns.steps_of(record)) is not None:
                self._before = steps[1]
                return


def _fill(
    found: dict[int, int], hole: Sequence[int], before: int | None, after: int | None
) -> None:
    first = after if before is None else before
    if first is None:
        return
    # A loop may begin anew at step 0: then all stand where it ended.
    span = 0 if after is None else max(0, after - first)
    for index, seq in enumerate(hole, 1):
        found[seq] = first + span * index // (len(hole) + 1)
