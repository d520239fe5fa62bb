"""Strips are cut in a process of their own, and nothing that is done to it reaches the server."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from livetrain.server import strips
from livetrain.server.strip_worker import cut
from livetrain.server.strips import Splitter, UnsplitError

_Result = TypeVar("_Result")
GREYS = np.arange(4, dtype=np.uint8) * 60


def strip(kind: str = "JPEG", mode: str = "RGB", size: int = 16) -> bytes:
    """Return four tiles, each of a grey of its own."""
    column = np.repeat(GREYS, size)[:, None] * np.ones((1, size), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(column).convert(mode).save(
        stream, kind, **({"quality": 95} if kind == "JPEG" else {})
    )
    return stream.getvalue()


def greys(tiles: list[bytes]) -> list[int]:
    return [int(simplejpeg.decode_jpeg(tile, colorspace="GRAY").mean()) for tile in tiles]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_each_tile_is_cut_where_it_stands(kind: str, mode: str) -> None:
    tiles = cut(strip(kind, mode), 16, 4)
    assert [simplejpeg.decode_jpeg_header(tile)[:2] for tile in tiles] == [(16, 16)] * 4
    assert np.abs(np.array(greys(tiles)) - GREYS).max() <= 2


def test_transparent_pictures_are_cut_too() -> None:
    assert len(cut(strip("PNG", "RGBA"), 16, 4)) == 4


@pytest.mark.parametrize(("height", "count"), [(16, 5), (17, 4), (0, 4), (16, 0)])
def test_tiles_that_are_not_there(height: int, count: int) -> None:
    with pytest.raises(ValueError, match="tiles"):
        cut(strip(), height, count)


def using(work: Callable[[Splitter], Awaitable[_Result]]) -> _Result:
    async def scenario() -> _Result:
        splitter = Splitter()
        try:
            return await work(splitter)
        finally:
            splitter.close()
            await asyncio.wait_for(splitter.ended(), 10)

    return asyncio.run(scenario())


def test_what_cannot_be_cut_is_said_and_the_next_is_cut() -> None:
    async def work(splitter: Splitter) -> None:
        good = strip()
        for bad in (good[:300], b"GIF89a" + b"x" * 100, b"", good[:4]):
            with pytest.raises(UnsplitError):
                await splitter.split(bad, 16, 4)
        for height, count in ((16, 5), (16, 65), (0, 4), (16, 0), (1 << 16, 1)):
            with pytest.raises(UnsplitError):
                await splitter.split(good, height, count)
        assert len(await splitter.split(good, 16, 4)) == 4

    using(work)


def test_a_picture_of_absurd_size_does_not_reach_a_decoder() -> None:
    header = b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03" + b"x" * 50

    async def work(splitter: Splitter) -> None:
        with pytest.raises(UnsplitError, match="65535"):
            await splitter.split(header, 4000, 16)
        assert splitter._process is None, "it was not even started"

    using(work)


def test_a_process_that_dies_is_replaced() -> None:
    async def work(splitter: Splitter) -> list[bytes]:
        await splitter.split(strip(), 16, 4)
        assert splitter._process is not None
        os.kill(splitter._process.pid, signal.SIGKILL)
        with pytest.raises(UnsplitError, match="ended"):
            await splitter.split(strip(), 16, 4)
        return await splitter.split(strip(), 16, 4)

    assert len(using(work)) == 4


def test_a_process_that_hangs_is_given_up_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "_SECONDS", 0.2)

    async def work(splitter: Splitter) -> list[bytes]:
        await splitter.split(strip(), 16, 4)
        assert splitter._process is not None
        os.kill(splitter._process.pid, signal.SIGSTOP)
        with pytest.raises(UnsplitError, match="too long"):
            await splitter.split(strip(), 16, 4)
        return await splitter.split(strip(), 16, 4)

    assert len(using(work)) == 4


def test_who_gives_up_waiting_spoils_nothing_for_the_next() -> None:
    async def work(splitter: Splitter) -> list[int]:
        first = asyncio.create_task(splitter.split(strip("PNG"), 32, 2))
        await asyncio.sleep(0)
        first.cancel()
        return greys(await splitter.split(strip(), 16, 4))

    assert np.abs(np.array(using(work)) - GREYS).max() <= 2
