from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._protobuf import bytes_field
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.limits import Limits
from livetrain.server.older_records import adopt
from livetrain.server.pictures import picture_size
from livetrain.server.records import BATCH, EPOCH, HEARTBEAT, Record, Rejected, read

LIMITS = Limits()
JPEG = b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x40\x00\x40\x03" + b"x" * 100


def one(raw: bytes) -> Record:
    (record,) = read(raw, LIMITS)
    assert isinstance(record, Record), record
    return record


def refused(raw: bytes) -> Rejected:
    (record,) = read(raw, LIMITS)
    assert isinstance(record, Rejected), record
    return record


def batch(**more: object) -> pb.TelemetryRequest:
    data = pb.BatchData(
        epoch=1,
        batch_idx=7,
        batch_size=16,
        batch_loss=0.25,
        step=107,
        images=[pb.ImageData(image_bytes=JPEG, format="jpeg") for _ in range(16)],
        predictions=[pb.Prediction(predicted_label="cat", confidence=0.5) for _ in range(16)],
        ground_truth=range(16),
        sample_ids=[str(i) for i in range(16)],
    )
    data.MergeFrom(pb.BatchData(**more))  # type: ignore[arg-type]
    return pb.TelemetryRequest(
        session_id="secret", seq=9, timestamp_ms=5, mono_us=6, batch_data=data
    )


def test_a_batch_is_kept_without_pictures_and_shown_whole() -> None:
    record = one(batch().SerializeToString())
    kept = pb.TelemetryRequest.FromString(record.data)
    assert kept == record.message
    assert kept == pb.TelemetryRequest(
        seq=9,
        timestamp_ms=5,
        mono_us=6,
        batch_data=pb.BatchData(epoch=1, batch_idx=7, batch_size=16, batch_loss=0.25, step=107),
    )
    assert (record.seq, record.kind, record.session_id, record.problem) == (9, BATCH, "secret", "")
    assert record.frame is not None
    shown = pb.TelemetryRequest.FromString(b"".join(record.frame))
    expected = batch()
    expected.ClearField("session_id")
    assert shown == expected


def test_head_and_pictures_side_by_side_are_one_batch() -> None:
    whole = batch()
    head = pb.TelemetryRequest(
        session_id="secret", seq=9, batch_data=pb.BatchData(step=107, batch_loss=0.25)
    )
    pictures = pb.TelemetryRequest(batch_data=pb.BatchData(images=whole.batch_data.images))
    record = one(head.SerializeToString() + pictures.SerializeToString())
    assert record.message.batch_data == head.batch_data
    assert record.frame is not None
    assert len(pb.TelemetryRequest.FromString(b"".join(record.frame)).batch_data.images) == 16


def test_a_batch_without_tiles_is_nothing_to_see() -> None:
    assert (
        one(pb.TelemetryRequest(seq=1, batch_data=pb.BatchData(step=3)).SerializeToString()).frame
        is None
    )


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"images": [pb.ImageData(image_bytes=b"<svg/>", format="jpeg")]}, "neither JPEG nor PNG"),
        ({"images": [pb.ImageData()] * 60}, "more than 64 tiles"),
        ({"predictions": [pb.Prediction(predicted_label="x" * 20_000)]}, "belong to one tile"),
        ({"captions": ["x" * 20_000]}, "belong to one tile"),
        ({"strip": pb.ImageStrip(image_bytes=b"<html>")}, "neither JPEG nor PNG"),
    ],
)
def test_pictures_that_cannot_be_shown_do_not_cost_the_numbers(
    more: dict[str, object], reason: str
) -> None:
    record = one(batch(**more).SerializeToString())
    assert reason in record.problem
    assert record.frame is None
    assert record.message.batch_data.batch_loss == 0.25


def test_an_image_that_did_not_change_has_no_bytes_and_is_shown() -> None:
    same = pb.TelemetryRequest(
        seq=1, batch_data=pb.BatchData(images=[pb.ImageData(content_hash=5)] * 16)
    )
    assert one(same.SerializeToString()).frame is not None


