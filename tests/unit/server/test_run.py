from __future__ import annotations

import pytest

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.limits import Limits
from livetrain.server.records import Record, read
from livetrain.server.run import GUEST, Run, Stream, contact_after
from livetrain.server.sequencing import Sequencer


def new_run(now: float = 100.0) -> Run:
    return Run(1, "abc", "hash", 1, "name", "default", (), created_ms=5, heard=now)


def record_of(**payload: object) -> Record:
    (record,) = read(pb.TelemetryRequest(**payload).SerializeToString(), Limits())  # type: ignore[arg-type]
    assert isinstance(record, Record)
    return record


def say(run: Run, **payload: object) -> bool:
    if not run.streams:
        run.streams.add(Stream(1, "s1", 0, "", opened=True, order=Sequencer(), heard=run.heard))
    (stream,) = run.streams.values()
    return run.advance(stream, record_of(**payload), 1_234_000)[0]


@pytest.mark.parametrize(
    ("silent", "word"),
    [(0, "alive"), (4.9, "alive"), (5, "stale"), (29.9, "stale"), (30, "lost"), (1e9, "lost")],
)
def test_silence_has_its_words(silent: float, word: str) -> None:
    assert contact_after(silent) == word


@pytest.mark.parametrize(("silent", "word"), [(299, "alive"), (300, "stale"), (1800, "lost")])
def test_who_speaks_once_an_epoch_is_not_missed_in_between(silent: float, word: str) -> None:
    assert contact_after(silent, GUEST) == word
    run = new_run(100)
    run.protocol = GUEST
    run.check_contact(100 + silent)
    assert run.contact == word


def test_contact_heals_and_an_end_is_an_end() -> None:
    run = new_run(100)
    assert run.check_contact(106)
    assert run.contact == "stale"
    assert run.hear(140, 1)
    assert run.contact == "alive"
    say(run, status_update=pb.StatusUpdate(status=pb.COMPLETED))
    assert run.check_contact(140)
    assert (run.contact, run.status, run.ended_ms) == ("ended", "finished", 1234)
    say(run, status_update=pb.StatusUpdate(status=pb.RUNNING))
    run.check_contact(140)
    assert (run.contact, run.ended_ms) == ("alive", 0)


@pytest.mark.parametrize(
    ("update", "status"),
    [
        (pb.StatusUpdate(status=pb.INITIALIZING), "initializing"),
        (pb.StatusUpdate(status=pb.RUNNING), "running"),
        (pb.StatusUpdate(status=pb.PAUSED), "paused"),
        (pb.StatusUpdate(status=pb.COMPLETED), "finished"),
        (pb.StatusUpdate(status=pb.FAILED), "failed"),
        (pb.StatusUpdate(status=pb.FAILED, interrupted=True), "interrupted"),
        (pb.StatusUpdate(message="hm"), "initializing"),
    ],
)
def test_each_status_has_its_word(update: pb.StatusUpdate, status: str) -> None:
    run = new_run()
    assert say(run, status_update=update)
    assert run.status == status


def test_the_first_batch_says_that_it_runs() -> None:
    run = new_run()
    assert say(run, batch_data=pb.BatchData(step=41, epoch=2))
    assert (run.status, run.steps, run.epoch) == ("running", 42, 2)
    assert not say(run, batch_data=pb.BatchData(step=3, epoch=2))
    assert run.steps == 4, "the newest by time"


def test_the_frame_rate_is_that_of_the_last_seconds() -> None:
    run = new_run()
    for second in range(100):  # nobody watched
        run.note_frame(float(second))
    assert run.ingest_fps(99.5) == pytest.approx(1)
    for frame in range(1, 101):  # somebody does
        run.note_frame(99 + frame / 30)
    assert run.ingest_fps(99 + 100 / 30) == pytest.approx(30)
    assert run.ingest_fps(99 + 100 / 30 + 2) == 0


def test_a_config_is_completed_and_its_lists_are_replaced() -> None:
    run = new_run()
    for names in (["a", "b"], ["c"], []):
        config = pb.TrainingConfig(total_epochs=3, class_names=names)
        say(run, status_update=pb.StatusUpdate(status=pb.RUNNING, config=config))
    assert list(run.config.class_names) == ["c"]
    assert run.config.total_epochs == 3


def test_a_run_from_the_store_is_not_alive_before_it_is_heard() -> None:
    run = new_run()
    run.last_heard_ms = 1_000_000
    fixed = {
        "key": 1, "run_id": "abc", "session_hash": "h", "protocol": 1, "project": "p", "tags": '["x"]',
        "created_ms": 5, "trimmed_offset": 0,
    }  # fmt: skip
    row = {**run.row(), **fixed}
    assert Run.from_row(row, now=50.0, unix_ms=1_000_100).contact == "stale"
    assert Run.from_row(row, now=50.0, unix_ms=1_060_000).contact == "lost"
    row["status"] = "failed"
    assert Run.from_row(row, now=50.0, unix_ms=1_000_100).contact == "ended"


def test_a_run_is_called_what_its_trainer_says_last() -> None:
    named = new_run()
    named.apply_status(pb.StatusUpdate(status=pb.RUNNING, run_name="x-ray"), 1)
    named.apply_status(pb.StatusUpdate(status=pb.RUNNING), 2)
    assert (named.name, named.row()["name"]) == ("x-ray", "x-ray")
    named.apply_status(pb.StatusUpdate(run_name="y" * 1000), 3)
    assert named.name == "y" * 256
