from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain.exceptions import ProtocolError
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.columns import ColumnsSummary, column_named, summarize_columns
from livetrain.server.limits import Limits
from livetrain.server.points import series_of
from livetrain.server.records import COLUMNS, Record, Rejected, read

LIMITS = Limits()
MAX = LIMITS.max_step
Points = list[tuple[int, int, float]]


def column(name: str, rows: Points) -> pb.PointColumn:
    steps, times, values = zip(*rows, strict=True) if rows else ((), (), ())
    return pb.PointColumn(
        name=name,
        steps=np.array(steps, "<i8").tobytes(),
        times_us=np.array(times, "<i8").tobytes(),
        values=np.array(values, "<f8").tobytes(),
    )


def summary(columns: pb.PointColumns) -> ColumnsSummary:
    return summarize_columns(columns, name_chars=LIMITS.name_chars, max_step=MAX)


def test_columns_are_summarized() -> None:
    columns = pb.PointColumns(
        columns=[
            column("lr", [(7, 100, 0.1), (9, 300, 0.1)]),
            column("loss", [(7, 100, 1.0), (8, 200, float("nan")), (3, 400, float("inf"))]),
            column("empty", []),
        ],
        epoch=4,
    )
    assert summary(columns) == ColumnsSummary(
        points=5,
        rows=3,
        newest_batch=None,
        epoch=4,
        names=("lr", "loss", "empty"),
        last_steps=(9, 3, None),
        first_step=7,
        oldest_us=100,
        newest_us=400,
    )


def test_no_points_are_nothing() -> None:
    assert summary(pb.PointColumns()) == ColumnsSummary(0, 0, None, None)


def test_rows_of_batches_are_counted_on() -> None:
    columns = pb.PointColumns(
        columns=[
            column("loss", [(7, 1, 1.0), (8, 2, 2.0)]),
            column("accuracy", [(7, 1, 0.5), (8, 2, 0.6)]),
        ],
        batches=pb.BatchRows(first_batch_idx=30, batch_size=16),
    )
    assert summary(columns).newest_batch == 31


ONE = (0, 1, 1.0)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (pb.PointColumns(columns=[column("", [ONE])]), "name of 0 characters"),
        (pb.PointColumns(columns=[column("x" * 257, [ONE])]), "257 characters; 1 to 256"),
        (pb.PointColumns(columns=[column("a", [ONE])] * 2), "'a' stands in 2 columns"),
        (
            pb.PointColumns(columns=[column("a", [ONE]), column("b", [(-1, 1, 1.0)])]),
            "step -1 of metric 'b'; 0 to",
        ),
        (
            pb.PointColumns(columns=[column("a", [ONE, (MAX + 1, 1, 1.0)]), column("b", [ONE])]),
            f"step {MAX + 1} of metric 'a'; 0 to {MAX}",
        ),
        (
            pb.PointColumns(columns=[pb.PointColumn(name="a", steps=b"x" * 8, values=b"x" * 8)]),
            "8 bytes of steps, 0 of times and 8 of values",
        ),
        (
            pb.PointColumns(
                columns=[pb.PointColumn(name="a", steps=b"abc", times_us=b"abc", values=b"abc")]
            ),
            "columns of 3 bytes",
        ),
        (
            pb.PointColumns(
                columns=[column("a", [ONE]), column("b", [ONE, ONE])], batches=pb.BatchRows()
            ),
            "differ in their number of rows",
        ),
        (
            pb.PointColumns(
                columns=[column("a", [ONE, ONE])],
                batches=pb.BatchRows(first_batch_idx=2**32 - 1),
            ),
            "beyond",
        ),
    ],
)
def test_columns_that_cannot_be_kept_are_refused_with_the_reason(
    columns: pb.PointColumns, reason: str
) -> None:
    with pytest.raises(ProtocolError, match=reason.replace("(", r"\(")):
        summary(columns)
    (record,) = read(pb.TelemetryRequest(seq=8, columns=columns).SerializeToString(), LIMITS)
    assert isinstance(record, Rejected)
    assert record.seq == 8
    assert reason in record.reason


ROWS = st.lists(
    st.tuples(st.integers(0, MAX), st.integers(-(2**62), 2**62), st.floats()), max_size=20
)


@given(st.dictionaries(st.text(min_size=1, max_size=20), ROWS, max_size=5))
def test_every_point_of_a_record_is_there_again(curves: dict[str, Points]) -> None:
    columns = pb.PointColumns(columns=[column(name, rows) for name, rows in curves.items()])
    (record,) = read(
        pb.TelemetryRequest(session_id="s", seq=3, columns=columns).SerializeToString(), LIMITS
    )
    assert isinstance(record, Record)
    assert (record.kind, record.seq, record.session_id) == (COLUMNS, 3, "s")
    kept = pb.TelemetryRequest.FromString(record.data)
    assert kept.columns == columns
    assert record.columns is not None
    assert record.columns.names == tuple(curves)
    assert record.columns.last_steps == tuple(
        rows[-1][0] if rows else None for rows in curves.values()
    )
    filled = [rows for rows in curves.values() if rows]
    begun = min(((rows[0][1], rows[0][0]) for rows in filled), default=(0, None))
    assert record.columns.first_step == begun[1]
    assert record.columns.oldest_us == min((rows[0][1] for rows in filled), default=0)
    assert record.columns.newest_us == max((rows[-1][1] for rows in filled), default=0)
    everything = [row for rows in curves.values() for row in rows]
    assert record.columns.points == len(everything)
    for name, rows in curves.items():
        found = column_named(kept.columns, name)
        if found is None:
            assert not rows
            continue
        assert found.steps.tolist() == [step for step, _, _ in rows]
        assert found.times_us.tolist() == [time for _, time, _ in rows]
        assert repr(found.values.tolist()) == repr([value for _, _, value in rows])
    assert sum(map(len, series_of(kept, received_ms=0).values())) == len(everything)


def test_elements_of_columns_are_counted_where_there_may_be_too_many() -> None:
    def refused(columns: pb.PointColumns, elements: int) -> list[str]:
        message = pb.TelemetryRequest(seq=1, columns=columns).SerializeToString()
        found = read(message, Limits(elements=elements))
        return [record.reason for record in found if isinstance(record, Rejected)]

    columns = pb.PointColumns(columns=[column(f"name{n}", [ONE]) for n in range(100)])
    # seq, columns, and of each column itself and its four fields
    assert refused(columns, 502) == []
    assert refused(columns, 501) == ["more than 501 fields in one record"]
    assert refused(pb.PointColumns(columns=[pb.PointColumn(name="a")] * 20_000), 20_000) != []


@given(st.binary(max_size=200))
def test_any_bytes_are_columns_or_refused(raw: bytes) -> None:
    message = pb.TelemetryRequest(seq=1).SerializeToString() + b"\x8a\x02" + bytes([len(raw) & 127])
    for record in read(message + raw[: len(raw) & 127], LIMITS):
        assert isinstance(record, (Record, Rejected))
