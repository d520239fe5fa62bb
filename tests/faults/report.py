"""Runs the suite and prints what it has to show: ``python -m tests.faults.report [--results FILE] [pytest's arguments]``.

With ``FAULTS_FULL=1`` everything runs, as ``nox -s faults`` does; else the slice that is part of every test run. What is measured
is added to FILE where one is given, and the tables are then of all that is in it: so the suite can be run in parts, with
``-k F06`` and the like, one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.faults.figures import FIGURES

__all__ = ["Collector", "fault_table", "figure_table"]

Result = dict[str, Any]


class Collector:
    """A plugin of pytest that keeps how each scenario ended, and what it measured."""

    def __init__(self) -> None:
        self.results: dict[str, Result] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        result = self.results.setdefault(
            report.nodeid,
            {"scenario": report.nodeid, "outcome": "passed", "figures": [], "row": {}},
        )
        result["seconds"] = result.get("seconds", 0.0) + report.duration
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            said = crash.message if crash is not None else str(report.longrepr)
            result["outcome"] = f"failed: {said.splitlines()[0][:200]}"
        elif report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            result["outcome"] = f"skipped: {reason.removeprefix('Skipped: ')}"
        if report.when == "call":
            for name, value in report.user_properties:
                if name in FIGURES:
                    result["figures"].append([name, value])
                elif name == "row":
                    result["row"] = value


def figure_table(results: Sequence[Result]) -> str:
    """Return the figures as a Markdown table, with how many scenarios gave each."""
    found: dict[str, list[float]] = defaultdict(list)
    for result in results:
        for name, value in result["figures"]:
            found[name].append(float(value))
    rows = ["| figure | to reach | value | | scenarios |", "|---|---|---|---|---|"]
    for name, figure in FIGURES.items():
        bound = f"{'≥' if figure.at_least else '≤'} {figure.bound:g} {figure.unit}".strip()
        values = found.get(name, [])
        value, verdict = "not measured in this run", ""
        if values:
            number = figure.combine(values)
            value = f"{number:.4g} {figure.unit}".strip()
            verdict = "reached" if figure.holds(number) else "**missed**"
        rows.append(f"| {figure.title} | {bound} | {value} | {verdict} | {len(values)} |")
    return "\n".join(rows)


def fault_table(results: Sequence[Result]) -> str:
    """Return what each fault did to a training that ran in turns with the same training without telemetry."""
    head = [
        "fault",
        "p99 of a step, ms",
        "against none",
        "longest stall, ms",
        "without telemetry",
        "longest log call, ms",
        "reconnects",
        "produced",
        "stored",
        "thinned",
        "images left out",
    ]
    rows = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for result in results:
        row = result["row"]
        if not row:
            continue
        if "ratio" not in row:
            rows.append(f"| {row.get('fault', result['scenario'])} | {result['outcome']} |")
            continue
        left_out = ", ".join(f"{n} {reason}" for reason, n in sorted(row["stripped"].items()))
        cells = [
            row["fault"] + ("" if result["outcome"] == "passed" else " (failed)"),
            f"{row['p99_ms']:.1f}",
            f"{row['ratio']:.3f} ×",
            f"{row['stall_ms']:.1f}",
            f"{row['control_stall_ms']:.1f}",
            f"{row['log_ms']:.1f}",
            row["reconnects"],
            row.get("produced", ""),
            row.get("stored", ""),
            row["dropped"].get("thinned", 0),
            left_out,
        ]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


def _remainder(results: Sequence[Result]) -> str:
    """Say which scenarios failed or could not run."""
    counts = {word: 0 for word in ("passed", "failed", "skipped")}
    lines = []
    for result in results:
        counts[result["outcome"].partition(":")[0]] += 1
        if result["outcome"] != "passed":
            lines.append(f"| {result['scenario']} | {result['outcome']} |")
    minutes = sum(result["seconds"] for result in results) / 60
    summary = ", ".join(f"{count} {word}" for word, count in counts.items())
    table = ["\n| scenario | |\n|---|---|", *lines] if lines else []
    return "\n".join([f"{summary}, {minutes:.1f} minutes", *table])


def main(arguments: Sequence[str]) -> int:
    """Run pytest, print the tables, return pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=False)
    parser.add_argument("--results", type=Path)
    known, rest = parser.parse_known_args(arguments)
    collector = Collector()
    load = os.getloadavg()[0]
    code = pytest.main([str(Path(__file__).parent), *rest], plugins=[collector])
    from tests.faults.conftest import FULL, SEED  # only now: it draws the seed

    kept: dict[str, Result] = {}
    if known.results is not None and known.results.exists():
        for line in known.results.read_text().splitlines():
            kept[json.loads(line)["scenario"]] = json.loads(line)
    kept |= collector.results
    results = list(kept.values())
    if known.results is not None:
        known.results.write_text("".join(json.dumps(result) + "\n" for result in results))
    length = "at full length" if FULL else "a slice"
    print(
        f"\nThe faults, {length}, {time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load at the start {load:.1f}; "
        f"repeat the last part with FAULT_SEED={SEED}.\n"
    )
    print(f"{figure_table(results)}\n\n{fault_table(results)}\n\n{_remainder(results)}\n")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
