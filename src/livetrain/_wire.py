"""Dataclasses to protobuf bytes: the one place in the SDK that knows the generated classes.

A batch is written as two byte strings, its *head* (numbers) and its *pictures* (images and predictions). Both are valid
``TelemetryRequest`` bytes, and so is their concatenation: a protobuf parser merges fields of the same message. So a batch can
be kept and sent again without its images, and nothing is serialised twice.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from livetrain._protobuf import bytes_field
from livetrain.proto import telemetry_pb2 as pb

__all__ = [
    "BUNDLED_BYTES",
    "PROTOCOL_VERSION",
    "Batch",
    "ClassScore",
    "Declaration",
    "EncodedFrame",
    "Piece",
    "Stamp",
    "Strip",
    "Tile",
    "TilePrediction",
    "ValueRange",
    "add_scalars",
    "batch_head",
    "batch_pictures",
    "bundle",
    "scalars",
    "sendable",
    "stripped_mark",
    "tombstone",
    "without_sample_picture",
]

Piece = bytes | memoryview

PROTOCOL_VERSION = 1
BUNDLED_BYTES = 8
"""What a record in a bundle takes beside its own bytes, at most; the bundle's own head included."""

_RECORDS = pb.RecordBundle.RECORDS_FIELD_NUMBER
_BUNDLE = pb.TelemetryRequest.BUNDLE_FIELD_NUMBER
_BATCH = pb.TelemetryRequest.BATCH_DATA_FIELD_NUMBER
_STRIP = pb.BatchData.STRIP_FIELD_NUMBER
_IMAGES = pb.BatchData.IMAGES_FIELD_NUMBER
_IMAGE_BYTES = pb.ImageData.IMAGE_BYTES_FIELD_NUMBER
_STRIP_BYTES = pb.ImageStrip.IMAGE_BYTES_FIELD_NUMBER


@dataclass(frozen=True, slots=True)
class Tile:
    """One encoded image; ``data`` is empty when ``error`` says why; ``content_hash`` 0: it is not remembered."""

    data: bytes
    format: str
    width: int
    height: int
    channels: int
    error: str = ""
    content_hash: int = 0


@dataclass(frozen=True, slots=True)
class Strip:
    """Equal tiles, one below the other, in one picture of ``tile_height * count`` rows."""

    data: bytes
    format: str
    tile_width: int
    tile_height: int
    count: int
    channels: int


