"""All dialects of one server, put together."""

from __future__ import annotations

from fastapi import FastAPI

from livetrain.server.desk import Desk
from livetrain.server.dialect_recorder import DialectRecorder
from livetrain.server.dialects.grpc_web import GrpcWeb
from livetrain.server.dialects.onetrainer import OneTrainer
from livetrain.server.dialects.relay import Relay
from livetrain.server.dialects.relay_guest import Guests
from livetrain.server.dialects.telemetry_json import TelemetryJson
from livetrain.server.dialects.tiles import Tiles
from livetrain.server.intake import Intake
from livetrain.server.live import Live
from livetrain.server.registration import Registrar
from livetrain.server.run import Run
from livetrain.server.stage import Stage
from livetrain.server.strips import Splitter

__all__ = ["Dialects"]


class Dialects:
    """What older clients are served by.

    Args:
        intake: of the runs.
        registrar: makes runs of what the relay hears.
        desk: where commands go.
        live: what native viewers are sent.
        recorder: of what clients and the server say.

    Attributes:
        relay: an application for a port of its own.
    """

    def __init__(
        self,
        intake: Intake,
        registrar: Registrar,
        desk: Desk,
        live: Live,
        recorder: DialectRecorder,
    ) -> None:
        self._intake = intake
        self._stage = Stage(intake.registry)
        self._splitter = Splitter()
        tiles = Tiles(self._splitter)
        self._telemetry = TelemetryJson(intake, self._stage, tiles, recorder)
        self._onetrainer = OneTrainer(intake, self._stage, desk, recorder)
        self._grpc_web = GrpcWeb(intake, self._stage, live, registrar, tiles, recorder)
        self.relay = Relay(intake, self._stage, Guests(intake, registrar), recorder)
        intake.hub.listeners += [
            self._telemetry,
            self._onetrainer,
            self._grpc_web.older,
            self.relay,
        ]
        self._stage.on_change(self._changed)

    def mount(self, app: FastAPI) -> None:
        """Add the routes of those that share the HTTP port."""
        app.include_router(self._telemetry.router)
        app.include_router(self._onetrainer.router)
        for path in self._grpc_web.paths:
            app.mount(path, self._grpc_web.app)

    def close(self) -> None:
        """End what runs beside the server."""
        self._telemetry.close()
        self._grpc_web.close()
        self._splitter.close()

    def _changed(self, left: Run | None) -> None:
        for run in (left, self._stage.run):
            if run is not None:
                self._intake.watchers_changed(run)
