"""Columns of points on the wire, and what stays of them."""

from __future__ import annotations

import numpy as np
import pytest

from livetrain import _point_columns, _records, _wire
from livetrain._point_columns import BatchRows, Column, PointThinner
from livetrain.proto import telemetry_pb2 as pb

STAMP = _wire.Stamp("run", 5, 1000, 2000)


def column(name: str, *steps: int) -> Column:
    count = len(steps)
    return Column(
        name,
        np.array(steps, "<i8").tobytes(),
        np.arange(count, dtype="<i8").tobytes(),
        np.arange(count, dtype="<f8").tobytes(),
    )


def test_columns_are_written_as_they_are() -> None:
    written = _point_columns.point_columns(
        STAMP, [column("loss", 3, 4)], epoch=2, batches=BatchRows(7, 16)
    )
    request = pb.TelemetryRequest.FromString(written)
    assert (request.session_id, request.seq, request.timestamp_ms) == ("run", 5, 1000)
    assert request.columns == pb.PointColumns(
        columns=[pb.PointColumn(**column("loss", 3, 4)._asdict())],
        epoch=2,
        batches=pb.BatchRows(first_batch_idx=7, batch_size=16),
    )


def test_a_thinned_record_of_columns_says_how_many_points_it_was_and_where() -> None:
    written = _point_columns.point_columns(STAMP, [column("a", 9, 3, 4), column("b", 1)])
    points, tombstone = PointThinner().remainder(written)
    assert points == 4
    request = pb.TelemetryRequest.FromString(tombstone)
    assert (request.session_id, request.seq) == ("run", 5)
    assert request.tombstone == pb.Tombstone(reason="thinned", records=4, step=1, last_step=9)


def test_nothing_stays_of_another_record() -> None:
    assert PointThinner().remainder(_wire.scalars(STAMP, 1, {"a": 1.0})) == (1, b"")


def test_several_tombstones_become_one_beside_holes_of_one_point_each() -> None:
    def thinned(*steps: int) -> bytes:
        written = _point_columns.point_columns(STAMP, [column("a", *steps)])
        return PointThinner().remainder(written)[1]

    joined = PointThinner().joined([thinned(7, 8, 9), thinned(3), thinned(5, 6)])
    tombstone = pb.TelemetryRequest.FromString(joined).tombstone
    assert tombstone == pb.Tombstone(reason="thinned", records=4, step=3, last_step=9)


@pytest.mark.parametrize(
    ("record", "steps", "points"),
    [
        (_wire.scalars(STAMP, 7, {"x": 1.0, "y": 2.0}), (7, 7), 2),
        (_wire.scalars(STAMP, 2**62, {"x": 1.0}), None, 1),
        (STAMP.request().SerializeToString(), None, 1),
        (_records.status(pb.RUNNING, "")(STAMP), None, 1),
        (_wire.tombstone(STAMP, "no"), None, 1),
        (_wire.tombstone(STAMP, "no", 3, step=4), (4, 4), 1),
        (_wire.tombstone(STAMP, "no", 3, step=4, last_step=8), (4, 8), 1),
        (_point_columns.point_columns(STAMP, [column("a", 5, 2), column("b", 3)]), (2, 5), 3),
        (_point_columns.point_columns(STAMP, [column("a")]), None, 0),
    ],
)
def test_the_steps_and_points_of_a_record(
    record: bytes, steps: tuple[int, int] | None, points: int
) -> None:
    assert _point_columns.steps_of(record) == steps
    assert _point_columns.points_in(record) == points
