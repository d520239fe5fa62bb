"""Who may join a run, and what is taken of a registration."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from livetrain._protobuf import bytes_field
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.records import Record
from livetrain.server.registration import Registrar
from tests.unit.server.parts import parts

_numbers = itertools.count()


async def register(
    registrar: Registrar,
    session: str,
    rank: int,
    world_size: int,
    *,
    token: str = "",
    restarts: int = 0,
) -> pb.SessionResponse:
    return await registrar.register(
        pb.SessionInfo(
            session_id=session,
            protocol_version=1,
            stream_id=f"stream {next(_numbers)}",
            rank=rank,
            world_size=world_size,
            run_name=f"of rank {rank}",
            resume_token=token,
            restart_count=restarts,
        )
    )


@pytest.mark.parametrize(
    ("registered", "newcomer"),
    [
        ((0, 1), (1, 2)),  # the run has one rank, whatever who comes says
        ((0, 1), (0, 2)),
        ((0, 1), (1, 1)),
        ((0, 0), (1, 2)),
        ((0, 2), (1, 3)),
        ((0, 2), (2, 3)),
        ((0, 2), (2, 2)),
        ((0, 2), (0, 2)),
        ((1, 2), (0, 1)),
        ((1, 2), (0, 200)),
        ((1, 2), (1, 2)),
    ],
)
def test_a_newcomer_joins_a_run_only_as_the_run_was_registered(
    tmp_path: Path, registered: tuple[int, int], newcomer: tuple[int, int]
) -> None:
    async def check() -> None:
        async with parts(tmp_path) as server:
            first = await register(server.registrar, "secret session", *registered)
            assert first.success
            run = server.registry.get(first.run_id)
            assert run is not None
            refused = await register(server.registrar, "secret session", *newcomer)
            assert not refused.success
            assert not refused.retryable
            assert not refused.run_id
            assert not refused.resume_token
            assert len(run.streams) == 1
            assert (run.name, run.world_size) == (f"of rank {registered[0]}", max(registered[1], 1))
            # One that has a token of the run is of it: the training was resumed, with as many ranks as it likes.
            resumed = await register(
                server.registrar, "secret session", *newcomer, token=first.resume_token
            )
            assert (resumed.success, resumed.run_id) == (True, first.run_id)

    asyncio.run(check())


def test_ranks_come_in_any_order_and_each_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with parts(tmp_path) as server:
            answers = [
                await register(server.registrar, "session", rank, 4) for rank in (2, 0, 3, 1)
            ]
            assert [answer.success for answer in answers] == [True] * 4
            assert len({answer.run_id for answer in answers}) == 1
            again = [await register(server.registrar, "session", rank, 4) for rank in range(6)]
            assert [answer.success for answer in again] == [False] * 6
            assert "world_size=4" in again[5].message

    asyncio.run(check())


def test_a_stream_that_says_another_rank_later_does_not_speak_for_the_run(tmp_path: Path) -> None:
    async def check() -> None:
        async with parts(tmp_path) as server:
            first = await register(server.registrar, "session", 0, 2)
            info = pb.SessionInfo(
                session_id="session", protocol_version=1, stream_id="one", rank=1, world_size=2
            )
            info.resume_token = (await server.registrar.register(info)).resume_token
            info.rank, info.world_size, info.run_name = 0, 9, "taken over"
            assert (await server.registrar.register(info)).success
            run = server.registry.get(first.run_id)
            assert run is not None
            assert (run.name, run.world_size) == ("of rank 0", 2)

    asyncio.run(check())


def test_so_many_ranks_as_cannot_be_are_refused(tmp_path: Path) -> None:
    async def check() -> None:
        async with parts(tmp_path) as server:
            for rank, world_size in ((0, 2**32 - 1), (2**31, 2), (1, 10_001)):
                refused = await register(server.registrar, "session", rank, world_size)
                assert not refused.success
                assert "10000 ranks" in refused.message
            assert not server.registry.runs

    asyncio.run(check())


def test_a_field_of_a_registration_that_is_not_known_is_dropped(tmp_path: Path) -> None:
    async def check() -> None:
        async with parts(tmp_path) as server:
            unknown = b"".join(bytes_field(99, [b"x" * 1000]))
            config = pb.TrainingConfig.FromString(
                pb.TrainingConfig(batch_size=8).SerializeToString() + unknown
            )
            control = pb.ControlDeclaration.FromString(
                pb.ControlDeclaration(verb="pause").SerializeToString() + unknown
            )
            info = pb.SessionInfo(
                session_id="session", protocol_version=1, stream_id="one", config=config
            )
            info.controls.append(control)
            answer = await server.registrar.register(info)
            run = server.registry.get(answer.run_id)
            assert run is not None
            assert (
                run.config.SerializeToString()
                == pb.TrainingConfig(batch_size=8).SerializeToString()
            )
            assert len(run.controls.SerializeToString()) < 100

    asyncio.run(check())


def test_a_command_that_a_trainer_wrote_into_an_older_store_is_no_command(tmp_path: Path) -> None:
    """An earlier release took such a record from a trainer."""

    async def check() -> None:
        async with parts(tmp_path) as server:
            answer = await register(server.registrar, "session", 0, 1)
            run = server.registry.get(answer.run_id)
            assert run is not None
            forged = pb.CommandIssued(command_id="forged", verb="stop", issued_by="the boss")
            record = Record(1, 32, "", pb.TelemetryRequest(command_issued=forged), b"", None, 10)
            record.data = record.message.SerializeToString()
            (stream,) = run.streams.values()
            stream.order.offer(stream.order.connection, 1, 10)
            server.intake.take(run, stream, record, 1)
            given = await server.desk.issue(run, "pause", {}, issued_by="ada")
            await server.intake.settle()
            server.registry.forget(run)
            loaded = await server.registry.find(answer.run_id)
            assert loaded is not None
            assert loaded is not run
            assert [c.command_id for c in loaded.commands.newest(10)] == [given.command_id]

    asyncio.run(check())


def test_a_reused_id_of_an_older_client_leaves_nothing_of_its_earlier_run(tmp_path: Path) -> None:
    async def main() -> None:
        async with parts(tmp_path) as made:
            intake = made.intake
            registrar = Registrar(intake, "http://here")
            for turn in range(20):
                answer = await registrar.register(pb.SessionInfo(session_id="training"))
                run = intake.registry.get(answer.run_id)
                assert run is not None
                intake.hub.show(run, 0, (b"a frame" * 1000,))
                intake.conclude(run)
                await intake.settle()
                assert len(intake.hub._channels) == 1, turn
            assert intake.hub.budget.frames.used < 10_000
            assert intake.hub.budget.frames.claims == intake.hub.budget.rings.claims == 1

    asyncio.run(main())


@pytest.mark.parametrize("restarts", [1, 1024])
def test_each_rank_joins_a_restarted_training_once(tmp_path: Path, restarts: int) -> None:
    """A count of a thousand, as Slurm's is shown, is one start, and a rank that was not there before may come first."""

    async def check() -> None:
        async with parts(tmp_path) as server:
            for rank in range(2):
                assert (await register(server.registrar, "session", rank, 2)).success
            for rank in (2, 0, 1):
                again = await register(server.registrar, "session", rank, 3, restarts=restarts)
                assert again.success
            run = server.registry.get(again.run_id)
            assert run is not None
            for rank in range(4):
                for world_size in (2, 3):
                    refused = await register(
                        server.registrar, "session", rank, world_size, restarts=restarts
                    )
                    assert not refused.success
            await server.intake.settle()
            server.registry.forget(run)  # a server that comes back knows the same
            for rank in range(3):
                refused = await register(server.registrar, "session", rank, 3, restarts=restarts)
                assert not refused.success

    asyncio.run(check())
