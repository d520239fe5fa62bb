"""Writes down what older clients and the server said to each other, for a bug report; off unless it is asked for.

A line of JSON for each message, in the order in which they were said, without the bytes of pictures. The file is written by a
thread of its own; what it cannot write as fast as it is said is left out, and counted in the file.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from google.protobuf import text_format
from google.protobuf.message import DecodeError, Message

import livetrain
from livetrain.exceptions import ProtocolError
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.errors import StartError
from livetrain.server.picture_removal import remove_data_urls, remove_pictures

__all__ = ["SILENT", "Conversation", "DialectRecorder"]

log = logging.getLogger(__name__)

FORMAT: Final = 1
"""Of the file; it is in its first line."""
_WAITING_BYTES: Final = 32 * 1024 * 1024
_FILE_BYTES: Final = 256 * 1024 * 1024
_READABLE_BYTES: Final = 16 * 1024
"""A larger message is written without its text for people: to parse it may take very long."""
_UNREADABLE_BYTES: Final = 1024
"""So much is kept of bytes in which pictures cannot be found."""
_PEERS: Final = 10_000
_JOIN_SECONDS: Final = 5.0


_Entry = tuple[dict[str, Any], str | bytes | None, type[Message] | None, int]
"""A line, the message that it is about, what kind of bytes that is, and how much of the queue both take."""


class DialectRecorder:
    """Writes conversations into one file.

    Args:
        path: the file, readable for this user alone; a recording that is there is gone on with. None: nothing is recorded.
        limit_bytes: what the file may have; recording ends there.

    Attributes:
        left_out: how many messages were not written because too many waited.

    Raises:
        StartError: the file cannot be written.

    Example:
        >>> recorder = DialectRecorder(None)
        >>> conversation = recorder.begin("relay", "/")
        >>> conversation.client('{"type":"ping"}')  # nothing happens
        >>> recorder.close()
    """

    def __init__(self, path: Path | None, *, limit_bytes: int = _FILE_BYTES) -> None:
        self.left_out = 0
        self._limit = limit_bytes
        self._thread: threading.Thread | None = None
        if path is None:
            return
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(
                f"The recording {path} cannot be written ({error.strerror}); give another file with --record-dialect."
            ) from error
        self._path = path
        self._written = os.fstat(self._file).st_size
        self._began = time.monotonic()
        self._numbers = self._connections = 0
        self._peers: dict[str, int] = {}
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._missing = 0
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="livetrain-recorder", daemon=True)
        self._thread.start()
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._put({"recording": FORMAT, "server": livetrain.__version__, "started": started})
        log.warning("what older clients say is recorded in %s, without pictures", path)

    def begin(
        self,
        dialect: str,
        path: str,
        *,
        peer: str = "",
        client: type[Message] | None = None,
        server: type[Message] | None = None,
    ) -> Conversation:
        """Return a new conversation.

        Args:
            dialect: such as ``telemetry-grpc``.
            path: what the client called: a method or a path.
            peer: from where it spoke. It is written as a number, by which calls over one connection are known; empty: not at all.
            client: what the client's bytes are; None: it says texts.
            server: what the server's bytes are; None: it says texts.
        """
        if self._thread is None:
            return SILENT
        self._numbers += 1
        conversation = Conversation(self._put, self._numbers, client, server)
        conversation.note(begin=dialect, path=path, **self._connection(peer))
        return conversation

    def _connection(self, peer: str) -> dict[str, int]:
        if not peer:
            return {}
        number = self._peers.pop(peer, None)
        if number is None:
            self._connections += 1
            number = self._connections
        self._peers[peer] = number
        if len(self._peers) > _PEERS:
            del self._peers[next(iter(self._peers))]
        return {"connection": number}

    def close(self) -> None:
        """Write what waits, within some seconds, and end."""
        if self._thread is None:
            return
        if self._missing:
            self._queue.put(({"left_out": self._missing}, None, None, 0))
        self._queue.put(None)
        self._thread.join(_JOIN_SECONDS)
        if not self._thread.is_alive():
            os.close(self._file)
        self._thread = None

    def _put(
        self,
        line: dict[str, Any],
        message: str | bytes | None = None,
        kind: type[Message] | None = None,
    ) -> None:
        """Have a line written; what the message becomes there is worked out by the writer."""
        size = len(message or b"") + 200
        line = {"at": round(time.monotonic() - self._began, 4), **line}
        with self._lock:
            if self._waiting_bytes + size > _WAITING_BYTES:
                self.left_out += 1
                self._missing += 1
                return
            self._waiting_bytes += size
            missing, self._missing = self._missing, 0
        if missing:
            self._queue.put(({"left_out": missing}, None, None, 0))
        self._queue.put((line, message, kind, size))

    def _write(self) -> None:
        while (entry := self._queue.get()) is not None:
            line, message, kind, size = entry
            with self._lock:
                self._waiting_bytes -= size
            if self._written >= self._limit:
                continue
            try:
                text = json.dumps({**line, **_told(message, kind)}, ensure_ascii=True) + "\n"
                if self._written + len(text) > self._limit:
                    text = json.dumps({"full": self._limit}) + "\n"
                    self._written = self._limit
                    log.warning("the recording %s is full; no more is recorded", self._path)
                _write_all(self._file, text.encode())
                self._written += len(text)
            except OSError as error:
                self._written = self._limit
                log.warning("the recording %s ends: %s", self._path, error.strerror)
            except Exception:
                log.exception("a message could not be recorded")


class Conversation:
    """One connection or call of a client.

    Args:
        put: takes lines for the file; None: nothing is recorded.
        number: of the conversation in the file.
        client: what the client's bytes are; None: it says texts.
        server: what the server's bytes are; None: it says texts.
    """

    __slots__ = ("_client", "_number", "_put", "_server")

    def __init__(
        self,
        put: Callable[[dict[str, Any], str | bytes | None, type[Message] | None], None] | None,
        number: int,
        client: type[Message] | None = None,
        server: type[Message] | None = None,
    ) -> None:
        self._put = put
        self._number = number
        self._client = client
        self._server = server

    @property
    def recorded(self) -> bool:
        """Whether what is said is written down."""
        return self._put is not None

    def client(self, message: str | bytes) -> None:
        """Record what the client said: a text, or bytes."""
        if self._put is not None:
            self._put({"conversation": self._number, "from": "client"}, message, self._client)

    def server(self, message: str | bytes) -> None:
        """Record what the server said."""
        if self._put is not None:
            self._put({"conversation": self._number, "from": "server"}, message, self._server)

    def end(self, how: str = "") -> None:
        """Record that nothing more is said, and how that came about."""
        self.note(end=how)

    def note(self, **what: Any) -> None:
        """Record something that is no message, such as a status."""
        if self._put is not None:
            self._put({"conversation": self._number, **what}, None, None)


SILENT: Final = Conversation(None, 0)


def _told(message: str | bytes | None, kind: type[Message] | None) -> dict[str, Any]:
    """Return what a line says of a message."""
    if message is None:
        return {}
    if isinstance(message, str):
        text, pictures = remove_data_urls(message)
        return {"text": text, **({"pictures": pictures} if pictures else {})}
    pictures = 0
    if kind is pb.TelemetryRequest:
        try:
            message, pictures = remove_pictures(message)
        except ProtocolError:
            kind = None
    if kind is None:  # there may be pictures anywhere
        cut = message[:_UNREADABLE_BYTES]
        more = {"cut_from": len(message)} if len(cut) < len(message) else {}
        return {"bytes": base64.b64encode(cut).decode(), **more}
    told: dict[str, Any] = {"bytes": base64.b64encode(message).decode()}
    readable = _readable(kind, message)
    if readable:
        told["says"] = readable
    if pictures:
        told["pictures"] = pictures
    return told


def _readable(kind: type[Message], raw: bytes) -> str:
    """Return a message as text in one line, its unknown fields by their numbers; empty where it is none or very large."""
    if len(raw) > _READABLE_BYTES:
        return ""
    try:
        message = kind.FromString(raw)
    except DecodeError:
        return ""
    return text_format.MessageToString(message, as_one_line=True, print_unknown_fields=True)


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
