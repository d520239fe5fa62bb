"""The list of runs, in a real browser: all of them can be reached, however many there are."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.faults.processes import Server
from tests.integration.server.trainer import Trainer

from livetrain.proto import telemetry_pb2 as pb

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PATIENCE_MS = 30_000
RUNS = 230
"""More than the server gives at once, three times."""


def add_run(
    server: Server, name: str, *, losses: tuple[float, ...] = (), ended: bool = False
) -> None:
    with Trainer(server.grpc) as trainer:
        trainer.register(run_name=name, project="sweeps", tags=["late"] if ended else [])
        if not losses:
            return
        trainer.open()
        for seq, loss in enumerate(losses, 1):
            trainer.batch(seq, loss=loss)
        status = pb.StatusUpdate(status=pb.FAILED, message="out of memory")
        trainer.send(pb.TelemetryRequest(seq=len(losses) + 1, status_update=status))
        trainer.wait_durable(len(losses) + 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Looking at the list changes nothing, but for the runs that a test adds on top."""
    with Server(tmp_path_factory.mktemp("server")) as server:
        add_run(server, "first-000", losses=(3.0, 2.0, 1.0, float("nan")), ended=True)
        for number in range(1, RUNS):
            add_run(server, f"sweep-{number:03}")
        yield server


def rows(page: Page) -> Locator:
    return page.get_by_test_id("run")


def test_the_oldest_run_is_reached_by_scrolling(page: Page, server: Server) -> None:
    page.goto(server.http)
    expect(page.get_by_test_id("runs-total")).to_have_text(str(RUNS), timeout=PATIENCE_MS)
    expect(rows(page).first).to_contain_text(f"sweep-{RUNS - 1}")
    for _ in range(60):
        if page.get_by_text("first-000").count():
            break
        page.mouse.wheel(0, 3000)
        page.wait_for_timeout(100)
    oldest = page.get_by_role("link").filter(has_text="first-000")
    expect(oldest).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name=re.compile("Show more"))).to_have_count(0)
    assert rows(page).count() < 80, "only the rows in view are there"
    place = oldest.locator("..")
    expect(place).to_have_attribute("aria-posinset", str(RUNS))
    expect(place).to_have_attribute("aria-setsize", str(RUNS))


def test_an_old_run_is_found_by_its_name(page: Page, server: Server) -> None:
    page.goto(server.http)
    search = page.get_by_role("searchbox")
    search.fill("SWEEPS first")
    expect(page.get_by_test_id("runs-total")).to_have_text("1", timeout=PATIENCE_MS)
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("first-000")
    expect(rows(page)).to_contain_text("out of memory")
    expect(rows(page)).to_contain_text("step 3")
    page.wait_for_url("**/?q=SWEEPS+first", timeout=PATIENCE_MS)
    page.reload()
    expect(rows(page)).to_have_count(1, timeout=PATIENCE_MS)
    expect(search).to_have_value("SWEEPS first")

    search.fill("no such run")
    expect(page.get_by_text("No run matches.")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("empty")).to_have_count(0)

    search.fill("")
    page.get_by_role("combobox", name="Status").select_option(label="Failed")
    expect(rows(page)).to_have_count(1, timeout=PATIENCE_MS)
    expect(rows(page)).to_contain_text("first-000")


def test_a_loss_that_is_not_a_number_is_not_hidden(page: Page, server: Server) -> None:
    page.goto(f"{server.http}/?q=first")
    loss = page.get_by_test_id("run-loss")
    expect(loss).to_have_text("Loss NaN", timeout=PATIENCE_MS)
    red = "(element) => getComputedStyle(element).color !== getComputedStyle(document.body).color"
    assert loss.evaluate(red)
    path = rows(page).locator("svg path").last.get_attribute("d") or ""
    assert re.fullmatch(r"M[\d.]+ [\d.]+(L[\d.]+ [\d.]+){2}", path), (
        "a line up to where it was finite"
    )
    assert float(re.findall(r"([\d.]+) [\d.]+$", path)[0]) == pytest.approx(64, abs=1), "by step"


def test_new_runs_come_on_top_while_the_list_is_open(page: Page, server: Server) -> None:
    page.goto(f"{server.http}/?q=fresh")
    expect(page.get_by_text("No run matches.")).to_be_visible(timeout=PATIENCE_MS)
    for number in range(3):
        add_run(server, f"fresh-{number}")
        expect(rows(page)).to_have_count(number + 1, timeout=PATIENCE_MS)
        expect(rows(page).first).to_contain_text(f"fresh-{number}")
