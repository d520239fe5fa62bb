"""Where on a curve the records stood that had to go, told by those around them; pure."""

from __future__ import annotations

from collections.abc import Sequence

from livetrain import _wire

__all__ = ["HoleSteps"]

Entry = tuple[int, bytes | None]


class HoleSteps:
    """Gives each hole of a stream a step between those of the nearest records that have one.

    Example:
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
        before, looked = (
            self._before,
            0,
        )  # the last step of the records of which the first `looked` are done with
        for place, (seq, record) in enumerate(entries):
            if record is None:
                if not hole:
                    # Looked up only here: to read every record that goes out would cost more than to send it.
                    before, looked = _last_step(entries, looked, place, before), place
                hole.append(seq)
            elif hole and (step := _wire.step_of(record)) is not None:
                _fill(found, hole, before, step)
                before, hole, looked = step, [], place + 1
        _fill(found, hole, before, None)
        self._before = _last_step(entries, looked, len(entries), before)
        return found


def _last_step(entries: Sequence[Entry], first: int, end: int, otherwise: int | None) -> int | None:
    """Return the step of the last of some entries that has one."""
    for place in range(end - 1, first - 1, -1):
        record = entries[place][1]
        if record is not None and (step := _wire.step_of(record)) is not None:
            return step
    return otherwise


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
