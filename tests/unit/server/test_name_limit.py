from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.limits import Limits
from livetrain.server.metric_names import MetricNames
from livetrain.server.name_limit import without_refused
from livetrain.server.points import series_of
from livetrain.server.records import Record, read
from livetrain.server.run import Run, Stream
from tests.unit.server.parts import Parts, parts


def record_of(**payload: object) -> Record:
    message = pb.TelemetryRequest(seq=1, **payload)  # type: ignore[arg-type]
    (record,) = read(message.SerializeToString(), Limits())
    assert isinstance(record, Record)
    return record


def scalar(*names: str) -> list[pb.Scalar]:
    return [pb.Scalar(name=name, value=1.5) for name in names]


def column(name: str, rows: int) -> pb.PointColumn:
    numbers = np.arange(rows)
    return pb.PointColumn(
        name=name,
        steps=numbers.astype("<i8").tobytes(),
        times_us=numbers.astype("<i8").tobytes(),
        values=numbers.astype("<f8").tobytes(),
    )


@pytest.mark.parametrize(
    ("payload", "curves", "points"),
    [
        ({"scalars": pb.Scalars(values=scalar("a", "new", "loss", "more"))}, {"a", "loss"}, 2),
        (
            {"columns": pb.PointColumns(columns=[column("new", 7), column("loss", 3)])},
            {"loss"},
            7,
        ),
        (
            {"round": pb.Round(metrics=scalar("x"), fit_metrics=scalar("y"))},
            {"round/x"},
            1,
        ),
        ({"round": pb.Round(client_id="c", evaluation_metrics=scalar("x"))}, set(), 1),
        (
            {
                "epoch_data": pb.EpochData(
                    exact_loss=1, metrics=scalar("f1"), validation_metrics=scalar("f1")
                )
            },
            {"epoch/loss", "epoch/f1", "val/f1"},
            0,
        ),
        (
            {"validation": pb.Validation(loss=1, metrics=scalar("f1", "val_f2"))},
            {"val/loss", "val/f1", "val/f2"},
            0,
        ),
        ({"batch_data": pb.BatchData(exact_loss=1)}, {"loss"}, 0),
    ],
)
def test_points_of_one_name_too_many_are_taken_out(
    payload: dict[str, object], curves: set[str], points: int
) -> None:
    record = record_of(**payload)
    known = MetricNames(10, ["a", "round/x", *(f"m{n}" for n in range(8))])
    kept, refused, first = without_refused(record, 0, known)
    assert set(series_of(kept.message, received_ms=0)) == curves
    assert pb.TelemetryRequest.FromString(kept.data) == kept.message
    assert refused == points
    assert bool(first) == bool(points)
    assert kept.seq == 1


def test_each_rank_has_curves_of_its_own() -> None:
    known = MetricNames(2, ["a"])
    record = record_of(scalars=pb.Scalars(values=scalar("a", "loss")))
    assert without_refused(record, 1, known)[1:] == (0, "")
    assert without_refused(record, 2, known)[1:] == (1, "rank2/a")


async def a_stream(server: Parts, session: str = "s") -> tuple[Run, Stream]:
    info = pb.SessionInfo(session_id=session, protocol_version=1, stream_id="rank0")
    answer = await server.registrar.register(info)
    opening = pb.StreamOpen(stream_id="rank0", resume_token=answer.resume_token)
    run, stream, _ = await server.registrar.open_stream(session, opening)
    return run, stream


async def say(server: Parts, run: Run, stream: Stream, *names: str) -> None:
    record = record_of(scalars=pb.Scalars(step=stream.order.received, values=scalar(*names)))
    if not server.intake.names.knows(run, record.kind):
        await server.intake.names.learn(run)
    seq = stream.order.expected
    stream.order.offer(stream.order.connection, seq, 1)
    server.intake.take(run, stream, record, seq)


async def names_of(server: Parts, run: Run) -> list[str]:
    return await server.registry.ask(server.registry.reader.metric_names, run.key)


def test_beyond_the_limit_nothing_is_acknowledged_that_is_not_kept(tmp_path: Path) -> None:
    async def main() -> None:
        async with parts(tmp_path, Limits(metrics=5, seal_events=4)) as server:
            run, stream = await a_stream(server)
            for step in range(20):
                await say(server, run, stream, f"m{step}", "loss", "val/loss", f"x{step % 2}")
            await server.intake.settle()
            assert await names_of(server, run) == [
                *("loss", "m0", "m1", "m2", "val/loss", "x0", "x1")
            ]
            acknowledgement = server.intake.acknowledgement(run, stream, "s").ack
            # m3 to m19
            assert acknowledgement.refused_points == 17
            assert "livetrain_refused_points_total 17.0" in server.intake.counters.page().decode()
            (remark,) = run.state(0.0).remarks
            assert "more than 5 metric names" in remark
            assert "'m3'" in remark

    asyncio.run(main())


def test_names_are_known_again_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        limits = Limits(metrics=5)
        async with parts(tmp_path, limits) as server:
            run, stream = await a_stream(server)
            await say(server, run, stream, "a", "b", "c", "loss")
            run_id = run.run_id
        async with parts(tmp_path, limits) as server:
            found = await server.registry.find(run_id)
            assert found is not None
            stream = found.streams["rank0"]
            await say(server, found, stream, "a", "d", "e", "f")
            assert stream.refused_points == 1
            await server.intake.settle()
            assert await names_of(server, found) == ["a", "b", "c", "d", "e", "loss"]
        async with parts(tmp_path, limits) as server:
            found = await server.registry.find(run_id)
            assert found is not None
            assert len(found.state(0.0).remarks) == 1

    asyncio.run(main())


def test_names_of_all_runs_together_are_bounded(tmp_path: Path) -> None:
    async def main() -> None:
        async with parts(tmp_path, Limits(metrics=20, names=50)) as server:
            made = [await a_stream(server, f"s{n}") for n in range(8)]
            for turn in range(3):
                for run, stream in made:
                    await say(server, run, stream, *(f"m{turn}/{n}" for n in range(10)))
                    await server.intake.settle()
                    assert server.intake.names.held <= 60
            for run, stream in made:
                assert stream.refused_points == 10
                assert len(await names_of(server, run)) == 20
            for run, _ in made:
                server.intake.names.forget(run)
            assert server.intake.names.held == 0

    asyncio.run(main())
