"""What works behind a monitor: capture, encoder, governor, outbox and stream, put together and taken apart.

A monitor that is disabled, closed or in a forked child has no engine: that is all there is to being inert.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from livetrain import _records, _wire
from livetrain._budget import Governor
from livetrain._capture.capture import Capture, Captured
from livetrain._capture.encoder import EncoderPool
from livetrain._capture.fitting import Fitting
from livetrain._capture.reading import Reading
from livetrain._capture.settled import settled_numbers
from livetrain._delivery.backlog import Backlog
from livetrain._delivery.identity import Identity
from livetrain._delivery.ledger import Ledger
from livetrain._delivery.line import SMALL_BYTES, BatchRecord, Lane, SampleRecord, SmallRecord
from livetrain._delivery.listener import Listener
from livetrain._delivery.outbox import Outbox
from livetrain._delivery.rows import BatchShape
from livetrain._delivery.server_limits import MAX_STEP, step_beyond
from livetrain._delivery.session import Session, State
from livetrain._delivery.stream import Stream
from livetrain._delivery.transport import Connector
from livetrain._ending import Ending
from livetrain._metering import Metering
from livetrain._performance import StepMeter
from livetrain._ranks.meeting import Meeting
from livetrain._records import Writer
from livetrain._stats import Stats
from livetrain._warnings import warn_once_a_minute
from livetrain.config import TILES
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["AWAY_SECONDS", "STRIP_REASONS", "Engine"]

STRIP_REASONS = {
    number: name.removeprefix("STRIP_REASON_").lower() for name, number in pb.StripReason.items()
}
_LULL_SECONDS = 0.1  # that a frame waits for one; seen within half a second
AWAY_SECONDS = 0.35
"""How long the end of a training waits for a server that is away."""
_AWAY_FRAME_MS = 1000  # so that there is one at once when the server is back


class Engine(Listener):
    """Everything behind one open monitor.

    Args:
        identity: who speaks.
        connector: makes connections to the server; None: nothing is sent, the backlog alone is filled.
        address: of the server, for messages to people.
        capture: the training-thread side of images and predictions.
        governor: keeps the overhead within its budget.
        meter: of steps.
        backlog: where records wait to be committed.
        session: the delivery protocol.
        packing: "strip", "tiles", or "auto": a strip, if the server takes one.
        meeting: how this rank finds the run of the others; None: it needs nobody.
        pictures: whether this rank sends any.
        another: how this rank finds another run, should the server not let it into its own; None: there is no other.
    """

    def __init__(
        self,
        identity: Identity,
        connector: Connector | None,
        address: str,
        capture: Capture,
        governor: Governor,
        meter: StepMeter,
        backlog: Backlog,
        session: Session,
        packing: str,
        meeting: Meeting | None = None,
        pictures: bool = True,
        another: Meeting | None = None,
    ) -> None:
        self.identity = identity
        self.capture = capture
        self.governor = governor
        self.metering = Metering(
            governor, meter, lambda: (self._encoder.cpu_seconds, self._stream.thread_seconds)
        )
        self.problems: Counter[str] = Counter()
        self.pictures = pictures
        self.on_command: Callable[[pb.ControlCommand, float], None] = lambda command, late: None
        self.on_contact: Callable[[], object] | None = None  # called once, when a server answered
        self.on_ended: Callable[[Engine], object] = lambda engine: None
        self.tracebacks = True
        self._last_word: Ending | None = None  # that is still to be said
        self._meeting = meeting
        self._another = another
        self._outbox = Outbox(disk_is_slow=lambda: backlog.disk.is_slow)
        self._ledger = Ledger(identity.session_id, session, backlog, identity.info.run_name)
        self._encode = Fitting(
            lambda: governor.settings, lambda: self._ledger.limits.message_bytes, packing
        )
        self._encoder = EncoderPool(self._encode)
        self._stream = Stream(
            identity, connector, self._outbox, self._ledger, session, self, address
        )
        self.shape_of = self._outbox.shape_of  # the quick way of `put_numbers`, without a detour
        self.put_row = self._outbox.put_row
        self.max_step = MAX_STEP
        self._session = session
        self._offline = connector is None
        self._refused: Counter[str] = Counter()  # points that were not put in line, by reason
        self._turned_away = 0  # images of batches that found no room in line

    def start(self) -> None:
        """Start the stream's thread; the encoder's start with the first frame."""
        self.metering.begin()
        self._stream.start()

    # ------------------------------------------------------------ the training's threads

    def put(self, writer: Writer, lane: Lane = Lane.DURABLE, size: int = SMALL_BYTES) -> None:
        """Hand a small record over; `size`: about how many bytes of memory it holds."""
        now_us, mono_us = time.time_ns() // 1000, time.monotonic_ns() // 1000
        self._outbox.put(SmallRecord(writer, lane, now_us // 1000, mono_us, size, unix_us=now_us))

    def put_numbers(self, step: int, values: Mapping[str, float | Reading], epoch: int) -> None:
        """Hand named numbers over: as rows of columns, or as a record of its own if some are still on their way from a device."""
        plain: dict[str, float] = {}
        for name, value in values.items():
            if isinstance(value, Reading):
                if not value.settled:
                    self._put_later(step, values, epoch)
                    return
                number = value.get()
                if number is not None:
                    plain[name] = number
            else:
                plain[name] = value
        if plain:
            self._outbox.put_numbers(step, plain, epoch)

    def _put_later(self, step: int, values: Mapping[str, float | Reading], epoch: int) -> None:
        unix_us = time.time_ns() // 1000
        record = SmallRecord(
            _records.scalars(step, values, epoch),
            Lane.POINT,
            unix_us // 1000,
            time.monotonic_ns() // 1000,
            SMALL_BYTES * (1 + len(values) // 4),
            records=len(values),
            step=step,
            unix_us=unix_us,
        )
        self._outbox.put(record)

    def refuses_step(self, step: Any, metrics: Iterable[Any]) -> bool:
        """Return whether a step is larger than the server takes; if so, it is counted and said."""
        limit = self.max_step
        number = step_beyond(step, limit)
        if number is None:
            return False
        names = [str(name) for name in metrics]
        if not names:
            return True
        self._refused["step_too_large"] += len(names)
        warn_once_a_minute(
            f"step {self.identity.session_id}",
            f"livetrain left {', '.join(map(repr, names[:3]))} out of run {self.identity.info.run_name!r} at step {number}: "
            f"that is above {limit}, the largest step that the server takes. Give a step that counts, such as the batch's "
            "number; the time is recorded anyway.",
        )
        return True

    def declare(self, controls: Sequence[pb.ControlDeclaration]) -> None:
        """Tell what may be done to this training: now, and with each registration from now on."""
        declared = self.identity.info.controls
        del declared[:]
        declared.extend(controls)
        self.put(_records.controls(controls), Lane.CRITICAL)

    def describe(
        self, config: pb.TrainingConfig, class_names: Sequence[str] | None, run_name: str = ""
    ) -> None:
        """Tell what became known about the training: with each registration from now on, and to all that reads or meters it.

        `class_names` are all of them, of which `config` may hold the first alone; None: they stay. So does the run's name if
        `run_name` is empty.
        """
        self.identity.info.config.CopyFrom(config)
        self.identity.info.run_name = run_name or self.identity.info.run_name
        if class_names:
            self.capture.name_classes(class_names)
        meter = self.metering.meter
        meter.total_epochs = config.total_epochs or meter.total_epochs
        meter.batches_per_epoch = config.batches_per_epoch or meter.batches_per_epoch

    def put_batch(self, captured: Captured, reason: int, step: int, epoch: int, index: int) -> None:
        """Hand a batch over, and its frame, if it has one, to the encoder; `reason` says why it has none."""
        # None are left out of a batch that has none to show, or whose images go with those of the next.
        has_images = captured.frame is not None or reason
        images = min(captured.batch_size, TILES) if has_images else 0
        if captured.frame is None:
            names, values = settled_numbers(
                captured.loss, captured.accuracy, at_once=self._outbox.crowded
            )
            if names:
                shape = BatchShape(captured.batch_size, images, reason if images else 0)
                self._outbox.put_batch(step, names, values, epoch, index, shape)
                return
        unix_us = time.time_ns() // 1000

        def read() -> _wire.Batch:
            loss, accuracy = captured.loss.get(), captured.accuracy.get()
            return _wire.Batch(step, epoch, index, captured.batch_size, loss, accuracy, unix_us)

        record = BatchRecord(
            read,
            captured.frame,
            step=step,
            held_bytes=getattr(captured.accuracy, "nbytes", 0),
            reason=reason,
            images=images,
            unix_ms=unix_us // 1000,
            mono_us=time.monotonic_ns() // 1000,
            line=self._outbox,
        )
        if not self._outbox.put(record):
            self._turn_away(captured, record)
        elif captured.frame is not None:
            self._encoder.submit(record)

    def _turn_away(self, captured: Captured, record: BatchRecord) -> None:
        """Give back the frame of a batch that found no room in line, and count its images."""
        if captured.frame is not None:
            captured.frame.release()
        self._turned_away += record.images

    def put_sample(self, image: Any, write: Callable[[_wire.Stamp, _wire.Tile], bytes]) -> None:
        """Hand a picture of its own over; `write` serialises its record when it is encoded."""
        frame = self.capture.single(image)
        record = SampleRecord(
            write,
            frame,
            unix_ms=time.time_ns() // 1_000_000,
            mono_us=time.monotonic_ns() // 1000,
            line=self._outbox,
        )
        if self._outbox.put(record):
            self._encoder.keep(record)
        else:
            frame.release()

    def lull(self) -> None:
        """The training's thread is about to leave Python alone for a while: what waits for that begins."""
        self._encoder.lull()

    def admit(self, now: float, has_images: bool = True) -> int:
        """Say whether this step's images may go, and meter what the background used since the last."""
        self.metering.meter_background(now)
        if not has_images:
            self.governor.pass_over(now)
            return pb.STRIP_REASON_NONE
        if self.capture.gathering:
            return pb.STRIP_REASON_NONE  # its frame was admitted with its first images
        reason = self.governor.admit(now)
        if self._offline or self._session.state is State.DISABLED:
            return pb.STRIP_REASON_OFFLINE
        if reason == pb.STRIP_REASON_UNWATCHED and not self._session.connected:
            return pb.STRIP_REASON_OFFLINE
        return reason

    def problem(self, kind: str, sentence: str) -> None:
        """Count data that could not be read, and say so once a minute."""
        self.problems[kind] += 1
        warn_once_a_minute(kind, sentence)

    def silence(self) -> float:
        """Return for how many seconds the server was not heard."""
        return self._session.silence(time.monotonic())

    def flush(self, timeout: float) -> bool:
        """Wait until the server committed all that was handed over."""
        self._encoder.begin()
        return self._stream.flush(timeout)

    def tell_ending(self, ending: Ending) -> None:
        """Put how the training ended, as it is known now."""
        self.put(
            _records.end(ending if self.tracebacks else ending.without_traceback()), Lane.CRITICAL
        )

    def begin_close(
        self,
        ending: Ending | None,
        timeout: float,
        away_timeout: float = AWAY_SECONDS,
        grace: float = 0.0,
    ) -> None:
        """Say how the training ended, and end everything in the background; never waits.

        Args:
            ending: what is to be said. None: it was said already.
            timeout: seconds to spend at most.
            away_timeout: the same, while there is no server.
            grace: seconds before that begins: until then `amend` can have something else said.
        """
        self._last_word = ending
        self._stream.begin_close(timeout, away_timeout, grace)

    def amend(self, ending: Ending) -> None:
        """Have something else said of how the training ended, if it is not said yet."""
        if self._last_word is not None:
            self._last_word = ending

    def wait_closed(self, timeout: float, away_timeout: float = AWAY_SECONDS) -> bool:
        """Wait until everything has ended, or the time is over; whether it has ended."""
        deadline = time.monotonic() + timeout
        ended = self._stream.wait_closed(timeout, away_timeout)
        return self._encoder.close(max(0.0, deadline - time.monotonic())) and ended

    @property
    def delivered(self) -> bool:
        """Whether the server committed everything."""
        return self._stream.delivered

    def stats(self) -> Stats:
        """Return a snapshot."""
        session, counters, backlog = self._session, self._stream.counters, self._stream.backlog
        metering, overhead = self.metering, self.metering.overhead
        tally = self._ledger.tally
        problems = self.problems + Counter(unreadable=self.capture.reports.problems)
        dropped = counters.dropped + self._outbox.dropped + self._refused
        if backlog.thinned:
            dropped["thinned"] += backlog.thinned
        stripped = counters.stripped + self._outbox.stripped
        if self._turned_away:
            stripped[pb.STRIP_REASON_SUPERSEDED] += self._turned_away
        return Stats(
            state=session.state.value,
            steps=metering.steps,
            sent=counters.sent,
            frames_sent=counters.frames_sent,
            acknowledged=tally.kept - tally.waiting,
            queued=tally.waiting + self._outbox.calls,
            queued_bytes=backlog.pending_bytes,
            spooled=0 if backlog.memory_only else tally.waiting,
            stripped={STRIP_REASONS[reason]: n for reason, n in stripped.items()},
            dropped=dict(dropped),
            problems=dict(problems),
            reconnects=session.reconnects,
            training_seconds=metering.training_seconds,
            background_seconds=metering.background_seconds,
            overhead=overhead,
            governor=self.governor.describe(time.monotonic(), overhead),
        )

    # ------------------------------------------------------------ the stream's thread

    def agreed(self, response: pb.SessionResponse) -> None:
        """The server took the registration: an older one cannot read strips."""
        self.max_step = self._ledger.limits.max_step
        if self._encode.packing == "auto" and not response.server_config.accepts_strips:
            self._encode.packing = "tiles"
        if (on_contact := self.on_contact) is not None:
            self.on_contact = None
            on_contact()

    def wished(self, frame_interval_ms: int) -> None:
        """The server says how often it wants frames."""
        self.governor.wish(frame_interval_ms)

    def ready(self, now: float, last: bool) -> bool:
        """Whether the run of the other ranks is found, or there is none to be found."""
        meeting = self._meeting
        if meeting is None:
            return True
        if not meeting.ready(now, last=last):
            return False
        self.identity.info.session_id = meeting.session
        if self.identity.info.rank:
            self._meeting = None
            if meeting.alone:
                warn_once_a_minute(
                    "ranks",
                    f"rank {self.identity.info.rank} found no run of rank 0 and shows as a run of its own; "
                    "give Monitor(session=...) the same word on every rank.",
                )
        return True

    def turned_away(self, reason: str) -> bool:
        """Become a run of its own: the server does not let this training into the one that it was given."""
        another, self._another = self._another, None
        if another is None:
            return False
        warn_once_a_minute(
            "turned away",
            f"the livetrain server did not let this training go on in the run that it was given ({reason.rstrip('.')}); "
            "it shows as a run of its own.",
        )
        self.identity.begin_anew(another.session)
        self._meeting = another if self.identity.info.world_size > 1 else None
        return True

    def commanded(self, command: pb.ControlCommand, late: float) -> None:
        """The server passes a command on."""
        self.on_command(command, late)

    def ticked(self, now: float) -> None:
        """Say how fast the training goes; while the server is away, want a frame now and then only.

        A frame that waits for a lull which does not come, in a validation or a pause, is encoded all the same.
        """
        self._encoder.begin(_LULL_SECONDS)
        if not self._session.connected:
            self.governor.wish(_AWAY_FRAME_MS)
        if self.metering.due(now):
            self._tell_performance(now)

    def _tell_performance(self, now: float) -> None:
        """Put a reading in place of the one that waits."""
        now_us, mono_us = time.time_ns() // 1000, time.monotonic_ns() // 1000
        reading = self.metering.read(now)
        record = SmallRecord(reading, Lane.POINT, now_us // 1000, mono_us, unix_us=now_us)
        self._outbox.put_newest("performance", record)

    def ending(self) -> None:
        """Say the last words."""
        self._tell_performance(time.monotonic())
        last_word, self._last_word = self._last_word, None
        if last_word is not None:
            self.tell_ending(last_word)
        self.put(self.report, Lane.CRITICAL)
        self._encoder.begin()

    def ended(self) -> None:
        """Let go of what else there is."""
        self._encoder.close(0.0)
        self.on_ended(self)

    def heartbeat(self, stamp: _wire.Stamp) -> list[bytes]:
        """Report the counters."""
        return [self.report(stamp)]

    def report(self, stamp: _wire.Stamp) -> bytes:
        """Serialise what this side did so far."""
        return _records.report(self.stats())(stamp)
