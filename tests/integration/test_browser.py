"""A real training, live in a real browser: what a person would see, up to a server that is killed under the page."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.faults.conditions import wait_until
from tests.faults.ledger import api
from tests.faults.processes import Process, Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 30_000
# The hand-written example, slowed to a pace that a page can be watched at.
TRAINING = """
import sys, time
sys.path.insert(0, "examples")
import livetrain, pytorch_digits
livetrain.Monitor.log_batch = (lambda log: lambda *a, **k: (time.sleep(0.02), log(*a, **k))[1])(livetrain.Monitor.log_batch)
pytorch_digits.main(epochs=1000)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    with Server(folder) as started:
        yield started


@pytest.fixture
def training(server: Server, tmp_path: Path) -> Iterator[Process]:
    env = {"LIVETRAIN_SERVER": server.grpc, "LIVETRAIN_MAX_OVERHEAD": "0.5", "OMP_NUM_THREADS": "1"}
    with Process(
        [sys.executable, "-c", TRAINING], tmp_path, "training", env=env, cwd=ROOT
    ) as process:
        yield process


@pytest.fixture
def troubles(page: Page) -> list[str]:
    """What went wrong in the page: errors, and requests to anybody but the server."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "blob:", "data:"))
            else found.append(request.url)
        ),
    )
    return found


def pixels(page: Page) -> list[list[int]]:
    """Return what is painted: for each of the 16 tiles the colours at 9 points, through a screenshot's eyes."""
    return page.get_by_test_id("tiles").evaluate(
        """async (canvas) => {
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
            copy.drawImage(canvas, 0, 0);
            const rect = canvas.getBoundingClientRect(), scale = canvas.width / rect.width;
            return [...Array(16).keys()].map((tile) => {
                const button = document.querySelector(`[data-testid="tile-label-${tile}"]`).parentElement;
                const box = button.getBoundingClientRect();
                const at = [0.2, 0.5, 0.8].flatMap((y) => [0.2, 0.5, 0.8].map((x) => [x, y]));
                return at.flatMap(([x, y]) => [...copy.getImageData(
                    (box.x - rect.x + x * box.width) * scale,
                    (box.y - rect.y + y * box.width) * scale, 1, 1).data]);
            });
        }"""
    )


def number(page: Page, test_id: str, attribute: str = "data-value") -> float:
    text = page.get_by_test_id(test_id).get_attribute(attribute)
    return float(text) if text else 0.0


def painted(page: Page) -> int:
    return int(page.evaluate("window.__livetrain?.painted ?? 0"))


def wait_for_frames(page: Page, count: int) -> None:
    """Wait until so many more frames are painted; asked from here, for the page's CSP allows no eval."""
    before = painted(page)
    wait_until(lambda: painted(page) >= before + count, PATIENCE_MS / 1000, f"{count} more frames")


def open_the_run(page: Page, server: Server) -> None:
    page.goto(server.http)
    page.get_by_test_id("run").first.click(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("connection")).to_have_text("Connected", timeout=PATIENCE_MS)
    wait_for_frames(page, 5)


def test_the_page_shows_what_the_model_sees(
    page: Page, server: Server, training: Process, troubles: list[str]
) -> None:
    open_the_run(page, server)
    before = pixels(page)
    assert len({tuple(tile) for tile in before}) > 8, (
        "sixteen tiles, and not sixteen times the same"
    )
    wait_for_frames(page, 3)
    after = pixels(page)
    changed = sum(one != other for one, other in zip(before, after, strict=True))
    assert changed > 8, "the pixels change from step to step"

    for tile in range(16):
        said = page.get_by_test_id(f"tile-label-{tile}").text_content() or ""
        assert re.search(r"\d", said), said
    labels = page.evaluate("window.__livetrain.lastFrame.labels")
    assert len(labels) == 16
    assert set(labels) <= set("0123456789"), "labels are the class names"

    assert number(page, "fps") > 0
    points = number(page, "chart-loss", "data-points")
    wait_until(lambda: number(page, "chart-loss", "data-points") > points, 20, "the curve grows")
    assert page.locator("[data-testid=chart-loss] canvas").count() == 1
    expect(page.get_by_test_id("status")).to_have_text("Running")
    assert training.alive
    assert troubles == []


def test_a_busy_page_delays_no_picture(page: Page, server: Server, training: Process) -> None:
    open_the_run(page, server)
    began, ended = page.evaluate(
        """() => {
            const began = Date.now();
            while (Date.now() < began + 1500);
            return [began, Date.now()];
        }"""
    )
    wait_for_frames(page, 1)
    paints = page.evaluate("window.__livetrain.paints.map((paint) => paint.atMs)")
    assert sum(began < at < ended for at in paints) > 5, (
        "painted while the page could not do a thing"
    )
    assert training.alive


