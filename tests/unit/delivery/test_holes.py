"""The places of holes on a curve."""

from __future__ import annotations

import pytest

from livetrain import _records, _wire
from livetrain._delivery.holes import HoleSteps
from livetrain.proto import telemetry_pb2 as pb

STAMP = _wire.Stamp("run", 1, 0, 0)
STATUS = _records.status(pb.RUNNING, "")(STAMP)
TOMBSTONE = _wire.tombstone(STAMP, "could not be written")


def at(step: int) -> bytes:
    return _wire.scalars(STAMP, step, {"loss": 1.0})


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([at(3), at(4)], []),
        ([at(10), None, at(12)], [11]),
        ([at(10), None, at(10)], [10]),
        ([at(10), None, None, None, at(50)], [20, 30, 40]),
        ([None, at(7)], [7]),
        ([at(7), None], [7]),
        ([at(7), None, STATUS], [7]),
        ([STATUS, None, at(7)], [7]),
        ([at(3), STATUS, None, TOMBSTONE, at(5)], [4]),
        ([at(3), STATUS, None, STATUS], [3]),
        ([at(10), None, STATUS, None, at(40)], [20, 30]),
        ([at(90), None, at(0)], [90]),
        ([None, None], []),
        ([STATUS, None, TOMBSTONE], []),
        ([at(1), None, at(3), None, at(5)], [2, 4]),
    ],
)
def test_a_hole_stands_between_its_neighbours(
    records: list[bytes | None], expected: list[int]
) -> None:
    steps = HoleSteps().steps(list(enumerate(records, 1)))
    assert list(steps.values()) == expected


def test_what_was_read_before_is_remembered() -> None:
    holes = HoleSteps()
    holes.steps([(1, at(5))])
    assert holes.steps([(2, None)]) == {2: 5}
    assert holes.steps([(3, None), (4, at(9)), (5, STATUS)]) == {3: 7}
    assert holes.steps([(6, None), (7, STATUS)]) == {6: 9}
    assert holes.steps([(8, STATUS)]) == {}
    assert holes.steps([(9, None)]) == {9: 9}
