from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import resource
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from livetrain import _warnings
from livetrain._spool import directory_lock, discovery
from livetrain._spool.segment import HEADER_BYTES
from livetrain._spool.segment_log import _TEMPORARY
from livetrain._spool.spool import Spool, SpoolLimits, _open_spools, discover

KIB = 1 << 10


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def payload(seq: int, size: int = 20) -> bytes:
    return (f"{seq:08d}" * (size // 8 + 1)).encode()[:size]


def fill(spool: Spool, count: int, size: int = 20, **flags: bool) -> None:
    for _ in range(count):
        seq = spool.last_seq + 1
        spool.append(seq, payload(seq, size), **flags)


def read_all(spool: Spool, after: int = 0, max_bytes: int = 500) -> list[tuple[int, bytes | None]]:
    entries: list[tuple[int, bytes | None]] = []
    while more := spool.read(entries[-1][0] if entries else after, max_bytes):
        entries += more
    return entries


def segment_files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.seg"))


def kill(spool: Spool) -> None:
    """What remains of a spool whose process was killed: the descriptors are closed, no more."""
    spool._abandon()


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    yield
    for spool in list(_open_spools):
        kill(spool)
    _open_spools.clear()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state" / "stream"


@contextlib.contextmanager
def no_room_in_files(limit: int = 0) -> Iterator[None]:
    """Let every write past `limit` bytes of a file fail, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# ---------------------------------------------------------------- in and out


def test_what_goes_in_comes_out_in_order(directory: Path) -> None:
    spool = Spool.open(directory)
    fill(spool, 5)
    assert read_all(spool) == [(seq, payload(seq)) for seq in range(1, 6)]
    assert (spool.first_seq, spool.last_seq, spool.pending) == (1, 5, 5)


def test_read_takes_at_most_the_bytes_asked_but_one_entry_at_least(directory: Path) -> None:
    spool = Spool.open(directory)
    fill(spool, 5, size=100)
    assert [seq for seq, _ in spool.read(0, 1)] == [1]
    assert [seq for seq, _ in spool.read(0, 300)] == [1, 2, 3]
    assert [seq for seq, _ in spool.read(3, 300)] == [4, 5]
    assert spool.read(5, 300) == []


def test_older_records_are_read_from_the_disk(directory: Path) -> None:
    spool = Spool.open(directory, SpoolLimits(segment_bytes=64 * KIB))
    fill(spool, 4000, size=1000)
    spool.flush()
    assert spool.stats.memory_bytes < 1.5 * KIB * KIB
    assert read_all(spool, max_bytes=50_000) == [(s, payload(s, 1000)) for s in range(1, 4001)]
    assert spool.stats.memory_bytes < 1.5 * KIB * KIB


def test_a_file_that_is_read_while_it_is_written(directory: Path) -> None:
    spool = Spool.open(directory, SpoolLimits(segment_bytes=8 * KIB * KIB))
    entries: list[tuple[int, bytes | None]] = []
    for _ in range(3):
        fill(spool, 2000, size=1000)
        spool.flush()
        entries += spool.read(len(entries), 1500 * 1000)
    assert entries == [(seq, payload(seq, 1000)) for seq in range(1, 4501)]


def test_a_gap_in_the_numbers_is_the_callers_mistake(directory: Path) -> None:
    spool = Spool.open(directory)
    with pytest.raises(ValueError, match=r"seq=2: .* give 1"):
        spool.append(2, b"")


def test_trimming_deletes_whole_files(directory: Path) -> None:
    spool = Spool.open(directory, SpoolLimits(segment_bytes=1 * KIB))
    fill(spool, 100, size=100)
    spool.flush()
    before = len(segment_files(directory))
    spool.trim(50)
    assert spool.first_seq == 51
    assert before // 2 - 1 <= len(segment_files(directory)) <= before // 2 + 1
    spool.trim(100)
    assert (spool.pending, spool.pending_bytes) == (0, 0)
    assert len(segment_files(directory)) == 1
    assert spool.read(0, 1000) == []


def test_trimming_past_the_end_makes_the_next_number_follow(directory: Path) -> None:
    spool = Spool.open(directory)
    fill(spool, 3)
    spool.trim(10)
    assert (spool.first_seq, spool.last_seq, spool.pending) == (11, 10, 0)
    assert spool.append(11, b"next")
    spool.flush()
    kill(spool)
    assert read_all(Spool.open(directory), after=10) == [(11, b"next")]


def test_a_replaced_record_is_a_hole(directory: Path) -> None:
    spool = Spool.open(directory)
    fill(spool, 3)
    spool.replace(2)
    assert read_all(spool) == [(1, payload(1)), (2, None), (3, payload(3))]
    spool.trim(2)
    assert read_all(spool) == [(3, payload(3))]


# ---------------------------------------------------------------- the next process


def test_what_was_flushed_survives_a_kill(directory: Path) -> None:
    spool = Spool.open(directory)
    spool.set_meta(b"session")
    fill(spool, 3)
    spool.flush()
    fill(spool, 1)
    kill(spool)
    after = Spool.open(directory)
    assert read_all(after) == [(seq, payload(seq)) for seq in (1, 2, 3)]
    assert after.meta == b"session"
    fill(after, 2)
    assert [seq for seq, _ in read_all(after)] == [1, 2, 3, 4, 5]


def test_closing_flushes(directory: Path) -> None:
    spool = Spool.open(directory)
    fill(spool, 3)
    spool.close()
    spool.close()
    assert len(read_all(Spool.open(directory))) == 3


def test_a_drained_spool_leaves_nothing_behind(directory: Path) -> None:
    spool = Spool.open(directory)
    spool.set_meta(b"session")
    fill(spool, 3)
    spool.flush()
    spool.trim(3)
    spool.close()
    assert not directory.exists()


def test_files_are_the_owners_alone(directory: Path) -> None:
    spool = Spool.open(directory)
    spool.set_meta(b"token")
    fill(spool, 3)
    spool.flush()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    files = list(directory.iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_damaged_meta_counts_as_none(directory: Path) -> None:
    spool = Spool.open(directory)
    spool.set_meta(b"session")
    fill(spool, 1)
    spool.close()
    meta = directory / "meta"
    meta.write_bytes(meta.read_bytes()[:-1])
    assert Spool.open(directory).meta is None


def test_foreign_files_are_left_alone(directory: Path) -> None:
    directory.mkdir(parents=True)
    (directory / "notes.seg").write_text("mine")
    spool = Spool.open(directory)
    fill(spool, 1)
    spool.trim(1)
    spool.close()
    assert spool.stats.disk_errors == 0
    assert (directory / "notes.seg").read_text() == "mine"


# ---------------------------------------------------------------- F19: damage


def test_a_cut_at_every_byte_is_survived(directory: Path) -> None:
    spool = Spool.open(directory)
    fill(spool, 4)
    spool.close()
    (file,) = segment_files(directory)
    data, size = file.read_bytes(), HEADER_BYTES + 20
    for cut in range(len(data) + 1):
        file.write_bytes(data[:cut])
        after = Spool.open(directory)
        whole = cut // size
        assert after.last_seq == whole
        assert read_all(after) == [(seq, payload(seq)) for seq in range(1, whole + 1)]
        assert after.stats.torn == (cut % size > 0)
        assert after.append(whole + 1, b"more")
        kill(after)


def test_every_byte_flipped_costs_one_record(directory: Path) -> None:
    spool = Spool.open(directory)
    fill(spool, 4)
    spool.close()
    (file,) = segment_files(directory)
    data, size = file.read_bytes(), HEADER_BYTES + 20
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x41
        file.write_bytes(damaged)
        after = Spool.open(directory)
        hit = position // size + 1
        entries = read_all(after)
        if hit == 4:  # the end of the file: nothing says that there was a fourth
            assert entries == [(seq, payload(seq)) for seq in (1, 2, 3)]
            assert (after.stats.torn, after.stats.corrupt) == (1, 0)
        else:
            assert entries == [(seq, None if seq == hit else payload(seq)) for seq in range(1, 5)]
            assert (after.stats.torn, after.stats.corrupt) == (0, 1)
            assert read_all(after) == entries
            assert after.stats.corrupt == 1
        kill(after)


def test_damage_is_counted_once_however_often_it_is_read(directory: Path) -> None:
    spool = Spool.open(directory)
    fill(spool, 9)
    spool.close()
    (file,) = segment_files(directory)
    data = bytearray(file.read_bytes())
    for seq in (2, 3, 7):
        data[seq * (HEADER_BYTES + 20) - 1] ^= 1
    file.write_bytes(data)
    after = Spool.open(directory)
    for _ in range(2):
        assert [seq for seq, record in read_all(after) if record is None] == [2, 3, 7]
        assert after.stats.corrupt == 3


def test_damage_is_said_once_and_told_from_thinning(
    directory: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_warnings, "_last", {})
    limits = SpoolLimits(max_bytes=16 * KIB, segment_bytes=2 * KIB, reserve_bytes=0)
    spool = Spool.open(directory, limits)
    fill(spool, 500, thinnable=True)
    spool.close()
    file = segment_files(directory)[-1]
    data = bytearray(file.read_bytes())
    for place in (0, 3):
        data[place * (HEADER_BYTES + 20) + HEADER_BYTES] ^= 1
    file.write_bytes(data)
    after = Spool.open(directory, limits)
    first = int(file.stem)
    for _ in range(2):
        holes = [seq for seq, record in read_all(after) if record is None]
        damaged = [seq for seq in holes if after.hole_reason(seq) == "damaged on the disk"]
        thinned = [seq for seq in holes if after.hole_reason(seq) == "thinned"]
        assert len(damaged) == 2
        assert min(damaged) == first
        assert set(damaged) | set(thinned) == set(holes)
    (said,) = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert str(directory) in said
    after.trim(500)
    assert not any(seq in after._damage for seq in range(1, 501))


def test_what_a_killed_process_was_replacing_is_removed(directory: Path) -> None:
    spool = Spool.open(directory)
    fill(spool, 1)
    spool.close()
    (directory / f"meta{_TEMPORARY}").write_bytes(b"half")
    Spool.open(directory).trim(1)
    assert not list(directory.glob(f"*{_TEMPORARY}"))


@pytest.mark.parametrize("loss", ["deleted", "emptied", "overwritten"])
def test_a_lost_file_is_a_hole(directory: Path, loss: str) -> None:
    spool = Spool.open(directory, SpoolLimits(segment_bytes=200))
    fill(spool, 12)
    spool.close()
    file = segment_files(directory)[1]
    following = int(segment_files(directory)[2].stem)
    lost = range(int(file.stem), following)
    if loss == "deleted":
        file.unlink()
    else:
        file.write_bytes(b"" if loss == "emptied" else os.urandom(file.stat().st_size))
    after = Spool.open(directory)
    assert read_all(after) == [(seq, None if seq in lost else payload(seq)) for seq in range(1, 13)]


# ---------------------------------------------------------------- full


def test_when_full_every_second_of_the_oldest_goes(directory: Path) -> None:
    spool = Spool.open(
        directory, SpoolLimits(max_bytes=32 * KIB, segment_bytes=4 * KIB, reserve_bytes=KIB)
    )
    for seq in range(1, 2001):
        critical = seq % 100 == 0
        assert spool.append(seq, payload(seq), critical=critical, thinnable=not critical)
        assert spool.stats.disk_bytes <= 32 * KIB
    entries = read_all(spool)
    kept = [seq for seq, record in entries if record is not None]
    assert [seq for seq, _ in entries] == list(range(1, 2001))
    assert set(range(100, 2001, 100)) <= set(kept)
    assert len(entries) - len(kept) == spool.stats.thinned
    assert spool.stats.refused == 0
    old, new = sum(seq <= 1000 for seq in kept), sum(seq > 1000 for seq in kept)
    assert new > old > 100
    thinned = spool.thinned
    spool.close()
    assert spool.thinned == thinned > 0, "what was left out is forgotten"


def test_what_is_acknowledged_goes_first_and_counts_as_nothing(directory: Path) -> None:
    spool = Spool.open(
        directory, SpoolLimits(max_bytes=8 * KIB, segment_bytes=KIB, reserve_bytes=0)
    )
    fill(spool, 185, thinnable=True)
    spool.flush()
    first_file_ends = int(segment_files(directory)[1].stem) - 1
    spool.trim(first_file_ends - 1)
    fill(spool, 20, thinnable=True)
    assert spool.stats.thinned == 0


def test_the_reserve_is_for_the_critical(directory: Path) -> None:
    spool = Spool.open(
        directory, SpoolLimits(max_bytes=16 * KIB, segment_bytes=2 * KIB, reserve_bytes=2 * KIB)
    )
    while spool.append(spool.last_seq + 1, bytes(100)):
        pass
    refused = spool.last_seq
    assert spool.append(refused + 1, bytes(100), critical=True)
    assert not spool.append(refused + 2, bytes(100))
    assert spool.stats.refused == 2
    entries = read_all(spool)
    assert [seq for seq, record in entries if record is None] == [refused, refused + 2]


# ---------------------------------------------------------------- F18: the disk fails


def test_a_disk_that_fills_up_leaves_all_in_memory(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    spool = Spool.open(directory, clock=clock)
    fill(spool, 10)
    spool.flush()
    with no_room_in_files(limit=500):
        fill(spool, 100)
        spool.flush()
        clock.now += 60
        fill(spool, 100)
        spool.flush()
        assert spool.memory_only
        assert read_all(spool) == [(seq, payload(seq)) for seq in range(1, 211)]
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "LIVETRAIN_SPOOL_DIR" in warnings[0].getMessage()

    clock.now += 60
    spool.flush()
    assert not spool.memory_only
    kill(spool)
    after = Spool.open(directory)
    assert read_all(after) == [(seq, payload(seq)) for seq in range(1, 211)]
    assert after.stats.torn == 0


def test_what_a_full_disk_refused_is_kept_until_it_is_acknowledged(directory: Path) -> None:
    clock = Clock()
    spool = Spool.open(directory, clock=clock)
    with no_room_in_files():
        fill(spool, 3000, size=1000)
        spool.flush()
    assert len(read_all(spool, max_bytes=100_000)) == 3000
    clock.now += 60
    spool.flush()
    spool.trim(10)
    kill(spool)
    after = Spool.open(directory)
    assert read_all(after, 10, 100_000) == [(s, payload(s, 1000)) for s in range(11, 3001)]


def test_in_memory_the_bound_holds_by_thinning(directory: Path) -> None:
    spool = Spool.open(directory, SpoolLimits(memory_bytes=8 * KIB))
    with no_room_in_files():
        for seq in range(1, 2001):
            critical = seq % 100 == 0
            assert spool.append(seq, payload(seq), critical=critical, thinnable=not critical)
            spool.flush()
            assert spool.stats.memory_bytes <= 8 * KIB
        entries = read_all(spool)
    assert [seq for seq, _ in entries] == list(range(1, 2001))
    assert sum(record is None for _, record in entries) == spool.stats.thinned
    assert all(entries[seq - 1][1] is not None for seq in range(100, 2001, 100))


def test_a_hole_right_after_what_is_acknowledged_is_read_in_memory_too(directory: Path) -> None:
    spool = Spool.open(directory, SpoolLimits(memory_bytes=8 * KIB))
    with no_room_in_files():
        fill(spool, 1, thinnable=True)
        spool.flush()
        assert spool.memory_only
        fill(spool, 2000, thinnable=True)
        hole = next(seq for seq, record in read_all(spool) if record is None)
        spool.trim(hole - 1)
        assert read_all(spool, hole - 1)[0] == (hole, None), "a stream has no gaps"


def test_the_first_record_of_all_is_a_hole_when_it_was_refused(directory: Path) -> None:
    spool = Spool.open(directory, SpoolLimits(max_bytes=4 * KIB, reserve_bytes=0))
    assert not spool.append(1, bytes(5 * KIB))
    assert spool.append(2, b"small")
    assert read_all(spool) == [(1, None), (2, b"small")]


def test_what_is_thinned_on_its_way_counts_when_it_did_not_arrive(directory: Path) -> None:
    spool = Spool.open(directory, SpoolLimits(max_bytes=8 * KIB, segment_bytes=KIB))
    fill(spool, 100, thinnable=True)
    spool.sent(100)
    fill(spool, 400, thinnable=True)
    gone = [seq for seq, record in read_all(spool) if record is None]
    on_its_way = [seq for seq in gone if seq <= 100]
    assert spool.thinned == len(gone) - len(on_its_way) < len(gone)
    spool.trim(50)
    spool.resumed()
    assert spool.thinned == len(gone) - sum(seq <= 50 for seq in on_its_way)


def tmpfs(mountpoint: Path, options: str) -> Iterator[Path]:
    mountpoint.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(mountpoint)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a tmpfs needs root on Linux")
    yield mountpoint
    subprocess.run(["umount", str(mountpoint)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    yield from tmpfs(tmp_path / "small", "size=64k")


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    yield from tmpfs(tmp_path / "readonly", "size=64k,ro")


def test_a_full_file_system(small_disk: Path) -> None:
    clock = Clock()
    spool = Spool.open(small_disk / "stream", clock=clock)
    fill(spool, 100, size=1000)
    spool.flush()
    assert spool.memory_only
    assert read_all(spool) == [(seq, payload(seq, 1000)) for seq in range(1, 101)]
    spool.trim(90)
    clock.now += 60
    spool.flush()
    assert not spool.memory_only
    kill(spool)
    after = Spool.open(small_disk / "stream")
    assert read_all(after, after=90) == [(seq, payload(seq, 1000)) for seq in range(91, 101)]
    after.close()


def test_a_read_only_file_system(read_only_disk: Path) -> None:
    spool = Spool.open(read_only_disk / "stream")
    spool.set_meta(b"session")
    fill(spool, 10)
    spool.flush()
    assert spool.memory_only
    assert len(read_all(spool)) == 10
    spool.trim(10)
    assert spool.pending == 0
    spool.close()


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    spool = Spool.open(tmp_path / "file" / "stream")
    fill(spool, 10)
    spool.flush()
    assert spool.memory_only
    assert len(read_all(spool)) == 10
    spool.close()


def test_a_directory_that_can_be_made_later_is_used_then(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "file").write_text("")
    spool = Spool.open(tmp_path / "file" / "stream", clock=clock)
    spool.set_meta(b"session")
    fill(spool, 10)
    (tmp_path / "file").unlink()
    clock.now += 60
    spool.flush()
    kill(spool)
    after = Spool.open(tmp_path / "file" / "stream")
    assert len(read_all(after)) == 10
    assert after.meta == b"session"


def test_records_that_came_to_the_directory_meanwhile_are_left_alone(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "file").write_text("")
    spool = Spool.open(tmp_path / "file" / "stream", clock=clock)
    fill(spool, 10)
    (tmp_path / "file").unlink()
    other = Spool.open(tmp_path / "file" / "stream")
    other.append(1, b"theirs")
    other.flush()
    kill(other)
    clock.now += 60
    spool.flush()
    assert spool.memory_only
    spool.close()
    assert read_all(Spool.open(tmp_path / "file" / "stream")) == [(1, b"theirs")]


# ---------------------------------------------------------------- one process a directory

IN_ANOTHER_PROCESS = """
import sys
import tempfile
from pathlib import Path
from livetrain._spool.segment_log import _TEMPORARY
from livetrain._spool.spool import Spool
spool = Spool.open(Path(sys.argv[1]))
spool.append(1, b"theirs")
spool.flush()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def owner(directory: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_another_processs_spool_is_left_alone(
    owner: subprocess.Popen[str], directory: Path
) -> None:
    spool = Spool.open(directory)
    fill(spool, 10)
    spool.flush()
    assert spool.memory_only
    assert spool.last_seq == 10
    spool.trim(10)
    spool.close()
    assert len(segment_files(directory)) == 1
    owner.kill()
    owner.wait(timeout=10)
    assert read_all(Spool.open(directory)) == [(1, b"theirs")]


def test_discover_lists_only_what_dead_processes_left(
    owner: subprocess.Popen[str], directory: Path
) -> None:
    (directory.parent / "unrelated").mkdir()
    mine = Spool.open(directory.parent / "mine")
    mine.set_meta(b"mine")
    fill(mine, 3)
    mine.flush()
    assert discover(directory.parent) == []
    mine.close()
    (info,) = discover(directory.parent)
    assert (info.directory, info.meta) == (mine.directory, b"mine")
    assert info.size_bytes == 3 * (HEADER_BYTES + 20)
    owner.kill()
    owner.wait(timeout=10)
    assert [info.directory.name for info in discover(directory.parent)] == ["stream", "mine"]


def in_child(spool: Spool, answers: multiprocessing.Queue[object]) -> None:
    answers.put((spool.append(spool.last_seq + 1, b"child"), spool.read(0, 1000)))
    spool.flush()
    spool.trim(1000)
    spool.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_cannot_use_it(directory: Path) -> None:
    spool = Spool.open(directory)
    fill(spool, 3)
    spool.flush()
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=in_child, args=(spool, answers))
    child.start()
    assert answers.get(timeout=10) == (False, [])
    child.join(timeout=10)
    fill(spool, 1)
    spool.flush()
    assert len(read_all(spool)) == 4
    assert len(segment_files(directory)) == 1


def test_a_child_that_lives_on_does_not_hold_the_lock(directory: Path) -> None:
    spool = Spool.open(directory)
    fill(spool, 3)
    spool.flush()
    stay, go = os.pipe()
    there, here = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        os.write(here, b"!")
        os.read(stay, 1)  # until the parent is done
        os._exit(0)
    os.close(stay)
    try:
        os.read(there, 1)
        kill(spool)
        after = Spool.open(directory)
        assert not after.memory_only
        assert after.last_seq == 3
    finally:
        for descriptor in (go, there, here):
            os.close(descriptor)
        os.waitpid(pid, 0)


# ---------------------------------------------------------------- everything at once


class SpoolMachine(RuleBasedStateMachine):
    """Against a model: what was kept is given back, unless it was thinned or the disk was cut."""

    limits: ClassVar[dict[str, int]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.kept: dict[int, tuple[bytes, bool]] = {}  # number → bytes, may be thinned
        self.holes: set[int] = set()
        self.durable = self.flushed = self.thinned_before = 0
        self.spool = self.open()

    def open(self) -> Spool:
        return Spool.open(
            Path(self.root.name) / "stream", SpoolLimits(**self.limits), clock=self.clock
        )

    def teardown(self) -> None:
        kill(self.spool)
        self.root.cleanup()

    @rule(
        count=st.integers(1, 30),
        size=st.integers(0, 90),
        kind=st.sampled_from(["plain", "thinnable", "critical"]),
    )
    def append(self, count: int, size: int, kind: str) -> None:
        for _ in range(count):
            seq = self.spool.last_seq + 1
            record = payload(seq, size)
            kept = self.spool.append(
                seq, record, critical=kind == "critical", thinnable=kind == "thinnable"
            )
            if kept:
                self.kept[seq] = record, kind == "thinnable"
            else:
                self.holes.add(seq)

    @rule()
    def flush(self) -> None:
        self.spool.flush()
        if not self.spool.memory_only:
            self.flushed = self.spool.last_seq

    @rule(limit=st.integers(0, 600))
    def flush_to_a_full_disk(self, limit: int) -> None:
        with no_room_in_files(limit):
            self.spool.flush()

    @rule()
    def time_passes(self) -> None:
        self.clock.now += 60

    @rule(part=st.floats(0, 1))
    def trim(self, part: float) -> None:
        self.durable = max(self.durable, int(part * self.spool.last_seq))
        self.spool.trim(self.durable)

    @rule(after=st.floats(0, 1), max_bytes=st.integers(0, 2000))
    def read(self, after: float, max_bytes: int) -> None:
        self.check(self.spool.read(int(after * self.spool.last_seq), max_bytes))

    @rule()
    def read_everything(self) -> None:
        entries = read_all(self.spool)
        self.check(entries)
        assert [seq for seq, _ in entries] == list(
            range(self.spool.first_seq, self.spool.last_seq + 1)
        )

    def check(self, entries: list[tuple[int, bytes | None]]) -> None:
        seqs = [seq for seq, _ in entries]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs))) if seqs else True
        for seq, record in entries:
            assert seq > self.durable
            if record is None:
                assert seq in self.holes or self.kept[seq][1]
            else:
                assert record == self.kept[seq][0]

    @precondition(lambda self: not self.spool.memory_only)
    @rule()
    def close_and_open(self) -> None:
        self.spool.close()
        self.flushed = self.spool.last_seq
        self.go_on()

    @precondition(lambda self: not self.spool.memory_only)
    @rule()
    def kill_and_open(self) -> None:
        kill(self.spool)
        self.go_on()

    @precondition(lambda self: not self.spool.memory_only)
    @rule(cut=st.integers(1, 200))
    def kill_cut_and_open(self, cut: int) -> None:
        kill(self.spool)
        if files := segment_files(Path(self.root.name) / "stream"):
            size = files[-1].stat().st_size
            os.truncate(files[-1], max(0, size - cut))
            self.flushed = min(self.flushed, int(files[-1].stem) - 1)
        self.go_on()

    def go_on(self) -> None:
        """Open what the last process left; a session would learn `durable` from the server."""
        self.spool = self.open()
        assert self.spool.last_seq >= min(self.flushed, max(self.kept, default=0)) or (
            self.durable >= self.flushed
        )
        self.spool.trim(self.durable)
        for seq in [seq for seq in self.kept if seq > self.spool.last_seq]:
            del self.kept[seq]
        self.holes = {seq for seq in self.holes if seq <= self.spool.last_seq}

    @invariant()
    def bounds_hold(self) -> None:
        stats = self.spool.stats
        assert stats.disk_bytes <= self.limits["max_bytes"] + self.limits["memory_bytes"]
        assert stats.memory_bytes <= 1.5 * KIB * KIB + self.limits["memory_bytes"]
        assert self.spool.first_seq <= self.spool.last_seq + 1


