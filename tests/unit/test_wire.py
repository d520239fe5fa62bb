"""Records as bytes: what one side writes, the other reads."""

from __future__ import annotations

import math

import pytest

from livetrain import _records, _wire
from livetrain._performance import Performance
from livetrain._resources import Resources
from livetrain.proto import telemetry_pb2 as pb

STAMP = _wire.Stamp("run", 7, unix_ms=1000, mono_us=5)
BATCH = _wire.Batch(
    step=9, epoch=1, batch_index=2, batch_size=64, loss=0.5, accuracy=None, logged_us=1_000_123
)


def parse(data: bytes) -> pb.TelemetryRequest:
    return pb.TelemetryRequest.FromString(data)


def frame(pictures: _wire.Strip | tuple[_wire.Tile, ...]) -> _wire.EncodedFrame:
    prediction = _wire.TilePrediction(
        3, "three", 0.75, (_wire.ClassScore(3, "three", 0.75), _wire.ClassScore(5, "five", 0.25))
    )
    return _wire.EncodedFrame(pictures, predictions=(prediction,), targets=(3,))


def test_a_head_and_its_pictures_together_are_one_batch() -> None:
    strip = _wire.Strip(b"jpeg", "jpeg", 32, 24, 16, 3)
    request = parse(b"".join((_wire.batch_head(STAMP, BATCH), *_wire.batch_pictures(frame(strip)))))
    data = request.batch_data
    assert (request.seq, request.session_id, data.step, data.batch_idx) == (7, "run", 9, 2)
    assert data.batch_loss == 0.5
    assert not data.HasField("batch_accuracy")
    assert (data.strip.image_bytes, data.strip.tile_width, data.strip.count) == (b"jpeg", 32, 16)
    assert data.predictions[0].predicted_label == "three"
    assert [s.score for s in data.predictions[0].top_k_scores] == [0.75, 0.25]
    assert list(data.ground_truth) == [3]


def test_losses_of_samples_are_exact_where_a_float_is_not() -> None:
    def told(*losses: float) -> tuple[list[float], list[float]]:
        pictures = _wire.batch_pictures(_wire.EncodedFrame((), per_sample_loss=losses))
        data = parse(b"".join(pictures)).batch_data
        return list(data.per_sample_loss), list(data.exact_per_sample_loss)

    assert told(0.5, math.inf) == ([0.5, math.inf], [])
    assert told(math.nan)[1] == []
    assert told(0.1, 1e39) == ([pytest.approx(0.1), math.inf], [0.1, 1e39])


def test_a_loss_that_was_not_given_is_told_from_nan() -> None:
    for losses in ((0.5, None, math.nan), (0.1, None, math.nan)):
        pictures = _wire.batch_pictures(_wire.EncodedFrame((), per_sample_loss=losses))
        data = parse(b"".join(pictures)).batch_data
        assert list(data.untold_losses) == [1]
        assert len(data.per_sample_loss) == 3
        assert all(math.isnan(loss) for loss in data.per_sample_loss[1:])


@pytest.mark.parametrize("confidence", [None, 0.0, 0.5])
def test_a_confidence_that_nobody_told_is_absent(confidence: float | None) -> None:
    said = _wire.EncodedFrame((), predictions=(_wire.TilePrediction(1, "cat", confidence),))
    (prediction,) = parse(b"".join(_wire.batch_pictures(said))).batch_data.predictions
    assert prediction.HasField("confidence") == (confidence is not None)
    assert prediction.confidence == (confidence or 0)


def test_a_line_has_its_step() -> None:
    assert parse(_records.log("info", "x", step=7)(STAMP)).log.step == 7
    for step in (None, 2**62):
        assert not parse(_records.log("info", "x", step=step)(STAMP)).log.HasField("step")


def test_pictures_say_which_numbers_they_show_and_which_there_are() -> None:
    shown = _wire.EncodedFrame((), value_range=_wire.ValueRange(0.0, 255.0, 0.1, 16.0))
    told = parse(b"".join(_wire.batch_pictures(shown))).batch_data.value_range
    assert (told.shown_low, told.shown_high, told.seen_low, told.seen_high) == (0.0, 255.0, 0.1, 16)
    plain = parse(b"".join(_wire.batch_pictures(_wire.EncodedFrame(())))).batch_data
    assert not plain.HasField("value_range")


def test_tiles_of_their_own_carry_size_error_and_hash() -> None:
    tiles = (
        _wire.Tile(b"png", "png", 8, 6, 1, content_hash=77),
        _wire.Tile(b"", "", 0, 0, 0, error="5 axes"),
    )
    data = parse(b"".join(_wire.batch_pictures(frame(tiles)))).batch_data
    assert (data.images[0].width, data.images[0].height, data.images[0].content_hash) == (8, 6, 77)
    assert data.images[1].error == "5 axes"


def test_a_head_alone_with_a_mark_says_what_is_missing() -> None:
    request = parse(
        _wire.batch_head(STAMP, BATCH) + _wire.stripped_mark(16, pb.STRIP_REASON_OFFLINE)
    )
    assert (request.frames_stripped, request.strip_reason) == (16, pb.STRIP_REASON_OFFLINE)
    assert request.batch_data.batch_loss == 0.5
    assert not request.batch_data.images


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf, 1e308])
def test_a_loss_that_is_no_ordinary_number_is_written(loss: float) -> None:
    batch = _wire.Batch(0, 0, 0, 1, loss, None, 0)
    written = parse(_wire.batch_head(STAMP, batch)).batch_data.batch_loss
    assert math.isnan(written) if math.isnan(loss) else math.isinf(written)


