"""Hands what a run says to everyone who watches it: encoded once, bounded for each. No I/O, but for a timer of the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from livetrain._protobuf import LENGTH, bytes_field, key, varint, varint_field
from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.budget import Budget, Lease, Pool
from livetrain.server.keepsakes import Hashed, Keepsakes
from livetrain.server.limits import Limits
from livetrain.server.listeners import Listener, Listeners
from livetrain.server.records import Piece
from livetrain.server.replay import Ring
from livetrain.server.run import Run
from livetrain.server.stream import Stream
from livetrain.server.viewer import Frame, Viewer, encode_events, in_messages

__all__ = ["COME_AGAIN", "Channel", "Hub", "Listener", "Trouble", "encode_event"]

COME_AGAIN: Final = 4000
"""Closes a viewer's connection: it may connect again at once, and begins with what it lacks."""

_GATHER_SECONDS: Final = 0.05
_PERFORMANCE_SECONDS: Final = 0.25
_BEAT_SECONDS: Final = 1.0
_NAMES: Final = 50
"""So many of those who watch are named; of the others the number is told."""


def encode_event(
    offset: int,
    received_ms: int,
    stream_id: str,
    rank: int,
    record: bytes,
    *,
    attempt: int = 0,
    clock_offset_us: int = 0,
) -> bytes:
    """Return a ``RunEvent`` around a record's bytes as they are."""
    head = live.RunEvent(
        offset=offset,
        received_ms=received_ms,
        stream_id=stream_id,
        rank=rank,
        attempt=attempt,
        clock_offset_us=clock_offset_us,
    )
    return head.SerializeToString() + b"".join(bytes_field(5, [record]))


@dataclass(slots=True)
class Trouble:
    """What is wrong with the store, in a sentence; empty: nothing is."""

    sentence: str = ""


