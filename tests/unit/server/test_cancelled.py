"""Whoever gives up while the store is written leaves nothing half done: no stream locked out, no command unsaid."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.outlet import Outlet
from livetrain.server.registration import GUEST_STREAM
from livetrain.server.run import Run
from livetrain.server.store.schema import runs, streams
from tests.unit.server.parts import Parts, parts


def info(session: int, **more: object) -> pb.SessionInfo:
    made = pb.SessionInfo(
        session_id=f"session{session}", protocol_version=1, stream_id="rank0", run_name="digits"
    )
    made.MergeFrom(pb.SessionInfo(**more))  # type: ignore[arg-type]
    return made


def older(session: int) -> pb.SessionInfo:
    return pb.SessionInfo(session_id=f"session{session}", client_name="older")


async def opened(server: Parts, session: int, token: str) -> Run:
    opening = pb.StreamOpen(stream_id="rank0", resume_token=token)
    run, stream, number = await server.registrar.open_stream(f"session{session}", opening)
    assert stream.order.owns(number)
    return run


def test_a_registration_that_was_given_up_is_made_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with parts(tmp_path) as server:
            for at in itertools.count():
                cut = await server.cancelled(server.registrar.register(info(at)), at)
                answer = await server.registrar.register(info(at))
                assert answer.success, (at, answer.message)
                run = await opened(server, at, answer.resume_token)
                assert run.run_id == answer.run_id
                if not cut:
                    break
            assert at > 5

    asyncio.run(main())


def test_of_an_older_client_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with parts(tmp_path) as server:
            for at in itertools.count():
                cut = await server.cancelled(server.registrar.register(older(at)), at)
                answer = await server.registrar.register(older(at))
                assert answer.success, (at, answer.message)
                run, _, _ = await server.registrar.older.open(f"session{at}", "", Outlet(""))
                assert run.run_id == answer.run_id
                if not cut:
                    break
            assert at > 3

    asyncio.run(main())


def test_a_stream_that_was_given_up_is_opened_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with parts(tmp_path) as server:
            for at in itertools.count():
                token = (await server.registrar.register(info(at))).resume_token
                opening = pb.StreamOpen(stream_id="rank0", resume_token=token)
                work = server.registrar.open_stream(f"session{at}", opening)
                cut = await server.cancelled(work, at)
                await opened(server, at, token)
                # It was opened: nobody else is let in any more.
                stranger = await server.registrar.register(info(at))
                assert not stranger.success
                if not cut:
                    break
            assert at > 0

    asyncio.run(main())


async def kept(server: Parts, table: Any) -> list[Any]:
    return await server.journal.execute(  # type: ignore[no-any-return]
        lambda connection: connection.execute(table.select()).mappings().all()
    )


def test_what_memory_knows_is_what_the_store_knows(tmp_path: Path) -> None:
    async def main() -> None:
        async with parts(tmp_path) as server:
            for at in itertools.count():
                first = await server.registrar.register(info(at))
                cut = await server.cancelled(server.registrar.register(info(at)), at)
                (run,) = (run for run in server.registry.runs if run.run_id == first.run_id)
                (stream,) = run.streams.values()
                hashes = {row["key"]: row["token_hash"] for row in await kept(server, streams)}
                assert hashes[stream.key] == stream.token_hash, at
                if not cut:
                    break
            assert at > 0

    asyncio.run(main())


def test_a_command_that_nobody_waits_for_reaches_the_trainer(tmp_path: Path) -> None:
    async def main() -> None:
        async with parts(tmp_path) as server:
            for at in itertools.count():
                told = info(at, controls=[pb.ControlDeclaration(verb="pause")])
                token = (await server.registrar.register(told)).resume_token
                run = await opened(server, at, token)
                (stream,) = run.streams.values()
                stream.outlet = outlet = Outlet("")
                work = server.desk.issue(run, "pause", {}, issued_by="ada", command_id="c")
                cut = await server.cancelled(work, at)
                said = [response.command.command_id for response in outlet.take()]
                assert said == ["c"], at
                assert [command.state for command in run.commands.newest(9)] == [pb.SENT]
                if not cut:
                    break
            assert at > 0

    asyncio.run(main())


def test_a_deletion_that_nobody_waits_for_is_carried_out(tmp_path: Path) -> None:
    async def main() -> None:
        async with parts(tmp_path) as server:
            for at in itertools.count():
                answer = await server.registrar.register(info(at))
                run = await server.registry.find(answer.run_id)
                assert run is not None
                cut = await server.cancelled(server.upkeep.delete(run), at)
                while any(row["run_id"] == run.run_id for row in await kept(server, runs)):
                    await asyncio.sleep(0.01)
                assert server.registry.get(run.run_id) is None
                assert not (await server.registrar.register(info(at))).success
                if not cut:
                    break
            assert at > 1

    asyncio.run(main())


def test_a_guest_that_nobody_waits_for_is_whole(tmp_path: Path) -> None:
    async def main() -> None:
        async with parts(tmp_path) as server:
            for at in itertools.count():
                cut = await server.cancelled(server.registrar.open_guest(info(at)), at)
                assert all(GUEST_STREAM in run.streams for run in server.registry.runs), at
                if not cut:
                    break
            assert at > 1

    asyncio.run(main())


def test_a_stream_that_was_written_and_never_known_is_found_again(tmp_path: Path) -> None:
    """As a server of an earlier release left it, or one that was told that its commit failed though it had not."""

    async def main() -> None:
        async with parts(tmp_path) as server:
            first = await server.registrar.register(info(1))
            run = await server.registry.find(first.run_id)
            assert run is not None
            run.streams.clear()
            second = await server.registrar.register(info(1))
            assert second.success
            assert (await opened(server, 1, second.resume_token)) is run
            (row,) = await kept(server, streams)
            assert row["opened"]
            # One that was opened is let in with its own token only.
            run.streams.clear()
            assert not (await server.registrar.register(info(1))).success

    asyncio.run(main())
