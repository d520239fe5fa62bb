"""The delivery protocol of one stream as a pure state machine: events in, the next thing to do out.

No socket, thread, clock or queue is in here: `_stream` performs what `Session.next` says and reports what came of it. Times
are seconds on the monotonic clock and are always passed in. `delivery.md`'s promise rests on three rules that live here:
a record is forgotten only when the server said that it is committed; after a reconnect everything past the server's
watermark is sent again, in order; and no more than the server's byte credit is ever on its way.

::

    INIT ─▶ REGISTERING ─▶ OPENING ─▶ STREAMING ─▶ DRAINING ─▶ CLOSED
               ▲  │            │          │            │
               │  ▼            ▼          ▼            ▼
              BACKOFF ◀────── lost ────────────────────          DISABLED: refused for good
"""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from livetrain._delivery.actions import (
    Action,
    Close,
    Hangup,
    Heartbeat,
    Open,
    Quarantine,
    Register,
    Send,
    Wait,
)
from livetrain._delivery.answers import Acknowledged, Registered, Rejected

__all__ = ["Limits", "Session", "State"]

_LONGEST_RETRY_SECONDS = 60.0
"""A server may ask to be left alone so long, and no longer."""
_MOST_CREDIT = 16 << 20
_MOST_LOST = 1 << 24
"""So many records may be gone from a disk that was not synchronised; no server can have more beyond what it shows."""


class State(enum.Enum):
    """Where the session stands; the value is the word that logs and `stats()` use."""

    INIT = "not started"
    REGISTERING = "registering"
    OPENING = "opening"
    STREAMING = "streaming"
    DRAINING = "draining"
    BACKOFF = "waiting to reconnect"
    CLOSED = "closed"
    DISABLED = "refused by the server"


@dataclass(frozen=True, slots=True)
class Limits:
    """The deadlines of a session, seconds, and the credit that holds until the server says another."""

    register_seconds: float = 5.0
    stall_seconds: float = 15.0
    credit_bytes: int = 1 << 20


