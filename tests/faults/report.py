"""Runs the suite and prints what it has to show: ``python -m tests.faults.report [pytest's arguments]``.

With ``FAULTS_FULL=1`` everything runs, as ``nox -s faults`` does; else the slice that is part of every test run.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.faults.figures import FIGURES

__all__ = ["Collector", "table"]


class Collector:
    """A plugin of pytest that keeps what the scenarios measured, by the figure's name."""

    def __init__(self) -> None:
        self.found: dict[str, list[float]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            for name, value in report.user_properties:
                if name in FIGURES:
                    self.found[name].append(float(str(value)))


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
    collector = Collector()
    code = pytest.main([str(Path(__file__).parent), *arguments], plugins=[collector])
    print(f"\n{table(collector.found)}\n")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
