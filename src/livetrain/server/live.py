"""The live WebSocket: a snapshot or what was missed, then everything as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from fastapi import WebSocket
from google.protobuf.message import DecodeError
from starlette.websockets import WebSocketDisconnect

from livetrain._protobuf import bytes_field
from livetrain.proto import live_pb2 as live
from livetrain.server.hub import COME_AGAIN, Channel, Hub, encode_event
from livetrain.server.intake import Intake
from livetrain.server.registry import RunGoneError
from livetrain.server.replay import History, Recovery, plan
from livetrain.server.run import Run
from livetrain.server.shelf import Shelf
from livetrain.server.store.reader import RunSnapshot, StoredEvent
from livetrain.server.store.summary import Summary
from livetrain.server.viewer import Viewer, encode_events, in_messages

__all__ = ["COME_AGAIN", "NOT_ALLOWED", "NO_SUCH_RUN", "Live"]

log = logging.getLogger(__name__)

NOT_ALLOWED: Final = 4001
NO_SUCH_RUN: Final = 4004

_HELLO_SECONDS: Final = 10.0
_POINTS: Final = 1500
_MOST_POINTS: Final = 20_000
_RECENT: Final = 500
_SNAPSHOTS: Final = 2
"""So many are made at once: each may have millions of points for a moment."""
_TIPS: Final = 5000
_MESSAGE_BYTES: Final = 64 << 10
"""Of curves; the transport holds copies of a message that is not read."""

_POINT_BYTES: Final = 20
_NAME_CHARS: Final = 60


class Live:
    """Serves viewers.

    Args:
        intake: what is told.
        directory: where what they have not read yet may lie.
    """

    def __init__(self, intake: Intake, directory: Path) -> None:
        self._intake = intake
        self._directory = directory
        self._hub: Hub = intake.hub
        self._snapshots = asyncio.Semaphore(_SNAPSHOTS)
        self._limits = intake.limits

    async def serve(self, socket: WebSocket, run_id: str) -> None:
        """Serve one viewer until it goes, or until it has to."""
        await socket.accept()
        run = await self._intake.registry.find(run_id)
        if run is None:
            await socket.close(NO_SUCH_RUN, "There is no such run.")
            return
        if self._hub.viewers >= self._limits.viewers:
            self._intake.counters.rejected.labels("viewers").inc()
            await socket.close(COME_AGAIN, "Too many viewers are connected; come again.")
            return
        try:
            async with asyncio.timeout(_HELLO_SECONDS):
                first = live.ViewerMessage.FromString(await socket.receive_bytes())
        except (TimeoutError, DecodeError, KeyError, WebSocketDisconnect):
            await _close(socket, NOT_ALLOWED, "A viewer begins with a Hello.")
            return
        if first.WhichOneof("body") != "hello":
            await _close(socket, NOT_ALLOWED, "A viewer begins with a Hello.")
            return
        run = await self._intake.registry.find(run_id)  # it may have been deleted meanwhile
        if run is None:
            await _close(socket, NO_SUCH_RUN, "There is no such run.")
            return
        try:
            await self._attend(socket, run, first.hello)
        except RunGoneError:
            await _close(socket, NO_SUCH_RUN, "There is no such run.")

    async def _attend(self, socket: WebSocket, run: Run, hello: live.Hello) -> None:
        with self._joined(run, hello) as (channel, viewer):
            reader = asyncio.create_task(self._listen(socket, channel, viewer))
            try:
                async for message in self._bring_up(channel, viewer, hello):
                    if viewer.close_code:  # what it is being told is gone
                        break
                    await socket.send_bytes(message)
                    del message
                await self._follow(socket, viewer)
            except WebSocketDisconnect:
                pass
            finally:
                reader.cancel()

    @contextlib.contextmanager
    def _joined(self, run: Run, hello: live.Hello) -> Iterator[tuple[Channel, Viewer]]:
        channel = self._hub.channel(run)
        viewer = Viewer(
            self._hub.epoch, limit_bytes=self._limits.viewer_bytes, wants_frames=not hello.no_frames
        )
        viewer.name, viewer.rank = hello.name[:_NAME_CHARS], hello.rank
        channel.join(viewer)
        self._intake.watchers_changed(run)
        try:
            yield channel, viewer
        finally:
            channel.leave(viewer)
            self._intake.watchers_changed(run)
            self._intake.counters.dropped.labels("frame_superseded").inc(viewer.skipped)

    async def watch(self, run: Run, hello: live.Hello) -> AsyncIterator[bytes]:
        """Yield what a viewer is sent that can say nothing back: of the frames each for which it has taken the one before.

        Raises:
            RunGoneError: the run was deleted.
        """
        with self._joined(run, hello) as (channel, viewer):
            async for message in self._bring_up(channel, viewer, hello):
                if viewer.close_code:
                    break
                yield message
                del message
            share = self._intake.turns.share("viewers")
            while not viewer.close_code:
                await viewer.wait()
                while not viewer.close_code and (told := viewer.next()) is not None:
                    await share.turn()
                    yield told
                    del told
                    share.rest()
                    self._intake.counters.sent.inc()
                    viewer.grant(1)
            if viewer.close_code == COME_AGAIN:
                self._intake.counters.dropped.labels("viewer_behind").inc()
        self._intake.registry.raise_if_gone(run)

    async def _listen(self, socket: WebSocket, channel: Channel, viewer: Viewer) -> None:
        share = self._intake.turns.share("viewers")
        try:
            while True:
                raw = await socket.receive_bytes()
                await share.turn()
                message = live.ViewerMessage.FromString(raw)
                match message.WhichOneof("body"):
                    case "frame_credit":
                        viewer.grant(message.frame_credit.frames)
                    case "introduce":
                        viewer.name = message.introduce.name[:_NAME_CHARS]
                        channel.tell_presence()
                    case "watch_rank":
                        viewer.rank = message.watch_rank.rank
                        channel.show_newest(viewer)
                share.rest()
        except (DecodeError, KeyError):
            viewer.close(NOT_ALLOWED)
        except (WebSocketDisconnect, RuntimeError):
            viewer.close(COME_AGAIN)

    async def _follow(self, socket: WebSocket, viewer: Viewer) -> None:
        sent, share = self._intake.counters.sent, self._intake.turns.share("viewers")
        while True:
            await viewer.wait()
            while not viewer.close_code and (message := viewer.next()) is not None:
                await share.turn()
                await socket.send_bytes(message)
                del message  # it may be large, and the next one may come much later
                share.rest()
                sent.inc()
            if viewer.close_code:
                if viewer.close_code == COME_AGAIN:
                    self._intake.counters.dropped.labels("viewer_behind").inc()
                await _close(socket, viewer.close_code, "")
                return

    async def _bring_up(
        self, channel: Channel, viewer: Viewer, hello: live.Hello
    ) -> AsyncIterator[bytes]:
        """Yield to a viewer what it lacks and release it; what happens meanwhile is held back for it."""
        run = channel.run
        history = History(
            epoch=self._hub.epoch,
            top=run.committed,
            ring_first=channel.ring.first,
            stored_first=run.trimmed + 1,
        )
        epoch = hello.epoch if hello.offset >= run.anew_offset else ""
        recovery = plan(epoch, hello.offset, history, limit=self._limits.recover_events)
        if recovery is Recovery.SNAPSHOT:
            async for message in self._snapshot(channel, viewer, hello):
                yield message
            return
        if recovery is Recovery.STORE:
            # What happens meanwhile is held back for the viewer.
            stored = await self._intake.registry.ask_about(
                run,
                self._intake.registry.reader.events,
                after=hello.offset,
                limit=history.top - hello.offset,
                max_bytes=self._limits.recover_bytes,
            )
            known = {
                stream_id: run.streams.counting_attempt(stream)
                for stream_id in {event.stream_id for event in stored}
                if (stream := run.streams.get(stream_id)) is not None
            }
            missed = await self._intake.registry.ask(_encode_all, stored, known)
            if len(missed) < history.top - hello.offset:  # too large, or forgotten meanwhile
                async for message in self._snapshot(channel, viewer, hello):
                    yield message
                return
        else:
            missed = channel.ring.after(hello.offset) if recovery is Recovery.RING else []
        resumed = live.Resumed(
            epoch=self._hub.epoch,
            from_offset=hello.offset,
            to_offset=history.top,
            state=channel.state(),
        )
        yield live.LiveMessage(resumed=resumed).SerializeToString()
        position = hello.offset
        for part in in_messages(missed):
            yield encode_events(self._hub.epoch, part).message
            position = part[-1][0]
        channel.show_newest(viewer)
        viewer.tell("presence", live.LiveMessage(presence=channel.presence()).SerializeToString())
        viewer.release(position)

    async def _snapshot(
        self, channel: Channel, viewer: Viewer, hello: live.Hello
    ) -> AsyncIterator[bytes]:
        run, registry = channel.run, self._intake.registry
        points = None if hello.no_curves else min(hello.points or _POINTS, _MOST_POINTS)
        with contextlib.closing(Shelf(self._directory)) as shelf:
            async with self._snapshots:
                taken = await registry.ask_about(
                    run, registry.reader.snapshot, points=points, tips=_TIPS, recent=_RECENT
                )
                offset = taken.offset
                await registry.ask(_shelve, shelf, self._hub.epoch, taken)
                del taken  # a viewer that does not read stays here for long
            while len(shelf) > 1:
                yield shelf.take()
            body = shelf.take()
        rest = live.Snapshot(
            state=channel.state(),
            performance=channel.performance(),
            presence=channel.presence(),
        )
        # The newest frame follows as a message of its own: it is the largest part, and is shared with other viewers.
        channel.show_newest(viewer)
        viewer.release(offset)
        yield b"".join(bytes_field(1, (body, rest.SerializeToString())))


def _encode_all(
    events: Sequence[StoredEvent], attempts: Mapping[str, int]
) -> list[tuple[int, bytes]]:
    """Return events as viewers are told them, with their offsets; on a thread, since there may be thousands.

    Args:
        events: as they are stored.
        attempts: that the streams count to by now; of one that is not here, what is stored with the event holds.
    """
    return [
        (event.offset, _encode(event, attempts.get(event.stream_id, event.attempt)))
        for event in events
    ]


def _encode(event: StoredEvent, attempt: int) -> bytes:
    return encode_event(
        event.offset,
        event.received_ms,
        event.stream_id,
        event.rank,
        event.record,
        attempt=attempt,
        clock_offset_us=event.clock_offset_us,
    )


def _shelve(shelf: Shelf, epoch: str, taken: RunSnapshot) -> None:
    """Serialise the large parts of a snapshot: messages that go ahead of it, and last most of what is in it; on a thread."""
    group, size = live.Curves(), 0
    for name, curve in taken.curves.items():
        if size > _MESSAGE_BYTES:
            shelf.put(live.LiveMessage(curves=group).SerializeToString())
            group, size = live.Curves(), 0
        group.curves.add(
            name=name,
            steps=curve.series.steps.tolist(),
            values=curve.series.values.tolist(),
            times=(curve.series.times_us / 1e6).tolist(),
            total_points=curve.total,
            attempt=taken.tips[name].attempt,
        )
        size += len(curve.series.steps) * _POINT_BYTES
    snapshot = live.Snapshot(
        epoch=epoch,
        offset=taken.offset,
        curves=group.curves,
        tips=[_tip(name, tip) for name, tip in taken.tips.items()],
        metric_count=taken.metric_count,
    )
    pieces: list[bytes | memoryview] = [snapshot.SerializeToString()]
    for event in taken.recent:
        pieces += bytes_field(5, [_encode(event, event.attempt)])
    shelf.put(b"".join(pieces))


def _tip(name: str, summary: Summary) -> live.CurveTip:
    tip = live.CurveTip(
        name=name,
        step=summary.last_step,
        value=summary.last,
        time=summary.last_us / 1e6,
        points=summary.points,
        nonfinite=summary.odd,
        attempt=summary.attempt,
    )
    if summary.has_finite:
        tip.last_finite_step, tip.last_finite = summary.finite_step, summary.finite
    return tip


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it went first
        await socket.close(code, reason)