class Session:
    """One producer's numbered stream of records.

    Args:
        delay: how long to wait before try number n = 1, 2, 3 ..., seconds.
        limits: deadlines.
        durable_seq: what the server is known to have, for a stream that goes on from a spool.
        last_seq: the last record that exists, likewise.

    Example:
        >>> session = Session(delay=lambda attempt: 0.1)
        >>> session.next(now=0.0)
        Register()
    """

    def __init__(
        self,
        delay: Callable[[int], float],
        limits: Limits | None = None,
        *,
        durable_seq: int = 0,
        last_seq: int = 0,
    ) -> None:
        self._delay = delay
        self._limits = limits or Limits()
        self._state = State.INIT
        self._draining = False
        self.durable_seq = durable_seq
        self.last_seq = max(last_seq, durable_seq)
        self.sent_seq = durable_seq
        # The highest that ever left, as far as this process knows: nobody can have more.
        self._ever_sent = self.last_seq
        self._goes_on = self.last_seq > 0  # from a disk, which may have lost what it had last
        self.protocol_version: int | None = None  # None: never registered
        self.server_epoch = ""
        self.reconnects = 0
        self.reason = ""  # of the last loss or refusal, for people
        self._credit = self._limits.credit_bytes
        self._in_flight: deque[tuple[int, int]] = deque()  # (seq, bytes), ascending
        self._in_flight_bytes = 0
        self._attempt = 0
        self._deadline: float | None = None  # of the state that waits: register, back-off
        self._heard_at = 0.0
        self._left_alone_until = -math.inf
        self._heartbeat_seconds = 2.0
        self._heartbeat_at = 0.0
        self._heartbeats = 0
        self._quarantine: Quarantine | None = None
        self._hangup: Hangup | None = None
        self._answered = False  # the connection ended because the server refused a record

    # ------------------------------------------------------------ questions

    @property
    def state(self) -> State:
        """Where the session stands."""
        if self._state is State.STREAMING and self._draining:
            return State.DRAINING
        return self._state

    @property
    def connected(self) -> bool:
        """Whether a stream is open, as far as anybody can know."""
        return self._state is State.STREAMING

    @property
    def present(self) -> bool:
        """Whether a server is there: a stream is open, or ended only because it refused a record, and the next is being made."""
        return self.connected or self._answered

    def silence(self, now: float) -> float:
        """Return for how many seconds the server was not heard; 0 before it was ever reached."""
        return now - self._heard_at if self.protocol_version is not None else 0.0

    def believes(self, durable_seq: int) -> bool:
        """Return whether a server may have committed so many records: as many as were sent.

        Of a stream that goes on from a disk it may have more, for the disk may have lost the last.
        """
        beyond = durable_seq - self._ever_sent
        return beyond <= 0 or (self._goes_on and beyond <= _MOST_LOST)

    def awaits(self, seq: int) -> bool:
        """Return whether a record was sent and is not committed yet."""
        return self.durable_seq < seq <= self._ever_sent

    @property
    def unacknowledged(self) -> int:
        """How many records the server has not committed yet, sent or not."""
        return self.last_seq - self.durable_seq

    @property
    def in_flight_bytes(self) -> int:
        """Bytes sent and not yet acknowledged."""
        return self._in_flight_bytes

    @property
    def older_server(self) -> bool:
        """Whether the server speaks version 0: no new payloads, and nothing is promised beyond "sent"."""
        return self.protocol_version == 0

    def _take_credit(self, told: int) -> None:
        """Take over how much may be on its way; 0: as before. It waits in memory here, so there is an end to it."""
        if told > 0:
            self._credit = min(told, _MOST_CREDIT)

    # ------------------------------------------------------------ the producer's side

    def assign(self) -> int:
        """Give the next record its number."""
        self.last_seq += 1
        return self.last_seq

    def drain(self) -> None:
        """No record follows: close as soon as all are acknowledged."""
        self._draining = True

    # ------------------------------------------------------------ what happens next

    def next(self, now: float) -> Action:
        """Say the next thing to do; asked again after each report and when a `Wait` is over."""
        if self._hangup is not None:
            hangup, self._hangup = self._hangup, None
            return hangup
        if self._quarantine is not None:
            quarantine, self._quarantine = self._quarantine, None
            return quarantine
        match self._state:
            case State.DISABLED if self._draining:
                return Close()
            case State.INIT:
                return self._register(now)
            case State.OPENING:
                return Open()
            case State.BACKOFF if self._deadline is not None and now >= self._deadline:
                return self._register(now)
            case State.REGISTERING if self._deadline is not None and now >= self._deadline:
                self.lost(
                    now, f"no answer to the registration within {self._limits.register_seconds:g} s"
                )
                return self.next(now)
            case State.STREAMING:
                return self._stream(now)
        return Wait(self._deadline)

    def _register(self, now: float) -> Action:
        self._state = State.REGISTERING
        self._deadline = now + self._limits.register_seconds
        return Register()

    def _stream(self, now: float) -> Action:
        stalled_at = self._heard_at + self._limits.stall_seconds
        if now >= stalled_at:
            self.lost(now, f"the server said nothing for {self._limits.stall_seconds:g} s")
            return self.next(now)
        if now >= self._heartbeat_at:
            self._heartbeat_at = now + self._heartbeat_seconds
            self._heartbeats += 1
            return Heartbeat(self._heartbeats)
        room = self._credit - self._in_flight_bytes
        if self.sent_seq < self.last_seq and (room > 0 or not self._in_flight):
            return Send(self.sent_seq, max(room, 1))
        if self._draining and self.durable_seq == self.last_seq:
            return Close()
        return Wait(min(stalled_at, self._heartbeat_at))

    # ------------------------------------------------------------ reports

    def registered(self, now: float, reply: Registered, *, first_seq: int) -> None:
        """The server took us; `first_seq` is the first record that we still hold."""
        self.protocol_version = reply.protocol_version
        self.server_epoch = reply.server_epoch
        self._take_credit(reply.credit_bytes)
        self._heartbeat_seconds = reply.heartbeat_seconds
        if reply.protocol_version > 0:
            # Its watermark is the truth, except for what we gave away already: that cannot be sent again.
            # A watermark that cannot be says nothing: what is sent again the server knows by its number.
            told = reply.durable_seq if self.believes(reply.durable_seq) else 0
            self.durable_seq = max(told, first_seq - 1)
            self.last_seq = max(self.last_seq, self.durable_seq)
            self._ever_sent = max(self._ever_sent, self.durable_seq)
        self._rewind()
        self._state = State.OPENING
        self._deadline = None

    def opened(self, now: float) -> None:
        """The stream is open and StreamOpen is on its way."""
        self._state = State.STREAMING
        self._answered = False
        self._heard_at = now
        self._heartbeat_at = now + self._heartbeat_seconds

    def sent(self, seq: int, size: int) -> None:
        """Record `seq` was handed to the transport with `size` bytes: that is not yet delivery."""
        if seq != self.sent_seq + 1:
            raise AssertionError(f"record {seq} sent after {self.sent_seq}: streams have no gap")
        self.sent_seq = seq
        self._ever_sent = max(self._ever_sent, seq)
        if self.older_server:
            self.durable_seq = seq  # an older server promises nothing: sent is all there is
            return
        self._in_flight.append((seq, size))
        self._in_flight_bytes += size

    def acknowledged(self, now: float, ack: Acknowledged) -> None:
        """The server committed up to `ack.durable_seq`; never goes back, and never past what exists."""
        self._heard_at = now
        self._take_credit(ack.credit_bytes)
        if self.older_server:
            self._attempt = 0
            return
        if ack.durable_seq > self._ever_sent:
            self.lost(
                now,
                f"the server acknowledged record {ack.durable_seq}, and {self._ever_sent} were sent",
            )
            return
        if ack.durable_seq > self.durable_seq:
            self._attempt = 0  # only what is durable proves that a connection works
            self.durable_seq = ack.durable_seq
            # It may be ahead of this connection: what the one before delivered was committed after the registration.
            self.sent_seq = max(self.sent_seq, ack.durable_seq)
        while self._in_flight and self._in_flight[0][0] <= self.durable_seq:
            self._in_flight_bytes -= self._in_flight.popleft()[1]

    def heard(self, now: float) -> None:
        """The server said something that is no acknowledgement."""
        self._heard_at = now

    def remarked(self, now: float, retry_after: float) -> None:
        """The server said what is wrong, and goes on for now; should it end the stream, it wants to be left alone so long."""
        self._heard_at = now
        self._left_alone_until = now + min(retry_after, _LONGEST_RETRY_SECONDS)

    def rejected(self, now: float, error: Rejected) -> None:
        """The server refused the registration, a record, or the stream."""
        self.reason = error.message
        if self.awaits(error.rejected_seq):
            self._quarantine = Quarantine(error.rejected_seq, error.message)
            self._lose(now, error)
        elif (
            error.rejected_seq > self.durable_seq or error.retryable or error.expected_seq
        ):  # of a record that it never got
            self._lose(now, error)
        else:
            self._state = State.DISABLED
            self._answered = False
            self._rewind()
            self._hangup = Hangup(error.message)

    def lost(self, now: float, reason: str) -> None:
        """The connection is gone, or never came to be."""
        self._lose(now, Rejected(reason, retryable=True))

    def closed(self) -> None:
        """`Close` was performed."""
        self._state = State.CLOSED

    def _lose(self, now: float, error: Rejected) -> None:
        if self._state in (State.CLOSED, State.DISABLED, State.BACKOFF):
            return
        self.reason = error.message
        self._attempt += 1
        self.reconnects += self._state is State.STREAMING
        self._state = State.BACKOFF
        self._answered = bool(error.rejected_seq or error.expected_seq)
        wanted = now + max(
            self._delay(self._attempt), min(error.retry_after, _LONGEST_RETRY_SECONDS)
        )
        self._deadline = max(wanted, self._left_alone_until)
        self._rewind()
        self._hangup = Hangup(error.message)

    def _rewind(self) -> None:
        self.sent_seq = self.durable_seq
        self._in_flight.clear()
        self._in_flight_bytes = 0
