"""Curves in a real browser: what is drawn is what was logged, read from the pixels where words could lie."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.faults.conditions import wait_until
from tests.faults.processes import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PATIENCE_MS = 30_000
ODD_NAMES = [
    "__proto__",
    "constructor",
    "a|b",
    "log p(y|x)",
    "x" * 200,
    "<img src=x onerror=alert(1)>",
]
TRAINING = """
import json, math, random, sys, livetrain
random.seed(1)
with livetrain.Monitor("curves", server=sys.argv[1]) as monitor:
    for step in range(40_000):
        monitor.log_batch(None, None, 1 + random.random(), step=step)
    for step in range(200):
        monitor.log({"broken": math.nan if 80 <= step < 120 else 1.0, "ends": math.nan if step > 119 else 0.185,
                     "far": 1e308 if step == 100 else 1 + step % 3, "below": -1.0 - step, "constant": 3.0}, step=step)
        monitor.log({"again": step // 50 + 0.4}, step=step % 50)  # off the lines of the grid
        monitor.log({name: float(step) for name in json.loads(sys.argv[2])}, step=step)
    monitor.flush(60)
"""
RESUMED = """
import sys, livetrain
with livetrain.Monitor("resumed", server=sys.argv[1]) as monitor:
    for step in range(1000):
        monitor.log_batch(None, None, 0.25, step=step)
    state = monitor.resume_state()
with livetrain.Monitor("resumed", server=sys.argv[1], resume={**state, "step": 500}) as monitor:
    for step in range(500, 650):
        monitor.log_batch(None, None, 9.0, step=step)
    monitor.flush(60)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as started:
        for script, more in ((RESUMED, []), (TRAINING, [json.dumps(ODD_NAMES)])):
            subprocess.run(
                [sys.executable, "-c", script, started.grpc, *more], check=True, timeout=120
            )
        yield started


@pytest.fixture
def troubles(page: Page) -> list[str]:
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def open_run(page: Page, server: Server, name: str) -> None:
    page.goto(server.http)
    page.get_by_test_id("run").filter(has_text=name).first.click(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("chart-loss")).to_have_attribute(
        "data-points", re.compile(r"\d{3,}"), timeout=PATIENCE_MS
    )


def columns(page: Page, chart: str) -> list[list[int]]:
    """Return where a chart's plot is painted: for each column of pixels the rows with a strong colour of a curve."""
    element = page.get_by_test_id(chart)
    element.scroll_into_view_if_needed()
    found: list[list[int]] = element.evaluate(
        """(chart) => {
            const canvas = chart.querySelector('canvas'), over = chart.querySelector('[data-testid=plot]');
            if (canvas.width === 0) return [];
            const ratio = canvas.width / canvas.clientWidth;
            const [left, top] = [over.offsetLeft, over.offsetTop].map((at) => Math.round(at * ratio));
            const [width, height] = [over.clientWidth, over.clientHeight].map((at) => Math.floor(at * ratio));
            const { data } = canvas.getContext('2d').getImageData(left, top, width, height);
            return Array.from({ length: width }, (_, x) => {
                const rows = [];
                for (let y = 0; y < height; y++) {
                    const [r, g, b, a] = data.slice((y * width + x) * 4, (y * width + x) * 4 + 4);
                    if (a > 120 && Math.max(r, g, b) - Math.min(r, g, b) > 60) rows.push(y);
                }
                return rows;
            });
        }"""
    )
    return found


def painted(page: Page, chart: str) -> list[list[int]]:
    """Return the same, once something is painted."""
    wait_until(lambda: any(columns(page, chart)), PATIENCE_MS / 1000, f"{chart} is painted")
    return columns(page, chart)


def test_a_line_breaks_where_values_are_not_finite_and_says_so(
    page: Page, server: Server, troubles: list[str]
) -> None:
    open_run(page, server, "curves")
    seen = painted(page, "chart-broken")
    height = max(max(rows) for rows in seen if rows) + 1
    line = [any(row < height - 12 for row in rows) for rows in seen]
    width = len(line)
    assert all(line[int(width * 0.05) : int(width * 0.38)]), "a line before the hole"
    assert not any(line[int(width * 0.42) : int(width * 0.58)]), "none across it"
    assert all(line[int(width * 0.62) : int(width * 0.95)]), "and one behind it"
    assert any(seen[int(width * 0.5)]), "the hole is marked"
    head = page.get_by_test_id("chart-ends").locator("..")
    expect(head).to_contain_text("NaN, finite until 119")
    expect(page.get_by_test_id("chart-broken").locator("..")).to_contain_text("40 not finite")
    assert troubles == []


def test_one_value_ruins_no_chart_and_a_logarithmic_one_says_when_it_is_empty(
    page: Page, server: Server
) -> None:
    open_run(page, server, "curves")
    far = page.get_by_test_id("chart-far").locator("..")
    far.scroll_into_view_if_needed()
    beyond = far.get_by_role("button", name="1 point beyond")
    expect(beyond).to_be_visible(timeout=PATIENCE_MS)
    seen = [rows for rows in painted(page, "chart-far") if rows]
    assert max(map(max, seen)) - min(map(min, seen)) > 60, "the others fill the chart"
    beyond.click()
    expect(far.get_by_role("button", name="Every point in view")).to_be_visible()
    assert painted(page, "chart-constant"), "a constant is drawn"
    page.keyboard.press("l")
    below = page.get_by_test_id("chart-below")
    below.scroll_into_view_if_needed()
    expect(below).to_contain_text("no value is above 0", timeout=PATIENCE_MS)
    assert painted(page, "chart-constant"), "also on a logarithmic scale"


def test_any_name_has_a_chart(page: Page, server: Server, troubles: list[str]) -> None:
    open_run(page, server, "curves")
    for name in ODD_NAMES:
        heading = page.get_by_role("heading", name=name, exact=True, level=3)
        heading.scroll_into_view_if_needed()
        chart = heading.locator("../..")
        expect(chart.locator("[data-points]")).to_have_attribute("data-points", "200")
        expect(chart.locator("canvas")).to_have_attribute(
            "width", re.compile(r"[1-9]\d{2,}"), timeout=PATIENCE_MS
        )
    assert troubles == []


def lines_at(page: Page, chart: str, share: float) -> int:
    """Return how many lines, faint ones too, cross a column of a chart; 0 while it is not drawn."""
    rows: list[int] = page.get_by_test_id(chart).evaluate(
        """(chart, share) => {
            const canvas = chart.querySelector('canvas'), over = chart.querySelector('[data-testid=plot]');
            if (canvas.width === 0) return [];
            const ratio = canvas.width / canvas.clientWidth;
            const x = Math.round((over.offsetLeft + over.clientWidth * share) * ratio);
            const { data } = canvas.getContext('2d').getImageData(x, 0, 1, canvas.height);
            const found = [];
            for (let y = 0; y < canvas.height - 30 * ratio; y++) {
                const [r, g, b, a] = data.slice(y * 4, y * 4 + 4);
                if (a > 15 && Math.max(r, g, b) - Math.min(r, g, b) > 30) found.push(y);
            }
            return found;
        }""",
        share,
    )
    return sum(row - 1 not in rows for row in rows)


def test_steps_that_begin_again_are_passes(page: Page, server: Server) -> None:
    open_run(page, server, "curves")
    page.get_by_test_id("chart-again").scroll_into_view_if_needed()
    wait_until(
        lambda: lines_at(page, "chart-again", 0.53) == 4, PATIENCE_MS / 1000, "a line for each pass"
    )


def test_a_zoom_fetches_its_window_and_nothing_twice(page: Page, server: Server) -> None:
    asked: list[str] = []
    page.on(
        "request", lambda r: asked.append(r.url) if "stat=buckets&axis=step&from" in r.url else None
    )
    open_run(page, server, "curves")
    painted(page, "chart-loss")
    assert asked == [], "the whole needs no window"
    page.get_by_test_id("chart-loss").focus()
    for _ in range(9):
        page.keyboard.press("+")
    wait_until(lambda: asked, PATIENCE_MS / 1000, "the window is asked for")
    box: Any = page.get_by_test_id("chart-loss").get_by_test_id("plot").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    readout = page.get_by_test_id("chart-loss").get_by_text("Step")
    expect(readout).to_have_text(re.compile(r"^Step [\d,]+$"), timeout=PATIENCE_MS)
    before = len(asked)
    page.keyboard.press("-")
    page.keyboard.press("+")
    page.wait_for_timeout(1000)
    repeated = [url for url in asked[before:] if url in asked[:before]]
    assert repeated == []


def test_a_resumed_run_shows_its_newest_start_and_nothing_in_between(
    page: Page, server: Server
) -> None:
    open_run(page, server, "resumed")
    expect(page.get_by_test_id("step")).to_have_text("649", timeout=PATIENCE_MS)
    seen = painted(page, "chart-loss")
    bottom, top = max(max(r) for r in seen if r), min(min(r) for r in seen if r)
    between = [
        x for x, rows in enumerate(seen) if any(top + 30 < row < bottom - 30 for row in rows)
    ]
    assert between == [], "no value that neither start had"
    expect(page.get_by_test_id("chart-loss").locator("..")).to_contain_text("9")