def test_a_page_that_nobody_sees_asks_for_no_pictures(
    page: Page, server: Server, training: Process
) -> None:
    open_the_run(page, server)
    show = """(hidden) => {
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    page.evaluate(show, True)
    step = number(page, "step")
    quiet = "Date.now() - window.__livetrain.paints.at(-1).atMs > 2000"
    wait_until(lambda: page.evaluate(quiet), 20, "nothing is painted")
    assert number(page, "step") > step, "numbers go on"
    page.evaluate(show, False)
    wait_for_frames(page, 5)


def test_a_server_killed_under_the_page_is_said_and_survived(
    page: Page, server: Server, training: Process, troubles: list[str]
) -> None:
    open_the_run(page, server)
    step = number(page, "step")
    server.kill()
    expect(page.get_by_test_id("connection")).to_have_text("Reconnecting", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("banner-link")).to_be_visible(timeout=PATIENCE_MS)

    server.start()
    expect(page.get_by_test_id("connection")).to_have_text("Connected", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("banner-back")).to_contain_text(
        "Connected again after", timeout=PATIENCE_MS
    )
    wait_for_frames(page, 5)
    wait_until(lambda: number(page, "step") > step, 20, "the training goes on")
    shown = number(page, "chart-loss", "data-points")
    assert shown >= step, "the curve has no hole: as many points as steps"
    assert training.alive
    assert troubles == []


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1440, 900)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_screen_and_can_be_used_by_keyboard(
    browser: Any, server: Server, training: Process, width: int, height: int, scheme: Any
) -> None:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    open_the_run(page, server)
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, "nothing sticks out sideways"
    for test_id in ("fps", "connection", "status"):
        expect(page.get_by_test_id(test_id)).to_be_in_viewport()
    page.get_by_test_id("tile-label-0").locator("..").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Sample", exact=True)).to_contain_text("%")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Sample", exact=True)).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    context.close()


def test_a_run_that_is_not_there_is_said(page: Page, server: Server) -> None:
    page.goto(f"{server.http}/runs/nosuchrun")
    expect(page.locator("body")).to_contain_text(
        re.compile("no such run|not there|does not exist", re.I)
    )


FULL_SPOOL = """
import sys, time, livetrain
monitor = livetrain.Monitor("full", server=sys.argv[1])
for step in range(20_000):
    monitor.log_batch(None, None, loss=1 / (step + 1))
    if step % 1000 == 999:
        monitor.log_epoch(loss=0.5)
    if step % 100 == 99:
        time.sleep(0.01)  # what comes in a burst is left out before it is thinned
print("away is over", flush=True)
while not monitor.should_stop:
    monitor.log_batch(None, None, loss=0.0)
    time.sleep(0.05)
"""


def gaps(flags: Locator) -> dict[int, int]:
    """Return what the flags on a curve say: after which step how many records were left out."""
    said = " ".join(str(flag.get_attribute("aria-label")) for flag in flags.all())
    found = re.findall(r"([\d,]+) records? w\w+ left out (?:from|at) step ([\d,]+)", said)
    return {int(step.replace(",", "")): int(count.replace(",", "")) for count, step in found}


def test_what_was_left_out_while_the_server_was_away_is_marked_on_the_curves(
    tmp_path: Path, page: Page, troubles: list[str]
) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    server = Server(folder)
    env = {"LIVETRAIN_SPOOL_MIB": "0.25", "LIVETRAIN_SPOOL_DIR": str(tmp_path / "spool")}
    command = [sys.executable, "-c", FULL_SPOOL, server.grpc]
    with Process(command, tmp_path, "training", env=env) as training:
        wait_until(lambda: "over" in training.stdout_file.read_text(), 60, "the spool is full")
        with server:
            page.goto(f"{server.http}/")
            page.get_by_role("link", name="full").click()
            left_out = page.get_by_test_id("records-left-out")
            expect(left_out).to_be_visible(timeout=PATIENCE_MS)
            expect(page.get_by_test_id("gap").first).to_be_visible()
            chart = page.get_by_test_id("chart-loss")
            flags = chart.get_by_role("button", name=re.compile("left out"))
            expect(flags.first).to_be_visible()
            for _ in range(2):  # as it happened, and as a page shows it that comes later
                (run,) = api(server, "/api/runs")["runs"]
                report = api(server, f"/api/runs/{run['run_id']}")["report"]
                thinned = int(report["counters"]["dropped.thinned"])
                expect(left_out).to_have_text(f"{thinned:,}")
                # The rest of the curve, with its gaps, comes behind the first of them.
                wait_until(
                    lambda n=thinned: sum(gaps(flags).values()) == n,
                    PATIENCE_MS / 1000,
                    "all gaps are there",
                )
                assert min(gaps(flags)) < 1000
                page.reload()
                expect(page.get_by_test_id("gap").first).to_be_visible(timeout=PATIENCE_MS)
            epochs = api(server, f"/api/runs/{run['run_id']}/metrics?names=epoch/loss")
            assert len(epochs["metrics"]["epoch/loss"]["steps"]) == 20, "an epoch was thinned"
            training.kill()
    assert troubles == []
