"""Two layouts of a batch are told apart; a zero that was not told is none; what is of neither layout is named, not dropped."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain.exceptions import ProtocolError
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.older_schema import OlderReader, Translation, misread_fields
from livetrain.server.wire import fields

JPEG = b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x40\x00\x40\x03" + b"x" * 100


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def number(place: int, value: int) -> bytes:
    return varint(place << 3) + varint(value)


def single(place: int, value: float) -> bytes:
    return varint(place << 3 | 5) + struct.pack("<f", value)


def double(place: int, value: float) -> bytes:
    return varint(place << 3 | 1) + struct.pack("<d", value)


def text(place: int, value: bytes) -> bytes:
    return varint(place << 3 | 2) + varint(len(value)) + value


def message(batch: bytes) -> bytes:
    return text(1, b"train_001") + text(3, batch)


def translate(raw: bytes, reader: OlderReader | None = None) -> Translation:
    return (reader or OlderReader()).translate(raw, fields(raw))


def batch_of(raw: bytes, reader: OlderReader | None = None) -> pb.BatchData:
    return pb.TelemetryRequest.FromString(translate(raw, reader).raw).batch_data


IMAGE = text(1, JPEG) + text(2, b"jpeg") + number(3, 64) + number(4, 64)
PREDICTION = number(1, 3) + text(2, b"cat") + single(3, 0.5)
LATER = (
    number(1, 2)
    + number(2, 7)
    + text(3, IMAGE) * 2
    + text(4, PREDICTION) * 2
    + text(5, varint(3) + varint(9))
    + single(6, 0.25)
    + single(7, 0.75)
    + number(8, 1_700_000_000_000)
)


def test_the_later_layout_is_translated() -> None:
    batch = batch_of(message(LATER))
    assert (batch.epoch, batch.batch_idx, batch.timestamp_ms) == (2, 7, 1_700_000_000_000)
    assert (batch.batch_loss, batch.batch_accuracy) == (0.25, 0.75)
    assert [(image.image_bytes, image.width) for image in batch.images] == [(JPEG, 64)] * 2
    assert [prediction.predicted_label for prediction in batch.predictions] == ["cat"] * 2
    assert list(batch.ground_truth) == [3, 9]
    assert not translate(message(LATER)).remarks


def test_unpacked_truths_and_bare_pictures_of_the_later_layout_are_taken() -> None:
    bare = number(1, 0) + text(3, JPEG) + number(5, 3) + number(5, 9) + single(6, 0.5)
    batch = batch_of(message(bare))
    assert list(batch.ground_truth) == [3, 9]
    assert [image.image_bytes for image in batch.images] == [JPEG]


def test_a_client_of_the_later_layout_is_known_by_its_batches_before() -> None:
    reader = OlderReader()
    assert batch_of(message(LATER), reader).batch_loss == 0.25
    # 7 alone would be the loss of the first layout.
    batch = batch_of(message(number(2, 8) + single(7, 0.5)), reader)
    assert (batch.batch_loss, batch.batch_accuracy) == (0.0, 0.5)
    batch = batch_of(message(number(2, 9) + number(3, 16) + single(7, 0.125)), reader)
    assert batch.batch_loss == 0.125, "and a batch with a size is of the first"


def test_fields_1_2_and_7_alone_tell_a_loss_and_no_accuracy() -> None:
    reader = OlderReader()
    for index in range(3):
        batch = batch_of(message(number(1, 0) + number(2, index) + single(7, 0.5)), reader)
        assert batch.batch_loss == 0.5
        assert not batch.HasField("batch_accuracy")
    assert batch_of(message(single(7, 0.5) + single(8, 0.9)), reader).batch_accuracy > 0.89
    zero = batch_of(message(single(7, 0.5)), reader)
    assert zero.HasField("batch_accuracy"), "from then on a zero is one"
    assert zero.batch_accuracy == 0


def test_an_accuracy_that_is_filled_with_zeros_was_not_told() -> None:
    batch = batch_of(message(single(7, 0.5) + single(8, 0.0)))
    assert not batch.HasField("batch_accuracy")


def test_a_loss_that_no_batch_tells_is_not_made_up() -> None:
    reader = OlderReader()
    assert not batch_of(message(number(2, 1)), reader).HasField("batch_loss")
    assert batch_of(message(single(7, 0.0)), reader).HasField("batch_loss"), "it is on the wire"
    assert batch_of(message(single(7, 0.5)), reader).batch_loss == 0.5
    assert batch_of(message(number(2, 1)), reader).HasField("batch_loss")


def test_what_was_told_before_a_restart_of_the_server_is_known() -> None:
    reader = OlderReader(["accuracy", "epoch/loss", "system/cpu_percent"])
    assert reader.told == {"accuracy", "epoch/loss"}
    assert batch_of(message(single(7, 0.5)), reader).HasField("batch_accuracy")


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (double(7, 0.5), "field 7 of BatchData (batch_loss) came as a number of 8 bytes"),
        (number(7, 1), "field 7 of BatchData (batch_loss) came as a whole number"),
        (text(7, b"0.5"), "field 7 of BatchData (batch_loss) came as a text"),
        (text(2, b"3") + single(7, 0.5), "field 2 of BatchData (batch_idx) came as a text"),
        (number(8, 1) + single(7, 0.5), "field 8 of BatchData (batch_accuracy)"),
        (text(3, b"16") + single(7, 0.5) + single(8, 0.5), "two layouts"),
        (text(3, IMAGE) + single(7, 0.5), "may be its loss or its accuracy"),
        (text(3, b"16"), "field 3 of BatchData"),
        (number(3, 16) + single(6, 0.5), "two layouts"),
    ],
)
def test_what_is_of_neither_layout_is_named(batch: bytes, said: str) -> None:
    with pytest.raises(ProtocolError) as error:
        translate(message(batch))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (text(1, b"s") + number(3, 7), "field 3 of TelemetryRequest (batch_data) came as a whole"),
        (number(1, 7) + text(3, b""), "field 1 of TelemetryRequest (session_id) came as a whole"),
        (text(4, double(2, 0.5)), "field 2 of EpochData (average_loss)"),
        (text(6, text(1, b"RUNNING")), "field 1 of StatusUpdate (status) came as a text"),
        (text(5, text(6, number(1, 50))), "field 1 of ResourceUsage (cpu_percent)"),
        (text(12, b"x"), "field 12 of TelemetryRequest and no payload"),
    ],
)
def test_other_messages_are_read_as_strictly(raw: bytes, said: str) -> None:
    with pytest.raises(ProtocolError) as error:
        translate(raw)
    assert said in str(error.value)


def test_what_is_more_than_the_schema_knows_is_remarked_and_the_rest_is_taken() -> None:
    batch = number(2, 3) + single(7, 0.5) + number(12, 9) + text(5, PREDICTION + text(9, b"?"))
    translated = translate(message(batch) + text(13, b"more"))
    assert set(translated.remarks) == {
        "field 12 of BatchData",
        "field 9 of Prediction",
        "field 13 of TelemetryRequest",
    }
    assert pb.TelemetryRequest.FromString(translated.raw).batch_data.batch_loss == 0.5
    (remark,) = translate(text(6, number(1, 99) + text(2, b"hi"))).remarks
    assert remark == "the value 99 as status of StatusUpdate"


def test_predictions_of_another_type_leave_the_numbers_of_their_batch() -> None:
    batch = single(7, 0.5) + text(4, IMAGE) + text(5, text(1, b"three"))
    translated = translate(message(batch))
    assert "field 1 of Prediction (predicted_class) came as a text" in translated.problem
    left = pb.TelemetryRequest.FromString(translated.raw).batch_data
    assert (left.batch_loss, len(left.images), len(left.predictions)) == (0.5, 0, 0)


def test_a_registration_says_what_was_passed_over() -> None:
    raw = text(1, b"s") + number(4, 7) + text(4, number(1, 3) + text(9, b"x")) + number(12, 1)
    assert misread_fields(raw, pb.SessionInfo.DESCRIPTOR) == [
        "field 4 of SessionInfo (config) came as a whole number",
        "field 9 of TrainingConfig",
        "field 12 of SessionInfo",
    ]


BATCHES = st.builds(
    pb.BatchData,
    epoch=st.integers(0, 100),
    batch_idx=st.integers(0, 2**32 - 1),
    batch_size=st.integers(0, 64),
    ground_truth=st.lists(st.integers(-5, 1000), max_size=16),
    batch_loss=st.floats(width=32, allow_nan=False),
    batch_accuracy=st.floats(0.5, 1, width=32),
    timestamp_ms=st.integers(0, 2**50),
    predictions=st.lists(
        st.builds(pb.Prediction, predicted_class=st.integers(-1, 9), confidence=st.just(0.5)),
        max_size=4,
    ),
)


@given(BATCHES)
def test_what_a_client_of_the_first_layout_says_is_left_as_it_is(batch: pb.BatchData) -> None:
    raw = pb.TelemetryRequest(session_id="s", batch_data=batch).SerializeToString()
    assert batch_of(raw) == batch


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_in_words(raw: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert translate(message(raw)).raw
