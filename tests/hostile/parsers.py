"""Every parser of what strangers send, by its name: given any bytes it returns, or raises the one error that its caller expects."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import DecodeError
from h11 import SERVER, Connection, RemoteProtocolError
from websockets.server import ServerProtocol

from livetrain._protobuf import bytes_field
from livetrain._relay_messages import MessageReader
from livetrain._spool.segment import NOTHING_STAYS, encode, scan, thin
from livetrain._spool.segment import Record as Segment
from livetrain.exceptions import ProtocolError
from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.dialects.grpc_web_text import _decoded
from livetrain.server.dialects.onetrainer_talk import Talk
from livetrain.server.dialects.plain import BadJsonError
from livetrain.server.dialects.relay import _plain
from livetrain.server.guard import AllowList
from livetrain.server.limits import Limits
from livetrain.server.older_schema import misread_fields
from livetrain.server.pictures import check_picture
from livetrain.server.records import Record, Rejected, read
from livetrain.server.run_bounds import cut_info, first_numbers, read_config
from livetrain.server.settings_json import clean_settings, read_settings
from livetrain.server.store.run_search import RunCursor, read_search
from livetrain.server.strips import UnsplitError, _check
from livetrain.server.wire import count_elements, fields

__all__ = ["PARSERS", "SEEDS"]

LIMITS = Limits()
_JPEG = b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x40\x00\x40\x03" + b"x" * 40
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0\0\0\x08" * 2 + b"\x08\x02\0\0\0" + b"\0" * 8


def records(data: bytes) -> None:
    for record in read(data, LIMITS):
        if isinstance(record, Rejected):
            assert record.reason
            continue
        assert isinstance(record, Record)
        kept = pb.TelemetryRequest.FromString(record.data)
        assert kept.ByteSize() <= len(data) + 64_000  # what is cleaned may be said at more length
        assert not kept.session_id
        if record.frame is not None:
            message = b"".join(bytes(piece) for piece in record.frame)
            shown = live.LiveMessage(
                frame=live.Frame(record=pb.TelemetryRequest.FromString(message))
            )
            live.LiveMessage.FromString(shown.SerializeToString())


def registration(data: bytes) -> None:
    with contextlib.suppress(ProtocolError, DecodeError):
        count_elements(data, pb.SessionInfo.DESCRIPTOR, limit=LIMITS.elements)
        info = pb.SessionInfo.FromString(data)
        misread_fields(data, pb.SessionInfo.DESCRIPTOR)
        info.config.config_json = clean_settings(info.config.config_json)
        cut_info(info)
        assert info.ByteSize() < 3 << 20


def wire(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert all(field.end <= len(data) for field in fields(data))
    with contextlib.suppress(ProtocolError):
        count_elements(data, pb.TelemetryRequest.DESCRIPTOR, limit=LIMITS.elements)


def stored_config(data: bytes) -> None:
    pb.TrainingConfig.FromString(first_numbers(data))
    with contextlib.suppress(DecodeError):
        read_config(data)


def picture(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        check_picture(data, 0, len(data))
    with contextlib.suppress(UnsplitError):
        _check(data, 8, 16)


def settings(data: bytes) -> None:
    text = (
        data.decode("utf-8", "surrogatepass" if data[:1] < b"\x80" else "replace")
        if _is_text(data)
        else ""
    )
    json.dumps(read_settings(text), allow_nan=False)
    cleaned = clean_settings(text)
    cleaned.encode()
    if cleaned:
        _strict(cleaned)


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _strict(text: str) -> Any:
    def refuse(token: str) -> float:
        raise AssertionError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


def relay(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(BadJsonError):
        message, passed_on = _plain(text)
        _strict(passed_on)
        if isinstance(message, dict) and isinstance(message.get("data"), dict):
            with contextlib.suppress(ValueError, TypeError):
                for record in MessageReader().read(str(message.get("type")), message["data"]):
                    list(read(record.SerializeToString(), LIMITS))


def onetrainer(data: bytes) -> None:
    async def command(_: str, __: Mapping[str, Any]) -> str:
        return "done"

    said = data if data[:1] == b"\0" else data.decode("utf-8", "replace")
    answer = asyncio.run(Talk(lambda: None, command).answer(said))
    assert isinstance(_strict(answer), dict)


def viewer(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        live.ViewerMessage.FromString(data).WhichOneof("body")
    with contextlib.suppress(DecodeError):
        live.WatchRequest.FromString(data)


def grpc_web_text(data: bytes) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": False}

    message = asyncio.run(_decoded(receive)())  # type: ignore[arg-type]
    assert len(message["body"]) <= len(data) + 1


def names(data: bytes) -> None:
    text = data.decode("latin-1")
    allowed = AllowList(8080, ["train.example.org"], ["https://train.example.org"])
    for given in (text, f"localhost:8080{text}", f"{text}localhost:8080"):
        assert not allowed.host(given) or given.lower() in (
            "localhost:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "train.example.org",
            "train.example.org:8080",
        )
        allowed.origin(given)
        allowed.foreign(given)
    cursor = RunCursor.read(text)
    assert cursor is None or math.log2(max(cursor.key, cursor.created_ms, 1)) < 63
    read_search(text)


def web_socket(data: bytes) -> None:
    protocol = ServerProtocol(max_size=64 * 1024)
    protocol.receive_data(data)
    protocol.events_received()
    protocol.data_to_send()


def http(data: bytes) -> None:
    connection = Connection(SERVER, 16 * 1024)
    connection.receive_data(data)
    with contextlib.suppress(RemoteProtocolError):
        for _ in range(100):
            event = connection.next_event()
            if not hasattr(event, "__slots__") or type(event).__name__ in ("NEED_DATA", "PAUSED"):
                break


def spool(data: bytes) -> None:
    found = list(scan(data))
    assert sum(one.end - one.start for one in found) <= len(data)
    thin([one.record for one in found], NOTHING_STAYS)


PARSERS: dict[str, Callable[[bytes], None]] = {
    parser.__name__: parser
    for parser in (
        *(records, registration, wire, stored_config, picture, settings, relay, onetrainer, viewer),
        *(grpc_web_text, names, web_socket, http, spool),
    )
}


def _batch() -> pb.TelemetryRequest:
    batch = pb.BatchData(
        step=3,
        batch_loss=0.5,
        images=[pb.ImageData(image_bytes=_PNG, format="png", content_hash=7)] * 2,
        strip=pb.ImageStrip(image_bytes=_JPEG, count=16, tile_height=4),
        predictions=[pb.Prediction(predicted_label="cat", top_k_scores=[pb.ClassScore(score=0.5)])],
        per_sample_loss=[0.5],
        captions=["a"],
        ground_truth=[1, 2],
    )
    return pb.TelemetryRequest(session_id="s", seq=1, timestamp_ms=5, batch_data=batch)


def _columns() -> pb.TelemetryRequest:
    eight = (1).to_bytes(8, "little")
    column = pb.PointColumn(name="loss", steps=eight, values=eight, times_us=eight)
    return pb.TelemetryRequest(seq=2, columns=pb.PointColumns(columns=[column]))


_STATUS = pb.TelemetryRequest(
    seq=3,
    status_update=pb.StatusUpdate(
        status=pb.RUNNING, config=pb.TrainingConfig(config_json='{"lr": 0.1}', total_epochs=3)
    ),
)
_SAMPLE = pb.TelemetryRequest(
    seq=4, sample=pb.Sample(sample_id="a", image=pb.ImageData(image_bytes=_JPEG))
)
_BUNDLE = pb.TelemetryRequest(
    bundle=pb.RecordBundle(records=[one.SerializeToString() for one in (_columns(), _STATUS)])
)
_INFO = pb.SessionInfo(
    session_id="s",
    stream_id="a",
    protocol_version=1,
    config=_STATUS.status_update.config,
    controls=[pb.ControlDeclaration(verb="pause")],
)
_SOCKET = (
    b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SEEDS: dict[str, list[bytes]] = {
    "records": [
        one.SerializeToString() for one in (_batch(), _columns(), _STATUS, _SAMPLE, _BUNDLE)
    ],
    "registration": [_INFO.SerializeToString()],
    "wire": [_batch().SerializeToString(), b"".join(map(bytes, bytes_field(3, [b"x"])))],
    "stored_config": [_INFO.config.SerializeToString()],
    "picture": [_JPEG, _PNG],
    "settings": [b'{"lr": NaN, "a": [1, {"b": "\\ud800"}], "c": 1e999}', b"[" * 40],
    "relay": [
        b'{"type": "batch_metrics", "data": {"step": 1, "loss": 0.5}}',
        b'{"type": "epoch_end", "data": {"epoch": 1, "metrics": {"loss": Infinity}}}',
    ],
    "onetrainer": [
        b'{"type": "subscribe", "events": ["training_progress"]}',
        b'{"type": "command", "command": "stop", "args": {"a": 1}}',
    ],
    "viewer": [live.ViewerMessage(hello=live.Hello(epoch="e", offset=3)).SerializeToString()],
    "grpc_web_text": [b"AAAAAAA="],
    "names": [b"localhost:8080", b"1700000000000-12", b'word "as a whole"', b"9" * 30],
    "web_socket": [_SOCKET + b"\x81\x82\0\0\0\0hi", _SOCKET + b"\x01\x80\0\0\0\0\x80\x80\0\0\0\0"],
    "http": [b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"],
    "spool": [encode(Segment(1, b"a", 0)) + encode(Segment(2, b"bc", 2))],
}
