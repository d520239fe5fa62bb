"""What every test starts from: a clean environment, and the browser that the machine has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.interop.browser import chromium

# A slow machine is no bug; a failure prints what repeats it.
hypothesis.settings.register_profile("livetrain", deadline=None, print_blob=True)
hypothesis.settings.load_profile("livetrain")


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take the developer's own LIVETRAIN_* variables away from everything that tests start, and what his trainings left.

    What a fixture of a module starts has no test's folders: a training there would send what lies in the home's spool.
    """
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        patch.setenv("XDG_DATA_HOME", str(home / "data"))
        for name in [name for name in os.environ if name.startswith("LIVETRAIN_")]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def own_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep spools and tokens of a test out of the developer's home and out of other tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Let pytest-playwright drive the machine's Chromium; without one, Playwright's own."""
    return {**browser_type_launch_args, **chromium()}


@pytest.fixture(scope="session")
def base_url() -> None:
    """Stand in for pytest-base-url's own, which newer releases of pytest warn about; our tests name their server."""