class RoomySpoolMachine(SpoolMachine):
    limits: ClassVar = {"max_bytes": KIB * KIB, "segment_bytes": 500, "memory_bytes": KIB * KIB}


class TightSpoolMachine(SpoolMachine):
    limits: ClassVar = {
        "max_bytes": 6000,
        "segment_bytes": 700,
        "memory_bytes": 3000,
        "reserve_bytes": 500,
    }


fast = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestRoomySpool = RoomySpoolMachine.TestCase
TestRoomySpool.settings = fast
TestTightSpool = TightSpoolMachine.TestCase
TestTightSpool.settings = fast


def test_what_its_owner_deletes_while_it_is_looked_at_is_no_leftover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it was taken for one, and whoever opened it again warned that another process uses it."""
    owner = Spool.open(tmp_path / "stream")
    owner.set_meta(b"whose it is")
    fill(owner, 3)
    owner.flush()
    owner.trim(3)
    look = discovery.read_meta

    def refuse(*args: object, **options: object) -> None:
        raise OSError("not empty")

    def delete_after_the_look(directory: Path) -> bytes | None:
        meta = look(directory)
        with monkeypatch.context() as patch:  # a lock that was just made there keeps the directory
            patch.setattr(os, "rmdir", refuse)
            owner.close()
        return meta

    with monkeypatch.context() as patch:
        patch.setattr(discovery, "segments_of", lambda directory: [])
        patch.setattr(discovery, "read_meta", delete_after_the_look)
        assert discover(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_spool_of_this_process_is_nobody_elses_even_if_the_lock_does_not_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On network disks the lock may be one of the whole process."""
    monkeypatch.setattr(directory_lock, "_lock", lambda fd: None)
    owner = Spool.open(tmp_path / "stream")
    owner.set_meta(b"whose it is")
    assert discover(tmp_path) == []
    assert Spool.take_over(tmp_path / "stream") is None
    owner.append(1, b"x")
    kill(owner)
    assert [found.directory for found in discover(tmp_path)] == [tmp_path / "stream"]


