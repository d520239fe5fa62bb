"""A run and its ranks as the HTTP interface shows them. Pure; the clock is passed in."""

from __future__ import annotations

from typing import Any

from livetrain.server.ranks import RankStanding
from livetrain.server.run import Run

__all__ = ["rank_view", "run_view"]


def run_view(run: Run, now: float) -> dict[str, Any]:
    """Return what a list shows of a run at a moment of the monotonic clock; times are Unix seconds, None where not known."""
    return {
        "run_id": run.run_id,
        "name": run.name,
        "project": run.project,
        "tags": list(run.tags),
        "status": run.status,
        "contact": run.contact,
        "message": run.message,
        "created_at": run.created_ms / 1000,
        "started_at": run.first_point_us / 1e6 or None,
        "ended_at": run.ended_ms / 1000 if run.ended_ms else None,
        "duration": run.duration_seconds,
        "last_heard_at": run.last_heard_ms / 1000,
        "clock_offset": run.clock_offset_us / 1e6,
        "steps": run.steps,
        "epoch": run.epoch,
        "total_epochs": run.config.total_epochs or None,
        "exit_code": run.exit_code,
        "remarks": run.lasting_remarks(now),
    }


def rank_view(rank: RankStanding) -> dict[str, Any]:
    """Return how a rank stands."""
    return {
        "rank": rank.rank,
        "contact": rank.contact,
        "status": rank.word,
        "message": rank.message,
        "steps": rank.steps,
        "last_step": rank.last_step,
        "step_ms": rank.step_ms,
        "own_ms": rank.own_ms,
        "last_heard_at": rank.last_heard_ms / 1000 if rank.last_heard_ms else None,
    }
