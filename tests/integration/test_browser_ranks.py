"""Several ranks of one training on one page: who lags, who is lost, and one command for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.faults.conditions import wait_until
from tests.faults.processes import Server, kill_leftovers
from tests.integration.ranks.world import Ranks

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PATIENCE_MS = 60_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    with Server(folder) as started:
        yield started


@pytest.fixture(autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    yield
    kill_leftovers()


def test_ranks_are_seen_side_by_side_and_steered_as_one(
    page: Page, server: Server, tmp_path: Path
) -> None:
    ranks = Ranks(tmp_path / "ranks", server, 2, images=True, slow={"1": 0.04})
    ranks.wait_until_steerable()
    page.goto(f"{server.http}/runs/{ranks.run_id}")
    rows = page.get_by_test_id("rank")
    expect(rows).to_have_count(2, timeout=PATIENCE_MS)
    expect(rows.nth(1)).to_contain_text("Running")
    remarks = page.get_by_test_id("rank-remarks")
    expect(remarks).to_contain_text("The others wait for rank 1", timeout=PATIENCE_MS)

    # The run's own curve is that of rank 0; those of the others are another chart, asked for.
    charts = page.get_by_role("group", name="Charts in view")
    expect(charts.get_by_role("button", name="Loss", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    others = charts.get_by_role("button", name="Loss, other ranks")
    expect(others).to_have_attribute("aria-pressed", "false")

    picker = page.get_by_test_id("shown-rank")
    expect(picker).to_be_visible(timeout=PATIENCE_MS)
    for rank in (0, 1, 0):
        picker.select_option(str(rank))
        wait_until(
            lambda rank=rank: page.evaluate("window.__livetrain?.lastFrame?.rank") == rank,
            PATIENCE_MS / 1000,
            f"a picture of rank {rank} is painted",
        )

    field = page.get_by_test_id("setting-learning_rate").get_by_role("textbox")
    field.fill("0.05")
    page.keyboard.press("Enter")
    newest = page.get_by_test_id("command").first
    expect(newest).to_have_attribute("data-state", "applied", timeout=PATIENCE_MS)
    expect(newest).to_contain_text(re.compile(r"at step [\d,]+, on 2 ranks"), timeout=PATIENCE_MS)

    page.get_by_test_id("steer-pause").click()
    expect(page.get_by_test_id("status")).to_have_text("Paused", timeout=PATIENCE_MS)
    ranks.processes[1].signal(19)  # SIGSTOP: silent, and maybe well
    expect(rows.nth(1)).to_have_attribute("data-contact", "stale", timeout=PATIENCE_MS)
    expect(remarks).to_contain_text("Rank 1 has not been heard", timeout=PATIENCE_MS)
    expect(rows.nth(0)).to_have_attribute("data-contact", "alive")
    ranks.processes[1].signal(18)
    expect(rows.nth(1)).to_have_attribute("data-contact", "alive", timeout=PATIENCE_MS)
    page.get_by_test_id("steer-pause").click()
    expect(page.get_by_test_id("status")).to_have_text("Running", timeout=PATIENCE_MS)
    ranks.do("stop")
    assert ranks.wait() == [0, 0]


def test_ranks_that_do_not_agree_cannot_be_steered_and_the_page_says_why(
    page: Page, server: Server, tmp_path: Path
) -> None:
    ranks = Ranks(tmp_path / "ranks", server, 2, sync=False)
    ranks.wait_until_here()
    page.goto(f"{server.http}/runs/{ranks.run_id}")
    why = page.get_by_test_id("steering-impossible")
    expect(why).to_contain_text("does not call monitor.sync", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("steer-pause")).to_have_count(0)
    expect(page.get_by_test_id("steer-stop")).to_have_count(0)
    done = ranks.do("stop")
    assert done["state"] == "rejected"
    assert "does not call monitor.sync" in done["message"]
