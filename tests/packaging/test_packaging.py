"""What is in a wheel, and what is not; and that a wheel without a dashboard cannot be made.

`nox -s build` makes sdist and wheel once, and says in ``TESTED_DIST`` where they are; by itself pytest makes them here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DASHBOARD = "src/livetrain/server/dashboard/"
pytestmark = pytest.mark.timeout(300)


def _build(source: Path, into: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "build", *options, "--outdir", str(into), str(source)],
        capture_output=True,
        text=True,
        timeout=280,
    )


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one sdist and one wheel."""
    if made := os.environ.get("TESTED_DIST"):
        return Path(made)
    folder = tmp_path_factory.mktemp("dist")
    done = _build(ROOT, folder, "--sdist", "--wheel")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def tree(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(dist: Path) -> zipfile.ZipFile:
    (path,) = dist.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_has_the_built_dashboard(wheel: zipfile.ZipFile) -> None:
    static = [name for name in wheel.namelist() if name.startswith("livetrain/server/static/")]
    assert "livetrain/server/static/index.html" in static
    page = wheel.read("livetrain/server/static/index.html").decode()
    scripts = [name for name in static if name.endswith(".js")]
    assert any(name.rpartition("/")[2] in page for name in scripts)


def test_the_wheel_has_only_what_runs(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert {name.partition("/")[0] for name in names} == {
        "livetrain",
        next(name for name in names if ".dist-info/" in name).partition("/")[0],
    }
    unwanted = [
        name for name in names if name.endswith((".ts", ".tsx", ".map")) or "/dashboard/" in name
    ]
    assert unwanted == []


def test_the_wheel_is_typed_and_licensed(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert "livetrain/py.typed" in names
    assert "livetrain/proto/telemetry_pb2.pyi" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_wheel_says_what_it_needs_and_offers(wheel: zipfile.ZipFile) -> None:
    info = next(n for n in wheel.namelist() if n.endswith("dist-info/METADATA")).rpartition("/")[0]
    metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    base = {
        line.split(">")[0].split("<")[0]
        for line in metadata.get_all("Requires-Dist", [])
        if "extra ==" not in line
    }
    assert base == {
        *("click", "grpcio", "numpy", "pillow", "protobuf", "psutil", "simplejpeg", "tenacity"),
    }
    assert set(metadata.get_all("Provides-Extra", [])) == {
        *("demo", "server"),
        *("accelerate", "fastai", "flower", "keras", "lightning", "transformers", "ultralytics"),
    }
    entry_points = wheel.read(f"{info}/entry_points.txt").decode()
    assert "livetrain = livetrain.cli:main" in entry_points
    assert "livetrain-server = livetrain.server.cli:main" in entry_points


def test_the_sdist_has_the_sources_of_the_dashboard_and_not_what_they_make(tree: Path) -> None:
    assert (tree / DASHBOARD / "package-lock.json").is_file()
    assert list((tree / DASHBOARD / "src").rglob("*.tsx"))
    assert not (tree / DASHBOARD / "node_modules").exists()
    assert not (tree / "src/livetrain/server/static").exists()


def test_a_wheel_without_a_dashboard_cannot_be_made(tree: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(tree, bare, ignore=shutil.ignore_patterns("dashboard"))
    done = _build(bare, tmp_path / "dist", "--wheel")
    assert done.returncode != 0
    assert "there is no dashboard to build; take a whole source tree" in done.stdout + done.stderr
    assert not list((tmp_path / "dist").glob("*.whl"))
