from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.dialects import relay_view
from livetrain.server.dialects.column_rows import batches_of
from livetrain.server.dialects.onetrainer_events import Story
from tests.unit.server.dialects.world import event, run


def column(name: str, steps: list[int], values: list[float]) -> pb.PointColumn:
    return pb.PointColumn(
        name=name,
        steps=np.array(steps, "<i8").tobytes(),
        times_us=(np.array(steps, "<i8") + 1_000_000).tobytes(),
        values=np.array(values, "<f8").tobytes(),
    )


def test_rows_are_batches_one_by_one() -> None:
    columns = pb.PointColumns(
        columns=[column("loss", [7, 8], [0.1, 1e39]), column("accuracy", [7, 8], [0.5, 0.6])],
        epoch=2,
        batches=pb.BatchRows(first_batch_idx=30, batch_size=16),
    )
    told, left_out = batches_of(columns, most=100)
    assert left_out == 0
    assert [record.batch_data for record in told] == [
        pb.BatchData(
            step=7 + row,
            epoch=2,
            batch_idx=30 + row,
            batch_size=16,
            batch_loss=loss,
            exact_loss=loss,
            batch_accuracy=accuracy,
            exact_accuracy=accuracy,
            logged_us=1_000_007 + row,
        )
        for row, (loss, accuracy) in enumerate([(0.1, 0.5), (1e39, 0.6)])
    ]
    assert told[0].timestamp_ms == 1000


def test_batches_without_a_loss_are_batches_too() -> None:
    columns = pb.PointColumns(columns=[column("lr", [1, 2], [1, 1])], batches=pb.BatchRows())
    told, _ = batches_of(columns, most=100)
    assert [record.batch_data.step for record in told] == [1, 2]
    assert not told[0].batch_data.HasField("batch_loss")


def test_of_numbers_each_loss_is_a_batch() -> None:
    columns = pb.PointColumns(
        columns=[column("accuracy", [3, 9], [0.5, 0.6]), column("loss", [2, 3, 4], [3, 2, 1])]
    )
    told, _ = batches_of(columns, most=100)
    batches = [record.batch_data for record in told]
    assert [batch.exact_loss for batch in batches] == [3, 2, 1]
    assert [batch.batch_idx for batch in batches] == [2, 3, 4]
    assert [batch.HasField("exact_accuracy") for batch in batches] == [False, True, False]
    assert batches_of(pb.PointColumns(columns=[column("lr", [1], [1])]), most=9) == ([], 0)


@given(st.integers(1, 3000), st.integers(1, 100))
def test_of_a_tight_loop_some_are_drawn_evenly(rows: int, most: int) -> None:
    steps = list(range(rows))
    columns = pb.PointColumns(columns=[column("loss", steps, [0.0] * rows)])
    told, left_out = batches_of(columns, most=most)
    found = [record.batch_data.step for record in told]
    assert found == sorted(set(found))
    assert len(found) == min(rows, most) == rows - left_out
    assert found[-1] == rows - 1
    if most > 1:
        assert found[0] == 0
        assert max(np.diff(found), default=0) <= rows / (most - 1) + 1


def test_onetrainer_is_told_of_the_last_row() -> None:
    story = Story(run(config=pb.TrainingConfig(batches_per_epoch=100)))
    columns = pb.PointColumns(
        columns=[column("loss", [119, 120], [0.5, 0.1]), column("learning_rate", [118], [1e-4])],
        epoch=1,
        batches=pb.BatchRows(first_batch_idx=19),
    )
    standing = story.status(event(columns=columns))
    assert standing is not None
    assert standing.event["status"] == "running"
    assert story.moved(event(columns=columns))
    progress = story.progress(0)
    assert (progress["global_step"], progress["epoch"], progress["epoch_step"]) == (120, 1, 20)
    assert (progress["loss"], progress["learning_rate"]) == (0.1, 1e-4)
    other = pb.PointColumns(columns=[column("norm", [120], [1])])
    assert not story.moved(event(columns=other)), "the step was told"
    other = pb.PointColumns(columns=[column("norm", [119, 121], [1, 1])])
    assert story.moved(event(columns=other))
    assert (story.progress(0)["global_step"], story.progress(0)["step"]) == (121, 21)


def test_the_relay_is_told_of_the_last_row() -> None:
    story = relay_view.Story(run())
    columns = pb.PointColumns(
        columns=[column("loss", [119, 120], [0.5, math.inf])],
        epoch=1,
        batches=pb.BatchRows(first_batch_idx=19),
    )
    assert [kind for kind, _ in story.told(event(columns=columns))] == [
        "training_mode",
        "training_start",
    ]
    assert story.step(event(columns=columns)) == (
        "batch_metrics",
        {"step": 120, "batch_idx": 20, "loss": None, "epoch": 2, "timestamp": 1.00012},
    )
    assert story.step(event(columns=pb.PointColumns(columns=[column("lr", [1], [1])]))) is None


def test_what_was_logged_in_eight_bytes_is_told_in_eight() -> None:
    batch = pb.BatchData(batch_loss=16777217.0, exact_loss=16777217.0)
    epoch = pb.EpochData(
        has_loss=True,
        average_loss=1e39,
        exact_loss=1e39,
        has_learning_rate=True,
        learning_rate=0.1,
        validation_loss=0.1,
        exact_validation_loss=0.30000000000000004,
        validation_metrics=[pb.Scalar(name="f1", value=0.5)],
    )
    onetrainer = Story(run())
    onetrainer.moved(event(batch_data=batch))
    assert onetrainer.progress(0)["loss"] == 16777217.0
    (validated,) = onetrainer.told(event(epoch_data=epoch))
    assert validated["validation_loss"] == 0.30000000000000004
    relay = relay_view.Story(run())
    step = relay.step(event(batch_data=batch))
    assert step is not None
    assert step[1]["loss"] == 16777217.0
    ends = [data["metrics"] for kind, data in relay.told(event(epoch_data=epoch)) if "end" in kind]
    assert ends == [
        {"loss": 1e39, "learning_rate": 0.1},
        {"loss": 0.30000000000000004, "f1": 0.5},
    ]
