"""The HTTP interface for scripts and the page. NaN and infinity never appear as bare tokens: they are not JSON."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Response, WebSocket
from google.protobuf.json_format import MessageToDict

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.curves import Curves
from livetrain.server.event_views import events_json
from livetrain.server.gallery import Gallery
from livetrain.server.intake import Intake
from livetrain.server.json_reply import json_reply
from livetrain.server.live import Live
from livetrain.server.lookup import LARGEST, find_run, find_settled_run
from livetrain.server.orders import Orders
from livetrain.server.reports import told_report
from livetrain.server.result_routes import ResultRoutes
from livetrain.server.run_list import RunList
from livetrain.server.run_views import rank_view, run_view
from livetrain.server.settings_json import read_settings
from livetrain.server.store.journal import JournalError
from livetrain.server.upkeep import Upkeep

__all__ = ["Api"]

_EVENTS_BYTES: Final = 2 * 1024 * 1024
"""Of the records of one answer."""


class Api:
    """The routes below ``/api``, and those for whoever watches the server itself."""

    def __init__(self, intake: Intake, upkeep: Upkeep, live: Live, orders: Orders) -> None:
        self._intake = intake
        self._upkeep = upkeep
        self._live = live
        self._registry = intake.registry
        self.ready = False
        self.router = APIRouter()
        route = self.router.add_api_route
        self.router.include_router(RunList(intake.registry).router)
        route("/api/runs/{run_id}", self.run, methods=["GET"], summary="One run")
        route(
            "/api/runs/{run_id}",
            self.delete,
            methods=["DELETE"],
            status_code=204,
            summary="Delete a run and all of its data",
        )
        route(
            "/api/runs/{run_id}/events", self.events, methods=["GET"], summary="Committed records"
        )
        self.router.include_router(orders.router)
        self.router.include_router(Curves(intake).router)
        self.router.include_router(ResultRoutes(intake).router)
        self.router.include_router(Gallery(intake.registry).router)
        route(
            "/healthz",
            self.healthz,
            methods=["GET"],
            summary="Is it alive, and does its store take records?",
        )
        route("/readyz", self.readyz, methods=["GET"], summary="Is it ready for trainers?")
        route("/metrics", self.prometheus, methods=["GET"], summary="Counters for Prometheus")
        self.router.add_api_websocket_route("/api/runs/{run_id}/live", self._live_route)

    async def _live_route(self, websocket: WebSocket, run_id: str) -> None:
        await self._live.serve(websocket, run_id)

    async def run(self, run_id: str) -> Response:
        """Return a run with its settings, streams and the names of its curves."""
        run = await find_run(self._registry, run_id, published=True)
        names = await self._registry.ask_about(run, self._registry.reader.metric_names)
        # Settings are texts of any length in JSON.
        config = await asyncio.to_thread(_config, _copy(run.config))
        now = time.monotonic()
        whole = {
            **run_view(run, now),
            "epoch_id": self._intake.epoch,
            "offset": run.committed,
            "config": config,
            "class_names": list(run.config.class_names),
            "controls": [MessageToDict(c, preserving_proto_field_name=True) for c in run.declared],
            "report": MessageToDict(told_report(run.report), preserving_proto_field_name=True),
            "metrics": names,
            "viewers": len(self._intake.hub.channel(run).viewers),
            "frames": run.frames,
            "world_size": run.world_size,
            "ranks": [rank_view(rank) for rank in run.ranks(now)],
            "remarks": [
                *run.lasting_remarks(now),
                *run.remarks(now, time.time_ns() // 1_000_000),
            ],
            "attempts": [
                {"attempt": one.attempt, "from_step": one.from_step} for one in run.streams.attempts
            ],
            "traceback": run.traceback or None,
            "trouble": self._intake.hub.trouble.sentence or None,
            "streams": [
                {
                    "stream_id": stream.stream_id,
                    "rank": stream.rank,
                    "attempt": stream.attempt,
                    "connected": stream.outlet is not None,
                    "durable_seq": stream.order.durable,
                }
                for stream in run.streams.values()
            ],
        }
        return await json_reply(whole)

    async def delete(self, run_id: str) -> Response:
        """Delete a run: its records, curves, viewers and streams."""
        run = await find_run(self._registry, run_id)
        try:
            await self._upkeep.delete(run)
        except JournalError as error:
            raise HTTPException(
                503, f"The store cannot be written now ({error}); try again."
            ) from error
        return Response(status_code=204)

    async def events(
        self,
        run_id: str,
        after: Annotated[
            int, Query(ge=0, le=LARGEST, description="offset of the last one known")
        ] = 0,
        limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
        notable: Annotated[
            bool, Query(description="only epochs, status changes, logs and the like")
        ] = False,
    ) -> Response:
        """Return committed records in order; `next` is the offset to ask after, or null at the end."""
        run = await find_settled_run(self._intake, run_id)
        found = await self._registry.ask_about(
            run,
            self._registry.reader.events,
            after=after,
            limit=limit + 1,
            notable=notable,
            max_bytes=_EVENTS_BYTES,
        )
        more = len(found) > limit or sum(len(one.record) for one in found) >= _EVENTS_BYTES
        return Response(
            await self._registry.ask(events_json, run_id, found[:limit], more=more),
            media_type="application/json",
        )

    async def healthz(self) -> dict[str, Any]:
        """Say whether the store takes records: `ok` or `degraded`."""
        trouble = self._intake.degraded
        return {"status": "degraded", "reason": trouble} if trouble else {"status": "ok"}

    async def readyz(self) -> Response:
        """Answer 200 when trainers can be served, else 503."""
        trouble = self._intake.degraded
        ready = self.ready and trouble is None
        body = {"ready": ready} if trouble is None else {"ready": False, "reason": trouble}
        return Response(json.dumps(body), 200 if ready else 503, media_type="application/json")

    async def prometheus(self) -> Response:
        """Return the counters."""
        counters, hub = self._intake.counters, self._intake.hub
        counters.runs.set(len(self._registry))
        counters.viewers.set(hub.viewers)
        counters.waiting.set(self._intake.journal.waiting_bytes)
        counters.streams.set(
            sum(
                stream.outlet is not None
                for run in self._registry.runs
                for stream in run.streams.values()
            )
        )
        return Response(counters.page(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _copy(config: pb.TrainingConfig) -> pb.TrainingConfig:
    """Return what a thread may look at while a trainer changes the original."""
    copy = pb.TrainingConfig()
    copy.CopyFrom(config)
    return copy


def _config(config: pb.TrainingConfig) -> dict[str, Any]:
    shown = MessageToDict(config, preserving_proto_field_name=True)
    shown.pop("class_names", None)
    text = shown.pop("config_json", "")
    return {**shown, "settings": read_settings(text)}
