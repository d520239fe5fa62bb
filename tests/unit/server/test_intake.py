from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.heap import give_back_freed_memory
from livetrain.server.limits import Limits
from livetrain.server.records import Record, read
from tests.unit.server.parts import Parts, parts


async def streamed(server: Parts, records: int) -> pb.Acknowledgment:
    """Take so many records of some 1,000 bytes; return the acknowledgement once they are committed."""
    logs = [pb.TelemetryRequest(log=pb.Log(message="x" * 1000)) for _ in range(records)]
    return await taken(server, logs)


async def taken(server: Parts, messages: Sequence[pb.TelemetryRequest]) -> pb.Acknowledgment:
    """Number and take these records; return the acknowledgement once they are committed."""
    info = pb.SessionInfo(session_id="s", protocol_version=1, stream_id="rank0")
    token = (await server.registrar.register(info)).resume_token
    opening = pb.StreamOpen(stream_id="rank0", resume_token=token)
    run, stream, number = await server.registrar.open_stream("s", opening)
    await server.intake.names.learn(run)
    for seq, message in enumerate(messages, 1):
        message.seq = seq
        (record,) = read(message.SerializeToString(), Limits())
        assert isinstance(record, Record)
        stream.order.offer(number, seq, record.size)
        server.intake.take(run, stream, record, seq)
    await server.intake.settle()
    return server.intake.acknowledgement(run, stream, "s").ack


def test_a_trainer_is_slowed_down_while_its_curves_are_behind(tmp_path: Path) -> None:
    async def main() -> None:
        limits = Limits(seal_events=10**9, seal_bytes=10**9, unsealed_bytes=50_000)
        async with parts(tmp_path, limits) as server:
            ack = await streamed(server, 40)
            assert (ack.durable_seq, ack.credit_bytes) == (40, limits.credit_bytes)
        (tmp_path / "second").mkdir()
        async with parts(tmp_path / "second", limits) as server:
            ack = await streamed(server, 60)
            assert (ack.durable_seq, ack.credit_bytes) == (60, 0)

    asyncio.run(main())


def test_a_large_commit_is_told_in_parts_and_in_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with parts(tmp_path) as server:
            published: list[list[int]] = []
            real = server.intake._publish

            def publish(events: object) -> None:
                told = list(events)  # type: ignore[call-overload]
                published.extend([offset for offset, _ in part] for _, part in told)
                real(told)

            server.intake._publish = publish  # type: ignore[method-assign]
            await streamed(server, 3000)
            (run,) = server.registry.runs
            while run.committed < 3000:
                await asyncio.sleep(0.01)
            assert [offset for part in published for offset in part] == list(range(1, 3001))
            assert max(map(len, published)) <= 64
            assert run.committed == run.offset

    asyncio.run(main())


def test_setting_the_allocator_up_harms_nothing() -> None:
    give_back_freed_memory()
    assert len(bytearray(4 << 20)) == 4 << 20


def test_a_run_that_is_being_packed_is_not_forgotten(tmp_path: Path) -> None:
    async def main() -> None:
        async with parts(tmp_path) as server:
            await streamed(server, 1)
            (run,) = server.registry.runs
            while run.committed < run.offset:
                await asyncio.sleep(0.01)
            much_later = time.monotonic() + 1000
            assert server.registry.idle(much_later) == [run]
            run.sealing = True
            assert server.registry.idle(much_later) == []

    asyncio.run(main())


def losses_of_batches(rows: int, **mark: Any) -> pb.TelemetryRequest:
    """Return the losses of so many batches as columns."""
    numbers = np.arange(rows, dtype="<i8").tobytes()
    column = pb.PointColumn(name="loss", steps=numbers, times_us=numbers, values=numbers)
    columns = pb.PointColumns(columns=[column], batches=pb.BatchRows(batch_size=32))
    return pb.TelemetryRequest(columns=columns, **mark)


@pytest.mark.parametrize("metrics", [Limits().metrics, 0])
def test_images_that_batches_went_without_are_counted_however_the_batches_came(
    tmp_path: Path, metrics: int
) -> None:
    async def main() -> None:
        async with parts(tmp_path, Limits(metrics=metrics)) as server:
            rate, budget = pb.STRIP_REASON_RATE, pb.STRIP_REASON_BUDGET
            batch = pb.BatchData(step=1)
            messages = [
                pb.TelemetryRequest(batch_data=batch, frames_stripped=16, strip_reason=rate),
                losses_of_batches(100, frames_stripped=1600, strip_reason=rate),
                losses_of_batches(2, frames_stripped=32, strip_reason=budget),
                losses_of_batches(5),
                losses_of_batches(1, frames_stripped=4, strip_reason=77),  # of a newer release
            ]
            await taken(server, messages)
            stripped = server.intake.counters.stripped.of
            counts = {reason: counter.value for reason, counter in stripped.items()}
            assert counts == {"rate": 1616, "budget": 32, "other": 4}

    asyncio.run(main())
