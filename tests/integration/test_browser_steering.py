"""A real training, steered by a real browser: what is pressed on the page is what the optimizer does."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.faults.conditions import wait_until
from tests.faults.processes import ROOT, Script, Server, kill_leftovers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PATIENCE_MS = 40_000
PATIENCE = PATIENCE_MS / 1000

# Each step is told with the rate that the optimizer makes it with, and the training ends with a checkpoint.
LOOP = """
    import sys, time
    import torch
    from torch import nn
    sys.path.insert(0, {examples!r})
    import livetrain, pytorch_digits

    torch.set_num_threads(1)
    train, _ = pytorch_digits.load(batch_size=32)
    model = pytorch_digits.convolutions()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    step = 0
    with livetrain.Monitor("steered", server=sys.argv[1], batches_per_epoch=len(train)) as monitor:
        monitor.attach(optimizer)

        @monitor.on("sample_now", parameters={{"count": livetrain.Parameter("int", 1, 16, default=4)}}, title="Draw samples")
        def sample(count: int) -> str:
            return f"{{count}} samples drawn"

        while not monitor.should_stop:
            for images, labels in train:
                logits = model(images)
                loss = nn.functional.cross_entropy(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                print("step", step, optimizer.param_groups[0]["lr"], flush=True)
                step += 1
                monitor.log_batch(images, logits, loss, targets=labels)
                time.sleep(0.02)
                if monitor.should_stop:
                    break
        torch.save(model.state_dict(), f"last-step={{step}}.ckpt")
    print("ended", flush=True)
"""
LIGHTNING = """
    import sys, time
    import lightning as L
    import torch
    from lightning.pytorch.callbacks import ModelCheckpoint
    sys.path.insert(0, {examples!r})
    import livetrain, lightning_digits

    torch.set_num_threads(1)

    class Told(lightning_digits.Digits):
        told = 0

        def training_step(self, batch, batch_idx):
            print("step", self.told, self.optimizers().param_groups[0]["lr"], flush=True)
            self.told += 1
            time.sleep(0.02)
            return super().training_step(batch, batch_idx)

    trainer = L.Trainer(
        max_epochs=1000,
        callbacks=[
            livetrain.LiveTrainCallback(run="steered", server=sys.argv[1]),
            ModelCheckpoint("checkpoints", filename="last-{{step}}", save_on_train_epoch_end=True),
        ],
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Told(), *lightning_digits.load(batch_size=32))
    print("ended", flush=True)
"""


class Steered(Script):
    """A training that tells each step and its rate on stdout."""

    def __init__(self, folder: Path, text: str, server: Server) -> None:
        self.folder, self.server = folder, server
        script = text.format(examples=str(ROOT / "examples"))
        env = {"LIVETRAIN_MAX_OVERHEAD": "0.5", "OMP_NUM_THREADS": "1"}
        super().__init__(folder, script, server.grpc, name="training", env=env)

    def rates(self) -> dict[int, float]:
        """Return the rate of every step so far."""
        lines = re.findall(r"^step (\d+) (\S+)\n", self.stdout, re.MULTILINE)
        return {int(step): float(rate) for step, rate in lines}

    def ask(self, path: str = "", body: Any = None) -> Any:
        """Ask the server about its only run."""
        run = self._get("/api/runs")["runs"][0]["run_id"]
        return self._get(f"/api/runs/{run}{path}", body)

    def _get(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self.server.http + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def checkpoints(self) -> list[Path]:
        return list(self.folder.rglob("*.ckpt"))


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


def start(text: str, server: Server, tmp_path: Path) -> Steered:
    training = Steered(tmp_path, text, server)
    training.wait_for("step 3 ", PATIENCE)
    return training


def open_as(page: Page, server: Server, name: str) -> None:
    page.goto(server.http)
    page.get_by_test_id("run").first.click(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("connection")).to_have_text("Connected", timeout=PATIENCE_MS)
    page.get_by_label("Your name, for the others").fill(name)
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text(f"You are {name}")).to_be_visible()


def newest(page: Page) -> Locator:
    return page.get_by_test_id("command").first


def rate_field(page: Page) -> Locator:
    return page.get_by_test_id("setting-learning_rate").get_by_role("textbox")


def settle(page: Page, what: str, state: str) -> int:
    """Wait until the newest command is `what` and ended as `state`; return the first step under it, -1 if it says none."""
    expect(newest(page)).to_contain_text(what, timeout=PATIENCE_MS)
    expect(newest(page)).to_have_attribute("data-state", state, timeout=PATIENCE_MS)
    said = re.search(r"(at|after) step ([\d,]+)", newest(page).text_content() or "")
    if said is None:
        return -1
    return int(said[2].replace(",", "")) + (said[1] == "after")


@pytest.mark.parametrize("text", [LOOP, LIGHTNING], ids=["loop", "lightning"])
def test_a_training_is_paused_changed_and_stopped_from_the_page(
    page: Page, server: Server, tmp_path: Path, text: str
) -> None:
    training = start(text, server, tmp_path)
    open_as(page, server, "ada")
    pause = page.get_by_test_id("steer-pause")

    page.keyboard.press("p")
    paused_at = settle(page, "Pause", "applied")
    expect(page.get_by_test_id("status")).to_have_text("Paused", timeout=PATIENCE_MS)
    expect(pause).to_have_text("Resume")
    shown = page.get_by_test_id("step")
    expect(shown).to_have_attribute("data-value", str(paused_at - 1), timeout=PATIENCE_MS)
    heard = training.ask()["last_heard_at"]
    wait_until(lambda: training.ask()["last_heard_at"] > heard + 2, PATIENCE, "heartbeats go on")
    assert max(training.rates()) == paused_at - 1, "the training itself stands still"
    expect(shown).to_have_attribute("data-value", str(paused_at - 1))

    pause.click()
    settle(page, "Resume", "applied")
    expect(page.get_by_test_id("status")).to_have_text("Running", timeout=PATIENCE_MS)
    wait_until(lambda: max(training.rates()) > paused_at + 5, PATIENCE, "it goes on")

    rate_field(page).fill("0.0005")
    page.keyboard.press("Enter")
    changed_at = settle(page, "Learning rate 0.0005", "applied")
    note = page.get_by_test_id("note-learning_rate")
    expect(note).to_contain_text(f"0.0005, set by ada at step {changed_at}")
    wait_until(lambda: max(training.rates()) > changed_at + 3, PATIENCE, "steps under the new rate")
    rates = training.rates()
    assert {rates[step] for step in range(changed_at)} == {0.002}
    assert {rates[step] for step in range(changed_at, max(rates) + 1)} == {0.0005}

    plot = page.get_by_test_id("chart-loss")
    told = f"Learning rate 0.0005, by ada: applied at step {changed_at}"
    flag = plot.get_by_role("button", name=told)
    expect(flag).to_be_visible(timeout=PATIENCE_MS)
    flag.hover()
    expect(plot.get_by_text(told)).to_be_visible()
    expect(plot).to_have_attribute("aria-description", re.compile(re.escape(told)))

    page.get_by_test_id("steer-stop").click()
    page.get_by_role("button", name="Let it go on").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert training.ask("/commands")["commands"][0]["verb"] == "set", "nothing was stopped yet"
    page.get_by_test_id("steer-stop").click()
    page.get_by_test_id("steer-stop-confirm").click()
    settle(page, "Stop", "applied")
    training.wait_for("ended", PATIENCE)
    assert training.wait(PATIENCE) == 0
    steps = max(training.rates()) + 1
    names = [path.name for path in training.checkpoints()]
    assert names == [f"last-step={steps}.ckpt"], "written at the end, of all that was trained"
    expect(page.get_by_test_id("steering-reason")).to_contain_text(
        "nothing left to steer", timeout=PATIENCE_MS
    )
    expect(page.get_by_test_id("steer-stop")).to_be_disabled()
    expect(rate_field(page)).to_be_disabled()
    given = [(c["verb"], c["issued_by"]) for c in training.ask("/commands")["commands"]]
    assert given == [("stop", "ada"), ("set", "ada"), ("resume", "ada"), ("pause", "ada")]


def test_the_text_of_a_mark_stays_with_it_while_the_plot_grows(
    page: Page, server: Server, tmp_path: Path
) -> None:
    start(LOOP, server, tmp_path)
    open_as(page, server, "ada")
    page.get_by_role("button", name="Halve it").click()
    settle(page, "Learning rate × 0.5", "applied")
    plot = page.get_by_test_id("chart-loss")
    flag = plot.get_by_role("button", name="by ada: applied at step")
    expect(flag).to_be_visible(timeout=PATIENCE_MS)
    flag.hover()
    text = plot.get_by_text("by ada: applied at step")
    expect(text).to_be_visible()

    def centre() -> float:
        box = flag.bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2

    before = centre()
    wait_until(lambda: before - centre() > 40, PATIENCE, "the mark moves from under the mouse")
    expect(text).to_be_visible()
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] / 2)
    expect(text).to_be_hidden()

    plot.focus()
    page.keyboard.press("Tab")
    expect(flag).to_be_focused()
    expect(text).to_be_visible()
    before = centre()
    wait_until(lambda: before - centre() > 10, PATIENCE, "the mark moves on")
    expect(text).to_be_visible()
    page.keyboard.press("Escape")
    expect(text).to_be_hidden()


def test_a_value_that_cannot_be_is_refused_with_the_reason(
    page: Page, server: Server, tmp_path: Path
) -> None:
    training = start(LOOP, server, tmp_path)
    open_as(page, server, "ada")
    note = page.get_by_test_id("note-learning_rate")
    for value, reason in {
        "abc": "number is needed",
        "-1": "0 to 10 is allowed",
        "1e9": "0 to 10 is allowed",
        "NaN": "finite number is needed",
    }.items():
        rate_field(page).fill(value)
        page.keyboard.press("Enter")
        settle(page, f"Learning rate {value}", "rejected")
        expect(note).to_contain_text(reason)
        expect(rate_field(page)).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_test_id("announcement")).to_contain_text(value)
    states = [c["state"] for c in training.ask("/commands")["commands"]]
    assert states == ["rejected"] * 4
    assert set(training.rates().values()) == {0.002}, "no effect on the training"
    assert page.get_by_test_id("mark").count() == 0


def test_two_people_see_each_other_and_what_the_other_changed(
    page: Page, browser: Any, server: Server, tmp_path: Path
) -> None:
    training = start(LOOP, server, tmp_path)
    open_as(page, server, "ada")
    other = browser.new_context().new_page()
    open_as(other, server, "bob")
    for one, whom in ((page, "bob"), (other, "ada")):
        expect(one.get_by_test_id("watching")).to_have_text(
            re.compile(f"2 people watch: you and {whom}"), timeout=PATIENCE_MS
        )

    rate_field(page).fill("0.00")  # still typing
    other.get_by_role("button", name="Halve it").click()
    halved_at = settle(other, "Learning rate × 0.5", "applied")
    note = page.get_by_test_id("note-learning_rate")
    expect(note).to_contain_text(f"The run moved on: bob made it 0.001 at step {halved_at}.")
    assert rate_field(page).input_value() == "0.00", "what is typed is not taken away"
    expect(page.get_by_test_id("steering-people")).to_have_text("bob steers")
    expect(other.get_by_test_id("steering-people")).to_have_text("You steer")
    page.keyboard.press("Escape")
    expect(rate_field(page)).to_have_value("0.001")
    page.get_by_role("button", name="Undo").click()
    settle(page, "Learning rate: undo", "applied")
    expect(rate_field(page)).to_have_value("0.002")
    wait_until(lambda: list(training.rates().values())[-1] == 0.002, PATIENCE, "the rate is back")

    page.get_by_test_id("steer-sample_now").click()
    page.get_by_label("Count").fill("7")
    page.get_by_role("dialog").get_by_role("button", name="Draw samples").click()
    settle(page, "Draw samples: count 7", "applied")
    expect(newest(other)).to_contain_text("7 samples drawn", timeout=PATIENCE_MS)
    expect(newest(other)).to_contain_text("ada")


def test_an_order_that_crosses_another_is_told_that_the_run_moved_on(
    page: Page, server: Server, tmp_path: Path
) -> None:
    training = start(LOOP, server, tmp_path)
    open_as(page, server, "ada")
    crossed: list[str] = []

    def let_bob_be_first(route: Any) -> None:
        if route.request.method == "POST" and not crossed:
            # While the order is on its way: the page cannot know of this yet.
            body = {"verb": "set", "parameters": {"learning_rate": 0.001}, "issued_by": "bob"}
            crossed.append(training.ask("/commands", body)["command_id"])
            wait_until(
                lambda: training.ask("/commands")["commands"][0]["state"] == "applied",
                PATIENCE,
                "bob's order is applied",
            )
        route.continue_()

    page.route("**/commands", let_bob_be_first)
    page.get_by_role("button", name="Halve it").click()
    refused = page.get_by_test_id("command").filter(has_text="Learning rate × 0.5")
    expect(refused).to_have_attribute("data-state", "rejected", timeout=PATIENCE_MS)
    expect(refused).to_contain_text("The run moved on: bob set learning_rate=0.001 at step")
    wait_until(lambda: list(training.rates().values())[-1] == 0.001, PATIENCE, "it is as bob said")
    page.get_by_role("button", name="Halve it").click()  # now he is known of
    settle(page, "Learning rate × 0.5", "applied")
    wait_until(lambda: list(training.rates().values())[-1] == 0.0005, PATIENCE, "it is halved")
    assert set(training.rates().values()) == {0.002, 0.001, 0.0005}


def test_a_page_without_its_server_says_that_nothing_would_arrive(
    page: Page, server: Server, tmp_path: Path
) -> None:
    start(LOOP, server, tmp_path)
    open_as(page, server, "ada")
    page.keyboard.press("p")
    settle(page, "Pause", "applied")
    server.kill()
    reason = page.get_by_test_id("steering-reason")
    expect(reason).to_contain_text("no connection", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("steer-pause")).to_be_disabled()
    server.start()
    expect(reason).to_be_hidden(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("steer-pause")).to_have_text("Resume", timeout=PATIENCE_MS)
    expect(newest(page)).to_contain_text("Pause")
    page.get_by_test_id("steer-pause").click()
    settle(page, "Resume", "applied")


def test_an_order_whose_answer_is_lost_is_given_once(
    page: Page, server: Server, tmp_path: Path
) -> None:
    training = start(LOOP, server, tmp_path)
    open_as(page, server, "ada")
    lost: list[str] = []

    def lose_the_first(route: Any) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().text())  # the server has it, the page is not told
            route.abort()
        else:
            route.continue_()

    page.route("**/commands*", lose_the_first)
    page.get_by_role("button", name="Halve it").click()
    settle(page, "Learning rate × 0.5", "applied")
    wait_until(lambda: list(training.rates().values())[-1] == 0.001, PATIENCE, "it is halved")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="Double it").click()
    settle(page, "Learning rate × 2", "applied")
    assert len(lost) == 1
    assert [c["parameters"]["learning_rate"] for c in training.ask("/commands")["commands"]] == [
        "x2",
        "x0.5",
    ]
    assert set(training.rates().values()) == {0.002, 0.001}, "halved once, and doubled once"
