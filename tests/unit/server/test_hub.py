from __future__ import annotations

import asyncio

from livetrain.proto import live_pb2 as live
from livetrain.server.budget import Budget
from livetrain.server.hub import COME_AGAIN, Hub
from livetrain.server.limits import Limits
from livetrain.server.viewer import Viewer
from tests.unit.server.dialects.world import run as a_run


def test_what_is_gathered_is_told_in_messages_of_bearable_size() -> None:
    async def main() -> None:
        hub = Hub("e", Limits())
        run = a_run()
        channel = hub.channel(run)
        viewer = Viewer("e", limit_bytes=1 << 30)
        channel.join(viewer)
        viewer.release(0)
        events = []
        for offset in range(1, 41):
            size = 300_000 if offset == 20 else 20_000
            event = live.RunEvent(offset=offset, stream_id="x" * size)
            events.append((offset, event.SerializeToString()))
        channel.publish(events)
        channel.flush()
        messages = []
        while (message := viewer.next()) is not None:
            told = live.LiveMessage.FromString(message)
            if told.HasField("events"):
                messages.append(told.events)
        assert [e.offset for told in messages for e in told.events] == list(range(1, 41))
        assert all(told.ByteSize() < 270_000 or len(told.events) == 1 for told in messages)
        assert len(messages) <= 6
        channel.close(0)

    asyncio.run(main())


def test_everybody_is_told_of_the_stores_trouble_and_of_its_end() -> None:
    hub = Hub("e", Limits())
    run = a_run()
    channel = hub.channel(run)
    viewer = Viewer("e", limit_bytes=1 << 20)
    channel.viewers.add(viewer)
    viewer.release(0)

    def told() -> list[str]:
        found = []
        while (message := viewer.next()) is not None:
            found.append(live.LiveMessage.FromString(message).state.trouble)
        return found

    hub.tell_trouble("The disk is full.")
    hub.tell_trouble("The disk is full.")
    assert told() == ["The disk is full."]
    assert hub.channel(a_run(key=2)).state().trouble == "The disk is full."
    hub.tell_trouble("")
    assert told() == [""]


def frame_of(hub: Hub, key: int, rank: int, size: int) -> bool:
    return hub.show(a_run(key=key), rank, (bytes(size),))


def test_frames_of_many_ranks_of_one_run_are_held_within_the_budget() -> None:
    async def main() -> None:
        hub = Hub("e", Limits(), Budget.of_mib(100))
        pool = hub.budget.frames
        for rank in range(70):
            assert frame_of(hub, 1, rank, 1 << 20)
        held = hub.channel(a_run()).frames
        assert pool.used == sum(len(frame.message) for frame in held.values()) <= pool.limit
        assert list(held) == list(range(70 - len(held), 70))  # the oldest went
        # Another run has its frame, at the cost of the one that has most.
        assert frame_of(hub, 2, 0, 1 << 20)
        assert len(hub.channel(a_run()).frames) == len(held)
        assert 0 in hub.channel(a_run(key=2)).frames
        assert not frame_of(hub, 2, 0, pool.limit + 1)
        for key in (1, 2):
            hub.forget(a_run(key=key), 4000)
        assert pool.used == 0

    asyncio.run(main())


def test_viewers_that_never_read_give_way_to_those_that_do() -> None:
    async def main() -> None:
        hub = Hub("e", Limits(), Budget.of_mib(10))
        run, pool = a_run(), hub.budget.viewers
        channel = hub.channel(run)
        stuck = [Viewer("e", limit_bytes=1 << 30) for _ in range(3)]
        reader = Viewer("e", limit_bytes=1 << 30)
        for viewer in (*stuck, reader):
            channel.join(viewer)
            viewer.release(0)
        got = 0
        for offset in range(1, 101):
            channel.publish([(offset, live.RunEvent(stream_id="x" * 50_000).SerializeToString())])
            channel.flush()
            while (message := reader.next()) is not None:
                got += live.LiveMessage.FromString(message).HasField("events")
            assert pool.used <= pool.limit
        assert got == 100
        assert all(viewer.close_code == COME_AGAIN for viewer in stuck)
        assert reader.close_code == 0
        hub.forget(run, COME_AGAIN)
        assert hub.budget.viewers.used == hub.budget.rings.used == 0

    asyncio.run(main())
