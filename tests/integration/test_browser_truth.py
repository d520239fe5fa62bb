"""What stands on a run's page is so: newest values, ends and losses, times, ranges of pictures, and nothing that is not known."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.faults.conditions import wait_until
from tests.faults.disks import SmallDisk
from tests.faults.processes import Process, Server
from tests.integration.server.trainer import Trainer

from livetrain.proto import telemetry_pb2 as pb

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PATIENCE_MS = 30_000
PREAMBLE = """
import sys, time, numpy as np, livetrain
server = sys.argv[1]
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave it alone."""
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def troubles(page: Page) -> list[str]:
    """Errors of the page itself."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def train(server: Server, text: str, env: Mapping[str, str] | None = None) -> None:
    """Run a training to its end."""
    subprocess.run(
        [sys.executable, "-c", PREAMBLE + text, server.grpc],
        check=True,
        timeout=90,
        env={**os.environ, **(env or {})},
    )


def open_run(page: Page, server: Server, run_id: str, status: str) -> None:
    page.goto(f"{server.http}/runs/{run_id}")
    expect(page.get_by_test_id("status")).to_have_text(status, timeout=PATIENCE_MS)


def test_the_newest_value_is_shown_though_it_is_none(page: Page, shared: Server) -> None:
    with Trainer(shared.grpc) as trainer:
        run_id = trainer.register(run_name="nan").run_id
        trainer.open()
        for seq in range(1, 201):
            trainer.batch(seq, loss=0.185 if seq <= 120 else float("nan"))
        trainer.wait_durable(200)
        open_run(page, shared, run_id, "Running")
        loss = page.get_by_test_id("fact-loss")
        expect(loss).to_have_text("NaN finite until 119", timeout=PATIENCE_MS)
        plain = page.get_by_test_id("step")
        colour = "(element) => getComputedStyle(element.firstElementChild ?? element).color"
        assert loss.evaluate(colour) != plain.evaluate(colour), "in red"
        wait_until(lambda: "loss NaN" in page.title(), 20, "the title says it")
        trainer.batch(201, loss=0.9996)
        expect(loss).to_have_text("0.9996", timeout=PATIENCE_MS)
        wait_until(lambda: "loss 0.9996" in page.title(), 20, "the title says it")


def test_a_run_of_numbers_alone_has_no_place_for_what_it_has_not(
    page: Page, shared: Server, troubles: list[str]
) -> None:
    with Trainer(shared.grpc) as trainer:
        run_id = trainer.register(run_name="reward").run_id
        trainer.open()
        scalars = pb.Scalars(step=7, values=[pb.Scalar(name="constructor", value=2.5)])
        trainer.send(pb.TelemetryRequest(seq=1, timestamp_ms=1, scalars=scalars))
        done = pb.StatusUpdate(status=pb.COMPLETED)
        trainer.send(pb.TelemetryRequest(seq=2, timestamp_ms=2, status_update=done))
        trainer.wait_durable(2)
    open_run(page, shared, run_id, "Finished")
    expect(page.get_by_test_id("step")).to_have_text("7", timeout=PATIENCE_MS)
    for name in ("fps", "latency", "epoch", "fact-loss", "fact-accuracy"):
        expect(page.get_by_test_id(name)).to_have_count(0)
    expect(page.get_by_test_id("tiles")).to_be_hidden(timeout=PATIENCE_MS)
    expect(page.get_by_role("heading", name="Control")).to_have_count(0)
    words = page.locator("main").inner_text()
    assert not re.search(r"\b0\.0\b|undefined|\[object|1970", words), words
    assert troubles == []


