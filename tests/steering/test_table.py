"""Every row of the table is right, or refused with a sentence. ``nox -s steering`` makes all of them, and prints the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.processes import kill_leftovers
from tests.steering.case import Answer, Case, Given, Trace
from tests.steering.launch import Made, launch
from tests.steering.model import verdict, verdict_of_loss
from tests.steering.table import FULL, rows, train

# Frameworks warn of small data sets and few workers.
pytestmark = [pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    lines: list[str] = []
    yield lines
    if FULL:
        counts = Counter(line.split(" | ")[-1].split(":")[0] for line in lines)
        print("\n" + "\n".join(lines) + f"\n{len(lines)} rows: {dict(counts)}")


@pytest.fixture(scope="module")
def of_ranks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Case], Made]]:
    """Return what was seen of a row; a framework's rows of as many ranks are made together, but for those that lose one."""
    made: dict[tuple[str, int], dict[str, Made]] = {}

    def see(case: Case) -> Made:
        if case.event == "rank lost":
            return launch([case], tmp_path_factory.mktemp("lost"))[case.name]
        group = case.framework, case.ranks
        if group not in made:
            folder = tmp_path_factory.mktemp(f"ranks{case.ranks}")
            together = [row for row in rows() if (row.framework, row.ranks) == group]
            together = [row for row in together if row.event != "rank lost"]
            made[group] = launch(together, folder)
        return made[group][case.name]

    yield see
    kill_leftovers()


@pytest.mark.parametrize("case", rows(1), ids=lambda case: case.name)
def test_a_row_of_one_rank(
    case: Case, table: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVETRAIN_MODE", "offline")
    monkeypatch.setenv("LIVETRAIN_SPOOL_DIR", str(tmp_path))
    found = verdict(case, train(case, disturbed=False), [train(case, disturbed=True)])
    table.append(f"{case.name} | {found}")
    assert not found.startswith("wrong"), found


@pytest.mark.parametrize(
    "case", [case for case in rows() if case.ranks > 1], ids=lambda case: case.name
)
def test_a_row_of_several_ranks(
    case: Case, table: list[str], of_ranks: Callable[[Case], Made]
) -> None:
    judge = verdict_of_loss if case.event == "rank lost" else verdict
    found = judge(case, *of_ranks(case))
    table.append(f"{case.name} | {found}")
    assert not found.startswith("wrong"), found


def test_the_model_tells_right_from_wrong() -> None:
    case = Case("any", "none", (Given("set", {"learning_rate": "0.5"}, before=5),), ranks=2)
    schedule = Trace([(step, 0.1) for step in range(20)])
    assert "never answered" in verdict(case, schedule, [schedule, schedule])
    answer = Answer(0, "applied", 6, "", {"learning_rate": "0.5"})
    right = Trace([(step, 0.5 if step >= 6 else 0.1) for step in range(20)], [answer])
    late = Trace([(step, 0.5 if step >= 7 else 0.1) for step in range(20)], [answer])
    silent = Trace(right.steps, [])
    assert verdict(case, schedule, [right, right]) == "right"
    assert "rank 1 made step 6 with 0.1" in verdict(case, schedule, [right, late])
    assert "rank 1 says None" in verdict(case, schedule, [right, silent])
    assert "20 were to be made" in verdict(
        case, schedule, [right, Trace(right.steps[:9], [answer])]
    )
