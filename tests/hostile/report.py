"""Carries out every attack and prints the table: ``python -m tests.hostile.report [SECONDS] [WORD OF A NAME ...]``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.hostile.attack import Attack
from tests.hostile.attacks import all_attacks
from tests.hostile.bystanders import Bystanders
from tests.hostile.harness import HEADINGS, Row, calm, endure, integrity, store_folder
from tests.integration.server.processes import ServerProcess


def measure(attacks: Sequence[Attack], seconds: float, folder: Path) -> tuple[list[Row], str]:
    """Carry attacks out one after the other, on one server unless an attack has flags, and check the stores."""
    rows: list[Row] = []
    verdicts: list[str] = []
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Attack]] = {}
    for attack in attacks:
        groups.setdefault((attack.flags, attack.before), []).append(attack)
    for number, ((flags, before), several) in enumerate(groups.items()):
        data = folder / f"data{number}"
        with ServerProcess(data, *flags, before=before) as server:
            for attack in several:
                with Bystanders(server) as bystanders:
                    usual = calm(bystanders, 3.0)
                    row = endure(server, bystanders, attack, seconds=seconds, usual=usual)
                rows.append(row)
                print(f"| {' | '.join(row.cells())} |", flush=True)
            verdicts.append(f"exit code {server.stop()}, store {integrity(data)}")
            if os.environ.get("HOSTILE_LOG"):
                print("\n".join(server.log))
    return rows, "; ".join(verdicts)


def main(arguments: Sequence[str]) -> int:
    """Print the table; return 1 where somebody was harmed."""
    seconds = float(arguments[0]) if arguments and arguments[0].replace(".", "").isdigit() else 10.0
    words = [word for word in arguments if not word.replace(".", "").isdigit()]
    attacks = [a for a in all_attacks() if not words or any(word in a.name for word in words)]
    print(
        f"The attacks, {seconds:g} s each, {time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, "
        f"load at the start {os.getloadavg()[0]:.1f}.\n"
    )
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}", flush=True)
    with store_folder() as folder:
        rows, verdict = measure(attacks, seconds, folder)
    print(f"\n{verdict}")
    missed = [
        row.name for row in rows if not row.unharmed or row.health_cpu > 0.1 or row.own_ratio > 1.5
    ]
    print(f"missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
