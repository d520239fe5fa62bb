from __future__ import annotations

import asyncio

from livetrain.server.dialects.mailbox import Mailbox


def test_the_newest_of_a_slot_replaces_the_one_that_waits() -> None:
    dropped: list[int] = []
    box = Mailbox[str](lambda: dropped.append(1))
    for text, slot in (("a1", "a"), ("x", ""), ("a2", "a"), ("y", "")):
        box.put(text, slot)
    assert [box.take() for _ in range(4)] == ["x", "a2", "y", None]
    assert len(dropped) == 1


def test_it_is_bounded_and_the_oldest_goes_first() -> None:
    dropped: list[int] = []
    box = Mailbox[str](lambda: dropped.append(1), limit_bytes=10)
    for number in range(100):
        box.put(f"{number:03}")
    assert [box.take() for _ in range(4)] == ["097", "098", "099", None]
    assert len(dropped) == 97


def test_the_newest_waits_however_large_it_is() -> None:
    box = Mailbox[str](lambda: None, limit_bytes=10)
    box.put("x" * 50)
    assert box.take() == "x" * 50


def test_room_comes_back_as_messages_are_taken() -> None:
    async def scenario() -> None:
        box = Mailbox[str](lambda: None, limit_bytes=10)
        box.put("123456")
        assert not box.has_room
        waiter = asyncio.create_task(box.room())
        await asyncio.sleep(0)
        assert not waiter.done()
        assert await box.get() == "123456"
        await asyncio.wait_for(waiter, 5)

    asyncio.run(scenario())


def test_who_waits_gets_what_comes() -> None:
    async def scenario() -> None:
        box = Mailbox[str](lambda: None)
        waiter = asyncio.create_task(box.get())
        await asyncio.sleep(0)
        box.put("now")
        assert await asyncio.wait_for(waiter, 5) == "now"

    asyncio.run(scenario())
