"""What a stream says to the server, message by message."""

from __future__ import annotations

import time

from livetrain import _wire
from livetrain._delivery.bundle import Bundle
from livetrain._delivery.identity import Identity
from livetrain._delivery.ledger import Ledger
from livetrain._delivery.session import Session
from livetrain._delivery.transport import Connection
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Speaker"]

_SMALL_BYTES = 64 << 10
"""Of a message of records without pictures."""
_FRAMES_BYTES = 1 << 20
"""Of one with pictures: nothing of it is seen before all of it is there, nor what comes behind it."""


class Speaker:
    """Speaks for one stream, in the version of the protocol that the server registered it with.

    Args:
        identity: who speaks.
        ledger: where records are.
        session: which version it is.
    """

    def __init__(self, identity: Identity, ledger: Ledger, session: Session) -> None:
        self._identity = identity
        self._ledger = ledger
        self._session = session

    def register(self, connection: Connection) -> None:
        """Ask to be taken."""
        info = self._identity.info
        info.first_unacked_seq = self._ledger.backlog.first_seq
        info.sent_us = time.time_ns() // 1000
        info.timestamp_ms = info.sent_us // 1000
        connection.register(info, timeout=5.0)

    def open(self, connection: Connection) -> None:
        """Open the stream, and say which one it is."""
        connection.open()
        if self._session.older_server:
            return
        info = self._identity.info
        opening = pb.TelemetryRequest(
            session_id=info.session_id, timestamp_ms=time.time_ns() // 1_000_000
        )
        opening.stream_open.stream_id = info.stream_id
        opening.stream_open.rank = info.rank
        opening.stream_open.world_size = info.world_size
        opening.stream_open.first_unacked_seq = self._ledger.backlog.first_seq
        opening.stream_open.protocol_version = _wire.PROTOCOL_VERSION
        opening.stream_open.resume_token = self._identity.resume_token
        connection.send(Bundle([opening.SerializeToString()]))

    def send(self, connection: Connection, after_seq: int, max_bytes: int) -> None:
        """Send the records after `after_seq`, of `max_bytes` together, one at least."""
        limits = self._ledger.limits
        bundle: Bundle | None = None
        for record in self._ledger.outgoing(after_seq, max_bytes):
            if not record.pieces:
                continue
            room = min(_FRAMES_BYTES if record.has_pictures else _SMALL_BYTES, limits.message_bytes)
            if self._session.older_server:  # which knows no bundles
                room = 0
            following = Bundle(record.pieces, room, limits.records)
            if bundle is not None and bundle.take(following):
                continue
            if bundle is not None:
                connection.send(bundle)
            bundle = following
        if bundle is not None:
            connection.send(bundle)

    def beat(self, connection: Connection, number: int) -> _wire.Stamp:
        """Send heartbeat number `number`; return what it is stamped with."""
        now_ms = time.time_ns() // 1_000_000
        stamp = _wire.Stamp(self._identity.session_id, 0, now_ms, time.monotonic_ns() // 1000)
        beat = stamp.request()
        beat.heartbeat.timestamp_ms = now_ms
        beat.heartbeat.sequence_number = number
        connection.send(Bundle([beat.SerializeToString()]))
        return stamp
