"""What a trainer is promised: acknowledged is committed, once, in order; and who may speak for a stream."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

import httpx
import pytest
from tests.integration.server.processes import PATIENCE, ServerProcess, until
from tests.integration.server.trainer import Trainer

from livetrain.proto import telemetry_pb2 as pb


@pytest.fixture
def server(shared_server: ServerProcess) -> ServerProcess:
    """One for all: each test has a run of its own, and asks about no other."""
    return shared_server


def curve(server: ServerProcess, run_id: str, name: str = "loss") -> dict[str, list[float]]:
    answer = httpx.get(f"{server.http}/api/runs/{run_id}/metrics", params={"names": name})
    assert answer.status_code == 200, answer.text
    return answer.json()["metrics"][name]  # type: ignore[no-any-return]


def test_a_run_is_registered_streamed_acknowledged_and_listed(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        answer = trainer.register(run_name="digits", project="demo", tags=["a"])
        assert answer.success
        assert (answer.protocol_version, answer.durable_seq) == (1, 0)
        assert answer.server_config.max_message_bytes == 4 << 20
        assert answer.server_config.accepts_strips
        trainer.open()
        for seq in range(1, 201):
            trainer.batch(seq, loss=1 / seq)
        trainer.wait_durable(200)
        ack = trainer.acks[-1]
        assert (ack.received_seq, ack.batch_idx, ack.server_epoch) == (
            200,
            199,
            answer.server_epoch,
        )
        assert ack.credit_bytes >= 1 << 20
        assert ack.frame_interval_ms == 1000
        trainer.finish()
        assert trainer.error is None
    runs = httpx.get(f"{server.http}/api/runs").json()["runs"]
    (run,) = [run for run in runs if run["run_id"] == answer.run_id]
    expected = {
        "run_id": answer.run_id,
        "name": "digits",
        "project": "demo",
        "status": "running",
        "steps": 200,
    }
    assert {key: run[key] for key in expected} == expected
    loss = curve(server, answer.run_id)
    assert loss["steps"] == list(range(200))
    assert loss["values"] == pytest.approx([1 / seq for seq in range(1, 201)])


def test_records_survive_kill_9_and_the_stream_goes_on_where_it_was(tmp_path: Path) -> None:
    sent = 0
    with ServerProcess(tmp_path / "data") as server, Trainer(server.grpc) as trainer:
        first = trainer.register()
        trainer.open()
        for seq in range(1, 501):
            trainer.batch(seq)
        until(lambda: trainer.durable > 0, "an acknowledgement")
        server.kill()
        assert trainer.ended.wait(20)
        acknowledged, session, token = trainer.durable, trainer.session_id, trainer.token
    with ServerProcess(tmp_path / "data") as server:
        (run,) = httpx.get(f"{server.http}/api/runs").json()["runs"]
        assert run["contact"] in ("stale", "lost")
        with Trainer(server.grpc, session_id=session, token=token) as trainer:
            again = trainer.register(first_unacked_seq=acknowledged + 1)
            assert (again.run_id, again.server_epoch) == (first.run_id, first.server_epoch)
            assert again.durable_seq >= acknowledged
            trainer.open()
            # From what was acknowledged, though the server may have more: it knows what it has.
            for sent in range(acknowledged + 1, 601):
                trainer.batch(sent)
            trainer.wait_durable(600)
        assert sent == 600
        assert curve(server, first.run_id)["steps"] == list(range(600))
        assert server.stop() == 0


def test_sigterm_commits_and_acknowledges_what_came(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        for seq in range(1, 301):
            trainer.batch(seq)
        until(lambda: any(ack.received_seq > 0 for ack in trainer.acks), "an acknowledgement")
        assert server.stop() == 0
        assert trainer.ended.wait(20)
        durable = trainer.durable
        assert trainer.acks[-1].durable_seq == trainer.acks[-1].received_seq
    with ServerProcess(tmp_path / "data") as server:
        assert curve(server, run_id)["steps"] == list(range(durable))


def test_a_record_that_came_before_is_acknowledged_again(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        for seq in (1, 2, 2, 1, 3):
            trainer.batch(seq)
        trainer.wait_durable(3)
        count = len(trainer.acks)
        trainer.batch(1)
        trainer.wait(lambda: len(trainer.acks) > count, "another acknowledgement")
        assert trainer.acks[-1].durable_seq == 3
        assert curve(server, run_id)["steps"] == [0, 1, 2]


def test_a_gap_is_answered_with_what_is_expected(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        trainer.register()
        trainer.open()
        trainer.batch(1)
        trainer.batch(4)
        assert trainer.ended.wait(20)
        (error,) = trainer.errors
        assert (error.code, error.expected_seq, error.retryable) == (
            pb.ErrorResponse.INVALID_DATA,
            2,
            True,
        )


def test_an_acknowledgement_is_repeated_with_every_heartbeat(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        trainer.register()
        trainer.open()
        trainer.batch(1)
        trainer.wait_durable(1)
        for _ in range(3):
            count = len(trainer.acks)
            trainer.heartbeat()
            trainer.wait(lambda count=count: len(trainer.acks) > count, "an acknowledgement")  # type: ignore[misc]
            assert trainer.acks[-1].durable_seq == 1


def test_many_records_in_one_message(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        records = [
            pb.TelemetryRequest(
                seq=seq, scalars=pb.Scalars(step=seq, values=[pb.Scalar(name="lr", value=seq / 4)])
            ).SerializeToString()
            for seq in range(1, 1001)
        ]
        trainer.send(pb.TelemetryRequest(bundle=pb.RecordBundle(records=records)))
        trainer.wait_durable(1000)
        assert curve(server, run_id, "lr")["values"] == [seq / 4 for seq in range(1, 1001)]


def test_a_record_too_many_in_a_message_costs_itself(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        answer = trainer.register()
        trainer.open()
        most = answer.server_config.max_records
        records = [
            pb.TelemetryRequest(
                seq=seq, scalars=pb.Scalars(step=seq, values=[pb.Scalar(name="lr", value=0.5)])
            ).SerializeToString()
            for seq in range(1, most + 3)
        ]
        trainer.send(pb.TelemetryRequest(bundle=pb.RecordBundle(records=records)))
        trainer.wait_durable(most + 2)
        trainer.batch(most + 3)  # on the same stream
        trainer.wait_durable(most + 3)
        assert {error.rejected_seq for error in trainer.errors} == {most + 1, most + 2}
        assert all("more than" in error.message for error in trainer.errors)
        assert len(curve(server, answer.run_id, "lr")["steps"]) == most
        assert curve(server, answer.run_id, "livetrain/left_out")["steps"] == [most + 1, most + 2]


def test_a_newer_connection_takes_over(server: ServerProcess) -> None:
    with Trainer(server.grpc) as old:
        run_id = old.register().run_id
        old.open()
        old.batch(1)
        old.wait_durable(1)
        with Trainer(server.grpc, session_id=old.session_id, token=old.token) as new:
            assert new.register(first_unacked_seq=2).durable_seq == 1
            assert old.ended.wait(20)
            old.batch(2)
            new.open()
            new.batch(2, loss=9)
            new.wait_durable(2)
        assert curve(server, run_id)["values"] == [0.5, 9]


def test_what_was_taken_is_committed_before_a_stream_is_let_in_again(server: ServerProcess) -> None:
    """Else it would be sent again: once more over the network, and without its pictures."""
    session, token = None, ""
    for seq in range(1, 21):
        with Trainer(server.grpc, session_id=session, token=token) as trainer:
            assert trainer.register(first_unacked_seq=1).durable_seq == seq - 1
            session, token = trainer.session_id, trainer.token
            trainer.open()
            trainer.batch(seq)
            trainer.heartbeat()  # answered at once, most often before the commit
            # Opening the stream is acknowledged too, with what was taken before.
            trainer.wait(
                lambda t=trainer, s=seq: any(a.received_seq == s for a in t.acks),  # type: ignore[misc]
                "it to be taken",
            )


def test_a_known_session_is_registered_with_its_token_only(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        trainer.register()
        trainer.open()
        trainer.batch(1)
        trainer.wait_durable(1)
        for token in ("", "wrong", trainer.token[:-1]):
            for stream_id in (trainer.stream_id, "another"):
                with Trainer(
                    server.grpc, session_id=trainer.session_id, stream_id=stream_id, token=token
                ) as other:
                    answer = other.register()
                    assert not answer.success
                    assert not answer.retryable
                    assert "resume_token" in answer.message
                    assert not answer.resume_token
                    # Nor does it get in by opening a stream, nor as an older client.
                    other.open()
                    other.batch(2)
                    assert other.ended.wait(20)
                    assert other.errors[0].code == pb.ErrorResponse.INVALID_SESSION
        with Trainer(server.grpc, session_id=trainer.session_id, protocol=0) as older:
            assert not older.register().success
        trainer.batch(2)
        trainer.wait_durable(2)


def test_a_registration_whose_answer_was_lost_is_made_again(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        first = trainer.register()
        trainer.token = ""
        again = trainer.register()
        assert again.success
        assert again.run_id == first.run_id
        assert again.resume_token != first.resume_token
        trainer.open()
        trainer.batch(1)
        trainer.wait_durable(1)


def test_a_later_stream_joins_with_the_token_of_an_earlier_one(server: ServerProcess) -> None:
    with Trainer(server.grpc, stream_id="before") as first:
        run_id = first.register().run_id
        first.open()
        first.batch(1)
        first.wait_durable(1)
    with Trainer(server.grpc, session_id=first.session_id, stream_id="after") as second:
        second.token = first.token
        assert second.register().run_id == run_id
        second.token = first.token  # as if the answer had been lost
        assert second.register().success
        assert second.token != first.token
        second.open()
        second.batch(1)
        second.wait_durable(1)
        with Trainer(server.grpc, session_id=first.session_id, stream_id="after") as stranger:
            stranger.token = first.token  # now that it was opened, it is let in by its own alone
            assert not stranger.register().success


def test_each_rank_joins_once_without_a_token(server: ServerProcess) -> None:
    with Trainer(server.grpc, stream_id="rank0") as first:
        run_id = first.register(world_size=2).run_id
        first.open()
        with Trainer(server.grpc, session_id=first.session_id, stream_id="rank1") as second:
            answer = second.register(rank=1, world_size=2)
            assert (answer.success, answer.run_id) == (True, run_id)
            second.open(rank=1)
            first.batch(1, loss=1)
            second.batch(1, loss=2)
            first.wait_durable(1)
            second.wait_durable(1)
        with Trainer(server.grpc, session_id=first.session_id, stream_id="rank1b") as third:
            assert not third.register(rank=1, world_size=2).success
    assert curve(server, run_id)["values"] == [1]
    assert curve(server, run_id, "rank1/loss")["values"] == [2]


def test_the_log_calls_the_stream_broken_whose_own_rank_had_not_ended(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, contextlib.ExitStack() as stack:
        session = secrets.token_hex(16)
        for rank, ends in enumerate((False, True, True)):
            trainer = stack.enter_context(
                Trainer(server.grpc, session_id=session, stream_id=f"rank{rank}")
            )
            assert trainer.register(rank=rank, world_size=3).success
            trainer.open(rank=rank, world_size=3)
            trainer.batch(1)
            if ends:
                over = pb.StatusUpdate(status=pb.TrainingStatus.COMPLETED)
                trainer.send(pb.TelemetryRequest(seq=2, status_update=over))
            trainer.wait_durable(1 + ends)
            trainer.channel.close()  # as one that was killed, and as one that heard all it waited for
        until(lambda: any("broke off" in line for line in server.log), "the log to say so")
        server.process.terminate()
        server.process.wait(PATIENCE)
    assert sum("broke off" in line for line in server.log) == 1


def test_a_server_that_comes_back_empty_says_what_is_gone(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "one") as server, Trainer(server.grpc) as trainer:
        old = trainer.register()
        trainer.open()
        for seq in range(1, 11):
            trainer.batch(seq)
        trainer.wait_durable(10)
        session, token = trainer.session_id, trainer.token
    with (
        ServerProcess(tmp_path / "two") as server,
        Trainer(server.grpc, session_id=session, token=token) as trainer,
    ):
        new = trainer.register(first_unacked_seq=11)
        assert new.success
        assert new.server_epoch != old.server_epoch
        assert new.durable_seq == 10
        trainer.open()
        trainer.batch(11)
        trainer.wait_durable(11)
        events = httpx.get(f"{server.http}/api/runs/{new.run_id}/events").json()["events"]
        assert [event["kind"] for event in events] == ["event", "batch_data"]
        assert events[0]["record"]["event"]["kind"] == "history_lost"
        assert events[0]["record"]["event"]["fields"]["records"] == "10"


def left_out(server: ServerProcess, run_id: str) -> dict[str, list[float]]:
    """Where the run has gaps, and how many records each stands for."""
    found = curve(server, run_id, "livetrain/left_out")
    return {name: found[name] for name in ("steps", "values")}


def test_a_refused_record_costs_that_record_alone(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register(run_name="digits").run_id
        trainer.open()
        trainer.batch(1)
        trainer.batch(2, step=2**60)
        trainer.batch(3)
        trainer.wait_durable(3)
        (error,) = trainer.errors
        assert (error.code, error.rejected_seq, error.replaced, error.retryable) == (
            pb.ErrorResponse.INVALID_DATA,
            2,
            True,
            True,
        )
        for word in ("Record 2 of run 'digits'", "batch data", f"step {2**60}; 0 to {2**53 - 1}"):
            assert word in error.message
        assert not trainer.ended.is_set()
        # A trainer of an earlier release puts a gap there too, after it connected again: it is there already.
        trainer.send(pb.TelemetryRequest(seq=2, tombstone=pb.Tombstone(reason="poison", records=1)))
        trainer.batch(4)
        trainer.wait_durable(4)
    assert curve(server, run_id)["steps"] == [0, 2, 3]
    assert left_out(server, run_id) == {"steps": [0], "values": [1]}
    events = httpx.get(f"{server.http}/api/runs/{run_id}/events").json()["events"]
    assert [event["kind"] for event in events] == [
        "batch_data",
        "tombstone",
        "batch_data",
        "batch_data",
    ]
    assert f"step {2**60}" in events[1]["record"]["tombstone"]["reason"]


def scalars(seq: int, names: list[str], **more: object) -> pb.TelemetryRequest:
    values = [pb.Scalar(name=name, value=seq) for name in names]
    told = pb.Scalars(step=seq, values=values)
    told.MergeFrom(pb.Scalars(**more))  # type: ignore[arg-type]
    return pb.TelemetryRequest(seq=seq, scalars=told)


def test_each_refused_record_of_a_bundle_costs_itself(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        columns = pb.PointColumns(columns=[pb.PointColumn(name="b", values=b"x" * 24)])
        records = [
            b"\xff",  # its number is known by those that stand around it
            scalars(2, ["a"]).SerializeToString(),
            scalars(3, ["x" * 300]).SerializeToString(),
            b"\x0a\xff",
            pb.TelemetryRequest(seq=5, columns=columns).SerializeToString(),
            scalars(6, ["a"]).SerializeToString(),
            scalars(7, [f"metric{i}" for i in range(6700)]).SerializeToString(),
            scalars(8, ["a"]).SerializeToString(),
        ]
        trainer.send(pb.TelemetryRequest(bundle=pb.RecordBundle(records=records)))
        trainer.wait_durable(8)
        refused = {error.rejected_seq: error.message for error in trainer.errors}
        assert sorted(refused) == [1, 3, 4, 5, 7]
        assert all(error.replaced for error in trainer.errors)
        assert "300 characters" in refused[3]
        assert "0 bytes of steps" in refused[5]
        assert "more than 20000 fields in one record" in refused[7]
        assert not trainer.ended.is_set()
    assert curve(server, run_id, "a")["steps"] == [2, 6, 8]
    # A gap of columns stands for their points.
    assert sorted(left_out(server, run_id)["values"]) == [1, 1, 1, 1, 3]


def test_a_message_that_cannot_be_read_at_all_is_the_next_record(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        trainer.batch(1)
        trainer.send_raw(b"\xff\xff\xff")
        trainer.batch(3)
        trainer.wait_durable(3)
        assert [error.rejected_seq for error in trainer.errors] == [2]
    assert curve(server, run_id)["steps"] == [0, 2]


def test_what_has_no_number_takes_none(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        trainer.batch(1)
        trainer.send_raw(b"")
        trainer.send(pb.TelemetryRequest(log=pb.Log(message="without a number")))
        trainer.send(scalars(0, ["x" * 300]))
        trainer.send(pb.TelemetryRequest(command_issued=pb.CommandIssued(verb="stop")))
        trainer.batch(2)
        trainer.wait_durable(2)
        assert len(trainer.errors) == 4
        assert all(e.retryable and not e.rejected_seq and e.message for e in trainer.errors)
        assert not trainer.ended.is_set()
    assert curve(server, run_id)["steps"] == [0, 1]
    assert httpx.get(f"{server.http}/api/runs/{run_id}/commands").json()["commands"] == []


def test_no_trainer_writes_what_the_server_alone_says(server: ServerProcess) -> None:
    """A command in a run's log is one that somebody gave."""
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        forged = pb.TelemetryRequest(command_issued=pb.CommandIssued(command_id="c", verb="stop"))
        log = pb.TelemetryRequest(seq=1, log=pb.Log(message="hello"))
        trainer.send_raw(log.SerializeToString() + forged.SerializeToString())
        trainer.send(pb.TelemetryRequest(seq=2, command_issued=forged.command_issued))
        trainer.batch(3)
        trainer.wait_durable(3)
        assert [error.rejected_seq for error in trainer.errors] == [1, 2]
    assert httpx.get(f"{server.http}/api/runs/{run_id}/commands").json()["commands"] == []


