"""A training is never held up for a disk, whatever that disk does."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path
from typing import Any

import pytest

import livetrain
from livetrain._delivery import outbox
from livetrain._spool import segment_log
from livetrain._spool.disk_watch import DiskWatch


def test_what_takes_long_is_slow_and_is_remembered() -> None:
    now = [0.0]
    watch = DiskWatch(lambda: now[0])
    with watch:
        now[0] += 0.01
        assert not watch.is_slow
    assert not watch.is_slow
    with contextlib.suppress(OSError), watch:
        now[0] += 0.1
        assert watch.is_slow
        raise OSError(errno.EIO, "sick")
    assert watch.is_slow
    now[0] += 1.1
    assert not watch.is_slow


class Time:
    """The module `time` with naps that are counted and not taken."""

    def __init__(self) -> None:
        self.naps = 0

    def sleep(self, seconds: float) -> None:
        self.naps += 1

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class Os:
    """The module `os` of a disk that takes its time for each write, or is full."""

    def __init__(self, seconds: float, *, full: bool) -> None:
        self.seconds, self.full, self.writes = seconds, full, 0

    def write(self, fd: int, data: Any) -> int:
        self.writes += 1
        time.sleep(self.seconds)
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(fd, data)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


@pytest.mark.parametrize("full", [False, True])
def test_a_slow_disk_holds_no_training_up_while_the_server_is_away(
    full: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, clock = Os(0.3, full=full), Time()
    monkeypatch.setattr(segment_log, "os", disk)
    monitor = livetrain.Monitor(
        "digits", server="127.0.0.1:1", spool_dir=tmp_path, control=livetrain.ControlOptions()
    )
    deadline = time.monotonic() + 20
    while not disk.writes:  # from now on the stream's thread waits for the disk
        monitor.log_message("info", "x" * 5_000)
        time.sleep(0.01)
        assert time.monotonic() < deadline
    time.sleep(0.06)
    monkeypatch.setattr(outbox, "time", clock)
    text = "x" * 9_000
    for _ in range(1_500):  # 13 MB: more than half of the room
        monitor.log_message("info", text)
    paced = clock.naps
    monkeypatch.undo()
    monitor.close(1.0)
    assert paced == 0
