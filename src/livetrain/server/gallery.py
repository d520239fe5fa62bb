"""Samples over HTTP: listed, and each picture as the bytes that came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Response

from livetrain.server.lookup import LARGEST
from livetrain.server.registry import Registry
from livetrain.server.run import Run

__all__ = ["Gallery"]

_ROUTE: Final = "/api/runs/{run_id}/samples"
_TYPES: Final = {"jpeg": "image/jpeg", "png": "image/png"}
_HEADERS: Final = {
    # Whatever it is, it is shown as a picture or not at all.
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "private, max-age=600",
    # Whose pages may show it is decided by where a page is: what one was given is not kept for another.
    "vary": "referer",
}


class Gallery:
    """The two routes.

    Args:
        registry: the runs, with the store behind them.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.router = APIRouter()
        route = self.router.add_api_route
        route(_ROUTE, self.samples, methods=["GET"], summary="Samples, newest first")
        route(
            _ROUTE + "/{sample_id}",
            self.picture,
            methods=["GET"],
            summary="A sample's picture",
            response_class=Response,
        )

    async def samples(
        self,
        run_id: str,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        cursor: Annotated[
            int | None, Query(ge=1, le=LARGEST, description="`next` of the answer before")
        ] = None,
    ) -> dict[str, Any]:
        """Return samples whose pictures are kept; `next` is the cursor of the following ones, or null."""
        run = await self._find(run_id)
        rows = list(
            await self._registry.ask_about(
                run, self._registry.reader.samples, limit=limit + 1, before=cursor
            )
        )
        more = len(rows) > limit
        rows = rows[:limit]
        return {
            "run_id": run_id,
            "samples": [_shown(run_id, row) for row in rows],
            "next": rows[-1]["key"] if more else None,
        }

    async def picture(self, run_id: str, sample_id: str) -> Response:
        """Return a picture."""
        run = await self._find(run_id)
        found = await self._registry.ask_about(run, self._registry.reader.picture, sample_id)
        if found is None:
            raise HTTPException(404, f"There is no picture of a sample {sample_id[:70]!r} here.")
        kind, data = found
        return Response(data, media_type=_TYPES[kind], headers=_HEADERS)

    async def _find(self, run_id: str) -> Run:
        run = await self._registry.find(run_id)
        if run is None:
            raise HTTPException(404, f"There is no run {run_id[:40]!r}; /api/runs lists them.")
        return run


def _shown(run_id: str, row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "sample_id": row["sample_id"],
        "kind": row["kind"],
        "prompt": row["prompt"] or None,
        "step": row["step"],
        "epoch": row["epoch"],
        "created_at": row["created_ms"] / 1000,
        "width": row["width"],
        "height": row["height"],
        "bytes": row["size"],
        "picture": f"/api/runs/{run_id}/samples/{row['sample_id']}",
    }