class Channel:
    """One run's viewers, its newest events and its newest frame.

    Args:
        run: the run.
        epoch: of the store.
        limits: the bounds.
        budget: what the ring and kept pictures take their memory from.
        lease: gives memory for events that are told to viewers.
        listeners: the views beside the native one.
        trouble: of the store.
    """

    def __init__(
        self,
        run: Run,
        epoch: str,
        limits: Limits,
        *,
        budget: Budget,
        lease: Callable[[int], Lease],
        listeners: Listeners | None = None,
        trouble: Trouble | None = None,
    ) -> None:
        self._lease = lease
        self._trouble = trouble or Trouble()
        self.run = run
        self.epoch = epoch
        self.viewers: set[Viewer] = set()
        self._listeners = listeners if listeners is not None else Listeners()
        self.ring = Ring(limits.ring_bytes, budget.rings.claim())
        self.frames: dict[int, Frame] = {}  # the newest of each rank; the oldest of these first
        self.keepsakes = Keepsakes(claim=budget.frames.claim())
        self._gathered: list[tuple[int, bytes]] = []
        self._flushed = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._performed = 0.0
        self._performance_timer: asyncio.TimerHandle | None = None

    @property
    def frame(self) -> Frame | None:
        """The newest of rank 0."""
        return self.frames.get(0)

    @property
    def watched(self) -> bool:
        """Is there someone who wants to see frames?"""
        return any(viewer.wants_frames for viewer in self.viewers) or self._listeners.want_frames(
            self.run
        )

    def publish(self, events: list[tuple[int, bytes]]) -> None:
        """Pass on committed events: gathered, so that a viewer gets at most 20 messages of them a second."""
        for offset, event in events:
            self.ring.append(offset, event)
        if self._listeners.follow(self.run):
            parsed = [live.RunEvent.FromString(event) for _, event in events]
            spoken = [event for event in parsed if self._speaks(event)]
            self._listeners.tell(self.run, lambda one: one.committed(self.run, spoken))
        if not self.viewers:
            return
        self._gathered += events
        if self._timer is None:
            wait = self._flushed + _GATHER_SECONDS - time.monotonic()
            if wait <= 0:
                self.flush()
            else:
                self._timer = asyncio.get_running_loop().call_later(wait, self.flush)

    def _speaks(self, event: live.RunEvent) -> bool:
        """Say whether an event is of the stream that speaks for the run, or of the server: other dialects know no ranks."""
        stream = self.run.streams.get(event.stream_id)
        return stream is None or stream is self.run.speaker

    def flush(self) -> None:
        """Pass on what was gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._flushed = time.monotonic()
        gathered, self._gathered = self._gathered, []
        for events in in_messages(gathered):
            # The bytes of the single events are those of the ring.
            batch = encode_events(self.epoch, events)
            batch = replace(batch, lease=self._lease(len(batch.message)))
            for viewer in self.viewers:
                viewer.push(batch)

    def show(self, frame: Frame) -> None:
        """Pass on a frame, to those who want to see its rank."""
        self.frames.pop(frame.rank, None)
        self.frames[frame.rank] = frame
        for viewer in self.viewers:
            if viewer.rank == frame.rank:
                viewer.show(frame)
        if not frame.rank:  # older clients know of no ranks
            self._listeners.tell(self.run, lambda one: one.framed(self.run, frame))

    @property
    def frame_bytes(self) -> int:
        """What the newest frames and the kept pictures take."""
        return sum(len(frame.message) for frame in self.frames.values()) + self.keepsakes.bytes

    def drop_oldest_frame(self) -> None:
        """Let go of the frame that came first, or where there is none, of the kept pictures; viewers are not sent it any more."""
        if not self.frames:
            self.keepsakes.clear()
            return
        frame = self.frames.pop(next(iter(self.frames)))
        for viewer in self.viewers:
            viewer.withdraw(frame)

    def show_newest(self, viewer: Viewer) -> None:
        """Have a viewer sent the newest frame of the rank that it wants to see."""
        frame = self.frames.get(viewer.rank)
        if frame is not None:
            viewer.show(frame)

    def state(self) -> live.RunState:
        """Return the run's state as viewers are told."""
        state = self.run.state(time.monotonic())
        state.trouble = self._trouble.sentence
        return state

    def tell_state(self) -> None:
        """Pass on the run's state."""
        self._listeners.tell(self.run, lambda one: one.state_changed(self.run))
        if self.viewers:
            message = live.LiveMessage(state=self.state()).SerializeToString()
            for viewer in self.viewers:
                viewer.tell("state", message)

    def tell_performance(self) -> None:
        """Pass on the run's performance, at most four times a second; the last word is never left out."""
        if self._performance_timer is not None or not (
            self.viewers or self._listeners.follow(self.run)
        ):
            return
        wait = max(0.0, self._performed + _PERFORMANCE_SECONDS - time.monotonic())
        self._performance_timer = asyncio.get_running_loop().call_later(wait, self._perform)

    def _perform(self) -> None:
        self._performance_timer = None
        self._performed = time.monotonic()
        self._listeners.tell(self.run, lambda one: one.performed(self.run))
        if not self.viewers:
            return
        message = live.LiveMessage(performance=self.performance()).SerializeToString()
        for viewer in self.viewers:
            viewer.tell("performance", message)

    def performance(self) -> live.Performance:
        """Return the run's performance as viewers are told."""
        now = time.monotonic()
        return live.Performance(
            data=self.run.performance,
            ingest_fps=self.run.ingest_fps(now),
            ranks=[
                rank.told(sends_frames=rank.rank in self.frames) for rank in self.run.ranks(now)
            ],
            remarks=self.run.remarks(now, time.time_ns() // 1_000_000),
        )

    def join(self, viewer: Viewer) -> None:
        """Add a viewer; it is held back until it is released."""
        # What was gathered before it came is in the ring and the store, where it will be read from.
        self.flush()
        self.viewers.add(viewer)
        self.tell_presence()

    def leave(self, viewer: Viewer) -> None:
        """Remove a viewer."""
        if viewer in self.viewers:
            self.viewers.discard(viewer)
            self.tell_presence()

    def presence(self) -> live.Presence:
        """Return how many watch, and the names of those who said one."""
        names = sorted(viewer.name for viewer in self.viewers if viewer.name)
        return live.Presence(viewers=len(self.viewers), names=names[:_NAMES])

    def tell_presence(self) -> None:
        """Pass on who watches."""
        message = live.LiveMessage(presence=self.presence()).SerializeToString()
        for viewer in self.viewers:
            viewer.tell("presence", message)

    def start_over(self) -> None:
        """Have every viewer come again: other points count now than those that it was told of."""
        for viewer in self.viewers:
            viewer.close(COME_AGAIN)

    def close(self, code: int) -> None:
        """End every viewer's connection, and hold nothing any more."""
        for viewer in self.viewers:
            viewer.close(code)
        self._gathered.clear()
        self.frames.clear()
        self.ring.close()
        self.keepsakes.close()
        for timer in (self._timer, self._performance_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._performance_timer = None


class Hub:
    """The channels of all runs; their newest frames are kept within one byte limit, the oldest of who has most out first.

    Args:
        epoch: of the store.
        limits: the bounds of each.
        budget: what they take their memory from; None: one of their own.

    Attributes:
        listeners: the views beside the native one.
        trouble: of the store, which everybody is told of.
    """

    def __init__(self, epoch: str, limits: Limits, budget: Budget | None = None) -> None:
        self.epoch = epoch
        self.budget = budget or Budget.of_mib(1024)
        self.trouble = Trouble()
        self.listeners = Listeners()
        self._limits = limits
        self._channels: dict[int, Channel] = {}
        self._frame_bytes: dict[int, int] = {}  # by the run's key
        self._beaten = 0.0

    def channel(self, run: Run) -> Channel:
        """Return a run's channel, made when it is first asked for."""
        channel = self._channels.get(run.key)
        if channel is None:
            channel = self._channels[run.key] = Channel(
                run,
                self.epoch,
                self._limits,
                budget=self.budget,
                lease=self._lease_events,
                listeners=self.listeners,
                trouble=self.trouble,
            )
        return channel

    def forget(self, run: Run, code: int) -> None:
        """End a run's channel and its viewers' connections."""
        self.listeners.tell_all(lambda one: one.forgotten(run))
        channel = self._channels.pop(run.key, None)
        if channel is not None:
            channel.close(code)
        self._frame_bytes.pop(run.key, None)

    def _lease_events(self, size: int) -> Lease:
        """Return memory for events; where there is none, those viewers are cut off that are behind most: they come again."""
        pool = self.budget.viewers
        lease = pool.lease(size)
        if lease is not None:
            return lease
        waiting = [
            viewer
            for channel in self._channels.values()
            for viewer in channel.viewers
            if viewer.waiting_bytes
        ]
        for viewer in sorted(waiting, key=lambda one: one.waiting_bytes, reverse=True):
            viewer.close(COME_AGAIN)
            lease = pool.lease(size)
            if lease is not None:
                return lease
        pool.add(size)
        return Lease(pool, size)

    def _lease_frame(self, size: int) -> Lease | None:
        """Return memory for a frame, which the oldest frames of who has most make room for; None: it is larger than all of it."""
        pool: Pool = self.budget.frames
        if size > pool.limit:
            pool.refused += 1
            return None
        while (lease := pool.lease(size)) is None and self._frame_bytes:
            key = max(self._frame_bytes, key=self._frame_bytes.__getitem__)
            channel = self._channels[key]
            channel.drop_oldest_frame()
            self._count_frames(channel)
        return lease

    def drop_frames(self) -> None:
        """Let go of all frames and pictures that are kept for viewers that come."""
        for channel in self._channels.values():
            while channel.frames:
                channel.drop_oldest_frame()
            channel.drop_oldest_frame()  # the pictures
        self._frame_bytes.clear()

    def _count_frames(self, channel: Channel) -> None:
        held = channel.frame_bytes
        if held:
            self._frame_bytes[channel.run.key] = held
        else:
            self._frame_bytes.pop(channel.run.key, None)

    def show(
        self, run: Run, rank: int, pieces: tuple[Piece, ...], hashed: Sequence[Hashed] = ()
    ) -> bool:
        """Pass on a batch with pictures, as the bytes that came; return whether there was memory for it.

        Args:
            run: whose it is.
            rank: the producer's.
            pieces: the serialised record.
            hashed: its tiles that have a content hash.
        """
        number = run.note_frame(time.monotonic(), rank)
        head = (
            varint_field(1, number)
            + varint_field(2, time.time_ns() // 1000)
            + varint_field(3, rank)
        )
        size = sum(map(len, pieces))
        inner = key(5, LENGTH) + varint(size)
        message = b"".join(bytes_field(3, (head, inner, *pieces), len(head) + len(inner) + size))
        channel = self.channel(run)
        lease = self._lease_frame(len(message))
        if lease is None:
            return False
        kept = channel.keepsakes.take(hashed) if hashed else {}
        brought = frozenset(content_hash for content_hash, picture in hashed if picture is not None)
        channel.show(Frame(number, message, rank, kept, brought, lease))
        channel.tell_performance()
        self._count_frames(channel)
        return True

    def note_performance(self, run: Run, stream: Stream, data: pb.PerformanceData) -> None:
        """Pass on how fast a rank of a run is; the run is as fast as the one that speaks for it."""
        if stream is run.speaker:
            run.performance = data
        self.channel(run).tell_performance()

    def tell_trouble(self, sentence: str) -> None:
        """Tell everybody that the store cannot be written, and why; with an empty sentence, that it can again."""
        if sentence == self.trouble.sentence:
            return
        self.trouble.sentence = sentence
        self.listeners.tell_all(lambda one: one.troubled(sentence))
        for channel in self._channels.values():
            channel.tell_state()

    def beat(self, now: float, unix_us: int) -> None:
        """Give every viewer a sign of life, once a second: one that hears none knows that the server does not answer."""
        if now - self._beaten < _BEAT_SECONDS:
            return
        self._beaten = now
        message = live.LiveMessage(beat=live.Beat(server_us=unix_us)).SerializeToString()
        for channel in self._channels.values():
            for viewer in channel.viewers:
                viewer.tell("beat", message)

    @property
    def viewers(self) -> int:
        """How many watch, all runs together."""
        return sum(len(channel.viewers) for channel in self._channels.values())

    def close(self, code: int) -> None:
        """End every viewer's connection."""
        for channel in self._channels.values():
            channel.close(code)
