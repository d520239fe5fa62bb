from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._protobuf import bytes_field, read_varint, varint, varint_field
from livetrain.exceptions import ProtocolError
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.wire import count_elements, each_value, fields


@given(st.integers(0, 2**64 - 1))
def test_numbers_survive(number: int) -> None:
    encoded = varint(number)
    assert read_varint(encoded, 0) == (number, len(encoded))
    assert pb.TelemetryRequest.FromString(varint_field(16, number)).seq == number


def test_fields_are_found_where_they_stand() -> None:
    message = pb.TelemetryRequest(session_id="s", seq=300, log=pb.Log(message="hello"))
    raw = message.SerializeToString()
    found = {field.number: raw[field.value : field.end] for field in fields(raw)}
    assert found[1] == b"s"
    assert found[16] == varint(300)
    assert found[28] == message.log.SerializeToString()
    assert b"".join(raw[field.start : field.end] for field in fields(raw)) == raw


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x0a\x05abc", "past the end"),
        (b"\x0a", "ends within"),
        (b"\x08", "ends within a number"),
        (b"\x08" + b"\xff" * 11, "longer than ten"),
        (b"\x0b\x0c", "wire type 3"),
        (b"\x0d\x00", "past the end"),
        (b"\x00\x00", "past the end"),
    ],
)
def test_what_is_no_message_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        fields(raw)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        found = fields(raw)
    except ProtocolError:
        return
    assert b"".join(raw[field.start : field.end] for field in found) == raw


def test_elements_are_counted_through_all_messages() -> None:
    epoch = pb.EpochData(epoch=1, metrics=[pb.Scalar(name="a", value=1.0), pb.Scalar(name="b")])
    raw = pb.TelemetryRequest(session_id="s", epoch_data=epoch).SerializeToString()
    # session, epoch_data, epoch, 2 metrics, 2 names, 1 value
    assert count_elements(raw, pb.TelemetryRequest.DESCRIPTOR, limit=8) == 8
    with pytest.raises(ProtocolError, match="more than"):
        count_elements(raw, pb.TelemetryRequest.DESCRIPTOR, limit=7)


def test_two_million_empty_messages_are_refused_before_they_are_parsed() -> None:
    raw = b"".join(
        bytes_field(4, [b"\x8a\x01\x00" * 1_300_000])
    )  # EpochData.metrics, 1.3 M times nothing
    with pytest.raises(ProtocolError, match="more than 20000"):
        count_elements(raw, pb.TelemetryRequest.DESCRIPTOR, limit=20_000)


def test_a_field_in_pieces_is_one_field() -> None:
    log = pb.Log(message="hello", source="x").SerializeToString()
    raw = b"".join(bytes_field(28, [log[:3], memoryview(log)[3:]]))
    assert pb.TelemetryRequest.FromString(raw).log.source == "x"


@given(st.lists(st.binary(max_size=300), max_size=20), st.binary(max_size=9))
def test_the_records_of_a_bundle_are_found_one_by_one(records: list[bytes], before: bytes) -> None:
    raw = before + pb.RecordBundle(records=records).SerializeToString()
    found = each_value(raw, 1, len(before), len(raw), limit=len(records))
    assert [raw[start:end] for start, end in found] == records
    if records:
        with pytest.raises(ProtocolError, match=f"more than {len(records) - 1}"):
            list(each_value(raw, 1, len(before), len(raw), limit=len(records) - 1))


@given(st.binary(max_size=100))
def test_of_any_bytes_the_values_are_within_them(raw: bytes) -> None:
    try:
        for start, end in each_value(raw, 1, 0, len(raw), limit=50):
            assert 0 < start <= end <= len(raw)
    except ProtocolError:
        pass
