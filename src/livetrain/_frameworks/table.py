"""A table as text, for the log of a run. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from livetrain._text import text_of

__all__ = ["table_text"]

_ROWS = 100
_CELL_CHARS = 200


def table_text(columns: Iterable[Any] | None, rows: Any) -> str:
    """Return a table as lines, one a row, with the columns' names above them.

    Args:
        columns: their names. None: those of a data frame or of rows that are mappings, else none.
        rows: a data frame, or an iterable of rows, each a sequence, a mapping or one value. None: there are none.

    Example:
        >>> print(table_text(["prompt", "score"], [["a dog", 0.5], ["a cat", 1]]))
        prompt | score
        a dog | 0.5
        a cat | 1
    """
    if hasattr(rows, "columns") and hasattr(rows, "itertuples"):  # a data frame
        columns = list(rows.columns) if columns is None else columns
        rows = rows.itertuples(index=False, name=None)
    elif callable(to_list := getattr(rows, "tolist", None)):  # an array
        rows = to_list()
    given = iter(() if rows is None else rows)
    shown = list(islice(given, _ROWS))
    left = sum(1 for _ in given)
    names = None if columns is None else list(columns)
    if names is None and shown and isinstance(shown[0], Mapping):
        names = list(shown[0])
    lines = [] if names is None else [_line(names)]
    lines += [_line(_cells(row, names)) for row in shown]
    if left:
        lines.append(f"… and {left} more rows")
    return "\n".join(lines)


def _cells(row: Any, names: Sequence[Any] | None) -> Iterable[Any]:
    if isinstance(row, Mapping):
        return list(row.values()) if names is None else [row.get(name, "") for name in names]
    return row if isinstance(row, (list, tuple)) else [row]


def _line(cells: Iterable[Any]) -> str:
    return " | ".join(" ".join(text_of(cell, _CELL_CHARS).split()) for cell in cells)
