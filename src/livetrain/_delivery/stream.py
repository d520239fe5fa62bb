"""The thread between outbox and server: performs what the session says, and nothing of its own mind.

Everything in here happens on one thread, `livetrain-stream`, but for the four methods at the end of `Stream`. Reports from
gRPC's threads come in through a queue, each with the connection that it is from: what an old connection still says is ignored.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import cast

from livetrain._delivery.actions import (
    Close,
    Hangup,
    Heartbeat,
    Open,
    Quarantine,
    Register,
    Send,
    Wait,
)
from livetrain._delivery.answers import Rejected
from livetrain._delivery.bundle import Bundle
from livetrain._delivery.closing import Closing
from livetrain._delivery.columns import TARGET_BYTES, GapRecord, records_of
from livetrain._delivery.identity import Identity
from livetrain._delivery.ledger import Ledger
from livetrain._delivery.line import Gap, Mark, Record
from livetrain._delivery.listener import Listener
from livetrain._delivery.outbox import Outbox, Taken
from livetrain._delivery.report_queue import ReportQueue
from livetrain._delivery.response_reader import ResponseReader
from livetrain._delivery.rows import Table
from livetrain._delivery.session import Session, State
from livetrain._delivery.speaker import Speaker
from livetrain._delivery.transport import Connection, Connector, Ended, Reply, Report, Response
from livetrain._warnings import warn_once_a_minute

__all__ = ["Stream"]

_log = logging.getLogger("livetrain")

# How long small records are gathered for one message, which costs each side far more than they do; a frame does not wait, and
# takes along what there is.
_GATHER_SECONDS = 0.3
_AWAY_SECONDS = 0.02  # the same without a server: what goes to the disk costs little, and a kill takes along what did not
_READY_SECONDS = 0.02  # between two looks whether the other ranks are there
_SLOW_DISK_SECONDS = 0.5
_REPORTS = 64  # of the server's are read before the training's records have their turn
_MARKS = 64
_UNSAFE_SECONDS = (
    0.1  # that a record is given to be committed before it is written to this machine's disk
)
_CONFLATED_SECONDS = 1.0  # between two records of what only the newest is of interest
_CONFLATED_AWAY_SECONDS = 10.0  # the same, while the server is away


class Stream:
    """Takes records from the outbox, numbers them, keeps them until they are committed, and sends them.

    Args:
        identity: who speaks.
        connector: makes a connection; None: offline, records are only kept.
        outbox: where records come from.
        ledger: numbers and keeps them.
        session: the protocol.
        listener: what else wants to know.
        address: of the server, for messages to people.
        earlier: these are the records that an earlier training left, not those of this one.
    """

    def __init__(
        self,
        identity: Identity,
        connector: Connector | None,
        outbox: Outbox,
        ledger: Ledger,
        session: Session,
        listener: Listener,
        address: str,
        *,
        earlier: bool = False,
    ) -> None:
        self.identity = identity
        self._earlier = earlier
        self.session = session
        self.counters = ledger.counters
        self.backlog = ledger.backlog
        self._ledger = ledger
        self._speaker = Speaker(identity, ledger, session)
        self._reader = ResponseReader(identity, ledger, session, listener, earlier=earlier)
        self._connector = connector
        self._outbox = outbox
        self._listener = listener
        self._address = address
        # With the time when it came: an acknowledgement may lie here until the next turn.
        self._reports: ReportQueue[tuple[Connection | None, float, Report]] = ReportQueue()
        self._connection: Connection | None = None
        self._marks: deque[tuple[int, Mark]] = deque()  # with the last record before each
        self._watched_seq = (
            0  # the newest record of which is to be seen whether it is committed in time
        )
        self._watched_until = 0.0
        self._closing: Closing | None = None
        self._draining = False
        self._eager = True  # somebody waits for the next acknowledgement
        self._lingering = False  # everything is said; an older server has yet to end its side
        self._over = False
        self._thread = threading.Thread(target=self._run, name="livetrain-stream", daemon=True)
        self.thread_seconds = 0.0  # CPU time of this thread so far

    # ------------------------------------------------------------ the loop

    def _run(self) -> None:
        try:
            self.backlog.set_meta(self.identity.serialize())
            while not self._over:
                self._turn()
        except Exception:  # nothing of ours may reach the training, and a dead thread must be seen
            self.counters.dropped["internal_error"] += 1
            warn_once_a_minute(
                "stream", "livetrain stopped sending after an error of its own", exc=True
            )
        finally:
            self._finish()

    def _turn(self) -> None:
        draining = self._begin_draining()
        self._hear()  # first: what is acknowledged makes room for the next frame
        took = self._collect()
        if draining and not len(self._outbox):
            self.session.drain()
        self._eager = (
            True  # while this thread is awake: what comes meanwhile is not to be slept over
        )
        until = self._perform()
        self._keep_safe(time.monotonic())
        while self._marks and self._marks[0][0] <= self.session.durable_seq:
            mark = self._marks.popleft()[1]
            mark.committed = not self.has_lost
            mark.settled.set()
        self.thread_seconds = time.thread_time()
        closing = self._closing
        if closing is not None and closing.over(time.monotonic(), present=self._present):
            self._over = True
        if self._over:
            return
        # Else what an acknowledgement brings can wait for the next turn, which costs more than reading it.
        self._eager = bool(self._marks) or draining or self.session.sent_seq < self.session.last_seq
        now = time.monotonic()
        self._listener.ticked(now)
        busy = took or self._outbox.can_be_taken
        gather = _GATHER_SECONDS if self.session.connected else _AWAY_SECONDS
        longest = gather if busy else 0.5
        if self._outbox.has_more or len(self._reports) >= _REPORTS:
            longest = 0.0
        if self.session.durable_seq < self._watched_seq:
            longest = min(longest, max(0.0, self._watched_until - now))
        if closing is not None:
            longest = min(longest, closing.seconds_left(now, present=self._present))
        self._outbox.sleep(
            longest if until is None else max(0.0, min(until - now, longest)), deep=not busy
        )

    def _begin_draining(self) -> bool:
        closing = self._closing
        if closing is not None and not self._draining and closing.begins(time.monotonic()):
            self._listener.ending()
            self._draining = True
        return self._draining

    @property
    def _present(self) -> bool:
        return self.session.present or self._lingering

    def _collect(self) -> bool:
        """Number what the training handed over and keep it."""
        taken = self._outbox.take(time.monotonic_ns() // 1000)
        every = _CONFLATED_SECONDS if self.session.connected else _CONFLATED_AWAY_SECONDS
        every = 0.0 if self._draining else every
        taken.extend(self._outbox.take_newest(time.monotonic(), every))
        self._keep(taken, sendable=self._sendable)
        if len(self._marks) > _MARKS:
            # A training that asks at each step, with a server that is away for hours.
            self._marks = deque(entry for entry in self._marks if not entry[1].abandoned)
        return bool(taken)

    def _keep(self, taken: Sequence[Taken], *, sendable: bool) -> None:
        """Number and keep what was taken from the line; neighbours of one kind together."""
        for kind, items in groupby(taken, key=type):
            if kind is Table:
                tables = cast("list[Table]", list(items))
                most_bytes = min(TARGET_BYTES, self.backlog.record_bytes)
                for record in records_of(
                    tables, self._ledger.limits, self._ledger.refuse, most_bytes
                ):
                    self._ledger.keep(record, sendable=sendable)
            elif kind is Gap:
                gap = Gap.over(cast("Iterator[Gap]", items))
                now_ms, mono_us = time.time_ns() // 1_000_000, time.monotonic_ns() // 1000
                self._ledger.keep(GapRecord(gap, now_ms, mono_us), sendable=sendable)
                self._ledger.lost(gap.records)
            else:
                for item in cast("Iterator[Record | Mark]", items):
                    if isinstance(item, Mark):
                        self._marks.append((self.session.last_seq, item))
                    else:
                        self._ledger.keep(item, sendable=sendable)

    def _keep_safe(self, now: float) -> None:
        """Bring to the disk what the server does not commit in time; a healthy one does, and then nothing is written."""
        if not self.session.connected or self._draining:
            self.backlog.flush()
            self._watched_seq = 0
        elif now >= self._watched_until:
            if self.session.durable_seq < self._watched_seq:
                self.backlog.flush()
            self._watched_seq = self.session.last_seq
            self._watched_until = now + _UNSAFE_SECONDS

    @property
    def has_lost(self) -> bool:
        """Whether anything was left out so far for want of room."""
        return bool(self._outbox.dropped or self.backlog.thinned)

    @property
    def _sendable(self) -> bool:
        return self._connector is not None and self.session.state is not State.DISABLED

    # ------------------------------------------------------------ what the session says

    def _perform(self) -> float | None:
        """Do what is to be done; return when to look again, None: when something happens."""
        now = time.monotonic()
        provisional = self.identity.session_id
        ready = self._listener.ready(now, last=self._draining)
        if self.identity.session_id != provisional:
            self.backlog.set_meta(self.identity.serialize())
        if self._connector is None:
            self._over = self._draining and not len(self._outbox)
            return None
        if not ready:
            return now + _READY_SECONDS
        while True:
            now = time.monotonic()
            match self.session.next(now):
                case Wait(until):
                    return until
                case Register():
                    self._register()
                case Open():
                    self._speaker.open(self._there)
                    self.session.opened(now)
                case Send(after_seq, max_bytes):
                    self._speaker.send(self._there, after_seq, max_bytes)
                case Heartbeat(number):
                    self._heartbeat(number)
                case Quarantine(seq, reason):
                    self._ledger.quarantine(seq, reason)
                case Hangup(reason):
                    self._hang_up(reason)
                case Close():
                    self.session.closed()
                    if self._connection is None:
                        self._over = True
                    else:
                        self._connection.half_close()
                        # Ours committed everything. Of an older server nothing is known: what gRPC still holds
                        # would be lost if the channel were closed before that server ended its side.
                        self._lingering = self.session.older_server
                        self._over = not self._lingering
                    return None

    def _register(self) -> None:
        if self._connection is not None:
            self._connection.drop()
        connection: Connection | None = None

        def is_current() -> bool:
            return connection is self._connection and not self._over

        def deliver(report: Report) -> None:
            entry = connection, time.monotonic(), report
            if isinstance(report, Response):
                self._reports.put(entry, report.response.ByteSize(), wanted=is_current)
            else:  # one of each connection, and maybe on this thread
                self._reports.put(entry, 0, wanted=None)
            if self._eager or not _is_acknowledgement(report):
                self._outbox.wake()

        assert self._connector is not None
        connection = self._connection = self._connector(deliver)
        self._reader.registering(time.monotonic())
        self._speaker.register(connection)

    def _heartbeat(self, number: int) -> None:
        stamp = self._speaker.beat(self._there, number)
        if not self.session.older_server:
            for record in self._listener.heartbeat(stamp):
                self._there.send(Bundle([record]))

    @property
    def _there(self) -> Connection:
        assert self._connection is not None, "the session speaks only while it is connected"
        return self._connection

    def _hang_up(self, reason: str) -> None:
        if self._connection is not None:
            self._connection.drop()
            self._connection = None
        self._ledger.disconnected()
        if self._earlier:
            # The training that goes on here has nothing to do with them; `livetrain sync` says the reason.
            if self.session.state is State.DISABLED:
                warn_once_a_minute(
                    f"refused {self.identity.session_id}",
                    f"the livetrain server at {self._address} refused what an earlier training left of run "
                    f"{self.identity.info.run_name!r}: {reason}. It stays on the disk.",
                )
        elif self.session.state is State.DISABLED:
            warn_once_a_minute(
                "refused",
                f"the livetrain server at {self._address} refused this run: {reason}. Training goes on unseen.",
            )
        elif not (self._closing or self.session.present):
            warn_once_a_minute(
                "unreachable",
                f"no livetrain server at {self._address} ({reason}). Training goes on; livetrain keeps trying. "
                "Start one with `livetrain-server`, or set LIVETRAIN_MODE=disabled.",
            )

    # ------------------------------------------------------------ what the server says

    def _hear(self) -> None:
        for connection, now, report in self._reports.take(_REPORTS):
            if connection is not self._connection or connection is None:
                continue
            match report:
                case Reply(response):
                    self._reader.registered(now, response)
                case Response(response):
                    self._reader.responded(now, response)
                case Ended() if self._lingering:
                    self._over = True
                case Ended(reason, for_good):
                    self.session.rejected(now, Rejected(reason, retryable=not for_good))

    # ------------------------------------------------------------ for other threads

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def flush(self, timeout: float) -> bool:
        """Wait until all that was put before is committed by the server.

        Returns:
            False: not within `timeout` seconds, or something was left out for want of room.
        """
        mark = self._outbox.mark()
        mark.settled.wait(timeout)
        mark.abandoned = True
        return mark.committed

    def begin_close(self, timeout: float, away_timeout: float, grace: float = 0.0) -> None:
        """Send what is left and end the thread, in the background; never waits.

        Args:
            timeout: seconds to spend at most; a little of it is for what goes to the disk.
            away_timeout: the same, while there is no server.
            grace: seconds that it goes on before it begins with that.
        """
        if self._closing is None:
            self._closing = Closing(time.monotonic(), timeout, away_timeout, grace)
            self._outbox.wake()

    def wait_closed(self, timeout: float, away_timeout: float) -> bool:
        """Wait until the thread has ended, without any grace, and half a second longer than these times for a slow disk.

        Returns:
            Whether it has.
        """
        if (closing := self._closing) is None or threading.current_thread() is self._thread:
            return False
        deadline = time.monotonic() + timeout + _SLOW_DISK_SECONDS
        closing.hurry(time.monotonic(), timeout, away_timeout)
        self._outbox.wake()
        self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()

    def close(self, timeout: float, away_timeout: float) -> bool:
        """Send what is left and end the thread; waits `timeout` seconds at most, `away_timeout` while there is no server.

        Returns:
            Whether the server committed everything.
        """
        self.begin_close(timeout, away_timeout)
        self.wait_closed(timeout, away_timeout)
        return self.delivered

    @property
    def delivered(self) -> bool:
        """Whether the server committed everything."""
        return self.session.unacknowledged == 0 and not len(self._outbox) and not self.has_lost

    def _finish(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drop()
        # What is still in line goes to the spool, without waiting for pictures that nobody will send.
        self._keep(self._outbox.take(sys.maxsize, sys.maxsize), sendable=False)
        left = self._ledger.tally.waiting
        self._ledger.close()
        if left and self._connector is not None and not self._earlier:
            self._say_what_is_left(left)
        for _, mark in self._marks:
            mark.settled.set()
        self._listener.ended()

    def _say_what_is_left(self, left: int) -> None:
        what = f"{left} records of run {self.identity.info.run_name!r} did not reach the livetrain server in time"
        if self.backlog.memory_only:
            _log.warning("%s, and are lost: the disk could not be used.", what)
            return
        # Who has no server was told already.
        _log.log(
            logging.WARNING if self.session.protocol_version is not None else logging.INFO,
            "%s: they are kept in %s, and sent by the next run or by `livetrain sync`.",
            what,
            self.backlog.directory,
        )


def _is_acknowledgement(report: Report) -> bool:
    return isinstance(report, Response) and report.response.HasField("ack")
