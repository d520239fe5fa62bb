"""Samples and rounds on the page: those from before it was there, and those that come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from tests.integration.server.processes import ServerProcess, until

import livetrain

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PATIENCE_MS = 30_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data") as process:
        yield process


@pytest.fixture
def monitor(server: ServerProcess) -> Iterator[livetrain.Monitor]:
    with livetrain.Monitor("painter", server=server.grpc) as opened:
        opened.set_status("running")
        assert opened.flush(30)
        yield opened


def sample(monitor: livetrain.Monitor, colour: int, **more: Any) -> None:
    monitor.log_sample(np.full((24, 32, 3), colour, np.uint8), **more)


def test_samples_come_and_one_is_shown_whole(
    page: Page, server: ServerProcess, monitor: livetrain.Monitor
) -> None:
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    sample(monitor, 50, prompt="before the page")
    assert monitor.flush(30)
    page.goto(f"{server.http}/runs/{monitor.run_id}")
    pictures = page.get_by_test_id("samples").locator("img")
    expect(pictures).to_have_count(1, timeout=PATIENCE_MS)
    sample(monitor, 200, prompt="<b>a cat</b>", kind="custom")
    expect(pictures).to_have_count(2, timeout=PATIENCE_MS)
    expect(pictures.first).to_have_attribute("alt", "<b>a cat</b>, step 0")
    pictures.first.scroll_into_view_if_needed()
    loaded = "(all) => all.every((one) => one.complete && one.naturalWidth === 32)"
    until(lambda: pictures.evaluate_all(loaded), "both pictures to be shown")

    page.get_by_test_id("samples").get_by_role("button").first.click()
    whole = page.get_by_role("dialog", name="Sample")
    expect(whole).to_contain_text("<b>a cat</b>")
    expect(whole).to_contain_text("32 × 24")
    expect(whole.get_by_role("button", name="Newer")).to_be_disabled()
    whole.get_by_role("button", name="Older").click()
    expect(whole).to_contain_text("before the page")
    page.keyboard.press("Escape")
    expect(whole).to_be_hidden()
    assert troubles == []


def test_rounds_and_their_clients(
    page: Page, server: ServerProcess, monitor: livetrain.Monitor
) -> None:
    monitor.log_round(1, 15, {"loss": 0.75}, fit={"loss": 0.5})
    monitor.log_round(2, 15, {}, client="site-1", phase="start")
    assert monitor.flush(30)
    page.goto(f"{server.http}/runs/{monitor.run_id}")
    rows = page.get_by_test_id("rounds").locator("tbody tr")
    expect(rows).to_have_count(2, timeout=PATIENCE_MS)
    expect(page.get_by_test_id("round")).to_have_text("Round 2 of 15, under way")
    expect(rows.nth(1)).to_contain_text("0.750")
    expect(rows.nth(0)).to_contain_text("0 / 1")
    monitor.log_round(2, 15, {"loss": 0.25, "num_samples": 96}, client="site-1")
    monitor.log_round(2, 15, {"loss": 0.625})
    expect(page.get_by_test_id("round")).to_have_text("Round 2 of 15, done", timeout=PATIENCE_MS)
    expect(rows.nth(0)).to_contain_text("1 / 1")
    expect(page.get_by_test_id("round-clients")).to_contain_text("96 samples")
    assert page.get_by_test_id("samples").count() == 0, "no panel for what there is none of"


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1440, 900)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_they_fit_every_screen(
    browser: Any,
    server: ServerProcess,
    monitor: livetrain.Monitor,
    width: int,
    height: int,
    scheme: Any,
) -> None:
    long = "a very long name without any space in it " + "x" * 200
    metrics = {f"a_metric_with_a_long_name_{n}": n / 7 for n in range(8)}
    monitor.log_round(1, 15, metrics, fit=metrics, client=long[:100])
    monitor.log_round(1, 15, metrics)
    sample(monitor, 100, prompt=long)
    assert monitor.flush(30)
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{server.http}/runs/{monitor.run_id}")
    expect(page.get_by_test_id("samples")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("rounds")).to_be_visible(timeout=PATIENCE_MS)
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, "nothing sticks out sideways"
    page.get_by_test_id("samples").get_by_role("button").first.click()
    overflow = page.evaluate(
        "document.querySelector('dialog[open]').scrollWidth - document.querySelector('dialog[open]').clientWidth"
    )
    assert overflow <= 0
    context.close()