def test_many_records_travel_in_one_message_and_one_as_it_is() -> None:
    one = _wire.scalars(STAMP, 3, {"a": 1.0})
    assert _wire.bundle([[one]]) == one
    assert list(parse(_wire.bundle([[one], [one[:5], one[5:]]])).bundle.records) == [one, one]


def test_an_epoch_says_which_means_were_given() -> None:
    write = _records.epoch(2, 99, {"loss": 0.0, "val_loss": 0.5, "f1": 0.25})
    data = parse(write(STAMP)).epoch_data
    assert (data.epoch, data.step, data.has_loss, data.has_accuracy) == (2, 99, True, False)
    assert data.validation_loss == 0.5
    assert [(m.name, m.value) for m in data.metrics] == [("f1", 0.25)]


def test_numbers_of_batches_and_epochs_are_exact_beside_their_nearest_floats() -> None:
    batch = _wire.Batch(0, 0, 0, 1, 0.1, 16777217.0, 0)
    data = parse(_wire.batch_head(STAMP, batch)).batch_data
    assert (data.exact_loss, data.exact_accuracy) == (0.1, 16777217.0)
    assert (data.batch_loss, data.batch_accuracy) == (pytest.approx(0.1), 16777216.0)
    values = {
        "loss": 1e39,
        "accuracy": 0.1,
        "lr": 1e-50,
        "val_loss": 16777217.0,
        "val/accuracy": 0.3,
    }
    data = parse(_records.epoch(0, 0, values)(STAMP)).epoch_data
    assert (data.exact_loss, data.exact_accuracy, data.exact_learning_rate) == (1e39, 0.1, 1e-50)
    assert (data.exact_validation_loss, data.exact_validation_accuracy) == (16777217.0, 0.3)
    assert (data.average_loss, data.has_loss, data.has_learning_rate) == (math.inf, True, True)
    assert not data.metrics
    assert not data.validation_metrics


def test_what_was_not_given_has_no_exact_number_either() -> None:
    data = parse(_records.epoch(0, 0, {})(STAMP)).epoch_data
    assert not any(data.HasField(name) for name in ("exact_loss", "exact_validation_loss"))
    batch = parse(_wire.batch_head(STAMP, _wire.Batch(0, 0, 0, 1, None, None, 0))).batch_data
    assert not any(batch.HasField(name) for name in ("exact_loss", "exact_accuracy"))


def test_any_validation_in_an_epoch_is_one() -> None:
    values = {"val_ppl": 12.5, "val/f1": 0.5, "value": 1.0, "val_lr": 0.1, "f1": 0.25}
    data = parse(_records.epoch(0, 0, values)(STAMP)).epoch_data
    assert {m.name: m.value for m in data.validation_metrics} == {"ppl": 12.5, "f1": 0.5, "lr": 0.1}
    assert {m.name: m.value for m in data.metrics} == {"value": 1.0, "f1": 0.25}


def test_a_validations_names_may_say_so_twice() -> None:
    values = {"val_loss": 0.5, "val/accuracy": 0.25, "ppl": 2.0, "val_f1": 1.0}
    data = parse(_records.validation(0, 50, values)(STAMP)).validation
    assert (data.step, data.loss, data.accuracy) == (50, 0.5, 0.25)
    assert {m.name: m.value for m in data.metrics} == {"ppl": 2.0, "f1": 1.0}


class Late:
    def __init__(self, value: float | None) -> None:
        self.value = value

    def get(self) -> float | None:
        return self.value


def test_numbers_are_read_when_they_are_written_and_what_is_none_is_left_out() -> None:
    write = _records.scalars(4, {"a": Late(2.0), "b": Late(None), "c": 3})
    assert [(s.name, s.value) for s in parse(write(STAMP)).scalars.values] == [
        ("a", 2.0),
        ("c", 3.0),
    ]


def test_performance_asks_for_the_machine_when_it_is_written() -> None:
    reading = Performance(5, 0.02, 1.0, None, 50.0, 49.0)
    used: list[Resources | None] = [None]
    write = _records.performance(reading, 0.004, lambda: used[0])
    assert not parse(write(STAMP)).performance_data.HasField("resource_usage")
    used[0] = Resources(120.0, 300.0, 16000.0, 80.0, 1000.0, 24000.0)
    data = parse(write(STAMP)).performance_data
    assert data.time_per_batch_ms == pytest.approx(20.0)
    assert data.overhead_percent == pytest.approx(0.4)
    assert (data.resource_usage.cpu_percent, data.resource_usage.has_gpu) == (120.0, True)


def test_settings_become_json_whatever_they_hold() -> None:
    text = _records.config_json({"lr": 3e-4, "inf": math.inf, "path": object, 5: {"a": (1, 2)}})
    assert '"lr": 0.0003' in text
    assert '"inf": "inf"' in text
    assert '"5": {"a": [1, 2]}' in text


def test_text_that_utf8_cannot_hold_is_sent_all_the_same() -> None:
    odd = "a\ud800b"
    assert parse(_records.log("info", odd)(STAMP)).log.message == "a?b"
    assert parse(_records.scalars(0, {odd: 1.0})(STAMP)).scalars.values[0].name == "a?b"
    assert parse(_records.event("error", odd, {odd: odd}, 0)(STAMP)).event.fields == {"a?b": "a?b"}
    captioned = _wire.EncodedFrame((), captions=(odd,), sample_ids=("é",))
    data = parse(b"".join(_wire.batch_pictures(captioned))).batch_data
    assert (list(data.captions), list(data.sample_ids)) == (["a?b"], ["é"])
