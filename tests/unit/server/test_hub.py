from __future__ import annotations

import asyncio

from livetrain.proto import live_pb2 as live
from livetrain.server.hub import Hub
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
