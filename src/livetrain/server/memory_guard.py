"""Keeps the process within its memory where what buffers count is not all of it: first nothing large comes in, then things go."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from livetrain.server.heap import trim
from livetrain.server.ingest import Ingest
from livetrain.server.intake import Intake
from livetrain.server.logs import Complaints
from livetrain.server.memory_watch import MemoryWatch

__all__ = ["MemoryGuard"]

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.05


class MemoryGuard:
    """Looks at the memory some times a second, for good.

    Args:
        watch: says how much of it is used.
        intake: where messages come in, and viewers are told of them.
        ingest: the streams of trainers.
    """

    def __init__(self, watch: MemoryWatch, intake: Intake, ingest: Ingest) -> None:
        self._watch = watch
        self._intake = intake
        self._ingest = ingest
        self._complaints = Complaints(log)

    async def run(self) -> None:
        """Look, and do what has to be done."""
        reception = self._intake.reception
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._watch.look()
            if reception.closed != self._watch.tight:
                reception.closed = self._watch.tight
                reception.let_in()
            if self._watch.trim_due():
                await asyncio.to_thread(trim)
                self._watch.look()
            if self._watch.short:
                self._let_go()

    def _let_go(self) -> None:
        """Let go of what comes again by itself: pictures, and streams of which gRPC may hold what is not whole yet."""
        self._intake.hub.drop_frames()
        ended = self._ingest.end_silent()
        self._intake.counters.dropped.labels("memory_short").inc(max(1, ended))
        self._complaints.warn(
            "memory",
            "memory is short (%s MiB of %s): pictures are let go, and %s streams are asked to come again",
            (self._watch.resident - self._watch.baseline) >> 20,
            self._watch.allowed >> 20,
            ended,
        )
