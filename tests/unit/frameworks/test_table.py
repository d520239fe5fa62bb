from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from livetrain._frameworks.table import table_text


@pytest.mark.parametrize(
    ("columns", "rows", "text"),
    [
        (["a", "b"], [[1, 2.5], ("x", None)], "a | b\n1 | 2.5\nx | None"),
        (None, [[1], [2]], "1\n2"),
        (None, [{"a": 1, "b": 2}, {"b": 3}], "a | b\n1 | 2\n | 3"),
        (["b"], [{"a": 1, "b": 2}], "b\n2"),
        (["a"], ["one", "two"], "a\none\ntwo"),
        (["a", "b"], np.array([[1, 2]]), "a | b\n1 | 2"),
        (["a"], ([row] for row in "xy"), "a\nx\ny"),
        (["a"], [["two\nlines  of text"]], "a\ntwo lines of text"),
        (None, None, ""),
        (["a"], [], "a"),
    ],
)
def test_a_table_is_a_line_for_each_row(columns: Any, rows: Any, text: str) -> None:
    assert table_text(columns, rows) == text


def test_a_long_table_is_cut_and_says_so() -> None:
    lines = table_text(["n"], [[n] for n in range(1000)]).splitlines()
    assert lines[1:3] == ["0", "1"]
    assert lines[-2:] == ["99", "… and 900 more rows"]


def test_a_cell_is_cut() -> None:
    assert len(table_text(None, [["x" * 10_000]])) == 200
