"""Curves while they are packed: nothing is deleted, doubled or missing, whatever happens to the server meanwhile."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.test_curves import ask, log_columns, started, summary
from tests.integration.server.trainer import Trainer

from livetrain.proto import telemetry_pb2 as pb

GOLDEN = Path(__file__).parents[2] / "golden" / "curves_of_schema_0003.db.gz"
TIME_MS = 1_700_000_000_000
NAMES = 5_000
OWN = {"loss", "accuracy", "val/loss", "epoch/loss"}


def log_names(trainer: Trainer, names: list[str], *, steps: range, seq: int) -> int:
    """Send a number for each name at each step beside a batch, and wait until all are kept; return the next number."""
    for step in steps:
        time_ms = TIME_MS + step
        batch = pb.BatchData(step=step, exact_loss=step / 3, exact_accuracy=step / 7)
        records = [pb.TelemetryRequest(timestamp_ms=time_ms, batch_data=batch)]
        for start in range(0, len(names), 2_500):
            values = [
                pb.Scalar(name=name, value=at + step / 8)
                for at, name in enumerate(names[start : start + 2_500], start)
            ]
            scalars = pb.Scalars(step=step, values=values)
            records.append(pb.TelemetryRequest(timestamp_ms=time_ms, scalars=scalars))
        for record in records:
            record.seq = seq
            trainer.send(record)
            seq += 1
        trainer.wait_durable(seq - 1)
    return seq


def check_names(server: ServerProcess, run_id: str, names: list[str], steps: int) -> None:
    found = ask(server, run_id)
    assert len(found) == len(names) + 2
    for at, name in enumerate(names):
        curve = found[name]
        assert curve["steps"] == list(range(steps)), name
        assert curve["values"] == [at + step / 8 for step in range(steps)], name
    assert found["loss"]["values"] == [step / 3 for step in range(steps)]
    assert found["accuracy"]["values"] == [step / 7 for step in range(steps)]


def packed(data: Path) -> dict[str, Any]:
    """Return what the database has, as another process sees it."""
    with sqlite3.connect(f"file:{data / 'livetrain.db'}?mode=ro", uri=True) as database:
        row = database.execute("SELECT sealed_offset, last_offset FROM runs").fetchone()
        count, points = database.execute("SELECT count(*), sum(points) FROM chunks").fetchone()
        old = database.execute("SELECT count(*) FROM old_chunks").fetchone()[0]
    database.close()
    return {"sealed": row[0], "last": row[1], "chunks": count, "points": points, "old": old}


def test_more_names_than_anybody_expects_are_all_there(tmp_path: Path) -> None:
    """2,100 names of a run were enough for its loss to be deleted when it was packed."""
    names = [f"layer{at % 40}/grad/{at:05}" for at in range(NAMES)]
    with ServerProcess(tmp_path / "data") as server, Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        seq = log_names(trainer, names, steps=range(12), seq=1)
        check_names(server, run_id, names, 12)
        until(lambda: packed(tmp_path / "data")["sealed"], "the first records to be packed")
        check_names(server, run_id, names, 12)
        log_names(trainer, names, steps=range(12, 14), seq=seq)
        check_names(server, run_id, names, 14)
        page = summary(server, run_id, q="layer7/", limit=5)
        assert (page["total"], page["metrics"][0]["points"]) == (NAMES // 40, 14)
        assert summary(server, run_id, limit=1)["total"] == NAMES + 2
        assert not [line for line in server.log if "not kept" in line]


def test_a_run_that_is_over_is_packed_and_small_chunks_are_put_together(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data) as server, Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        seq, noise = 1, np.random.default_rng(0).random(1000)
        for part in range(20):
            # As much as is packed at once, and a few points of another curve.
            steps = np.arange(part * 50_000, (part + 1) * 50_000)
            curves = {"x": (steps, steps / 3), "few": (steps[:5], noise[part * 5 : part * 5 + 5])}
            seq = log_columns(trainer, curves, first_seq=seq)
        update = pb.StatusUpdate(status=pb.COMPLETED)
        trainer.send(pb.TelemetryRequest(seq=seq, status_update=update))
        trainer.wait_durable(seq)
        trainer.finish()
        until(lambda: packed(data)["last"] - packed(data)["sealed"] <= 1, "the rest to be packed")
        until(lambda: packed(data)["chunks"] < 160, "small chunks to be put together")
        found = ask(server, run_id)
        assert found["few"]["values"] == noise[:100].tolist()
        assert found["x"]["steps"] == list(range(1_000_000))
        assert found["x"]["values"][::1000] == [step / 3 for step in range(0, 1_000_000, 1000)]


@pytest.mark.parametrize("chunks", [0, 1, 3_000])
def test_a_server_that_is_killed_while_it_packs_has_every_point_once(
    tmp_path: Path, chunks: int
) -> None:
    names = [f"n/{at:05}" for at in range(NAMES)]
    data = tmp_path / "data"
    with ServerProcess(data) as server:
        with Trainer(server.grpc) as trainer:
            run_id = started(trainer)
            log_names(trainer, names, steps=range(12), seq=1)
            until(lambda: packed(data)["chunks"] >= chunks, "some slices to be written")
        psutil.Process(server.process.pid).kill()
        server.process.wait()
    with ServerProcess(data) as server:
        check_names(server, run_id, names, 12)
        with Trainer(server.grpc, session_id=trainer.session_id, token=trainer.token) as trainer:
            trainer.register()
            trainer.open()
            seq = trainer_seq(trainer)
            log_names(trainer, names, steps=range(12, 16), seq=seq)
            check_names(server, run_id, names, 16)


def trainer_seq(trainer: Trainer) -> int:
    """Return the number of the next record, as the server says it."""
    trainer.wait(lambda: trainer.durable, "the server to say how far it is")
    return trainer.durable + 1


def test_chunks_of_an_older_release_are_packed_anew(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "livetrain.db").write_bytes(gzip.decompress(GOLDEN.read_bytes()))
    with ServerProcess(data) as server:
        runs = httpx.get(f"{server.http}/api/runs").json()["runs"]
        older = next(run["run_id"] for run in runs if run["name"] == "older")
        before = ask(server, older)
        until(lambda: packed(data)["old"] == 0, "the older chunks to be packed anew")
        assert ask(server, older) == before
        assert len(before["loss"]["steps"]) == 9_200
        buckets = ask(server, older, stat="buckets", points=10)
        assert sum(buckets["loss"]["count"]) == 9_200 - 3
