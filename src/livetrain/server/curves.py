"""Curves over HTTP: as points, or as stretches of equal extent; and where each curve stands."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi.responses import StreamingResponse

from livetrain.server.curve_json import curve_pieces, page_json, text
from livetrain.server.intake import Intake
from livetrain.server.lookup import LARGEST, find_settled_run
from livetrain.server.report import report_fields
from livetrain.server.run import Run
from livetrain.server.store.grid import Axis, Window
from livetrain.server.store.question import Question, Stat

__all__ = ["Curves"]

_LEAST_POINTS: Final = 4
_BUCKETS: Final = 1500
"""How many buckets are given when nobody says how many."""
_LAST: Final = 2**62
"""Beyond the last step and the last time that there are."""
_CURVES_AT_ONCE: Final = 200
"""Curves that are read together: others are answered in between."""
_POINTS_AT_ONCE: Final = 200_000
_PIECE_BYTES: Final = 1 << 20


class Curves:
    """The routes of curves."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._registry = intake.registry
        self.router = APIRouter()
        route = self.router.add_api_route
        route(
            "/api/runs/{run_id}/metrics/summary",
            self.summary,
            methods=["GET"],
            summary="Where the curves of a run stand",
        )
        route("/api/runs/{run_id}/metrics", self.metrics, methods=["GET"], summary="Curves")

    async def summary(
        self,
        run_id: str,
        q: Annotated[
            str, Query(description="a part of the names that are wanted; absent: all")
        ] = "",
        after: Annotated[str | None, Query(description="`next` of the answer before")] = None,
        limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    ) -> Response:
        """Return where curves stand, by name; `next` is what to ask after, or null at the end."""
        run = await find_settled_run(self._intake, run_id)
        page = await self._registry.ask_about(
            run, self._registry.reader.metric_page, search=q, after=after, limit=limit
        )
        return _json(await self._registry.ask(page_json, page))

    async def metrics(
        self,
        run_id: str,
        names: Annotated[str | None, Query(description="comma-separated; absent: all")] = None,
        name: Annotated[
            list[str] | None, Query(description="one metric, whatever its name; may come again")
        ] = None,
        first: Annotated[
            float | None, Query(alias="from", ge=0, description="first step, or Unix seconds")
        ] = None,
        to: Annotated[float | None, Query(ge=0, description="last step, or Unix seconds")] = None,
        points: Annotated[
            int | None, Query(ge=1, le=100_000, description="at most so many a curve; absent: all")
        ] = None,
        stat: Annotated[
            Stat, Query(description="`buckets`: count, mean and more of stretches of equal extent")
        ] = "points",
        axis: Annotated[
            Axis, Query(description="what `from` and `to` and the stretches are of")
        ] = "step",
        attempt: Annotated[
            int | None,
            Query(
                ge=1,
                le=LARGEST,
                description="which start of the training; absent: the newest of each step",
            ),
        ] = None,
    ) -> Response:
        """Return curves. A non-finite value is null, and its step and kind are listed under `nonfinite`.

        Who asks for all of a run, with nothing in the query, is told its results as well.
        """
        run = await find_settled_run(self._intake, run_id)
        if stat == "buckets":
            points = points or _BUCKETS
        elif points is not None and points < _LEAST_POINTS:
            raise HTTPException(
                422,
                f"points={points} is too few for a curve; give {_LEAST_POINTS} or more, or stat=buckets.",
            )
        window = Window(axis, _bound(axis, first), _bound(axis, to, up=False))
        question = Question(window, points, stat, attempt)
        wanted = _names(names, name)
        results: dict[str, Any] = {}
        if wanted is None:
            wanted = await self._registry.ask_about(run, self._registry.reader.metric_names)
            if question == Question():
                results = await report_fields(self._registry, run)
        body = self._pieces(run, wanted, question, results)
        # Most answers are small, and have a length then.
        pieces: list[bytes] = []
        async for piece in body:
            pieces.append(piece)
            if sum(map(len, pieces)) >= _PIECE_BYTES:
                return StreamingResponse(_chained(pieces, body), media_type="application/json")
        return _json(b"".join(pieces))

    async def _pieces(
        self, run: Run, names: Sequence[str], question: Question, results: dict[str, Any]
    ) -> AsyncIterator[bytes]:
        """Yield the answer in pieces of some size; what is read for one is not held longer."""
        ask, about, reader = self._registry.ask, self._registry.ask_about, self._registry.reader
        head = {"run_id": run.run_id, "epoch_id": self._intake.epoch, **_attempts(run), **results}
        yield text(head)[:-1] + b',"metrics":{'
        begun = False
        sizes: Sequence[int] = ()
        if question.points is None and len(names) > 1:
            sizes = await about(run, reader.curve_sizes, names)
        for group in _groups(names, sizes):
            curves = await about(run, reader.curves, names=group, question=question)
            pieces = curve_pieces(curves)
            del curves
            while piece := await ask(_gather, pieces):
                yield piece if begun else piece[1:]
                begun = True
        yield b"}}"


def _groups(names: Sequence[str], sizes: Sequence[int]) -> Iterator[Sequence[str]]:
    """Yield the names of curves that are read together: some, and where they are read whole, not too many points at once."""
    group: list[str] = []
    points = 0
    for at, name in enumerate(names):
        size = sizes[at] if sizes else 0
        if group and (len(group) >= _CURVES_AT_ONCE or points + size > _POINTS_AT_ONCE):
            yield group
            group, points = [], 0
        group.append(name)
        points += size
    if group:
        yield group


def _gather(pieces: Iterator[bytes]) -> bytes:
    """Return the next pieces as one; empty: there are no more."""
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= _PIECE_BYTES:
            break
    return b"".join(gathered)


async def _chained(pieces: Sequence[bytes], more: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    async for piece in more:
        yield piece


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _attempts(run: Run) -> dict[str, Any]:
    """Return the starts of a run's training; nothing where it was started once."""
    attempts = [
        {"attempt": attempt.attempt, "from_step": attempt.from_step}
        for attempt in run.streams.attempts
    ]
    return {"attempts": attempts} if attempts else {}


def _names(names: str | None, name: list[str] | None) -> list[str] | None:
    """Return the metrics that are asked for, each once, or None: all."""
    if names is None and name is None:
        return None
    listed = [part for part in (names or "").split(",") if part]
    return list(dict.fromkeys([*listed, *(name or [])]))


def _bound(axis: Axis, value: float | None, *, up: bool = True) -> int | None:
    """Return a bound as a step or in microseconds: the first one that is meant, or with ``up=False`` the last."""
    if value is None:
        return None
    if math.isnan(value):
        raise HTTPException(422, "A bound is no number; give a step or Unix seconds.")
    if axis == "time":
        return round(min(value * 1e6, _LAST))
    return (math.ceil if up else math.floor)(min(value, _LAST))
