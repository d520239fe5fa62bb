from __future__ import annotations

import pytest

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.points import points


def found(rank: int = 0, **payload: object) -> dict[str, tuple[int, float]]:
    record = pb.TelemetryRequest(timestamp_ms=7, **payload)  # type: ignore[arg-type]
    return {p.name: (p.step, p.value) for p in points(record, received_ms=9, rank=rank)}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"batch_data": pb.BatchData(step=4, batch_loss=0.5)}, {"loss": (4, 0.5)}),
        ({"batch_data": pb.BatchData(step=4, batch_loss=0)}, {"loss": (4, 0.0)}),
        (
            {"batch_data": pb.BatchData(step=4, batch_loss=0.5, batch_accuracy=0.25)},
            {"loss": (4, 0.5), "accuracy": (4, 0.25)},
        ),
        ({"batch_data": pb.BatchData(step=4)}, {}),
        (
            {"tombstone": pb.Tombstone(reason="thinned", records=1, step=0)},
            {"livetrain/left_out": (0, 1.0)},
        ),
        ({"tombstone": pb.Tombstone(reason="unwritable", records=1)}, {}),
        (
            {
                "scalars": pb.Scalars(
                    step=2, values=[pb.Scalar(name="a", value=1), pb.Scalar(name="b/c")]
                )
            },
            {"a": (2, 1.0), "b/c": (2, 0.0)},
        ),
        (
            {
                "epoch_data": pb.EpochData(
                    step=9,
                    average_loss=0.5,
                    has_loss=True,
                    learning_rate=0.25,
                    validation_loss=2,
                    validation_accuracy=0.75,
                    metrics=[pb.Scalar(name="f1", value=0.5)],
                )
            },
            {
                "epoch/loss": (9, 0.5),
                "val/loss": (9, 2.0),
                "val/accuracy": (9, 0.75),
                "epoch/f1": (9, 0.5),
            },
        ),
        (
            {
                "validation": pb.Validation(
                    step=3, loss=1, metrics=[pb.Scalar(name="auc", value=0.5)]
                )
            },
            {"val/loss": (3, 1.0), "val/auc": (3, 0.5)},
        ),
        (
            {"performance_data": pb.PerformanceData(step=3, current_fps=60, time_per_batch_ms=16)},
            {"perf/fps": (3, 60.0), "perf/time_per_batch_ms": (3, 16.0)},
        ),
        (
            {
                "round": pb.Round(
                    round=2, client_id="c1", fit_metrics=[pb.Scalar(name="loss", value=1)]
                )
            },
            {"client/c1/fit/loss": (2, 1.0)},
        ),
        ({"log": pb.Log(message="x")}, {}),
        ({"status_update": pb.StatusUpdate(status=pb.RUNNING)}, {}),
    ],
)
def test_the_points_of_each_kind_of_record(
    payload: dict[str, object], expected: dict[str, tuple[int, float]]
) -> None:
    assert found(**payload) == expected


def test_other_ranks_have_curves_of_their_own() -> None:
    assert found(2, batch_data=pb.BatchData(batch_loss=1)) == {"rank2/loss": (0, 1.0)}


@pytest.mark.parametrize(
    ("timestamp_ms", "logged_us", "expected"),
    [(7, 0, 7_000), (7, 7_123, 7_123), (0, 0, 9_000), (2**63, 0, 9_000)],
)
def test_a_point_has_the_best_time_there_is(
    timestamp_ms: int, logged_us: int, expected: int
) -> None:
    record = pb.TelemetryRequest(
        timestamp_ms=timestamp_ms, batch_data=pb.BatchData(batch_loss=1, logged_us=logged_us)
    )
    (point,) = points(record, received_ms=9)
    assert point.time_us == expected


def test_the_trainers_clock_is_set_right_and_the_servers_is_left_alone() -> None:
    scalars = pb.Scalars(step=1, values=[pb.Scalar(name="a", value=1.0)])
    batch = pb.BatchData(batch_loss=1.0, logged_us=9_000_000)
    hour = 3_600_000_000
    times = [
        point.time_us
        for record in (
            pb.TelemetryRequest(timestamp_ms=5_000, scalars=scalars),
            pb.TelemetryRequest(scalars=scalars),  # says no time
            pb.TelemetryRequest(timestamp_ms=5_000, batch_data=batch),
        )
        for point in points(record, received_ms=7_000, clock_offset_us=-hour)
    ]
    assert times == [5_000_000 + hour, 7_000_000, 9_000_000 + hour]
