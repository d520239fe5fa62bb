"""What a run is said to be is what it was: attempts, ranks that were lost, clocks that differ, ends; after a restart too."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.runs import batch, get, loss, run_of, start, status
from tests.integration.server.texts import Texts
from tests.integration.server.trainer import Trainer
from tests.integration.server.viewer import LiveViewer

import livetrain
from livetrain.cli import main
from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb

HOUR = 3600.0


# ---------------------------------------------------------------- attempts


def test_a_resumed_run_is_at_its_newest_step_and_tells_its_attempts(server: ServerProcess) -> None:
    with Trainer(server.grpc, stream_id="first") as first:
        start(first, "resumed")
        first.send(status(1, pb.RUNNING))
        for seq in range(2, 12):
            first.send(batch(seq, 990 + seq - 2))
        first.wait_durable(11)
        assert run_of(server, "resumed")["steps"] == 1000
        assert run_of(server, "resumed")["attempts"] == []
        session, token = first.session_id, first.token
    with Trainer(server.grpc, stream_id="second", session_id=session, token=token) as second:
        start(second, "resumed")
        second.send(status(1, pb.RUNNING))
        second.wait_durable(1)
        assert run_of(server, "resumed")["steps"] == 1000, "nothing was logged yet"
        for seq in range(2, 152):
            second.send(batch(seq, 500 + seq - 2))
        second.wait_durable(151)
        run = run_of(server, "resumed")
        attempts = [{"attempt": 1, "from_step": 990}, {"attempt": 2, "from_step": 500}]
        assert (run["steps"], run["attempts"]) == (650, attempts)
        with LiveViewer(server, run["run_id"], live.Hello()) as viewer:
            state = viewer.wait(lambda message: message.HasField("snapshot")).snapshot.state
            assert [(a.attempt, a.from_step) for a in state.attempts] == [(1, 990), (2, 500)]
            assert state.steps == 650
        second.send(status(152, pb.COMPLETED))
        second.wait_durable(152)


def test_a_reconnect_is_no_attempt_and_neither_is_a_start_that_logged_nothing(
    server: ServerProcess,
) -> None:
    with Trainer(server.grpc, stream_id="first") as first:
        start(first, "again")
        first.send(status(1, pb.RUNNING))
        first.send(batch(2, 0))
        first.wait_durable(2)
        session, token = first.session_id, first.token
    with Trainer(server.grpc, stream_id="first", session_id=session, token=token) as again:
        start(again, "again")
        again.send(batch(3, 1))
        again.wait_durable(3)
        token = again.token
    with Trainer(server.grpc, stream_id="second", session_id=session, token=token) as crashed:
        start(crashed, "again")
        crashed.send(status(1, pb.RUNNING))
        crashed.wait_durable(1)
    with Trainer(server.grpc, stream_id="third", session_id=session, token=token) as third:
        start(third, "again")
        third.send(batch(1, 1))
        third.wait_durable(1)
        found = {s["stream_id"]: s["attempt"] for s in run_of(server, "again")["streams"]}
        assert found["first"] == 1
        assert found["third"] == 2
        assert [a["from_step"] for a in run_of(server, "again")["attempts"]] == [0, 1]


def test_what_an_earlier_start_left_on_its_disk_does_not_speak_for_the_run(
    tmp_path: Path,
) -> None:
    """It comes late, takes its place among the attempts, and neither ends the run nor brings its step back."""
    began = time.time() - HOUR
    with ServerProcess(tmp_path / "data") as server:
        with Trainer(server.grpc, stream_id="first") as first:
            start(first, "late")
            first.send(batch(1, 0, at=began))
            first.wait_durable(1)
            session, token = first.session_id, first.token
        with Trainer(server.grpc, stream_id="third", session_id=session, token=token) as third:
            start(third, "late")
            third.send(batch(1, 500, at=began + 200))
            third.wait_durable(1)
            run_id = run_of(server, "late")["run_id"]
            with (
                LiveViewer(server, run_id, live.Hello()) as viewer,
                Trainer(server.grpc, stream_id="second", session_id=session, token=token) as late,
            ):
                known = viewer.wait(lambda message: message.HasField("snapshot")).snapshot
                start(late, "late", capabilities=["leftover"])
                late.send(status(1, pb.RUNNING, at=began + 100))
                late.send(loss(2, 900, at=began + 110))
                late.send(status(3, pb.FAILED, at=began + 120, message="ValueError: old"))
                late.wait_durable(3)
                run = run_of(server, "late")
                assert run["status"] == "running", run["message"]
                assert run["steps"] == 501
                found = {s["stream_id"]: s["attempt"] for s in run["streams"]}
                assert found == {"first": 1, "second": 2, "third": 3}
                assert [a["from_step"] for a in run["attempts"]] == [0, 900, 500]
                assert viewer.wait_closed() == 4000
            hello = live.Hello(epoch=known.epoch, offset=known.offset)
            with LiveViewer(server, run_id, hello) as viewer:
                anew = viewer.wait(lambda message: message.HasField("snapshot")).snapshot
                assert [a.from_step for a in anew.state.attempts] == [0, 900, 500]
            third.send(status(2, pb.COMPLETED, at=began + 300))
            third.wait_durable(2)
        assert run_of(server, "late")["status"] == "finished"
        server.stop()
    with ServerProcess(tmp_path / "data") as server:
        run = run_of(server, "late")
        assert (run["status"], run["steps"], len(run["attempts"])) == ("finished", 501, 3)


# ---------------------------------------------------------------- ranks


def test_a_rank_that_was_lost_is_said_so_after_the_end_and_after_a_restart(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with Trainer(server.grpc, stream_id="rank0") as zero:
            start(zero, "lost", world_size=4)
            ranks = [
                Trainer(server.grpc, stream_id=f"rank{n}", session_id=zero.session_id)
                for n in (1, 2, 3)
            ]
            for number, trainer in enumerate(ranks, 1):
                start(trainer, "lost", world_size=4, rank=number)
            everyone = [zero, *ranks]
            for trainer in everyone:
                trainer.send(status(1, pb.RUNNING))
                trainer.send(batch(2, 399))
                trainer.send(batch(3, 400))
                trainer.wait_durable(3)
            ranks[2].channel.close()  # killed
            for trainer in everyone[:3]:
                trainer.send(batch(4, 401))
                trainer.send(status(5, pb.COMPLETED))
                trainer.wait_durable(5)
            with LiveViewer(server, run_of(server, "lost")["run_id"], live.Hello()) as viewer:
                state = viewer.wait(
                    lambda m: m.HasField("state") and m.state.ranks[3].contact == "lost"
                ).state
                assert [r.contact for r in state.ranks] == ["ended", "ended", "ended", "lost"]
                assert list(state.remarks) == ["Rank 3 was lost at step 400."]
            for trainer in ranks:
                trainer.__exit__(None, None, None)
        expected = check_lost(server)
        server.stop()
    with ServerProcess(tmp_path / "data") as server:
        assert check_lost(server) == expected


def check_lost(server: ServerProcess) -> list[dict[str, Any]]:
    (row,) = get(server, "/api/runs")["runs"]
    assert row["status"] == "finished"
    assert row["remarks"] == ["Rank 3 was lost at step 400."]
    run = run_of(server, "lost")
    assert run["remarks"] == ["Rank 3 was lost at step 400."]
    said = [(r["rank"], r["status"], r["contact"], r["steps"]) for r in run["ranks"]]
    assert said == [
        (0, "finished", "ended", 402),
        (1, "finished", "ended", 402),
        (2, "finished", "ended", 402),
        (3, "lost", "lost", 401),
    ]
    return list(run["ranks"])


def test_a_database_of_an_older_schema_tells_which_rank_was_lost(tmp_path: Path) -> None:
    golden = Path(__file__).parents[2] / "golden" / "store_of_schema_0003.db.gz"
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "livetrain.db").write_bytes(gzip.decompress(golden.read_bytes()))
    with ServerProcess(tmp_path / "data") as server:

        def rows() -> dict[str, dict[str, Any]]:
            return {row["name"]: row for row in get(server, "/api/runs")["runs"]}

        until(lambda: all(r["started_at"] for r in rows().values()), "all runs to be brought up")
        assert rows()["ranks"]["remarks"] == ["Rank 1 was lost at step 4."]
        assert rows()["sealed"]["started_at"] == 1_700_000_000.002
        assert get(server, "/api/runs?status=lost")["total"] == 2
        run = run_of(server, "ranks")
        assert run["remarks"] == ["Rank 1 was lost at step 4."]
        assert [(r["status"], r["steps"]) for r in run["ranks"]] == [("finished", 11), ("lost", 5)]
        assert run_of(server, "goes on")["contact"] == "lost"
        with LiveViewer(server, run["run_id"], live.Hello()) as viewer:
            state = viewer.wait(lambda m: m.HasField("snapshot")).snapshot.state
            assert list(state.remarks) == ["Rank 1 was lost at step 4."]


# ---------------------------------------------------------------- older viewers


def test_older_viewers_hear_of_the_run_and_not_of_its_other_ranks(server: ServerProcess) -> None:
    client = Texts(f"{server.live}/ws")
    client.send('{"type":"subscribe","events":["training_status","training_progress"]}')
    with Trainer(server.grpc, stream_id="rank0") as zero:
        start(zero, "ranks", world_size=2)
        zero.send(batch(1, 7))
        zero.wait_durable(1)
        with Trainer(server.grpc, stream_id="rank1", session_id=zero.session_id) as one:
            start(one, "ranks", world_size=2, rank=1)
            one.send(batch(1, 900))
            one.send(status(2, pb.COMPLETED))
            one.wait_durable(2)
        zero.send(batch(2, 8))
        zero.send(status(3, pb.PAUSED))
        zero.wait_durable(3)
        told = client.until(lambda m: m.get("status") == "paused")
        assert [m["status"] for m in told if m["type"] == "training_status"] == [
            "running",
            "paused",
        ]
        assert {m["global_step"] for m in told if m["type"] == "training_progress"} <= {7, 8}
        zero.channel.close()  # killed
        told = client.until(lambda m: m.get("status") == "idle")
        assert told[-1]["message"] == "Nothing is heard of the training any more."
        state = get(server, "/api/ws/status")
        assert (state["is_training"], state["training_state"]["status"]) == (False, "idle")
        assert state["training_state"]["current_step"] == 900, "the furthest of its ranks"
    client.__exit__(None, None, None)


def test_a_training_that_goes_on_from_an_older_checkpoint_is_at_its_newest_step(
    server: ServerProcess,
) -> None:
    def train(monitor: livetrain.Monitor, first: int, last: int, value: float) -> None:
        for step in range(first, last):
            monitor.log({"loss": value}, step=step)
        assert monitor.flush(60)

    first = livetrain.Monitor("checkpoint", server=server.grpc)
    train(first, 0, 500, 1.0)
    checkpoint = first.resume_state()
    train(first, 500, 1000, 2.0)
    assert first.close(60)
    with livetrain.Monitor("checkpoint", server=server.grpc, resume=checkpoint) as second:
        train(second, 500, 650, 9.0)
        run = run_of(server, "checkpoint")
        assert (run["status"], run["steps"]) == ("running", 650)
        attempts = [{"attempt": 1, "from_step": 0}, {"attempt": 2, "from_step": 500}]
        assert run["attempts"] == attempts
        path = f"/api/runs/{run['run_id']}/metrics?names=loss"
        assert get(server, path)["attempts"] == attempts
        newest = get(server, path)["metrics"]["loss"]
        assert newest["steps"] == list(range(650))
        assert newest["values"] == [1.0] * 500 + [9.0] * 150
        older = get(server, f"{path}&attempt=1")["metrics"]["loss"]
        assert older["values"] == [1.0] * 500 + [2.0] * 500
        shown = CliRunner().invoke(main, ["runs"], env={"LIVETRAIN_HTTP": server.http}).output
        assert "  running  649  " in shown
    assert run_of(server, "checkpoint")["status"] == "finished"
