"""Whatever a trainer says is stored or refused: none of it keeps anybody else's from being stored, shown or read again."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.event_views import events_json
from livetrain.server.intake import Intake
from livetrain.server.records import HEARTBEAT, OPEN, Record, read
from livetrain.server.registration import Registrar
from livetrain.server.run import Run, Stream
from livetrain.server.run_views import rank_view, run_view
from livetrain.server.store.question import Question
from livetrain.server.store.storable import storable
from tests.hostile.messages import extreme
from tests.unit.server.parts import parts

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
_PAYLOADS = [
    field.name
    for field in pb.TelemetryRequest.DESCRIPTOR.oneofs_by_name["payload"].fields
    if field.number not in (OPEN, HEARTBEAT)
]


@st.composite
def records(draw: st.DrawFn) -> pb.TelemetryRequest:
    """Draw a record with one payload of any kind."""
    payload = draw(st.sampled_from(_PAYLOADS))
    kind = type(getattr(pb.TelemetryRequest(), payload))
    record = pb.TelemetryRequest(
        timestamp_ms=draw(st.sampled_from([0, 1, 1_700_000_000_000, 2**62, 2**64 - 1])),
        mono_us=draw(st.sampled_from([0, 2**64 - 1])),
    )
    getattr(record, payload).CopyFrom(draw(extreme(kind)))
    return record


async def offer(intake: Intake, run: Run, stream: Stream, message: pb.TelemetryRequest) -> None:
    message.seq = stream.order.expected
    for record in read(message.SerializeToString(), intake.limits):
        if isinstance(record, Record) and record.kind:
            await intake.names.learn(run)
            stream.order.offer(stream.order.connection, record.seq, record.size)
            intake.take(run, stream, record, record.seq)


def shown(intake: Intake, run: Run) -> None:
    """Make every view of a run, as the routes do."""
    now = time.monotonic()
    ranks = [rank_view(rank) for rank in run.ranks(now)]
    json.dumps([run_view(run, now), ranks, run.remarks(now, 0)], allow_nan=False)
    live.LiveMessage.FromString(
        live.LiveMessage(state=intake.hub.channel(run).state()).SerializeToString()
    )
    reader = intake.registry.reader
    events = reader.events(run.key, after=0, limit=100)
    json.loads(events_json(run.run_id, events, more=False))
    reader.snapshot(run.key, points=100, tips=100, recent=100)
    reader.curves(run.key, question=Question(points=4, stat="buckets"))


def test_no_registration_and_no_record_keeps_others_from_being_stored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.new_event_loop()
    context = parts(tmp_path)
    made = loop.run_until_complete(context.__aenter__())
    intake = made.intake
    registrar = Registrar(intake, "http://here")
    count = 0

    @hypothesis.settings(max_examples=EXAMPLES)
    @given(extreme(pb.SessionInfo), st.lists(records(), max_size=6))
    def whatever(info: pb.SessionInfo, messages: list[pb.TelemetryRequest]) -> None:
        loop.run_until_complete(one(info, messages))

    async def one(info: pb.SessionInfo, messages: list[pb.TelemetryRequest]) -> None:
        nonlocal count
        count += 1
        info.session_id, info.stream_id = f"session {count}", "stream"
        info.protocol_version = min(info.protocol_version, 1)
        info.resume_token = ""
        answer = await registrar.register(info)
        if not answer.success:
            return
        run = intake.registry.get(answer.run_id)
        assert run is not None
        (stream,) = run.streams.values()
        stream.order.open()
        for message in messages:
            await offer(intake, run, stream, message)
        await intake.settle()
        assert intake.journal.trouble is None
        assert run.committed == run.offset
        shown(intake, run)
        intake.registry.forget(run)
        again = await intake.registry.find(answer.run_id)
        assert again is not None
        assert again.offset == run.offset
        shown(intake, again)
        intake.registry.forget(again)
        intake.hub.forget(again, 4000)

    try:
        whatever()
    finally:
        loop.run_until_complete(context.__aexit__(None, None, None))
        loop.close()
    assert count
    # The last guards are for what nobody thought of: nothing of this needs them.
    assert not [record for record in caplog.records if "mended" in record.getMessage()]
    assert not [record for record in caplog.records if "failed" in record.getMessage()]


def test_a_value_that_the_store_cannot_take_is_mended(tmp_path: Path) -> None:
    async def main() -> None:
        async with parts(tmp_path) as made:
            intake = made.intake
            registrar = Registrar(intake, "http://here")
            answers = [
                await registrar.register(
                    pb.SessionInfo(session_id=name, stream_id="s", protocol_version=1)
                )
                for name in ("one", "other")
            ]
            for answer in answers:
                run = intake.registry.get(answer.run_id)
                assert run is not None
                run.steps = 2**70  # a mistake of ours
                intake.note(run, pb.TelemetryRequest(log=pb.Log(message="said")))
            await intake.settle()
            assert intake.journal.trouble is None
            for answer in answers:
                run = intake.registry.get(answer.run_id)
                assert run is not None
                assert len(intake.registry.reader.events(run.key, after=0, limit=9)) == 1

    asyncio.run(main())


def test_what_is_storable_stays_as_it_is() -> None:
    row = {"a": -(2**63), "b": True, "c": None, "d": "text", "e": b"\0", "f": 0.5}
    assert storable(row) == row
