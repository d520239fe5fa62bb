"""Finds the run that a request is about, or answers 404."""

from __future__ import annotations

from typing import Final

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse

from livetrain.server.intake import Intake
from livetrain.server.registry import Registry
from livetrain.server.run import Run

__all__ = ["LARGEST", "answer_gone", "find_run", "find_settled_run"]

LARGEST: Final = 2**63 - 1
"""The largest number that a store can be asked for."""


async def find_run(registry: Registry, run_id: str, *, published: bool = False) -> Run:
    """Return a run by its id.

    Args:
        registry: the runs.
        run_id: the id.
        published: whether the newest run answers, too, that a publisher of the relay called so: to look at, not to change it.

    Raises:
        HTTPException: 404, there is none.
    """
    run = await (registry.find_named(run_id) if published else registry.find(run_id))
    if run is None:
        raise HTTPException(404, f"There is no run {run_id[:40]!r}; /api/runs lists them.")
    return run


async def find_settled_run(intake: Intake, run_id: str) -> Run:
    """Return a run to look at; of one that is said to be over, everything is in the store.

    Raises:
        HTTPException: 404, there is none.
    """
    run = await find_run(intake.registry, run_id, published=True)
    await intake.registry.settle_published(run)
    if run.ended and run.committed < run.offset:
        await intake.settle()
    return run


async def answer_gone(_: Request, error: Exception) -> JSONResponse:
    """Return 404 for a run that was deleted while it was asked about."""
    return JSONResponse(
        {"detail": f"There is no run {str(error)[:40]!r}; /api/runs lists them."}, 404
    )