def test_refused_records_are_one_line_a_cause_and_are_counted(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        for _ in range(2):
            with Trainer(server.grpc) as trainer:
                trainer.register()
                trainer.open()
                for seq in range(1, 21):
                    trainer.batch(seq, step=2**60)
                for seq in range(21, 31):
                    trainer.send(scalars(seq, [f"metric{i}" for i in range(6700)]))
                trainer.wait_durable(30)
        counted = httpx.get(f"{server.http}/metrics").text
        assert server.stop() == 0
    assert 'livetrain_rejected_total{reason="record_batch"} 40.0' in counted
    assert 'livetrain_rejected_total{reason="record_elements"} 20.0' in counted
    assert sum("refused a record" in line for line in server.log) == 2


def test_contact_is_lost_and_found_again(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        trainer.batch(1)

        def contact() -> str:
            return httpx.get(f"{server.http}/api/runs/{run_id}").json()["contact"]  # type: ignore[no-any-return]

        assert contact() == "alive"
        until(lambda: contact() == "stale", "the run to be stale")
        trainer.heartbeat()
        until(lambda: contact() == "alive", "the run to be alive")
        trainer.send(pb.TelemetryRequest(seq=2, status_update=pb.StatusUpdate(status=pb.COMPLETED)))
        until(lambda: contact() == "ended", "the run to have ended")
        assert httpx.get(f"{server.http}/api/runs/{run_id}").json()["status"] == "finished"
