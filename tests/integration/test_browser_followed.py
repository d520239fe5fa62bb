"""Followed samples in a real browser: pictures that travel once are in view, on a page that comes later too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.faults.conditions import wait_until
from tests.faults.processes import Process, Server
from tests.integration.test_browser import open_the_run, painted, pixels, wait_for_frames

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

# Sixteen grey squares, each of its own brightness; the first becomes white when a file says so.
TRAINING = """
import sys, time
from pathlib import Path
import numpy as np
import livetrain
images = np.zeros((16, 32, 32, 3), np.uint8) + np.arange(16, dtype=np.uint8)[:, None, None, None] * 15
options = livetrain.ImageOptions(watch=range(16))
with livetrain.Monitor("followed", images=options, max_overhead=1.0) as monitor:
    for step in range(100_000):
        if Path(sys.argv[1]).exists():
            images[0] = 255
        monitor.log_batch(images, np.full(16, step % 7), loss=0.5, ids=range(16))
        time.sleep(0.03)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    with Server(folder) as started:
        yield started


@pytest.fixture
def training(server: Server, tmp_path: Path) -> Iterator[Process]:
    env = {"LIVETRAIN_SERVER": server.grpc, "LIVETRAIN_SPOOL_DIR": str(tmp_path / "spool")}
    command = [sys.executable, "-c", TRAINING, str(tmp_path / "white")]
    with Process(command, tmp_path, "training", env=env) as process:
        yield process


def shades(page: Page) -> list[int]:
    """Return the brightness in the middle of each tile, in steps of 15."""
    return [round(tile[4 * 4] / 15) for tile in pixels(page)]


def wait_for_shades(page: Page, expected: list[int]) -> None:
    wait_until(lambda: shades(page) == expected, 20, f"tiles of brightness {expected}")


def test_they_are_seen_by_whoever_comes_whenever(
    page: Page, browser: Any, server: Server, training: Process, tmp_path: Path
) -> None:
    open_the_run(page, server)
    everyone = list(range(16))
    wait_for_shades(page, everyone)

    context = browser.new_context()
    late = context.new_page()
    open_the_run(late, server)
    wait_for_shades(late, everyone)

    (tmp_path / "white").touch()
    for one in (page, late):
        wait_for_shades(one, [17, *everyone[1:]])

    server.kill()
    expect(page.get_by_test_id("connection")).to_have_text("Reconnecting", timeout=30_000)
    server.start()
    for one in (page, late):
        expect(one.get_by_test_id("connection")).to_have_text("Connected", timeout=30_000)
        before = painted(one)
        wait_for_frames(one, 3)
        assert painted(one) > before
        wait_for_shades(one, [17, *everyone[1:]])
    assert training.alive
    context.close()
