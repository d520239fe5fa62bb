"""F45: closed standard streams, no HOME, a read-only file system."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.faults.conditions import wait_until
from tests.faults.conftest import NewStreams
from tests.faults.disks import SmallDisk
from tests.faults.processes import Process, Script, Server

TRAINING = """
    import os, sys
    if len(sys.argv) > 3:
        for descriptor in map(int, sys.argv[3]):
            os.close(descriptor)
    import livetrain
    monitor = livetrain.Monitor("surroundings", server=sys.argv[1])
    for step in range(30):
        monitor.log_batch(None, None, loss=1.0)
    assert monitor.flush(10)
    run, delivered = monitor.run_id, monitor.close(10)
    with open(sys.argv[2], "w") as note:
        note.write(f"{run} {delivered}")
"""


def assert_trained(script: Script, note: Path, new_streams: NewStreams) -> None:
    assert script.wait(30) == 0, script.stderr[-3000:]
    assert "Traceback" not in script.stderr, script.stderr[-3000:]
    run, delivered = note.read_text().split()
    assert delivered == "True"
    # Where a spool is kept without a home, runs of others may wait as well, and come along.
    (stream,) = (stream for stream in new_streams() if stream.run_id == run)
    assert list(stream.batches) == list(range(30))


@pytest.mark.parametrize("closed", ["1", "2", "012"])
def test_closed_standard_streams(
    folder: Path, shared_server: Server, new_streams: NewStreams, closed: str
) -> None:
    note = folder / "note"
    script = Script(folder, TRAINING, shared_server.grpc, arguments=[str(note), closed])
    assert_trained(script, note, new_streams)


HOMELESS: dict[str, str | None] = dict.fromkeys(
    (
        "HOME",
        "XDG_STATE_HOME",
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
        "USER",
        "LOGNAME",
        "LIVETRAIN_SPOOL_DIR",
    )
)


def test_no_home(folder: Path, shared_server: Server, new_streams: NewStreams) -> None:
    note = folder / "note"
    script = Script(folder, TRAINING, shared_server.grpc, arguments=[str(note)], env=HOMELESS)
    assert_trained(script, note, new_streams)


def test_a_home_that_cannot_be_written(
    folder: Path, shared_server: Server, new_streams: NewStreams
) -> None:
    note = folder / "note"
    with SmallDisk(folder / "disk", "64k") as disk:
        disk.remount("ro")
        env = {**HOMELESS, "HOME": str(disk.path)}
        script = Script(folder, TRAINING, shared_server.grpc, arguments=[str(note)], env=env)
        assert_trained(script, note, new_streams)


def test_a_user_that_nobody_knows(
    folder: Path, shared_server: Server, new_streams: NewStreams
) -> None:
    """As in a container started with ``--user 12345``: no name, no home, may write nearly nowhere."""
    setpriv = shutil.which("setpriv")
    if setpriv is None or os.geteuid() != 0:
        pytest.skip("becoming another user needs root and setpriv")
    with SmallDisk(folder / "disk", "1m") as disk:
        disk.path.chmod(0o777)
        folder.chmod(0o755)
        note = disk.path / "note"
        command = [setpriv, "--reuid=12345", "--regid=12345", "--clear-groups", sys.executable]
        script = Script(
            folder,
            TRAINING,
            shared_server.grpc,
            arguments=[str(note)],
            command=command,
            env=HOMELESS,
        )
        if script.wait(30) and "ermission" in script.stderr and "livetrain" not in script.stderr:
            pytest.skip("another user cannot run this Python")
        assert_trained(script, note, new_streams)


def test_a_server_without_a_home_says_what_to_do(folder: Path) -> None:
    """It must keep its store somewhere: it says where it tried, and how to say another place."""
    with SmallDisk(folder / "disk", "64k") as disk:
        disk.remount("ro")
        code = "import sys; from livetrain.server.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        server = Process(command, folder, "server", env={**HOMELESS, "HOME": str(disk.path)})
        wait_until(lambda: not server.alive, 30, "it gives up")
        assert server.wait(1) != 0
        assert "Traceback" not in server.stderr, server.stderr[-3000:]
        assert "--data-dir" in server.stderr