@dataclass(frozen=True, slots=True)
class ClassScore:
    """What one class got, 0 to 1."""

    index: int
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class TilePrediction:
    """What the model made of one image; ``index`` is -1 where there is no class (regression, text).

    ``confidence`` is 0 to 1, or None where nobody told one, as with class indices; ``top`` is empty then.
    """

    index: int
    label: str
    confidence: float | None
    top: tuple[ClassScore, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueRange:
    """Which numbers are black and white in a frame's pictures, and which its images really hold."""

    shown_low: float
    shown_high: float
    seen_low: float
    seen_high: float


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """The pictures of one batch with what belongs to each; the tuples are empty or have one entry a tile."""

    pictures: Strip | tuple[Tile, ...]
    predictions: tuple[TilePrediction, ...] = ()
    targets: tuple[int, ...] = ()
    per_sample_loss: tuple[float | None, ...] = ()  # None: not given for that one
    sample_ids: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    value_range: ValueRange | None = None

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return self.pictures.count if isinstance(self.pictures, Strip) else len(self.pictures)

    @property
    def size(self) -> int:
        """How many bytes the pictures have."""
        if isinstance(self.pictures, Strip):
            return len(self.pictures.data)
        return sum(len(tile.data) for tile in self.pictures)


@dataclass(frozen=True, slots=True)
class Batch:
    """The numbers of one batch; ``loss`` and ``accuracy`` are None where none was given."""

    step: int
    epoch: int
    batch_index: int
    batch_size: int
    loss: float | None
    accuracy: float | None
    logged_us: int  # Unix microseconds


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every record carries: whose it is, its place in the stream, and when."""

    session_id: str
    seq: int
    unix_ms: int
    mono_us: int
    unix_us: int = 0  # the same moment as unix_ms; 0: only that is known

    def request(self) -> pb.TelemetryRequest:
        """Return an empty record with this stamp on it."""
        return pb.TelemetryRequest(
            session_id=self.session_id,
            seq=self.seq,
            timestamp_ms=self.unix_ms,
            mono_us=self.mono_us,
            logged_us=self.unix_us,
        )


@dataclass(frozen=True, slots=True)
class Declaration:
    """A command that the trainer allows, with the parameters that it takes."""

    verb: str
    title: str = ""
    parameters: Sequence[pb.ControlParameter] = field(default=())


def sendable(text: str) -> str:
    """Return text that UTF-8 can hold: lone surrogates, as in names of files, become question marks."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def batch_head(stamp: Stamp, batch: Batch) -> bytes:
    """Serialise the numbers of a batch, without any image."""
    request = stamp.request()
    data = request.batch_data
    data.epoch = batch.epoch
    data.batch_idx = batch.batch_index
    data.batch_size = batch.batch_size
    data.step = batch.step
    data.timestamp_ms = stamp.unix_ms
    data.logged_us = batch.logged_us
    if batch.loss is not None:
        data.batch_loss = data.exact_loss = batch.loss
    if batch.accuracy is not None:
        data.batch_accuracy = data.exact_accuracy = batch.accuracy
    return request.SerializeToString()


def batch_pictures(frame: EncodedFrame, known: Container[int] = ()) -> tuple[Piece, ...]:
    """Serialise the pictures and predictions of a batch, to be appended to its head; in pieces, so that they are copied once.

    Args:
        frame: what is to be sent.
        known: content hashes of pictures that the other side has: these go without their bytes.
    """
    losses = [math.nan if loss is None else loss for loss in frame.per_sample_loss]
    exact = all(a == b or a != a for a, b in zip(losses, array("f", losses), strict=True))
    data = pb.BatchData(
        ground_truth=frame.targets,
        per_sample_loss=losses,
        exact_per_sample_loss=() if exact else losses,
        untold_losses=[i for i, loss in enumerate(frame.per_sample_loss) if loss is None],
        sample_ids=[sendable(text) for text in frame.sample_ids],
        captions=[sendable(text) for text in frame.captions],
    )
    if (told := frame.value_range) is not None:
        data.value_range.shown_low, data.value_range.shown_high = told.shown_low, told.shown_high
        data.value_range.seen_low, data.value_range.seen_high = told.seen_low, told.seen_high
    _add_predictions(data, frame.predictions)
    pieces: list[Piece] = [data.SerializeToString()]
    if isinstance(frame.pictures, Strip):
        strip = frame.pictures
        about = pb.ImageStrip(
            format=strip.format,
            tile_width=strip.tile_width,
            tile_height=strip.tile_height,
            count=strip.count,
            channels=strip.channels,
        )
        parts = [*bytes_field(_STRIP_BYTES, [strip.data]), about.SerializeToString()]
        pieces += bytes_field(_STRIP, parts)
    else:
        for tile in frame.pictures:
            image = pb.ImageData(
                format=tile.format,
                width=tile.width,
                height=tile.height,
                channels=tile.channels,
                error=tile.error,
                content_hash=tile.content_hash,
            )
            sent = tile.data and tile.content_hash not in known
            parts = bytes_field(_IMAGE_BYTES, [tile.data]) if sent else []
            parts.append(image.SerializeToString())
            pieces += bytes_field(_IMAGES, parts)
    return tuple(bytes_field(_BATCH, pieces))


def stripped_mark(count: int, reason: int) -> bytes:
    """Serialise "`count` images were left out, for `reason`", to be appended to a head."""
    return pb.TelemetryRequest(
        frames_stripped=count,
        strip_reason=reason,  # type: ignore[arg-type]  # the enum's ints are its values
    ).SerializeToString()


def tombstone(
    stamp: Stamp,
    reason: str,
    records: int = 1,
    *,
    step: int | None = None,
    last_step: int | None = None,
) -> bytes:
    """Serialise what stands in the place of a record that is not coming.

    Args:
        stamp: of the record.
        reason: why it is not coming.
        records: how many records of the user's it stands for.
        step: about where they stood on a curve; None: not known.
        last_step: where they end; None: at `step`.
    """
    request = stamp.request()
    request.tombstone.reason = sendable(reason)
    request.tombstone.records = records
    if step is not None:
        request.tombstone.step = step
    if last_step is not None and last_step != step:
        request.tombstone.last_step = last_step
    return request.SerializeToString()


def without_sample_picture(record: bytes, error: str) -> bytes:
    """Return a serialised sample with `error` in the place of its picture; any other record as it is."""
    request = pb.TelemetryRequest.FromString(record)
    if request.WhichOneof("payload") != "sample":
        return record
    request.sample.image.ClearField("image_bytes")
    request.sample.image.error = error
    return request.SerializeToString()


def scalars(
    stamp: Stamp, step: int, values: Mapping[str, float], epoch: int | None = None
) -> bytes:
    """Serialise named numbers of one step."""
    request = stamp.request()
    request.scalars.step = step
    if epoch is not None:
        request.scalars.epoch = epoch
    add_scalars(request.scalars.values, values)
    return request.SerializeToString()


def add_scalars(into: object, values: Mapping[str, float]) -> None:
    """Append named numbers to a repeated ``Scalar`` field."""
    for name, value in values.items():
        into.add(name=sendable(name), value=value)  # type: ignore[attr-defined]  # a repeated field has no importable type in old runtimes


def bundle(records: Sequence[Sequence[Piece]]) -> bytes:
    """Pack serialised records, each in pieces, into one message; a single one is sent as it is."""
    if len(records) == 1:
        return b"".join(records[0])
    pieces = [piece for record in records for piece in bytes_field(_RECORDS, record)]
    return b"".join(bytes_field(_BUNDLE, pieces))


def _add_predictions(data: pb.BatchData, predictions: Sequence[TilePrediction]) -> None:
    # Filled where they stand, field by field: made apart and copied into the list they take three times as long.
    for prediction in predictions:
        written = data.predictions.add()
        written.predicted_class = prediction.index
        written.predicted_label = prediction.label
        if prediction.confidence is not None:
            written.confidence = prediction.confidence
        for score in prediction.top:
            of_class = written.top_k_scores.add()
            of_class.class_idx = score.index
            of_class.label = score.label
            of_class.score = score.score
