"""What the tests use of tools that only nox installs: compilers, Node."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["built"]

ROOT = Path(__file__).parents[2]


def built(session: str, folder: Path) -> Path:
    """Have a nox session write what it makes into a folder, which is returned; the first time, its tools are installed."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "nox", "-s", session, "--", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=290,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