def test_beyond_its_plan_a_run_has_no_time_left(page: Page, shared: Server) -> None:
    with Trainer(shared.grpc) as trainer:
        run_id = trainer.register(run_name="beyond").run_id
        trainer.open()
        plan = pb.TrainingConfig(total_epochs=2, batches_per_epoch=10)
        running = pb.StatusUpdate(status=pb.RUNNING, config=plan)
        trainer.send(pb.TelemetryRequest(seq=1, status_update=running))
        for seq in range(2, 22):
            trainer.batch(seq, step=seq - 2, epoch=(seq - 2) // 10)
        trainer.wait_durable(21)
        open_run(page, shared, run_id, "Running")
        left = page.get_by_test_id("time-left")
        expect(left).not_to_have_text("beyond plan", timeout=PATIENCE_MS)
        trainer.batch(22, step=35, epoch=3)
        expect(left).to_have_text("beyond plan", timeout=PATIENCE_MS)
        expect(page.get_by_test_id("epoch")).to_have_text("4, beyond 2")


CONFIG = """
names = {f"a_setting_whose_name_some_framework_made_{i}_{'x' * 80}": "value_" * 60 if i % 3 == 0 else i for i in range(300)}
with livetrain.Monitor("config", server=server, config={**names, "seed": 2**63 + 1, "note": "needle"}) as monitor:
    monitor.log({"loss": 0.5})
    monitor.flush(30)
"""


@pytest.mark.parametrize("width", [390, 1280])
def test_a_long_config_is_folded_and_searched(page: Page, shared: Server, width: int) -> None:
    train(shared, CONFIG)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{shared.http}/?q=config")
    page.get_by_test_id("run").filter(has_text="config").first.click(timeout=PATIENCE_MS)
    settings = page.get_by_test_id("settings")
    expect(settings.locator("dt")).to_have_count(8, timeout=PATIENCE_MS)
    size = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert size[0] <= width, "nothing scrolls sideways"
    assert size[1] < 4000, size
    page.get_by_role("button", name=re.compile("Show all 30")).click()
    expect(settings.locator("dt")).to_have_count(302)
    height = page.evaluate("document.documentElement.scrollHeight")
    assert height < size[1] + 600, "a box that scrolls by itself"
    page.get_by_label("Search the settings").fill("note")
    expect(settings.locator("dd")).to_have_text(["needle"])
    page.get_by_label("Search the settings").fill("seed")
    expect(settings.locator("dd")).to_have_text([str(2**63 + 1)])
    page.get_by_label("Search the settings").fill("made_0_")
    expect(settings.locator("dd")).to_contain_text("All 360 characters")
    settings.get_by_role("button").click()
    expect(settings.locator("dd")).to_contain_text("value_" * 60)


def test_a_failure_says_why_and_where(page: Page, shared: Server) -> None:
    traceback = "Traceback (most recent call last):\n  File <train.py>, line 7\nValueError: too hot"
    with Trainer(shared.grpc) as trainer:
        run_id = trainer.register(run_name="failed").run_id
        trainer.open()
        trainer.batch(1)
        failed = pb.StatusUpdate(
            status=pb.FAILED, message="ValueError: too hot", traceback=traceback, exit_code=1
        )
        trainer.send(pb.TelemetryRequest(seq=2, status_update=failed))
        trainer.wait_durable(2)
    open_run(page, shared, run_id, "Failed")
    banner = page.get_by_test_id("banner-trainer")
    expect(banner).to_contain_text("Failed. ValueError: too hot", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("detail")).to_have_count(0)
    banner.get_by_role("button", name="Details").click()
    expect(page.get_by_test_id("detail")).to_have_text(traceback)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("detail")).to_have_count(0)
    log = page.get_by_test_id("log")
    expect(log).to_contain_text("Training failed with exit code 1: ValueError: too hot")
    log.get_by_text("Traceback", exact=True).click()
    expect(log.locator("pre")).to_have_text(traceback)


def test_a_rank_that_was_lost_stays_lost_after_the_end(page: Page, shared: Server) -> None:
    rank0 = Trainer(shared.grpc, stream_id="rank0-a")
    rank1 = Trainer(shared.grpc, stream_id="rank1-a", session_id=rank0.session_id)
    with rank0:
        run_id = rank0.register(run_name="ranks", world_size=2).run_id
        rank0.open(world_size=2)
        with rank1:
            rank1.token = rank0.token
            assert rank1.register(rank=1, world_size=2).success
            rank1.open(rank=1, world_size=2)
            for seq in range(1, 402):
                rank1.batch(seq)
            rank1.wait_durable(401)
        seq = 0
        deadline = time.monotonic() + 60
        page.goto(f"{shared.http}/runs/{run_id}")
        row = page.locator("[data-testid=rank][data-rank='1']")
        while row.get_attribute("data-contact", timeout=PATIENCE_MS) != "lost":
            assert time.monotonic() < deadline, "rank 1 is not said to be lost"
            seq += 1
            rank0.batch(seq)
            time.sleep(0.5)
        expect(row).to_contain_text("Lost contact")
        done = pb.StatusUpdate(status=pb.COMPLETED)
        rank0.send(pb.TelemetryRequest(seq=seq + 1, status_update=done))
        rank0.wait_durable(seq + 1)
    for _ in range(2):
        expect(page.get_by_test_id("status")).to_have_text("Finished", timeout=PATIENCE_MS)
        expect(page.get_by_test_id("status-note")).to_contain_text("rank 1 lost at step 400")
        expect(row).to_contain_text("Lost at step 400")
        expect(page.locator("[data-testid=rank][data-rank='0']")).to_contain_text("Finished")
        assert "Running" not in page.locator("main").inner_text().replace("Training runs", "")
        page.reload()
    page.goto(shared.http)
    expect(page.get_by_test_id("run").filter(has_text="ranks")).to_contain_text(
        "Rank 1 was lost at step 400", timeout=PATIENCE_MS
    )


