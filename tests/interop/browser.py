"""The machine's Chromium, as Playwright is told to start it; without one, Playwright's own."""

from __future__ import annotations

import os
import shutil
from typing import Any

__all__ = ["chromium"]


def chromium() -> dict[str, Any]:
    """Return the arguments of `launch`."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    # Chromium's sandbox refuses to run as root, which is what a container usually is.
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    arguments = [*quiet, *root, "--disable-gpu", "--disable-quic", "--no-first-run"]
    return {"args": arguments, **({"executable_path": found} if found else {})}
