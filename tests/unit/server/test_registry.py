from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import RowMapping

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.registration import Registrar
from livetrain.server.registry import RunGoneError
from livetrain.server.store.statements import delete_slice, mark_deleted
from tests.unit.server.parts import parts


def test_a_run_that_was_deleted_while_it_was_read_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with parts(tmp_path) as made:
            intake, registry = made.intake, made.intake.registry
            registrar = Registrar(intake, "http://here")
            info = pb.SessionInfo(session_id="s", stream_id="a", protocol_version=1)
            run_id = (await registrar.register(info)).run_id
            run = registry.get(run_id)
            assert run is not None
            registry.forget(run)  # nobody needs it in memory
            deleted = threading.Event()
            read_streams = registry.reader.streams

            def streams(key: int) -> Sequence[RowMapping]:
                deleted.wait(20)
                return read_streams(key)

            monkeypatch.setattr(registry.reader, "streams", streams)
            loading = asyncio.create_task(registry.find(run_id))
            asked = asyncio.create_task(registry.ask_about(run, streams))
            await asyncio.sleep(0.01)
            await intake.journal.execute(lambda c: mark_deleted(c, run.key))
            registry.bury(run.key)
            deleted.set()
            assert await loading is None
            with pytest.raises(RunGoneError):
                await asked
            assert registry.get(run_id) is None
            # What was to be noted of it meanwhile leaves no row without a run.
            intake.note(run, pb.TelemetryRequest(event=pb.Event(kind="rank_lost")))
            assert await intake.journal.execute(lambda c: delete_slice(c, run.key, 10))
            assert registry.reader.events(run.key, after=0, limit=10) == []

    asyncio.run(main())
