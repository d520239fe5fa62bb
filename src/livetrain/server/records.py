"""What a trainer's message says: records, each with its numbers apart from its pictures. Pure.

A record is kept without pictures and without whatever else belongs to a single tile; those travel as the bytes that came, cut
out where they stand. The session's id stays here: whoever knows it may speak for the run, so no viewer learns it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from google.protobuf.message import DecodeError

from livetrain._protobuf import LENGTH, VARINT, bytes_field, read_varint
from livetrain.exceptions import ProtocolError
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.columns import ColumnsSummary, summarize_columns
from livetrain.server.keepsakes import Hashed
from livetrain.server.limits import Limits
from livetrain.server.payloads import payload_of, refuse_server_words
from livetrain.server.picture_checks import check_tiles, is_of_batch, take_picture
from livetrain.server.settings_json import clean_settings
from livetrain.server.wire import Field, count_elements, each_value, fields

__all__ = [
    "BATCH",
    "BUNDLE",
    "COLUMNS",
    "CONTROLS",
    "HEARTBEAT",
    "OPEN",
    "PERFORMANCE",
    "REPORT",
    "RESULT",
    "SEQ",
    "STATUS",
    "TOMBSTONE",
    "Numbering",
    "Part",
    "Record",
    "Rejected",
    "read",
    "read_part",
    "take_apart",
]

BATCH: Final = 3
EPOCH: Final = 4
PERFORMANCE: Final = 5
STATUS: Final = 6
HEARTBEAT: Final = 7
OPEN: Final = 20
REPORT: Final = 21
RESULT: Final = 22
TOMBSTONE: Final = 23
SCALARS: Final = 24
SAMPLE: Final = 27
BUNDLE: Final = 30
CONTROLS: Final = 31
COLUMNS: Final = 33

_SESSION: Final = 1
SEQ: Final = 16
_OUTSIDE: Final = frozenset({1, 2, 16, 17, 18, 19})
_NUMBERS: Final = frozenset({1, 2, 3, 7, 8, 9, 16, 21, 22, 23, 24})
_PER_TILE: Final = frozenset({4, 5, 6, 17, 18, 19, 20, 25, 26})

_UINT64: Final = 2**64 - 1
_HEAVY: Final = 40_000
"""Bytes of a record without pictures from which on it may take milliseconds to read."""
_GROUPS: Final = ("values", "metrics", "validation_metrics", "fit_metrics", "evaluation_metrics")
"""Fields with metrics that have a name of their own."""


Piece = bytes | memoryview

_LEAF: Final = pb.Heartbeat.DESCRIPTOR
"""Of a message without messages in it."""


@dataclass(slots=True)
class Record:
    """One thing that a trainer said.

    Attributes:
        seq: its number in the stream; 0: it has none.
        kind: the number of the payload's field in ``TelemetryRequest``; 0: there is no payload.
        session_id: as the message has it.
        message: parsed, without session, pictures and other things of single tiles.
        data: the same in bytes, as it is kept.
        frame: the whole record in pieces, for viewers; None: nothing to see.
        size: bytes that it took on the wire.
        problem: why its pictures cannot be shown; empty: nothing is wrong.
        picture: of a sample; empty: it is none, or has none that can be shown.
        hashed: the tiles that have a content hash.
        columns: what is in its columns, in short; None: it is none of points that came as columns.
        names: of its scalars, if it is of these.
    """

    seq: int
    kind: int
    session_id: str
    message: pb.TelemetryRequest
    data: bytes
    frame: tuple[Piece, ...] | None
    size: int
    problem: str = ""
    picture: bytes = b""
    hashed: tuple[Hashed, ...] = ()
    columns: ColumnsSummary | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that will never be taken.

    Attributes:
        seq: its number in the stream; 0: it has none; None: that cannot be read.
        reason: why, a clause without a full stop.
        cause: one word for the kind of reason, to count by.
        what: the name of its payload, such as ``scalars``; empty: not known.
        step: where it stood; None: not known, or no step that can be kept.
        points: how many records or points of the user's it stands for.
        size: bytes that it took on the wire.
        whole: it stands for the rest of a message with many records, of which nothing is known.
    """

    seq: int | None
    reason: str
    cause: str = "unreadable"
    what: str = ""
    step: int | None = None
    points: int = 1
    size: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of one record, and its fields where they are known; `over`: its message has more records than are taken."""

    raw: bytes
    top: list[Field] | None = None
    over: bool = False

    @property
    def heavy(self) -> bool:
        """Whether reading it takes so long that the event loop should not do it: it may have thousands of fields."""
        if len(self.raw) <= _HEAVY:
            return False
        try:
            top = fields(self.raw) if self.top is None else self.top
        except ProtocolError:
            return False
        return not any(field.number in (BATCH, SAMPLE) for field in top)


def take_apart(raw: bytes, limits: Limits) -> Iterator[Part | Rejected]:
    """Yield the records of one message, unread; those of a bundle one by one."""
    try:
        top = fields(raw)
    except ProtocolError as error:
        yield Rejected(None, str(error), size=len(raw))
        return
    if not top or top[-1].number != BUNDLE or top[-1].wire_type != LENGTH:
        yield Part(raw, top)
        return
    bundle = top[-1]
    try:
        payload_of(top)  # nothing else beside it
        # Those that are too many cost themselves; far too many are no mistake of one message.
        inside = each_value(raw, 1, bundle.value, bundle.end, limit=2 * limits.records)
        for place, (start, end) in enumerate(inside):
            yield Part(raw[start:end], over=place >= limits.records)
    except ProtocolError as error:
        yield Rejected(None, str(error), size=len(raw), whole=True)


class Numbering:
    """Gives those records of a bundle their numbers that cannot be read: they are between those of their neighbours."""

    def __init__(self) -> None:
        self._unknown: list[Rejected] = []
        self._before = 0

    def place(self, record: Record | Rejected) -> Sequence[Record | Rejected]:
        """Take the next record, and return those that are known to be next."""
        if isinstance(record, Rejected) and record.whole:
            return (*self._unknown, record)
        if isinstance(record, Rejected) and record.seq is None:
            if not self._before:
                self._unknown.append(record)
                return ()
            self._before += 1
            return (replace(record, seq=self._before),)
        self._before = record.seq or self._before
        if not self._unknown:
            return (record,)
        unknown, self._unknown = self._unknown, []
        first = (record.seq or 0) - len(unknown)
        numbered = [
            replace(one, seq=first + place if first + place > 0 else None)
            for place, one in enumerate(unknown)
        ]
        return (*numbered, record)

    def rest(self) -> Sequence[Rejected]:
        """Return those whose number is not known at the end of the message."""
        return self._unknown


def read(raw: bytes, limits: Limits) -> Iterator[Record | Rejected]:
    """Yield the records of one message, those of a bundle one by one, each read when it is asked for.

    Nothing is parsed before it is known to be of bearable size.
    """
    numbering = Numbering()
    for part in take_apart(raw, limits):
        yield from numbering.place(read_part(part, limits))
    yield from numbering.rest()


def read_part(part: Part | Rejected, limits: Limits) -> Record | Rejected:
    """Return one record, or why it will never be taken."""
    if isinstance(part, Rejected):
        return part
    record = _record(part.raw, part.top, limits)
    if not part.over or isinstance(record, Rejected):
        return record
    reason = f"more than {limits.records} records in one message"
    return _rejected(
        record.seq, reason, "records", record.kind, record.message, record.size, limits
    )


def _record(raw: bytes, top: list[Field] | None, limits: Limits) -> Record | Rejected:
    seq: int | None = None
    cause, kind = "unreadable", 0
    message: pb.TelemetryRequest | None = None
    try:
        if top is None:
            top = fields(raw)
        seq = 0
        for field in top:
            if field.number == SEQ and field.wire_type == VARINT:
                seq = read_varint(raw, field.value)[0] & _UINT64
        cause = "payload"
        kind = payload_of(top)
        if kind == BATCH:
            cause = "batch"
            return _batch(raw, top, seq, limits)
        if kind == BUNDLE:
            raise ProtocolError("a bundle within a bundle, or not at the end of its message")
        cause = "bytes"
        if len(raw) > limits.record_bytes and kind != SAMPLE:
            raise ProtocolError(
                f"a record of {len(raw)} bytes without pictures; {limits.record_bytes} are taken"
            )
        cause = "elements"
        if kind == COLUMNS:
            # What is in a column makes no messages when it is parsed, so that it is enough to count those.
            part = next(f for f in top if f.number == COLUMNS)
            count_elements(raw, _LEAF, limit=limits.elements, start=part.value, end=part.end)
        elif len(raw) > 2 * limits.elements:  # a field takes two bytes or more
            count_elements(raw, pb.TelemetryRequest.DESCRIPTOR, limit=limits.elements)
        cause = "unreadable"
        message = pb.TelemetryRequest.FromString(raw)
        message.DiscardUnknownFields()
        session_id = message.session_id
        message.ClearField("session_id")
        cause = "payload"
        refuse_server_words(message)
        cause = "value"
        names = _check_rest(message, limits)
        columns = None
        if kind == COLUMNS:
            columns = summarize_columns(
                message.columns, name_chars=limits.name_chars, max_step=limits.max_step
            )
            cause = "elements"
            numbers = 24 * columns.points + sum(map(len, columns.names))
            if len(raw) - numbers > 2 * limits.elements:  # else there are fewer for sure
                count_elements(raw, pb.TelemetryRequest.DESCRIPTOR, limit=limits.elements)
        picture, problem = take_picture(message.sample) if kind == SAMPLE else (b"", "")
        data = message.SerializeToString()
        return Record(
            seq,
            kind,
            session_id,
            message,
            data,
            None,
            len(raw),
            problem,
            picture=picture,
            columns=columns,
            names=names,
        )
    except (ProtocolError, DecodeError) as error:
        reason = str(error) or "not a message of this protocol"
        return _rejected(seq, reason, cause, kind, message, len(raw), limits)


def _rejected(
    seq: int | None,
    reason: str,
    cause: str,
    kind: int,
    message: pb.TelemetryRequest | None,
    size: int,
    limits: Limits,
) -> Rejected:
    known = pb.TelemetryRequest.DESCRIPTOR.fields_by_number.get(kind)
    what = known.name if known is not None else ""
    step, points = None, 1
    if message is not None:
        said = getattr(getattr(message, what, None), "step", None)
        step = said if isinstance(said, int) and said <= limits.max_step else None
        if kind == COLUMNS:
            points = max(1, sum(len(column.values) for column in message.columns.columns) // 8)
    return Rejected(seq, reason, cause, what, step, points, size)


def _batch(raw: bytes, top: list[Field], seq: int, limits: Limits) -> Record:
    view = memoryview(raw)
    outside: list[Piece] = []
    numbers: list[Piece] = []
    shown: list[Piece] = []
    session: Field | None = None
    tiles: list[Field] = []
    for field in top:
        if field.number == _SESSION:
            session = field
            continue
        piece = view[field.start : field.end]
        if field.number in _OUTSIDE and field.wire_type == VARINT:
            outside.append(piece)
            shown.append(piece)
        elif field.number == BATCH:
            # Numbers stand side by side: they are cut out together.
            start = end = field.value
            parts = fields(raw, field.value, field.end)
            known = [part for part in parts if is_of_batch(part)]
            if len(known) == len(parts):
                shown.append(piece)
            else:  # whoever reads it in a browser does not look at types
                shown += bytes_field(BATCH, [view[part.start : part.end] for part in known])
            for part in known:
                if part.number in _NUMBERS:
                    if part.start != end:
                        numbers.append(view[start:end])
                        start = part.start
                    end = part.end
                elif part.number in _PER_TILE:
                    tiles.append(part)
            numbers.append(view[start:end])
    data = b"".join((*outside, *bytes_field(BATCH, numbers)))
    if len(data) > limits.record_bytes:
        raise ProtocolError(
            f"a batch of {len(data)} bytes without its tiles; {limits.record_bytes} are taken"
        )
    message = pb.TelemetryRequest.FromString(data)
    message.DiscardUnknownFields()
    if message.ByteSize() != len(data):  # of another type than the field has
        data = message.SerializeToString()
    _check_step(message.batch_data.step, limits)
    session_id = _text(raw, session) if session is not None else ""
    hashed: list[Hashed] = []
    problem = check_tiles(raw, tiles, limits, hashed) if tiles else ""
    if not tiles or problem:
        return Record(seq, BATCH, session_id, message, data, None, len(raw), problem)
    frame = tuple(shown)
    return Record(
        seq, BATCH, session_id, message, data, frame, len(raw), problem, hashed=tuple(hashed)
    )


def _text(raw: bytes, field: Field) -> str:
    try:
        return raw[field.value : field.end].decode()
    except UnicodeDecodeError:
        raise ProtocolError("text that is not UTF-8") from None


def _check_rest(message: pb.TelemetryRequest, limits: Limits) -> tuple[str, ...]:
    """Refuse steps and names that cannot be kept; return the names of scalars."""
    kind = message.WhichOneof("payload")
    if kind is None:
        return ()
    payload = getattr(message, kind)
    if kind == "tombstone":
        # It stands for what was refused; refused as well, it would come again for ever.
        for name in ("step", "last_step"):
            if getattr(payload, name) > limits.max_step:
                payload.ClearField(name)
        return ()
    _check_step(getattr(payload, "step", 0), limits)
    if kind == "status_update" and payload.HasField("config"):
        payload.config.config_json = clean_settings(payload.config.config_json)
    if kind == "round":
        _check_length("a client's id", payload.client_id, limits, least=0)
    names: tuple[str, ...] = ()
    for group in _GROUPS if kind != "command_result" else ():
        names = tuple(scalar.name for scalar in getattr(payload, group, ()))
        lengths = list(map(len, names))
        if names and (min(lengths) < 1 or max(lengths) > limits.name_chars):
            for name in names:
                _check_length("a metric's name", name, limits)
        if kind == "scalars":
            break
    return names if kind == "scalars" else ()


def _check_step(step: int, limits: Limits) -> None:
    if step > limits.max_step:
        raise ProtocolError(f"step {step}; 0 to {limits.max_step} are taken")


def _check_length(what: str, text: str, limits: Limits, *, least: int = 1) -> None:
    if not least <= len(text) <= limits.name_chars:
        raise ProtocolError(
            f"{what} of {len(text)} characters; {least} to {limits.name_chars} are taken"
        )