def test_a_server_that_does_not_answer_is_not_called_connected(page: Page, tmp_path: Path) -> None:
    with Server(tmp_path) as server, Trainer(server.grpc) as trainer:
        run_id = trainer.register(run_name="frozen").run_id
        trainer.open()
        trainer.batch(1)
        trainer.wait_durable(1)
        open_run(page, server, run_id, "Running")
        connection = page.get_by_test_id("connection")
        expect(connection).to_have_text("Connected", timeout=PATIENCE_MS)
        page.wait_for_timeout(2500)  # the first beats are what it goes by
        top = page.get_by_test_id("step").bounding_box()
        server.process.signal(signal.SIGSTOP)
        try:
            quiet = page.get_by_test_id("banner-quiet")
            expect(quiet).to_contain_text(
                re.compile(r"does not answer: nothing for [3-9] s"), timeout=9000
            )
            expect(connection).to_have_text("No answer")
            assert page.get_by_test_id("step").bounding_box() == top, "no message moves the page"
        finally:
            server.process.signal(signal.SIGCONT)
        expect(quiet).to_have_count(0, timeout=PATIENCE_MS)
        expect(connection).to_have_text("Connected", timeout=PATIENCE_MS)


def test_a_server_that_cannot_store_says_so_and_pictures_go_on(page: Page, tmp_path: Path) -> None:
    text = """
images = np.random.default_rng(0).integers(0, 255, (16, 32, 32, 3), np.uint8)
with livetrain.Monitor("full", server=server, max_overhead=1.0) as monitor:
    for step in range(100_000):
        monitor.log_batch(images, None, 1 / (step + 1))
        time.sleep(0.05)
"""
    with (
        SmallDisk(tmp_path / "disk", "8m") as disk,
        Server(tmp_path, data_dir=disk.path / "data") as server,
        Process([sys.executable, "-c", PREAMBLE + text, server.grpc], tmp_path, "training"),
    ):
        page.goto(server.http)
        page.get_by_test_id("run").first.click(timeout=PATIENCE_MS)
        painted = "window.__livetrain?.painted ?? 0"
        wait_until(lambda: page.evaluate(painted) > 3, 30, "pictures come")
        disk.fill()
        trouble = page.get_by_test_id("banner-trouble")
        expect(trouble).to_contain_text("annot store", timeout=PATIENCE_MS)
        before = page.evaluate(painted)
        wait_until(lambda: page.evaluate(painted) > before + 5, 30, "pictures go on")
        expect(trouble).to_be_visible()
        disk.empty()
        expect(trouble).to_have_count(0, timeout=PATIENCE_MS)


FLOATS = """
images = np.full((16, 64, 64, 1), 8.0, np.float32)
images[:, :8, :8], images[:, -8:, -8:] = 0.0, 16.0
with livetrain.Monitor("floats", server=server, max_overhead=1.0, images=livetrain.ImageOptions(value_range=(0, 255))) as monitor:
    for step in range(100_000):
        monitor.log_batch(images, None, 1 / (step + 1))
        time.sleep(0.05)
"""
BRIGHTNESS = """async () => {
    const canvas = document.querySelector('[data-testid=tiles]');
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
    copy.drawImage(canvas, 0, 0);
    const scale = canvas.width / canvas.getBoundingClientRect().width;
    return copy.getImageData(30 * scale, 30 * scale, 1, 1).data[0];
}"""


def test_what_pictures_show_of_their_numbers_is_said_and_stretched_by_a_click(
    page: Page, shared: Server, tmp_path: Path
) -> None:
    with Process([sys.executable, "-c", PREAMBLE + FLOATS, shared.grpc], tmp_path, "training"):
        page.goto(f"{shared.http}/?q=floats")
        page.get_by_test_id("run").filter(has_text="floats").first.click(timeout=PATIENCE_MS)
        words = page.get_by_test_id("this-frame")
        expect(words).to_contain_text("shown as 0–255, seen 0–16", timeout=PATIENCE_MS)
        assert "right" not in (words.text_content() or ""), "nothing says what would be right"
        assert page.evaluate(BRIGHTNESS) < 30, "nearly black"
        page.get_by_role("button", name="Auto-contrast").click()
        expect(words).to_contain_text("shown as 0–16, auto-contrast", timeout=PATIENCE_MS)
        wait_until(lambda: 100 < page.evaluate(BRIGHTNESS) < 160, 20, "half of 16 is half bright")
        page.get_by_role("button", name="Auto-contrast").click()
        wait_until(lambda: page.evaluate(BRIGHTNESS) < 30, 20, "as it came")


OFFLINE = """
with livetrain.Monitor("offline", server=server) as monitor:
    for step in range(4):
        monitor.log({"loss": 1 / (step + 1)}, step=step)
        time.sleep(1)
"""


def test_a_run_that_is_synced_later_shows_when_it_ran(
    page: Page, shared: Server, tmp_path: Path
) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    train(shared, OFFLINE, {"LIVETRAIN_MODE": "offline", **state})
    time.sleep(5)
    sync = "import sys; from livetrain.cli import main; sys.exit(main())"
    subprocess.run(
        [sys.executable, "-c", sync, "sync", "--server", shared.grpc],
        check=True,
        timeout=60,
        env={**os.environ, **state},
    )
    page.goto(f"{shared.http}/?q=offline")
    row = page.get_by_test_id("run").first
    expect(row).to_contain_text(re.compile(r"took [345] s"), timeout=PATIENCE_MS)
    row.click()
    expect(page.get_by_test_id("status")).to_have_text("Finished", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("time-left")).to_have_text(re.compile(r"^[345] s$"))