def test_the_records_of_a_bundle_are_read_one_by_one() -> None:
    inside = [
        pb.TelemetryRequest(
            session_id="s", seq=seq, scalars=pb.Scalars(step=seq)
        ).SerializeToString()
        for seq in (4, 5)
    ]
    broken = b"\x0a\xff"
    raw = pb.TelemetryRequest(
        session_id="s", bundle=pb.RecordBundle(records=[*inside, broken])
    ).SerializeToString()
    first, second, third = read(raw, LIMITS)
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert (first.seq, second.seq) == (4, 5)
    assert isinstance(third, Rejected)


def test_a_record_too_many_in_a_message_costs_itself() -> None:
    inside = [
        pb.TelemetryRequest(
            seq=seq, scalars=pb.Scalars(step=seq, values=[pb.Scalar(name="lr", value=0.5)])
        ).SerializeToString()
        for seq in range(1, 8)
    ]
    raw = pb.TelemetryRequest(bundle=pb.RecordBundle(records=inside)).SerializeToString()
    *taken, sixth, seventh = read(raw, replace(LIMITS, records=5))
    assert [record.seq for record in taken if isinstance(record, Record)] == [1, 2, 3, 4, 5]
    for seq, refused in ((6, sixth), (7, seventh)):
        assert isinstance(refused, Rejected)
        assert (refused.seq, refused.step, refused.whole) == (seq, seq, False)
        assert refused.reason == "more than 5 records in one message"
    # So many are no mistake: the message is refused from there on, as one that cannot be read.
    last = list(read(raw, replace(LIMITS, records=3)))[-1]
    assert isinstance(last, Rejected)
    assert last.whole


def test_a_tombstone_is_taken_whatever_step_it_says() -> None:
    tombstone = pb.Tombstone(reason="refused", records=1, step=2**62)
    (record,) = read(pb.TelemetryRequest(seq=3, tombstone=tombstone).SerializeToString(), LIMITS)
    assert isinstance(record, Record)
    assert record.message.tombstone.reason == "refused"
    for said in (record.message, pb.TelemetryRequest.FromString(record.data)):
        assert not said.tombstone.HasField("step")


@pytest.mark.parametrize(
    ("raw", "seq", "reason"),
    [
        (b"\xff\xff\xff", None, ""),
        (
            pb.TelemetryRequest(seq=3, scalars=pb.Scalars(step=2**60)).SerializeToString(),
            3,
            f"step {2**60}; 0 to {2**53 - 1} are taken",
        ),
        (
            pb.TelemetryRequest(seq=3, batch_data=pb.BatchData(step=2**60)).SerializeToString(),
            3,
            f"step {2**60}; 0 to {2**53 - 1} are taken",
        ),
        (
            pb.TelemetryRequest(
                seq=200, scalars=pb.Scalars(values=[pb.Scalar(name="x" * 300)])
            ).SerializeToString(),
            200,
            "300 characters",
        ),
        (
            pb.TelemetryRequest(
                seq=3, scalars=pb.Scalars(values=[pb.Scalar()])
            ).SerializeToString(),
            3,
            "0 characters",
        ),
        (
            pb.TelemetryRequest(seq=3).SerializeToString()
            + pb.TelemetryRequest(log=pb.Log()).SerializeToString()
            + pb.TelemetryRequest(heartbeat=pb.Heartbeat()).SerializeToString(),
            3,
            "two payloads",
        ),
        (
            pb.TelemetryRequest(seq=3).SerializeToString()
            + b"".join(bytes_field(28, [b"\x12\x01\xff"])),
            3,
            "",
        ),
    ],
)
def test_a_record_that_will_never_be_taken_says_which_and_why(
    raw: bytes, seq: int | None, reason: str
) -> None:
    rejected = refused(raw)
    assert rejected.seq == seq
    assert reason in rejected.reason
    assert rejected.reason


