"""What is generated from the wire schema, in Python and TypeScript, is what the schema says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)  # the first time, the compilers of both languages are installed
def test_the_generated_code_is_current() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nox", "-s", "proto", "--", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=290,
    )
    assert done.returncode == 0, done.stdout + done.stderr
