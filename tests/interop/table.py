"""What `nox -s interop` runs: checks, each of which drives real clients against a real server and gives a line or more.

A module of this package whose name begins with ``check_`` lists its own as ``CHECKS``. To add one: write a function that takes an
empty folder, raises when something is not as it should be, and returns lines; put it into ``CHECKS`` under its name.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tests.interop

__all__ = ["Check", "Line", "all_checks", "print_line"]


@dataclass(frozen=True, slots=True)
class Line:
    """One client or framework: what it sent, what was seen, and what was found equal."""

    name: str
    sent: str
    seen: str
    compared: str


Check = Callable[[Path], Sequence[Line]]


def all_checks() -> dict[str, Check]:
    """Return every check by its name."""
    found: dict[str, Check] = {}
    for module in pkgutil.iter_modules(tests.interop.__path__):
        if module.name.startswith("check_"):
            found |= importlib.import_module(f"tests.interop.{module.name}").CHECKS
    return found


def print_line(line: Line) -> None:
    """Print a line under the heads of `print_heads`."""
    print(f"{line.name:<26} {line.sent:<44} {line.seen:<58} {line.compared}", flush=True)
