"""`GET /api/runs`: every run can be reached, by search and page by page."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Query, Response

from livetrain.server.json_reply import json_reply
from livetrain.server.registry import Registry
from livetrain.server.run import GUEST_PATIENCE, LOST_SECONDS
from livetrain.server.run_views import run_view
from livetrain.server.store.run_search import RunCursor, RunFilter, read_search

__all__ = ["RunList"]

_AT_ONCE: Final = 16
"""So many runs are looked at before others have their turn."""
_STATUSES: Final = (
    "initializing",
    "running",
    "paused",
    "finished",
    "failed",
    "interrupted",
    "lost",
)


class RunList:
    """The route that lists runs.

    Args:
        registry: the runs in memory, and the store behind them.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.router = APIRouter()
        self.router.add_api_route(
            "/api/runs", self.runs, methods=["GET"], summary="Runs, newest first"
        )

    async def runs(
        self,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        cursor: Annotated[
            str | None, Query(description="`next` of the answer before", max_length=64)
        ] = None,
        q: Annotated[
            str,
            Query(
                description="words of name, project, id or tags; each must be there, in any case; "
                'in "quotes" one of these as a whole',
                max_length=1000,
            ),
        ] = "",
        status: Annotated[
            str,
            Query(
                description="comma-separated: initializing, running, paused, finished, failed, interrupted, lost",
                max_length=200,
            ),
        ] = "",
        project: Annotated[str | None, Query(description="exactly this one")] = None,
    ) -> Response:
        """Return runs, those that began last first; `next` is the cursor of the following ones, or null; `total` counts all."""
        before = None if cursor is None else RunCursor.read(cursor)
        if cursor is not None and before is None:
            raise HTTPException(
                400, f"{cursor[:40]!r} is no cursor; give `next` of the answer before."
            )
        now_ms = time.time_ns() // 1_000_000
        words, whole = read_search(q)
        wanted = RunFilter(
            words=words,
            whole=whole,
            statuses=_statuses(status),
            project=project,
            heard_since_ms=now_ms - int(LOST_SECONDS * 1000),
            guest_heard_since_ms=now_ms - int(LOST_SECONDS * GUEST_PATIENCE * 1000),
            heard=[
                run.key for run in self._registry.runs if not run.ended and run.contact != "lost"
            ],
        )
        reader = self._registry.reader
        rows, total = await self._registry.ask(
            reader.search_runs, wanted, limit=limit + 1, before=before
        )
        shown = await self._registry.glance(rows[:limit])
        last = rows[limit - 1] if len(rows) > limit else None
        following = None if last is None else str(RunCursor(last["created_ms"], last["key"]))
        views = []
        for place, run in enumerate(shown, 1):
            views.append(run_view(run, time.monotonic()))
            if place % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return await json_reply({"runs": views, "next": following, "total": total})


def _statuses(text: str) -> list[str]:
    words = [word for part in text.split(",") if (word := part.strip().lower())]
    for word in words:
        if word not in _STATUSES:
            raise HTTPException(
                400, f"{word[:40]!r} is no status; there are {', '.join(_STATUSES)}."
            )
    return words
