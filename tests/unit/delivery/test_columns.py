"""From calls of the training to records: every number once, in its order, and each record one that the server takes."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain import _wire
from livetrain._delivery.columns import ColumnsRecord, RowRecord, records_of, split_columns
from livetrain._delivery.outbox import Outbox
from livetrain._delivery.rows import BatchShape, Table
from livetrain._delivery.server_limits import ServerLimits
from livetrain._point_columns import Column
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.limits import Limits
from livetrain.server.records import Record, read

NAMES = ("loss", "accuracy", "lr", "gradient/norm", "größe", "a|b")
BATCH = BatchShape(size=16, images=0, reason=0)
STRIPPED = BatchShape(size=16, images=16, reason=pb.STRIP_REASON_RATE)


def never(metric: str, points: int, reason: str) -> None:
    raise AssertionError(f"{metric}: {reason}")


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


@dataclass
class Said:
    """What records say, in their order."""

    curves: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    epochs: dict[str, list[int]] = field(default_factory=dict)
    times: dict[str, list[int]] = field(default_factory=dict)
    batches: list[tuple[int, int, int]] = field(default_factory=list)  # epoch, index, step
    images: int = 0

    def point(self, name: str, step: int, value: float, epoch: int) -> None:
        self.curves.setdefault(name, []).append((step, bits(value)))
        self.epochs.setdefault(name, []).append(epoch)

    def hear(self, record: ColumnsRecord | RowRecord, limits: ServerLimits) -> None:
        stamp = _wire.Stamp("run", 1, record.unix_ms, record.mono_us)
        raw = record.write(stamp)
        assert len(raw) <= limits.record_bytes
        (taken,) = read(
            raw,
            Limits(
                elements=limits.elements,
                record_bytes=limits.record_bytes,
                name_chars=limits.name_chars,
                max_step=limits.max_step,
            ),
        )
        assert isinstance(taken, Record), taken
        self.images += record.images
        request = pb.TelemetryRequest.FromString(raw)
        if request.HasField("columns"):
            self._hear_columns(request.columns)
        elif request.HasField("scalars"):
            for scalar in request.scalars.values:
                self.point(scalar.name, request.scalars.step, scalar.value, request.scalars.epoch)
        else:
            batch = request.batch_data
            self.batches.append((batch.epoch, batch.batch_idx, batch.step))
            for name in ("loss", "accuracy"):
                if batch.HasField(f"batch_{name}"):  # type: ignore[arg-type]
                    exact = f"exact_{name}"
                    given_exactly = batch.HasField(exact)  # type: ignore[arg-type]
                    value = getattr(batch, exact if given_exactly else f"batch_{name}")
                    self.point(name, batch.step, value, batch.epoch)

    def _hear_columns(self, columns: pb.PointColumns) -> None:
        for column in columns.columns:
            steps = np.frombuffer(column.steps, "<i8").tolist()
            values = np.frombuffer(column.values, "<f8").tolist()
            self.times.setdefault(column.name, []).extend(
                np.frombuffer(column.times_us, "<i8").tolist()
            )
            for step, value in zip(steps, values, strict=True):
                self.point(column.name, step, value, columns.epoch)
        if columns.HasField("batches"):
            first = columns.batches.first_batch_idx
            for index, step in enumerate(np.frombuffer(columns.columns[0].steps, "<i8").tolist()):
                self.batches.append((columns.epoch, first + index, step))


# Values that a float holds, so that a record of one batch has them exactly, too.
values = st.floats(width=32)
steps = st.integers(0, 50)
calls = st.one_of(
    st.tuples(
        st.just("log"),
        st.sets(st.sampled_from(NAMES), min_size=1, max_size=4),
        steps,
        st.integers(0, 1),
        values,
    ),
    st.tuples(
        st.just("batch"),
        st.sampled_from([("loss",), ("accuracy",), ("loss", "accuracy")]),
        steps,
        st.sampled_from([BATCH, STRIPPED]),
        values,
    ),
    st.tuples(st.just("epoch")),
    st.tuples(st.just("take")),
)


@given(
    st.lists(calls, max_size=60),
    st.builds(
        ServerLimits,
        elements=st.sampled_from([20_000, 40, 28]),
        record_bytes=st.sampled_from([1 << 20, 700]),
        accepts_columns=st.booleans(),
    ),
    st.sampled_from([1, 3, 1_000]),
)
def test_every_number_arrives_once_in_its_order(
    made: list[tuple[object, ...]], limits: ServerLimits, most: int
) -> None:
    outbox, meant, said = Outbox(), Said(), Said()
    epoch = index = 0

    def take() -> None:
        while tables := outbox.take(most=most):
            assert all(isinstance(table, Table) for table in tables)
            for record in records_of(tables, limits, never):  # type: ignore[arg-type]
                said.hear(record, limits)

    for call in made:
        match call:
            case ("log", set() as names, int() as step, int() as of_epoch, float() as value):
                numbers = {str(name): value + at for at, name in enumerate(sorted(names))}
                shape = outbox.shape_of(numbers)
                if shape is None or not outbox.put_row(shape, step, numbers.values(), of_epoch):
                    outbox.put_numbers(step, numbers, of_epoch)
                for name, number in numbers.items():
                    meant.point(name, step, number, of_epoch)
            case ("batch", tuple() as names, int() as step, BatchShape() as shape, float() as v):
                numbers = {str(name): v for name in names}
                outbox.put_batch(step, tuple(numbers), numbers.values(), epoch, index, shape)
                for name, number in numbers.items():
                    meant.point(name, step, number, epoch)
                meant.batches.append((epoch, index, step))
                meant.images += shape.images
                index += 1
            case ("epoch",):
                epoch, index = epoch + 1, 0
            case _:
                take()
    take()
    assert said.curves == meant.curves
    assert said.epochs == meant.epochs
    assert said.batches == meant.batches
    assert said.images == meant.images
    for times in said.times.values():
        assert times == sorted(times)


@given(
    st.lists(
        st.tuples(st.text(max_size=300), st.integers(0, 400)), max_size=30, unique_by=lambda c: c[0]
    ),
    st.builds(
        ServerLimits,
        elements=st.integers(21, 200),
        record_bytes=st.integers(2_000, 20_000),
    ),
)
def test_parts_keep_to_the_limits_and_lose_nothing(
    made: list[tuple[str, int]], limits: ServerLimits
) -> None:
    columns = [
        Column(name, *(np.arange(rows, dtype="<i8").tobytes() for _ in range(3)))
        for name, rows in made
    ]
    joined: dict[str, bytes] = {}
    for part in split_columns(columns, limits):
        names = [column.name for column in part]
        assert len(set(names)) == len(names) > 0
        assert len(part) * 5 + 16 <= limits.elements
        size = sum(3 * len(column.steps) + 20 + len(column.name.encode()) for column in part)
        assert size + 512 <= limits.record_bytes
        for column in part:
            assert column.steps == column.times_us == column.values
            joined[column.name] = joined.get(column.name, b"") + column.steps
    assert joined == {column.name: column.steps for column in columns if column.steps}


def taken(outbox: Outbox) -> list[Table]:
    tables = outbox.take()
    return [table for table in tables if isinstance(table, Table)]


def test_numbers_of_different_calls_become_one_record() -> None:
    outbox = Outbox()
    for step in range(100):
        outbox.put_numbers(step, {"a": 1.0}, 0)
        outbox.put_batch(step, ("loss",), (0.5,), 0, step, BATCH)
        outbox.put_numbers(step, {"b": 1.0, "c": 2.0}, 0)
    records = list(records_of(taken(outbox), ServerLimits(), never))
    assert [record.points for record in records] == [300, 100]


def test_what_the_server_would_not_take_is_left_out_and_told() -> None:
    refused: list[tuple[str, int]] = []
    limits = ServerLimits(name_chars=5, max_step=10)
    for count in (1, 3):
        outbox = Outbox()
        for step in range(count):
            outbox.put_numbers(step, {"a": 1.0, "toolong": 1.0}, 0)
        outbox.put_numbers(11, {"b": 1.0}, 0)
        said = Said()
        for record in records_of(
            taken(outbox), limits, lambda name, points, why: refused.append((name, points))
        ):
            said.hear(record, limits)
        assert {name: len(points) for name, points in said.curves.items()} == {"a": count}
        assert sorted(refused) == [("b", 1), ("toolong", count)]
        refused.clear()


@pytest.mark.parametrize("high", [[11], [11, 12, 13]])
def test_batches_beyond_the_last_step_cost_themselves(high: list[int]) -> None:
    outbox, said, refused = Outbox(), Said(), []
    for index, step in enumerate([8, *high, 9, 10]):
        outbox.put_batch(step, ("loss",), (0.5,), 0, index, BATCH)
    limits = ServerLimits(max_step=10)
    for record in records_of(taken(outbox), limits, lambda *what: refused.append(what)):
        said.hear(record, limits)
    kept = [(0, 0, 8), (0, len(high) + 1, 9), (0, len(high) + 2, 10)]
    assert said.batches == kept
    assert len(refused) == len(high)


def test_names_that_utf8_cannot_tell_apart_share_a_column() -> None:
    outbox, said = Outbox(), Said()
    for step in range(2):
        outbox.put_numbers(step, dict.fromkeys(map(chr, (0xD800, 0xD801)), 1.0), 0)
    for record in records_of(taken(outbox), ServerLimits(), never):
        said.hear(record, ServerLimits())
    assert {name: len(points) for name, points in said.curves.items()} == {"?": 4}
