"""A training of OneTrainer's in a process of its own, and what clients of its web UI see of it, one of them in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

import livetrain
from tests.integration.server.processes import ServerProcess
from tests.interop.browser import chromium
from tests.interop.page import Origin
from tests.interop.process import Client
from tests.interop.table import Check, Line

__all__ = ["CHECKS", "onetrainer_training"]

EVENTS = ["training_progress", "training_status", "log", "sample_generated", "system_stats"]
LENGTH = 12
SDK = Path(livetrain.__file__).parents[1]
SHOW = """(source) => new Promise((done) => {
    const image = new Image();
    image.onload = () => done([image.naturalWidth, image.naturalHeight]);
    image.onerror = () => done(null);
    image.src = source;
})"""


def onetrainer_training(folder: Path, page: Page | None = None) -> Sequence[Line]:
    """Watch a whole training as a client of the web UI does, and show its samples on pages of an allowed origin and of another."""
    (folder / "site").mkdir()
    (folder / "site" / "index.html").write_text("<!doctype html><title>somebody else's</title>")
    with ExitStack() as stack:
        allowed = stack.enter_context(Origin(folder / "site"))
        other = stack.enter_context(Origin(folder / "site"))
        server = stack.enter_context(
            ServerProcess(folder / "data", "--allow-origin", allowed.origin)
        )
        viewer = stack.enter_context(Client("onetrainer", f"{server.live}/ws", *EVENTS)).connected()
        trainer = stack.enter_context(Client("onetrainer_trainer", server.grpc, path=SDK))
        assert trainer.finish()[-1] == {"committed": True}
        viewer.wait(
            lambda me: [m for m in me.of("training_status") if m["status"] == "completed"],
            "the end",
        )
        _check_progress(viewer)
        _check_words(viewer)
        stats = viewer.wait(lambda me: me.of("system_stats"), "the machine's figures")[0]
        assert stats["share"] == 0, "of the memory of a GPU that is not there"
        samples = viewer.wait(
            lambda me: len(me.of("sample_generated")) == 2 and me.of("sample_generated"),
            "both samples",
        )
        if page is None:
            driver = stack.enter_context(sync_playwright())
            browser = driver.chromium.launch(**chromium())
            stack.callback(browser.close)
            page = browser.new_page()
        source = samples[0]["path"]
        assert source.startswith(f"{server.http}/api/runs/"), source
        page.goto(f"{other.origin}/index.html")
        assert page.evaluate(SHOW, source) is None, "on a page of an origin that is not allowed"
        page.goto(f"{allowed.origin}/index.html")
        assert page.evaluate(SHOW, source) == [48, 32], "on a page of an allowed origin"
        assert page.evaluate(SHOW, samples[1]["path"]) == [48, 32]
        (run,) = httpx.get(f"{server.http}/api/runs").json()["runs"]
        assert run["status"] == "finished"
    return [
        Line(
            "OneTrainer (training)",
            f"2 epochs of {LENGTH} steps, 2 samples, status texts",
            f"{len(viewer.of('training_progress'))} training_progress, {len(viewer.of('log'))} log",
            "steps within the epoch as told; samples load in <img> of an allowed origin alone",
        )
    ]


def _check_progress(viewer: Client) -> None:
    progress = viewer.of("training_progress")
    assert progress
    for told in progress:
        within = (told["global_step"] - 1) % LENGTH + 1
        assert (told["epoch_step"], told["step"]) == (within, within), told
        assert told["epoch"] == (told["global_step"] - 1) // LENGTH
        assert (told["max_step"], told["max_epoch"], told["loss"]) == (LENGTH, 2, None)
    assert progress[-1]["global_step"] == 2 * LENGTH


def _check_words(viewer: Client) -> None:
    """Check that nothing was told before the training said it, and that all it said was told."""
    statuses = [(told["status"], told["message"]) for told in viewer.of("training_status")]
    assert statuses[0] == ("starting", "starting the training")
    assert statuses[-1] == ("completed", "completed")
    assert ("running", None) not in statuses
    lines: list[dict[str, Any]] = viewer.of("log")
    of_trainer = [line["message"] for line in lines if line["source"] == "trainer"]
    epoch = ["Training ...", "Sampling ...", "Training ...", "Saving ...", "Training ..."]
    assert of_trainer[:2] == ["starting the training", "loading the model"]
    assert of_trainer[2:7] == epoch
    assert of_trainer[-1] == "completed"
    assert {line["level"] for line in lines if line["source"] == "trainer"} == {"info"}
    done = [line for line in lines if line["source"] == "sampler" and line["level"] == "info"]
    assert len(done) == 2, "one for each sample"


CHECKS: dict[str, Check] = {"onetrainer-training": onetrainer_training}