def test_a_flood_of_empty_messages_is_refused() -> None:
    flood = b"".join(bytes_field(4, [b"\x8a\x01\x00" * 300_000]))
    assert "more than 20000 fields" in refused(flood).reason
    flood = b"".join(bytes_field(4, [b"\x8a\x01\x00" * 1_300_000]))
    assert "without pictures" in refused(flood).reason
    assert "more than" in refused(b"".join(bytes_field(3, [b"\x22\x00" * 2_000_000]))).reason


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for record in read(raw, LIMITS):
        assert isinstance(record, (Record, Rejected))


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_flipped_byte_is_read_or_refused(at: int, value: int) -> None:
    raw = bytearray(batch().SerializeToString())
    raw[at % len(raw)] = value
    for record in read(bytes(raw), LIMITS):
        assert isinstance(record, (Record, Rejected))


def test_a_samples_picture_goes_a_way_of_its_own() -> None:
    sample = pb.Sample(
        sample_id="a-1", image=pb.ImageData(image_bytes=JPEG, width=1, format="x"), prompt="a cat"
    )
    record = one(pb.TelemetryRequest(seq=1, sample=sample).SerializeToString())
    width, height = picture_size(JPEG, 0, len(JPEG))
    assert record.picture == JPEG
    kept = record.message.sample
    assert kept.image == pb.ImageData(width=width, height=height, format="jpeg")
    assert (kept.sample_id, kept.prompt) == ("a-1", "a cat")
    assert JPEG not in record.data


@pytest.mark.parametrize("picture", [b"", b"<svg onload=alert(1)>", JPEG[:10]])
def test_a_sample_without_a_picture_that_can_be_shown_says_so(picture: bytes) -> None:
    sample = pb.Sample(sample_id="a", image=pb.ImageData(image_bytes=picture))
    record = one(pb.TelemetryRequest(seq=1, sample=sample).SerializeToString())
    assert record.picture == b""
    assert record.message.sample.image.error
    assert bool(record.problem) == bool(picture)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a b", "é", "x" * 65, "a/b"])
def test_a_samples_id_fits_into_an_address(name: str) -> None:
    sample = pb.Sample(sample_id=name, image=pb.ImageData(image_bytes=JPEG))
    record = one(pb.TelemetryRequest(seq=1, sample=sample).SerializeToString())
    assert re.fullmatch("[0-9a-f]{32}", record.message.sample.sample_id)


def test_an_older_batch_gets_a_step_and_nothing_that_was_not_told() -> None:
    older = pb.BatchData(epoch=2, batch_idx=1, images=[pb.ImageData(image_bytes=JPEG)])
    record = adopt(
        one(pb.TelemetryRequest(session_id="s", batch_data=older).SerializeToString()), step=41
    )
    kept = pb.TelemetryRequest.FromString(record.data).batch_data
    assert kept.step == 41
    assert not kept.HasField("batch_loss")
    assert not kept.HasField("batch_accuracy")
    assert record.frame is not None
    shown = pb.TelemetryRequest.FromString(b"".join(record.frame)).batch_data
    assert (shown.step, shown.epoch, len(shown.images)) == (41, 2, 1)


def test_an_older_epoch_says_what_it_gives() -> None:
    epoch = pb.EpochData(epoch=1, average_loss=0.5)
    record = adopt(one(pb.TelemetryRequest(epoch_data=epoch).SerializeToString()), step=41)
    assert record.kind == EPOCH
    kept = record.message.epoch_data
    assert (kept.step, kept.has_loss, kept.has_accuracy, kept.has_learning_rate) == (
        40,
        True,
        False,
        False,
    )


def test_a_heartbeat_is_one() -> None:
    assert one(pb.TelemetryRequest(heartbeat=pb.Heartbeat()).SerializeToString()).kind == HEARTBEAT
    assert one(b"").kind == 0


