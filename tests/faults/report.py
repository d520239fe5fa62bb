"""Runs the suite and prints what it has to show: ``python -m tests.faults.report [pytest's arguments]``.

With ``FAULTS_FULL=1`` everything runs, as ``nox -s faults`` does; else the slice that is part of every test run.
"""

from __future__ import annotations

import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path

import pytest

from tests.faults.figures import FIGURES

__all__ = ["measurements", "table"]


def measurements(junit: Path) -> dict[str, list[float]]:
    """Read what the scenarios measured from pytest's report, by the figure's name."""
    found: dict[str, list[float]] = defaultdict(list)
    for element in ET.parse(junit).iter("property"):
        if (name := element.get("name", "")) in FIGURES:
            found[name].append(float(element.get("value", "nan")))
    return found


def table(found: dict[str, list[float]]) -> str:
    """Return the figures as a Markdown table, with how many scenarios gave each."""
    rows = ["| figure | to reach | reached | scenarios |", "|---|---|---|---|"]
    for name, figure in FIGURES.items():
        bound = f"{'≥' if figure.at_least else '≤'} {figure.bound:g} {figure.unit}"
        values = found.get(name, [])
        if values:
            value = figure.combine(values)
            reached = f"{value:.4g} {figure.unit}{'' if figure.holds(value) else ' **missed**'}"
        else:
            reached = "not measured in this run"
        rows.append(f"| {figure.title} | {bound} | {reached} | {len(values)} |")
    return "\n".join(rows)


def main(arguments: list[str]) -> int:
    """Run pytest, print the table, return pytest's exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        junit = Path(scratch) / "faults.xml"
        code = pytest.main([str(Path(__file__).parent), f"--junitxml={junit}", *arguments])
        if junit.exists():
            print(f"\n{table(measurements(junit))}\n")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
