"""F17, F18: the server's disk, or the trainer's, is full, read-only, or gives I/O errors."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.faults.conditions import wait_until
from tests.faults.conftest import Measure
from tests.faults.disks import SmallDisk
from tests.faults.ledger import api, check_delivery, stream_of
from tests.faults.processes import Server, Trainer
from tests.faults.verdict import assert_delivered, assert_undisturbed


def test_f17_the_servers_disk_is_full_for_a_while(
    folder: Path, seed: int, measure: Measure
) -> None:
    with (
        SmallDisk(folder / "disk", "8m") as disk,
        Server(folder, data_dir=disk.path / "data") as server,
    ):
        trainer = Trainer(folder, server.grpc, steps=0, seed=seed, flush=20.0)
        trainer.wait_for_acknowledged(10, 20)
        disk.fill()

        def stuck() -> bool:
            before = trainer.acknowledged
            trainer.wait_for_steps(trainer.steps + 25, 20)
            return trainer.acknowledged == before

        wait_until(stuck, 60, "nothing is acknowledged any more")
        assert api(server, "/healthz") is not None, "a full disk is no reason to be gone"
        acknowledged = trainer.acknowledged
        trainer.wait_for_steps(trainer.steps + 25, 20)
        assert trainer.acknowledged == acknowledged
        disk.empty()
        trainer.wait_for_acknowledged(acknowledged + 1, 20)
        trainer.finish()
        summary = assert_undisturbed(trainer, measure)
        assert summary["flushed"]
        assert_delivered(trainer, server, measure)
        assert "Traceback" not in server.log(), server.log()[-3000:]


def test_f17_the_servers_disk_gives_errors(folder: Path, seed: int, measure: Measure) -> None:
    """Every sync of the store fails for a while: what it covers must not be acknowledged."""
    if shutil.which("strace") is None:
        pytest.skip("injecting errors needs strace")
    inject = "inject=fsync,fdatasync:error=EIO:when=20..25"
    strace = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-o",
        str(folder / "strace"),
        "-e",
        "trace=fsync,fdatasync",
    ]
    server = Server(folder, prefix=[*strace, "-e", inject])
    with server:
        trainer = Trainer(folder, server.grpc, steps=0, seed=seed, flush=20.0)
        injected = folder / "strace"
        wait_until(lambda: "EIO" in injected.read_text(), 40, "syncs fail")
        check_delivery(trainer, stream_of(trainer, server.data_dir), whole=False)
        wait_until(lambda: injected.read_text().count("EIO") >= 6, 60, "syncs work again")
        trainer.wait_for_acknowledged(trainer.acknowledged + 1, 20)
        trainer.finish()
        assert_undisturbed(trainer, measure)
        assert_delivered(trainer, server, measure)
        assert "Traceback" not in server.log(), server.log()[-3000:]


def test_f17_a_read_only_data_directory_says_what_to_do(folder: Path) -> None:
    with SmallDisk(folder / "disk", "8m") as disk:
        disk.remount("ro")
        server = Server(folder, data_dir=disk.path / "data")
        assert server.launch().wait(30) != 0
        assert "Traceback" not in server.log(), server.log()[-3000:]
        assert str(disk.path) in server.log()


def test_f17_a_store_that_is_no_database_says_what_to_do(folder: Path, server: Server) -> None:
    server.stop()
    (database,) = [
        path for path in server.data_dir.rglob("*") if path.suffix in (".db", ".sqlite", ".sqlite3")
    ]
    database.write_bytes(os.urandom(8192))
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(database).execute("SELECT 1 FROM runs")
    assert server.launch().wait(30) != 0
    assert "Traceback" not in server.process.stderr, server.process.stderr[-3000:]
    assert str(database) in server.process.stderr


@pytest.mark.parametrize("state", ["full", "read-only"])
def test_f18_the_trainers_disk_cannot_be_used(
    folder: Path, server: Server, seed: int, measure: Measure, state: str
) -> None:
    """The server is away too: everything waits in memory, and arrives."""
    with SmallDisk(folder / "disk", "64k") as disk:
        if state == "read-only":
            disk.remount("ro")
        server.kill()
        trainer = Trainer(
            folder,
            server.grpc,
            steps=0,
            step_seconds=0.005,
            seed=seed,
            spool_dir=disk.path / "spool",
            flush=20.0,
        )
        trainer.wait_for_steps(400, 40)
        server.start()
        trainer.wait_for_acknowledged(1, 20)
        trainer.finish()
        summary = assert_undisturbed(trainer, measure)
        assert summary["flushed"]
        assert_delivered(trainer, server, measure)
        said = [line for line in trainer.stderr.splitlines() if "disk" in line]
        assert len(said) == 1, trainer.stderr


@pytest.mark.faults_full
def test_f18_the_trainers_disk_fills_up_on_the_way(
    folder: Path, server: Server, seed: int, measure: Measure
) -> None:
    with SmallDisk(folder / "disk", "4m") as disk:
        trainer = Trainer(
            folder, server.grpc, steps=0, seed=seed, spool_dir=disk.path / "spool", flush=20.0
        )
        trainer.wait_for_acknowledged(10, 20)
        server.kill()
        disk.fill()
        trainer.wait_for_steps(trainer.steps + 150, 40)
        server.start()
        trainer.finish()
        assert_undisturbed(trainer, measure)
        assert_delivered(trainer, server, measure)
