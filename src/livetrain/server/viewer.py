"""One viewer's queue: events in order within a byte limit, and one slot for a frame. No I/O.

A viewer that does not keep up with events is closed and recovers by its offset; of frames it gets the newest, one for each
that it says it has painted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from livetrain._protobuf import bytes_field, varint_field
from livetrain.proto import live_pb2 as live
from livetrain.server.budget import Lease
from livetrain.server.keepsakes import Memory

__all__ = ["Batch", "Frame", "Viewer", "encode_events", "in_messages"]

_MAX_CREDIT: Final = 8
_MESSAGE_BYTES: Final = 256 * 1024
_MESSAGE_EVENTS: Final = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """Events with consecutive offsets, and the message that carries them; shared by all viewers.

    Attributes:
        events: offset and bytes of each.
        message: what viewers are sent.
        lease: what it takes of the server's memory; None: that is not counted.
    """

    events: tuple[tuple[int, bytes], ...]
    message: bytes
    lease: Lease | None = None

    @property
    def last(self) -> int:
        """The offset of the last event."""
        return self.events[-1][0]


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame's message, encoded once and shared by all viewers.

    Attributes:
        number: counts the frames of its run.
        message: as the trainer sent it.
        rank: the producer's.
        kept: the pictures of tiles that have a content hash, as serialised ``ImageData``, by that hash.
        brought: the hashes of those whose pictures are in the message.
        lease: what it takes of the server's memory; None: that is not counted.
    """

    number: int
    message: bytes
    rank: int = 0
    kept: dict[int, bytes] = field(default_factory=dict)
    brought: frozenset[int] = frozenset()
    lease: Lease | None = None


def encode_events(epoch: str, events: tuple[tuple[int, bytes], ...]) -> Batch:
    """Return events as one message, by putting their bytes side by side.

    Args:
        epoch: of the store.
        events: offset and serialised ``RunEvent`` of each.
    """
    head = live.Events(epoch=epoch).SerializeToString()
    pieces: list[bytes | memoryview] = [head]
    for _, event in events:
        pieces += bytes_field(2, [event])
    return Batch(events, b"".join(bytes_field(2, pieces)))


def in_messages(
    events: Sequence[tuple[int, bytes]],
) -> Iterator[tuple[tuple[int, bytes], ...]]:
    """Yield events in groups for messages of bearable size: one that alone is larger is a message of its own."""
    part: list[tuple[int, bytes]] = []
    size = 0
    for event in events:
        if part and (size + len(event[1]) > _MESSAGE_BYTES or len(part) == _MESSAGE_EVENTS):
            yield tuple(part)
            part, size = [], 0
        part.append(event)
        size += len(event[1])
    if part:
        yield tuple(part)


class Viewer:
    """What one viewer is to be sent.

    Args:
        epoch: of the store.
        limit_bytes: of events that wait, beside one message that alone is larger.
        wants_frames: whether it is sent any.

    Attributes:
        position: the last offset that it has or that waits for it.
        skipped: frames that it was not sent because a newer one came.
        close_code: why its connection has to end; 0: it goes on.
        name: of who watches, as they say; empty: they do not.
        rank: whose frames it is sent.
    """

    def __init__(self, epoch: str, *, limit_bytes: int, wants_frames: bool = True) -> None:
        self.epoch = epoch
        self.position = 0
        self.skipped = 0
        self.close_code = 0
        self.name = ""
        self.rank = 0
        self.wants_frames = wants_frames
        self._limit = limit_bytes
        self._credit = 1 if wants_frames else 0
        self._messages: deque[tuple[bytes, Lease | None]] = deque()
        self._bytes = 0
        self._largest = 0  # message since none waited
        self._held: list[Batch] | None = []
        self._latest: dict[str, bytes] = {}
        self._frame: Frame | None = None
        self._memory = Memory()
        self._wake = asyncio.Event()

    @property
    def waiting_bytes(self) -> int:
        """Bytes of events that wait."""
        return self._bytes

    def push(self, batch: Batch) -> None:
        """Add events that were committed; those that it has are left out, and a hole ends the connection: it comes again."""
        if self.close_code:
            return
        if self._held is not None:
            self._held.append(batch)
            self._bytes += len(batch.message)
        else:
            fresh = tuple(event for event in batch.events if event[0] > self.position)
            if not fresh:
                return
            if fresh[0][0] != self.position + 1:
                self.close(4000)
                return
            if len(fresh) < len(batch.events):
                batch = replace(encode_events(self.epoch, fresh), lease=batch.lease)
            self.position = batch.last
            self._messages.append((batch.message, batch.lease))
            self._bytes += len(batch.message)
            self._wake.set()
        # One message alone may be larger than all that may wait beside it: points that came as columns.
        self._largest = max(self._largest, len(batch.message))
        alone = self._largest if self._largest > self._limit else 0
        if self._bytes > self._limit + alone:
            self.close(4000)

    def release(self, position: int) -> None:
        """Go on live after ``position``: what was held back while the viewer was brought there follows."""
        held, self._held = self._held or [], None
        self.position = position
        self._bytes = self._largest = 0
        for batch in held:
            self.push(batch)
        self._wake.set()

    def show(self, frame: Frame) -> None:
        """Offer a frame; it replaces one that waits."""
        if not self.wants_frames or self.close_code:
            return
        if self._frame is not None:
            self.skipped += 1
        self._frame = frame
        if self._credit:
            self._wake.set()

    def grant(self, frames: int) -> None:
        """Note that the viewer takes more frames."""
        if self.wants_frames:
            self._credit = min(_MAX_CREDIT, self._credit + frames)
            if self._frame is not None:
                self._wake.set()

    def tell(self, what: str, message: bytes) -> None:
        """Have the newest of something sent, e.g. of ``"state"``; it replaces one that waits."""
        if not self.close_code:
            self._latest[what] = message
        self._wake.set()

    def close(self, code: int) -> None:
        """Have the connection end; what waits is not sent any more."""
        self.close_code = self.close_code or code
        self._messages.clear()
        self._latest.clear()
        if self._held is not None:
            self._held.clear()
        self._bytes = 0
        self._frame = None
        self._wake.set()

    def withdraw(self, frame: Frame) -> None:
        """Take back a frame that waits: its memory is needed."""
        if self._frame is frame:
            self._frame = None
            self.skipped += 1

    async def wait(self) -> None:
        """Wait until there is something to send."""
        await self._wake.wait()
        self._wake.clear()

    def next(self) -> bytes | None:
        """Return the next message and forget it, or None: events first, then state and performance, then a frame."""
        if self._held is not None:
            return None
        if self._messages:
            message, _ = self._messages.popleft()
            self._bytes -= len(message)
            if not self._messages:
                self._largest = 0
            return message
        if self._latest:
            return self._latest.pop(next(iter(self._latest)))
        if self._frame is not None and self._credit:
            frame, self._frame = self._frame, None
            self._credit -= 1
            more: list[bytes | memoryview] = []
            if self.skipped:
                more.append(varint_field(4, self.skipped))
            for picture in self._memory.lacks(frame.kept, frame.brought) if frame.kept else ():
                more += bytes_field(6, [picture])
            # Fields of the same message are merged by whoever parses it, so a few bytes put behind the shared ones add to them.
            return frame.message + b"".join(bytes_field(3, more)) if more else frame.message
        return None
