"""Takes docs/images/dashboard.png: the real page of a real training, as `livetrain demo` shows it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parent / "images/dashboard.png"
STEPS = 260  # far enough for a curve worth seeing, early enough for some mistakes among the tiles
DEADLINE_SECONDS = 120.0
SIZE = {"width": 1440, "height": 900}


def page_of(demo: subprocess.Popen[str]) -> str:
    """Return the address of the run's page, which the demo prints."""
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.startswith("Look at "):
            return line.split()[-1]
    raise SystemExit("the demo ended without saying where to look")


def wait_for_steps(http: str, steps: int) -> None:
    """Wait until the server has seen so many steps of the demo's run."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{http}/api/runs", timeout=5) as answer:
            runs = json.load(answer)["runs"]
        if runs and runs[0]["steps"] >= steps:
            return
        time.sleep(0.2)
    raise SystemExit(f"the run has not reached {steps} steps in {DEADLINE_SECONDS:g} s")


def main() -> None:
    """Run the demo, look at it, and keep what is seen."""
    command = ["livetrain", "demo", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        try:
            url = page_of(demo)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"),
                    args=["--no-sandbox"] if os.geteuid() == 0 else [],
                )
                page = browser.new_page(viewport=SIZE)
                page.goto(url)
                wait_for_steps("/".join(url.split("/")[:3]), STEPS)
                page.screenshot(path=PICTURE)
                browser.close()
        finally:
            demo.terminate()
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