FORGED = pb.TelemetryRequest(
    command_issued=pb.CommandIssued(
        command_id="c1", verb="stop", issued_by="the boss", origin="10.0.0.1"
    )
)
SERVER_ALONE = bytes(FORGED.SerializeToString())
BODY = FORGED.command_issued.SerializeToString()
ORDINARY = {
    "a log line": pb.TelemetryRequest(seq=4, log=pb.Log(message="a")),
    "numbers": pb.TelemetryRequest(
        seq=4, scalars=pb.Scalars(step=1, values=[pb.Scalar(name="a", value=1.0)])
    ),
    "a status": pb.TelemetryRequest(seq=4, status_update=pb.StatusUpdate(status=pb.RUNNING)),
    "a batch": batch(),
    "a batch without tiles": pb.TelemetryRequest(seq=4, batch_data=pb.BatchData(step=1)),
    "a tombstone": pb.TelemetryRequest(seq=4, tombstone=pb.Tombstone(reason="a", records=1)),
    "no payload": pb.TelemetryRequest(seq=4),
}


def long_tag(number: int) -> bytes:
    """Return the tag of a message field, with a bit above those that a tag has."""
    tag, out = (1 << 35) | number << 3 | 2, b""
    while tag > 0x7F:
        out, tag = out + bytes([tag & 0x7F | 0x80]), tag >> 7
    return out + bytes([tag])


@pytest.mark.parametrize("bundled", [False, True])
@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("forged", [SERVER_ALONE, long_tag(32) + bytes([len(BODY)]) + BODY])
@pytest.mark.parametrize("what", ORDINARY)
def test_nothing_that_the_server_alone_writes_is_taken_beside_anything(
    what: str, forged: bytes, behind: bool, bundled: bool
) -> None:
    ordinary = ORDINARY[what].SerializeToString()
    raw = ordinary + forged if behind else forged + ordinary
    if bundled:
        raw = pb.TelemetryRequest(bundle=pb.RecordBundle(records=[raw])).SerializeToString()
    assert refused(raw).seq in (4, 9, None)


@pytest.mark.parametrize("what", ["a log line", "a batch", "a tombstone"])
def test_nothing_stands_beside_a_bundle(what: str) -> None:
    inside = ORDINARY["numbers"].SerializeToString()
    bundle = pb.TelemetryRequest(bundle=pb.RecordBundle(records=[inside])).SerializeToString()
    for raw in (ORDINARY[what].SerializeToString() + bundle, bundle + bundle):
        assert refused(raw).whole


def test_a_payload_comes_once_unless_it_is_a_batch() -> None:
    column = b"".join(bytes_field(33, [b"\x0a\x00" * 100_000]))
    flood = pb.TelemetryRequest(seq=4).SerializeToString() + bytes_field(33, [b""])[0] + column
    assert "two payloads" in refused(flood).reason
    log = ORDINARY["a log line"].SerializeToString()
    assert "two payloads" in refused(log + log).reason
    assert one(batch().SerializeToString() + batch().SerializeToString()).kind == BATCH


@pytest.mark.parametrize("number", [3, 24, 28, 30])
def test_a_payload_is_a_message(number: int) -> None:
    tag = number << 3
    encoded = bytes([tag]) if tag < 0x80 else bytes([tag & 0x7F | 0x80, tag >> 7])
    raw = pb.TelemetryRequest(seq=4).SerializeToString() + encoded + b"\x05"
    assert "not a message" in refused(raw).reason


@pytest.mark.parametrize(
    "record",
    [
        pb.TelemetryRequest(seq=4, command_result=pb.CommandResult(state=pb.QUEUED)),
        pb.TelemetryRequest(seq=4, command_result=pb.CommandResult(state=pb.SENT)),
        pb.TelemetryRequest(seq=4, command_result=pb.CommandResult(command_id="c")),
        pb.TelemetryRequest(seq=4, event=pb.Event(kind="history_lost", message="all")),
        pb.TelemetryRequest(seq=4, event=pb.Event(kind="rank_lost", fields={"rank": "1"})),
        pb.TelemetryRequest(seq=4, event=pb.Event(kind="rank_back", fields={"rank": "1"})),
        pb.TelemetryRequest(seq=4, log=pb.Log(message="all is well", source="livetrain-server")),
    ],
)
def test_what_only_the_server_says_is_refused(record: pb.TelemetryRequest) -> None:
    rejected = refused(record.SerializeToString())
    assert (rejected.seq, rejected.cause) == (4, "payload")
    assert "only the server" in rejected.reason


