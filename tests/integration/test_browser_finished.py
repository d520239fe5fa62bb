"""A run that is over, in a real browser: what stands there, and how its curves and tiles are read."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.faults.processes import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

PATIENCE_MS = 30_000
STEPS = 200
# Sample 7 is the worst of the last step, sample 3 the next.
TRAINING = """
import sys, numpy as np, livetrain
images = np.random.default_rng(0).integers(0, 255, (16, 32, 32, 3), np.uint8)
losses = np.linspace(0.1, 0.2, 16)
losses[7], losses[3] = 9.0, 5.0
scores = np.eye(16)
with livetrain.Monitor("over", server=sys.argv[1], class_names=[f"k{i}" for i in range(16)],
                       batches_per_epoch=50, max_overhead=1.0) as monitor:
    for step in range(int(sys.argv[2])):
        monitor.log_batch(images, scores, 10.0 - step / 100, accuracy=step / 1000,
                          targets=np.arange(16), per_sample_loss=losses)
    monitor.flush(30)
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the run is: looking at it changes nothing, so all look at the same."""
    with Server(tmp_path_factory.mktemp("server")) as server:
        subprocess.run(
            [sys.executable, "-c", TRAINING, server.grpc, str(STEPS)], check=True, timeout=60
        )
        yield server.http


@pytest.fixture
def over(address: str, page: Page) -> Page:
    page.goto(address)
    page.get_by_test_id("run").first.click(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("status")).to_have_text("Finished", timeout=PATIENCE_MS)
    points = re.compile(rf"^{STEPS}$")
    expect(page.get_by_test_id("chart-loss")).to_have_attribute(
        "data-points", points, timeout=PATIENCE_MS
    )
    return page


def shown(page: Page, chart: str) -> Locator:
    """Return what the legend of a chart says: at the cursor, or last."""
    return page.get_by_test_id(chart).locator("..").locator("ul li").first


def test_what_is_over_is_not_called_late(over: Page) -> None:
    expect(over.get_by_test_id("tile-label-0")).to_contain_text("k0", timeout=PATIENCE_MS)
    for name in ("fps", "latency"):
        expect(over.get_by_test_id(name)).to_have_count(0)
    expect(over.get_by_test_id("time-left").locator("..")).to_contain_text("Took")


def test_the_worst_come_first_and_each_can_be_looked_at(over: Page) -> None:
    first = over.get_by_test_id("tile-label-0")
    expect(first).to_contain_text("k0", timeout=PATIENCE_MS)
    over.get_by_role("radio", name="Worst first").click()
    expect(first).to_contain_text("k7")
    expect(over.get_by_test_id("tile-label-1")).to_contain_text("k3")
    first.locator("..").focus()
    over.keyboard.press("Enter")
    card = over.get_by_label("Sample", exact=True)
    expect(card).to_contain_text("Loss 9")
    expect(card.get_by_label("Best guesses").get_by_role("listitem")).to_have_count(5)
    drawn = "(canvas) => canvas.getContext('2d').getImageData(96, 96, 1, 1).data[3]"
    assert card.locator("canvas").evaluate(drawn) == 255, "its picture is there"
    over.keyboard.press("Escape")
    over.keyboard.press("w")
    expect(first).to_contain_text("k0")


def test_curves_share_their_cursor_and_their_zoom(over: Page) -> None:
    loss, accuracy = shown(over, "chart-loss"), shown(over, "chart-accuracy")
    expect(loss).to_contain_text("8.01")
    expect(accuracy).to_contain_text("0.199")
    plot = over.get_by_test_id("chart-loss").get_by_test_id("plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    over.mouse.move(box["x"] + box["width"] / 2, middle)
    expect(loss).not_to_contain_text("8.01")
    expect(accuracy).not_to_contain_text("0.199")
    over.mouse.move(box["x"] + box["width"] / 2, box["y"] - 60)
    expect(accuracy).to_contain_text("0.199")

    whole = over.get_by_role("button", name="Whole run")
    expect(whole).to_be_hidden()
    over.mouse.move(box["x"] + box["width"] * 0.2, middle)
    over.mouse.down()
    over.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=4)
    over.mouse.up()
    expect(whole).to_be_visible()
    over.keyboard.press("0")
    expect(whole).to_be_hidden()
    over.get_by_test_id("chart-accuracy").focus()
    over.keyboard.press("+")
    expect(whole).to_be_visible()
    whole.click()
    expect(whole).to_be_hidden()


def test_the_axes_are_chosen_by_key(over: Page) -> None:
    scale = over.get_by_role("button", name="Log scale")
    over.keyboard.press("l")
    expect(scale).to_have_attribute("aria-pressed", "true")
    for axis in ("Time", "Epoch", "Step"):
        over.keyboard.press("x")
        expect(over.get_by_role("radio", name=axis, exact=True)).to_be_checked()


def test_an_address_that_leads_nowhere_leads_back(over: Page) -> None:
    over.goto(re.sub(r"/runs/.*", "/nowhere", over.url))
    expect(over.get_by_role("heading", name="Nothing here")).to_be_visible()
    over.get_by_role("link", name="All runs", exact=True).click()
    expect(over.get_by_test_id("run")).to_be_visible(timeout=PATIENCE_MS)


MANY = """
import sys, livetrain
with livetrain.Monitor("many", server=sys.argv[1]) as monitor:
    for step in range(300):
        monitor.log({f"curve{number:02}": float(number + step) for number in range(60)}, step=step)
    monitor.flush(30)
"""


def test_a_run_of_many_curves_is_there_whole(page: Page, tmp_path: Path) -> None:
    """They come in several messages."""
    folder = tmp_path / "server"
    folder.mkdir()
    with Server(folder) as server:
        subprocess.run([sys.executable, "-c", MANY, server.grpc], check=True, timeout=60)
        page.goto(server.http)
        page.get_by_test_id("run").first.click(timeout=PATIENCE_MS)
        for number in range(60):
            chart = page.get_by_test_id(f"chart-curve{number:02}")
            expect(chart).to_have_attribute("data-points", "300", timeout=PATIENCE_MS)
