"""What is installed in too old a release is found in the metadata of packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from livetrain._requirements import TooOld, too_old


def package(folder: Path, name: str, version: str, *requires: str) -> None:
    """Write the metadata of a package, as an installer does."""
    information = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    information.mkdir()
    lines = [
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {each}" for each in requires),
    ]
    (information / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, "", ""]))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose packages come before all others."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    package(
        site,
        "livetrain",
        "0.1.0",
        "needed-by-all<8,>=4.25.3",
        "uvicorn>=0.52.1; extra == 'server'",
        "pydantic-settings>=2.7; extra == 'server'",
        "not-there>=1; extra == 'server'",
        'flwr>=1.41; extra == "flower"',
        "without-bounds; extra == 'server'",
    )
    return site


@pytest.mark.parametrize(
    ("installed", "old"),
    [
        *(
            ("0.49.0", True),
            ("0.52.0", True),
            ("0.6", True),
            ("0.52.1", False),
            ("0.52.1.0", False),
        ),
        *(("0.52.10", False), ("0.100", False), ("1", False), ("1.0rc1", False), ("1!0.1", True)),
    ],
)
def test_releases_are_compared_by_their_numbers(site: Path, installed: str, old: bool) -> None:
    package(site, "uvicorn", installed)
    assert [each.package for each in too_old("server")] == (["uvicorn"] if old else [])


def test_each_extra_has_its_own_bounds(site: Path) -> None:
    package(site, "uvicorn", "0.49.0")
    package(site, "Pydantic.Settings", "2.0")
    package(site, "needed-by-all", "4.0")
    package(site, "flwr", "1.42.0", "uvicorn[standard]<0.50.0,>=0.49.0", "needed_by_all (~=4.0)")
    assert [old.package for old in too_old()] == ["needed-by-all"]
    assert [old.package for old in too_old("flower")] == ["needed-by-all"]
    server = {old.package: old for old in too_old("server")}
    assert set(server) == {"needed-by-all", "uvicorn", "pydantic-settings"}
    assert server["uvicorn"] == TooOld(
        "uvicorn", "0.49.0", "0.52.1", "flwr 1.42.0 (uvicorn<0.50.0,>=0.49.0)"
    )
    assert server["pydantic-settings"].wanted_by == ""


def test_without_metadata_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    assert too_old("server") == []


def test_the_server_says_what_an_older_release_came_with(site: Path) -> None:
    package(site, "uvicorn", "0.49.0")
    package(site, "flwr", "1.42.0", "uvicorn[standard]<0.50.0,>=0.49.0")
    script = f"import sys; sys.path.insert(0, {str(site)!r}); from livetrain.server.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "livetrain-server needs uvicorn 0.52.1 or newer, and 0.49.0 is installed, as flwr 1.42.0 (uvicorn<0.50.0,>=0.49.0) "
        "asks for; run: pip install 'uvicorn>=0.52.1', or give it an environment of its own.\n"
    )
