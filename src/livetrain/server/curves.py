"""Curves over HTTP: as points, or as stretches of equal extent."""

from __future__ import annotations

import math
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Query, Response

from livetrain.server.curve_json import curves_json
from livetrain.server.intake import Intake
from livetrain.server.lookup import find_settled_run
from livetrain.server.store.grid import Axis, Window
from livetrain.server.store.question import Question, Stat

__all__ = ["Curves"]

_LEAST_POINTS: Final = 4
_BUCKETS: Final = 1500
"""How many buckets are given when nobody says how many."""
_LAST: Final = 2**62
"""Beyond the last step and the last time that there are."""


class Curves:
    """The routes of curves."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._registry = intake.registry
        self.router = APIRouter()
        route = self.router.add_api_route
        route("/api/runs/{run_id}/metrics", self.metrics, methods=["GET"], summary="Curves")

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
    ) -> Response:
        """Return curves. A non-finite value is null, and its step and kind are listed under `nonfinite`."""
        run = await find_settled_run(self._intake, run_id)
        wanted = _names(names, name)
        if stat == "buckets":
            points = points or _BUCKETS
        elif points is not None and points < _LEAST_POINTS:
            raise HTTPException(
                422,
                f"points={points} is too few for a curve; give {_LEAST_POINTS} or more, or stat=buckets.",
            )
        question = Question(
            Window(axis, _bound(axis, first), _bound(axis, to, up=False)), points, stat
        )
        curves = await self._registry.ask(
            self._registry.reader.curves, run.key, names=wanted, question=question
        )
        body = await self._registry.ask(curves_json, run_id, curves)
        return Response(body, media_type="application/json")


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
