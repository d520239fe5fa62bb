"""Runs found by words, state and project, newest first, page by page."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    func,
    literal,
    not_,
    or_,
    select,
)

from livetrain.server.run_bounds import first_numbers
from livetrain.server.store import schema

__all__ = ["RunCursor", "RunFilter", "count_runs", "find_runs", "read_search"]

_ENDED = ("finished", "failed", "interrupted")


_GUEST: Final = 2
"""The protocol of runs that nobody is connected for."""
_PART: Final = re.compile(r'"([^"]*)"|([^\s"]+)')
_MOST_PARTS: Final = 32
_HEAD_BYTES: Final = 24
"""Of a config, in which its numbers stand."""


def read_search(text: str) -> tuple[list[str], list[str]]:
    """Return the words of a search, and what stands in quotes: a name, project, id or tag as a whole; both folded.

    Example:
        >>> read_search('Baseline "run 1" x')
        (['baseline', 'x'], ['run 1'])
    """
    words: list[str] = []
    whole: list[str] = []
    for part in list(_PART.finditer(text.casefold()))[:_MOST_PARTS]:
        if part[1]:
            whole.append(part[1])
        elif part[2]:
            words.append(part[2])
    return words, whole


@dataclass(frozen=True, slots=True)
class RunCursor:
    """Where a page of runs ends: older ones follow.

    Example:
        >>> RunCursor.read(str(RunCursor(1700000000000, 12)))
        RunCursor(created_ms=1700000000000, key=12)
        >>> RunCursor.read("hm") is None
        True
    """

    created_ms: int
    key: int

    def __str__(self) -> str:
        return f"{self.created_ms}-{self.key}"

    @classmethod
    def read(cls, text: str) -> RunCursor | None:
        """Return what `str` made a text of; None: it is none."""
        created, dash, key = text.partition("-")
        if not dash or not (created + key).isascii() or not (created + key).isdigit():
            return None
        if not created or not key or max(len(created), len(key)) > 18:
            return None
        return cls(int(created), int(key))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs are wanted.

    Attributes:
        words: each stands somewhere in name, project, id or tags; folded.
        whole: each is a name, project, id or tag as it is; folded.
        statuses: how they stand; "lost" are those that said nothing of an end and are not heard any more. Empty: any.
        project: theirs; None: any.
        heard_since_ms: who was heard since then is not lost; Unix milliseconds.
        guest_heard_since_ms: the same of runs that nobody is connected for.
        heard: keys of runs that are not lost, as the server knows better than the store.
    """

    words: Sequence[str] = ()
    whole: Sequence[str] = ()
    statuses: Collection[str] = ()
    project: str | None = None
    heard_since_ms: int = 0
    guest_heard_since_ms: int = 0
    heard: Collection[int] = ()


def _conditions(wanted: RunFilter) -> list[ColumnElement[bool]]:
    runs = schema.runs
    found: list[ColumnElement[bool]] = [runs.c.deleted.is_(False)]
    found += [runs.c.search.contains(word, autoescape=True) for word in wanted.words]
    lines = literal("\n") + runs.c.search + "\n"
    found += [lines.contains(f"\n{text}\n", autoescape=True) for text in wanted.whole]
    if wanted.project is not None:
        found.append(runs.c.project == wanted.project)
    if wanted.statuses:
        lost = and_(
            runs.c.status.not_in(_ENDED),
            runs.c.last_heard_ms
            < case(
                (runs.c.protocol == _GUEST, wanted.guest_heard_since_ms),
                else_=wanted.heard_since_ms,
            ),
            runs.c.key.not_in(wanted.heard),
        )
        said = runs.c.status.in_([word for word in wanted.statuses if word != "lost"])
        there = and_(said, not_(lost))
        found.append(or_(there, lost) if "lost" in wanted.statuses else there)
    return found


def find_runs(
    connection: Connection, wanted: RunFilter, *, limit: int, before: RunCursor | None
) -> list[dict[str, Any]]:
    """Return rows of runs, those that began last first; without tracebacks, and of their settings the numbers alone.

    Args:
        connection: to read from.
        wanted: which.
        limit: how many at most.
        before: only runs that stand behind this place; None: from the start.
    """
    runs = schema.runs
    columns = [column for column in runs.c if column.name not in ("config", "traceback")]
    query = (
        select(*columns, func.substr(runs.c.config, 1, _HEAD_BYTES).label("head"))
        .where(*_conditions(wanted))
        .order_by(runs.c.created_ms.desc(), runs.c.key.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(
            or_(
                runs.c.created_ms < before.created_ms,
                and_(runs.c.created_ms == before.created_ms, runs.c.key < before.key),
            )
        )
    return [
        {**row, "config": first_numbers(row["head"] or b""), "traceback": ""}
        for row in connection.execute(query).mappings()
    ]


def count_runs(connection: Connection, wanted: RunFilter) -> int:
    """Return how many runs there are of those that are wanted."""
    query = select(func.count()).select_from(schema.runs).where(*_conditions(wanted))
    return int(connection.execute(query).scalar() or 0)