def test_taking_over_what_is_gone_or_in_use_is_quiet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "stream"
    assert Spool.take_over(directory) is None
    assert not directory.exists()
    owner = Spool.open(directory)
    owner.set_meta(b"whose it is")
    fill(owner, 3)
    assert Spool.take_over(directory) is None
    owner.close()
    heir = Spool.take_over(directory)
    assert heir is not None
    assert (heir.meta, len(read_all(heir))) == (b"whose it is", 3)
    heir.trim(3)
    heir.close()
    assert not directory.exists()
    assert caplog.records == []


def test_spools_come_and_go_while_others_look(tmp_path: Path) -> None:
    over = threading.Event()
    found: list[object] = []

    def look() -> None:
        while not over.is_set():
            found.extend(discover(tmp_path))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    lookers = [threading.Thread(target=look) for _ in range(2)]
    try:
        for looker in lookers:
            looker.start()
        for number in range(150):
            spool = Spool.open(tmp_path / str(number))
            spool.set_meta(b"whose it is")
            fill(spool, 1)
            spool.flush()
            assert not spool.memory_only
            spool.trim(1)
            spool.close()
    finally:
        over.set()
        for looker in lookers:
            looker.join()
        sys.setswitchinterval(interval)
    assert found == []
    discover(tmp_path)
    assert list(tmp_path.iterdir()) == []