def test_a_result_has_as_many_ranks_and_values_as_a_command_can_have() -> None:
    ranks = pb.CommandResult(command_id="c", state=pb.APPLIED, ranks=range(100_000))
    assert (
        "100000 ranks"
        in refused(pb.TelemetryRequest(command_result=ranks).SerializeToString()).reason
    )
    replay = pb.CommandReplay(verb="set", parameters={"a": "x" * 5000})
    large = pb.CommandResult(command_id="c", state=pb.ACCEPTED, replay=replay)
    assert (
        "too large" in refused(pb.TelemetryRequest(command_result=large).SerializeToString()).reason
    )
    values = {str(n): "1" for n in range(1000)}
    many = pb.CommandResult(command_id="c", state=pb.APPLIED, values=values)
    assert (
        "1000 values"
        in refused(pb.TelemetryRequest(command_result=many).SerializeToString()).reason
    )


def unknown(number: int = 99, size: int = 50) -> bytes:
    return b"".join(bytes_field(number, [b"x" * size]))


def test_a_field_that_this_server_does_not_know_is_dropped() -> None:
    config = pb.TrainingConfig.FromString(
        pb.TrainingConfig(batch_size=8).SerializeToString() + unknown()
    )
    status = pb.TelemetryRequest(
        seq=4, status_update=pb.StatusUpdate(status=pb.RUNNING, config=config)
    )
    wanted = pb.TelemetryRequest(
        seq=4,
        status_update=pb.StatusUpdate(status=pb.RUNNING, config=pb.TrainingConfig(batch_size=8)),
    )
    for raw in (status.SerializeToString(), status.SerializeToString() + unknown()):
        record = one(raw)
        assert record.data == wanted.SerializeToString()
        assert record.message.SerializeToString() == record.data


def test_a_field_that_this_server_does_not_know_is_dropped_from_a_batch() -> None:
    plain = batch()
    wrong_type = b"".join(bytes_field(8, [b"y" * 50]))  # the accuracy, as bytes
    inside = b"".join(bytes_field(3, [unknown(), wrong_type]))
    outside = b"".join(bytes_field(2, [b"a time that is a text"]))
    record = one(plain.SerializeToString() + inside + outside + unknown())
    expected = one(plain.SerializeToString())
    assert len(record.data) == len(expected.data)
    assert record.message == pb.TelemetryRequest.FromString(record.data) == expected.message
    assert record.frame is not None
    assert unknown() not in b"".join(record.frame).removesuffix(inside + outside)
    shown = pb.TelemetryRequest.FromString(b"".join(record.frame))
    shown.DiscardUnknownFields()
    plain.ClearField("session_id")
    assert shown == plain


@given(
    st.lists(
        st.sampled_from(
            [record.SerializeToString() for record in ORDINARY.values()]
            + [SERVER_ALONE, unknown(), long_tag(32) + bytes([len(BODY)]) + BODY]
            + [b"".join(bytes_field(number, [b"\x08\x01"])) for number in range(1, 40)]
            + [bytes([number << 3, 1]) for number in range(1, 16)]
        ),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)
def test_whatever_is_taken_has_one_payload_that_trainers_may_write(
    pieces: list[bytes], bundled: bool
) -> None:
    raw = b"".join(pieces)
    if bundled:
        raw = b"".join(bytes_field(30, bytes_field(1, [raw])))
    for record in read(raw, LIMITS):
        if isinstance(record, Rejected):
            continue
        for data in (record.data, b"".join(record.frame or ())):
            told = pb.TelemetryRequest.FromString(data)
            assert told.WhichOneof("payload") != "command_issued"
            assert not told.session_id
        kept = pb.TelemetryRequest.FromString(record.data)
        kept.DiscardUnknownFields()
        assert len(kept.SerializeToString()) == len(record.data)
        payload = kept.WhichOneof("payload")
        assert (payload is None) == (record.kind == 0)
