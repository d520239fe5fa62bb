"""What the server says, told to those whom it concerns: the session, the ledger and the listener."""

from __future__ import annotations

from urllib.parse import urlsplit

from livetrain import _wire
from livetrain._delivery.answers import Acknowledged, Registered, Rejected
from livetrain._delivery.identity import Identity
from livetrain._delivery.ledger import Ledger
from livetrain._delivery.listener import Listener
from livetrain._delivery.server_clock import ServerClock
from livetrain._delivery.server_limits import ServerLimits
from livetrain._delivery.session import Session
from livetrain._terminal_text import one_line
from livetrain._warnings import warn_once_a_minute
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["ResponseReader"]

_REASON_CHARS = 300
_ID_CHARS = 200
_TOKEN_CHARS = 1000
_URL_CHARS = 2000
_MOST_POINTS = 2**53 - 1
_LONGEST_WISH_MS = 60_000


class ResponseReader:
    """Reads the responses to one stream. Times are seconds on the monotonic clock, and are passed in.

    Args:
        identity: who is spoken to; it learns its run and its token.
        ledger: learns the server's limits and what is committed.
        session: learns whatever moves the protocol.
        listener: learns of commands and wishes.
        earlier: the records are those that an earlier training left.
    """

    def __init__(
        self,
        identity: Identity,
        ledger: Ledger,
        session: Session,
        listener: Listener,
        *,
        earlier: bool = False,
    ) -> None:
        self._identity = identity
        self._ledger = ledger
        self._session = session
        self._listener = listener
        self._earlier = earlier
        self._clock = ServerClock()
        self._asked_at = 0.0

    def registering(self, now: float) -> None:
        """Note that the server is asked now to take the registration."""
        self._asked_at = now

    def registered(self, now: float, reply: pb.SessionResponse) -> None:
        """Read the answer to a registration that came at `now`."""
        if not reply.success:
            reason = one_line(reply.message, _REASON_CHARS) or "the server refused the registration"
            again = reply.retryable
            if not again and self._session.protocol_version is None:
                again = self._listener.turned_away(reason)
            self._session.rejected(now, Rejected(reason, retryable=again))
            return
        identity, config = self._identity, reply.server_config
        if len(reply.resume_token) <= _TOKEN_CHARS:
            identity.resume_token = reply.resume_token or identity.resume_token
        identity.run_id = one_line(reply.run_id or reply.session_id, _ID_CHARS)
        identity.page_url = _page(reply.page_url)
        if not self._session.believes(reply.durable_seq):
            warn_once_a_minute(
                "watermark",
                f"the livetrain server says that it has record {reply.durable_seq}, which was never sent; "
                "that is not believed, and what waits is sent to it",
            )
        self._ledger.limits = ServerLimits.told(config)
        heartbeat_ms = config.heartbeat_interval_ms or 2000
        self._clock.restart(reply.server_time_ms, now, now - self._asked_at)
        self._session.registered(
            now,
            Registered(
                protocol_version=min(reply.protocol_version, _wire.PROTOCOL_VERSION),
                durable_seq=reply.durable_seq,
                server_epoch=reply.server_epoch[:_ID_CHARS],
                credit_bytes=config.credit_bytes,
                heartbeat_seconds=min(max(heartbeat_ms / 1000, 0.1), 2.0),
            ),
            first_seq=self._ledger.backlog.first_seq,
        )
        self._ledger.resumed(now)
        self._ledger.backlog.set_meta(identity.serialize())
        self._listener.agreed(reply)

    def responded(self, now: float, response: pb.TelemetryResponse) -> None:
        """Read what the server said on the open stream, and which came at `now`."""
        late = self._clock.late(response.timestamp_ms, now)
        match response.WhichOneof("payload"):
            case "ack":
                ack = response.ack
                self._session.acknowledged(now, Acknowledged(ack.durable_seq, ack.credit_bytes))
                self._ledger.acknowledged(now)
                self._ledger.pictures_wanted(ack.pictures_wanted)
                self._ledger.refused_points(min(ack.refused_points, _MOST_POINTS))
                self._listener.wished(min(ack.frame_interval_ms, _LONGEST_WISH_MS))
            case "error":
                self._refused(now, response.error)
            case "command":
                self._session.heard(now)
                ours = response.session_id in ("", self._identity.session_id)
                if ours or self._session.older_server:
                    self._commanded(response.command, late)
                else:
                    warn_once_a_minute(
                        "stranger", "a command for another run came, and was left alone"
                    )

    def _commanded(self, command: pb.ControlCommand, late: float) -> None:
        if self._ledger.answers_wait:
            # What became of those before is not committed yet, and takes room that is the user's records'.
            self._ledger.counters.dropped["commands"] += 1
            warn_once_a_minute(
                "commands",
                "the livetrain server gives commands and commits no answer to them; further ones are left alone until it does",
            )
            return
        self._listener.commanded(command, late)

    def _refused(self, now: float, error: pb.ErrorResponse) -> None:
        reason = one_line(error.message, _REASON_CHARS)
        if error.replaced and error.rejected_seq:
            # The server has put a tombstone in its place: nothing has to be sent again, and the stream goes on.
            self._session.heard(now)
            if self._session.awaits(error.rejected_seq):
                self._ledger.quarantine(error.rejected_seq, reason)
            return
        names_a_record = error.rejected_seq or error.expected_seq
        if self._session.older_server or (error.retryable and not names_a_record):
            # A remark. If it is more than that, the server ends the stream itself.
            self._session.remarked(now, error.retry_after_ms / 1000)
            whose = f" of run {self._identity.info.run_name!r}" if self._earlier else ""
            warn_once_a_minute(f"remark{whose}", f"the livetrain server says{whose}: {reason}")
            return
        self._session.rejected(
            now,
            Rejected(
                reason,
                retryable=error.retryable,
                retry_after=error.retry_after_ms / 1000,
                rejected_seq=error.rejected_seq,
                expected_seq=error.expected_seq,
            ),
        )


def _page(url: str) -> str:
    """Return the address of a page as a browser may be given it; empty: it is none."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return ""
    plain = url.isascii() and url.isprintable() and " " not in url
    return url if plain and scheme in ("http", "https") and len(url) <= _URL_CHARS else ""
