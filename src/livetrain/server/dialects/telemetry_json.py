"""Telemetry JSON over ``/telemetry``: every batch as one object with pictures, loss and frame rate."""

from __future__ import annotations

import base64
from typing import Any, Final

from fastapi import APIRouter, WebSocket

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.dialect_recorder import DialectRecorder
from livetrain.server.dialects.batches import Batches
from livetrain.server.dialects.converse import converse
from livetrain.server.dialects.plain import exact, narrow, write
from livetrain.server.dialects.tiles import Tiles
from livetrain.server.intake import Intake
from livetrain.server.stage import Stage

__all__ = ["TelemetryJson"]

_TRY_AGAIN: Final = 1013


class TelemetryJson(Batches[str]):
    """Serves clients of the telemetry dialect.

    Args:
        intake: of the runs.
        stage: says which run they see.
        tiles: takes frames apart.
        recorder: of what is said.
    """

    def __init__(
        self, intake: Intake, stage: Stage, tiles: Tiles, recorder: DialectRecorder
    ) -> None:
        super().__init__(intake, stage, tiles, recorder)
        self.router = APIRouter()
        self.router.add_api_websocket_route("/telemetry", self.serve)

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one client until it goes."""
        await websocket.accept()
        if self.full:
            self._intake.counters.rejected.labels("viewers").inc()
            await websocket.close(_TRY_AGAIN, "Too many viewers are connected; come again.")
            return

        async def hear(_: str | bytes) -> None:
            """A heartbeat needs no answer, and nothing else is asked here."""

        host = websocket.client.host if websocket.client is not None else ""
        with self.attending(host) as mailbox:
            conversation = self._recorder.begin("telemetry-json", "/telemetry")
            await converse(
                websocket, mailbox, hear, self._intake.counters, self._intake.turns, conversation
            )

    def batch(self, record: pb.TelemetryRequest, *, loss: float | None, fps: float) -> str:
        """Return one frame: pictures, loss and rate are in every one, for the client uses them unseen."""
        batch = record.batch_data
        own = batch.HasField("batch_loss")
        images = [
            {
                "src": f"data:image/{image.format or 'jpeg'};base64,"
                + base64.b64encode(image.image_bytes).decode(),
                "width": image.width,
                "height": image.height,
            }
            for image in batch.images
            if image.image_bytes
        ]
        predictions = [
            {
                "label": prediction.predicted_label,
                "class": prediction.predicted_class,
                "confidence": narrow(prediction.confidence)
                if prediction.HasField("confidence")
                else None,
            }
            for prediction in batch.predictions
        ]
        frame: dict[str, Any] = {
            "type": "batch",
            "epoch": batch.epoch,
            "batchIdx": batch.batch_idx,
            "loss": exact(batch, "exact_loss", "batch_loss") if own else loss,
            "accuracy": exact(batch, "exact_accuracy", "batch_accuracy")
            if batch.HasField("batch_accuracy")
            else None,
            "fps": narrow(fps),
            "images": images,
            "predictions": predictions,
            "groundTruth": list(batch.ground_truth),
        }
        return write(frame)
