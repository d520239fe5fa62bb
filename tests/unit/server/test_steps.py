"""The step of a producer is its newest, whatever it had before, and whatever else it counts by."""

from __future__ import annotations

from array import array

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.steps import BATCHES, StepCounter, first_step


def batch(step: int) -> pb.TelemetryRequest:
    return pb.TelemetryRequest(batch_data=pb.BatchData(step=step))


def scalars(step: int, *names: str) -> pb.TelemetryRequest:
    values = [pb.Scalar(name=name, value=1.0) for name in names]
    return pb.TelemetryRequest(scalars=pb.Scalars(step=step, values=values))


def columns(batches: bool = False, **steps: list[int]) -> pb.TelemetryRequest:
    told = [
        pb.PointColumn(
            name=name,
            steps=array("q", given).tobytes(),
            times_us=array("q", [0] * len(given)).tobytes(),
            values=array("d", [0.0] * len(given)).tobytes(),
        )
        for name, given in steps.items()
    ]
    rows = pb.BatchRows() if batches else None
    return pb.TelemetryRequest(columns=pb.PointColumns(columns=told, batches=rows))


def after(*records: pb.TelemetryRequest) -> int:
    counter = StepCounter()
    for record in records:
        counter.advance(record)
    return counter.steps


def test_batches_that_begin_again_are_at_their_newest_step() -> None:
    assert after(*map(batch, (0, 1, 2, 999, 500))) == 501


def test_a_metric_that_counts_otherwise_moves_nothing() -> None:
    assert after(*map(batch, range(100)), scalars(3, "val/loss"), batch(100)) == 101
    assert after(scalars(999, "loss"), scalars(3, "val/loss")) == 1000


def test_a_metric_that_leads_and_begins_again_leads_on() -> None:
    assert after(scalars(999, "loss", "acc"), scalars(0, "loss", "acc")) == 1
    assert after(scalars(999, "loss"), scalars(0, "acc"), scalars(4, "loss")) == 5
    assert after(scalars(999, "loss"), scalars(0, "acc"), scalars(1200, "acc")) == 1201


def test_columns_say_the_same_as_their_points_one_by_one() -> None:
    assert after(columns(loss=[1, 2, 999, 0, 1], acc=[4])) == 5
    assert after(columns(loss=[7, 999]), columns(loss=[0, 1], acc=[3])) == 4
    assert after(columns(loss=[999]), columns(loss=[0, 1])) == 2
    assert after(columns(batches=True, loss=[5, 6]), columns(batches=True, loss=[2, 3])) == 4
    assert after(columns(loss=[])) == 0


def test_other_records_have_no_steps() -> None:
    counter = StepCounter(7, BATCHES)
    assert not counter.advance(pb.TelemetryRequest(log=pb.Log(message="hm")))
    assert counter.advance(batch(3))
    assert counter.steps == 4


def test_an_attempt_begins_at_the_first_step_of_whatever_it_logs() -> None:
    epoch = pb.EpochData(step=6, has_loss=True, average_loss=1.0)
    cases = [
        (batch(4), 4),
        (scalars(5, "a"), 5),
        (scalars(5), None),
        (columns(a=[9, 1], b=[3]), 3),
        (columns(), None),
        (pb.TelemetryRequest(epoch_data=epoch), 6),
        (pb.TelemetryRequest(epoch_data=pb.EpochData(step=6, epoch=1)), None),
        (pb.TelemetryRequest(validation=pb.Validation(step=7, loss=0.0)), 7),
        (pb.TelemetryRequest(validation=pb.Validation(step=7)), None),
        (pb.TelemetryRequest(round=pb.Round(round=2)), 2),
        (pb.TelemetryRequest(status_update=pb.StatusUpdate()), None),
    ]
    assert [first_step(record) for record, _ in cases] == [step for _, step in cases]


def test_of_columns_the_one_that_was_logged_first_counts() -> None:
    told = columns(a=[9], b=[3])
    told.columns.columns[0].times_us = array("q", [100]).tobytes()
    told.columns.columns[1].times_us = array("q", [200]).tobytes()
    assert first_step(told) == 9
