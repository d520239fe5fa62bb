"""The pool: never blocks, newest wins, each job is settled once, nothing escapes."""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pytest

from livetrain._capture.encoder import (
    EncoderPool,
    default_threads,
    most_threads,
    usable_cpus,
)
from livetrain._wire import EncodedFrame
from livetrain.proto import telemetry_pb2 as pb

PICTURES = EncodedFrame(())


class Frame:
    def __init__(self) -> None:
        self.released = 0

    def release(self) -> None:
        self.released += 1


class Job:
    def __init__(self, settled: threading.Event | None = None) -> None:
        self.frame: Frame | None = Frame()
        self.settled = settled or threading.Event()
        self.outcomes: list[Any] = []
        self.thread = ""

    def done(self, pictures: EncodedFrame) -> None:
        self.outcomes.append(pictures)
        self.thread = threading.current_thread().name
        self.settled.set()

    def strip(self, reason: int) -> None:
        self.outcomes.append(reason)
        self.settled.set()


class Gate:
    """An encoder that stands still until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()

    def __call__(self, frame: Frame) -> EncodedFrame:
        self.entered.release()
        assert self.open.wait(10)
        return PICTURES


def test_a_frame_is_encoded_on_a_thread_of_the_pool() -> None:
    pool = EncoderPool(lambda frame: PICTURES, threads=1)
    job = Job()
    frame = job.frame
    pool.submit(job)
    assert job.settled.wait(10)
    assert pool.close(10)
    assert job.outcomes == [PICTURES]
    assert frame is not None
    assert frame.released == 1
    assert job.thread == "livetrain-encode-0"


def lulled() -> tuple[EncoderPool, Job]:
    """A pool of a training that says when it leaves Python alone, and a frame that waits for it."""
    pool = EncoderPool(lambda frame: PICTURES, threads=1)
    first, job = Job(), Job()
    pool.submit(first)
    assert first.settled.wait(10)
    pool.lull()
    (thread,) = pool._threads
    assert thread.ident is not None
    while not (
        pool._bell._silent.locked() and sys._current_frames()[thread.ident].f_code.co_name == "wait"
    ):
        pass  # only a thread that sleeps can be held back
    pool.submit(job)
    return pool, job


def test_a_frame_waits_for_the_lull_of_a_training_that_has_them() -> None:
    pool, job = lulled()
    assert not job.settled.wait(0.1)
    pool.lull()
    assert job.settled.wait(10)
    assert pool.close(10)


def test_a_lull_that_does_not_come_is_not_waited_for_again() -> None:
    pool, displaced = lulled()
    jobs = [Job(), Job()]
    for job in jobs:
        pool.submit(job)
        assert job.settled.wait(10)
    assert displaced.settled.wait(10)
    assert pool.close(10)


def test_a_frame_waits_for_a_lull_only_so_long() -> None:
    pool, job = lulled()
    pool.begin(held_for=1000.0)
    assert not job.settled.wait(0.05)
    pool.begin(held_for=0.0)
    assert job.settled.wait(10)
    assert pool.close(10)


def test_nobody_is_woken_where_no_frame_waits() -> None:
    pool = EncoderPool(lambda frame: PICTURES, threads=1)
    pool.begin(held_for=0.001)
    assert not pool._bell.wait(0.0)


def test_closing_waits_for_no_lull() -> None:
    pool, job = lulled()
    assert pool.close(10)
    assert job.outcomes == [PICTURES]


def test_threads_start_with_the_first_frame_and_are_daemons() -> None:
    before = threading.active_count()
    pool = EncoderPool(lambda frame: PICTURES, threads=2, name="encode-test")
    assert threading.active_count() == before
    job = Job()
    pool.submit(job)
    assert job.settled.wait(10)
    mine = [thread for thread in threading.enumerate() if thread.name.startswith("encode-test")]
    assert len(mine) == 2
    assert all(thread.daemon for thread in mine)
    assert pool.close(10)
    assert not any(thread.is_alive() for thread in mine)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_newest_frame_wins_and_the_displaced_one_says_so(threads: int) -> None:
    gate = Gate()
    pool = EncoderPool(gate, threads=threads)
    working = [Job() for _ in range(threads)]
    for job in working:
        pool.submit(job)
        assert gate.entered.acquire(timeout=10)
    waiting = [Job() for _ in range(5)]
    frames = [job.frame for job in waiting]
    for job in waiting:
        pool.submit(job)
    # Of those that wait there is one for each thread.
    for job, frame in zip(waiting[:-threads], frames, strict=False):
        assert job.outcomes == [pb.STRIP_REASON_SUPERSEDED]
        assert frame is not None
        assert frame.released == 1
    assert [job.outcomes for job in waiting[-threads:]] == [[]] * threads
    gate.open.set()
    for job in (*working, *waiting[-threads:]):
        assert job.settled.wait(10)
        assert job.outcomes == [PICTURES]
    assert (pool.displaced, pool.encoded) == (5 - threads, 2 * threads)
    assert pool.close(10)


def test_submitting_does_not_wait_for_the_encoder() -> None:
    gate = Gate()
    pool = EncoderPool(gate, threads=1)
    pool.submit(Job())
    assert gate.entered.acquire(timeout=10)
    started = time.monotonic()
    for _ in range(1000):
        pool.submit(Job())
    assert time.monotonic() - started < 5  # the gate would have held it for ten
    gate.open.set()
    assert pool.close(10)


def test_an_encoder_that_fails_costs_its_frame_only(caplog: pytest.LogCaptureFixture) -> None:
    def fail(frame: Frame) -> EncodedFrame:
        raise MemoryError("no room")

    pool = EncoderPool(fail, threads=1)
    for _ in range(3):
        job = Job()
        frame = job.frame
        pool.submit(job)
        assert job.settled.wait(10)
        assert job.outcomes == [pb.STRIP_REASON_UNREADABLE]
        assert frame is not None
        assert frame.released == 1
    assert pool.close(10)
    assert pool.errors == 3
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert [record.message for record in warnings] == [
        "A frame could not be encoded; it is left out. Said once."
    ]


def test_an_owner_that_fails_does_not_end_the_pool() -> None:
    class Bad(Job):
        def done(self, pictures: EncodedFrame) -> None:
            super().done(pictures)
            raise RuntimeError("owner is gone")

    pool = EncoderPool(lambda frame: PICTURES, threads=1)
    for job in (Bad(), Job()):
        pool.submit(job)
        assert job.settled.wait(10)
    assert pool.close(10)
    assert pool.encoded == 2


def test_a_job_that_was_settled_before_is_left_alone() -> None:
    pool = EncoderPool(lambda frame: PICTURES, threads=1)
    job = Job()
    job.frame = None
    pool.submit(job)
    assert job.outcomes == []
    assert pool.close(1)


def test_closing_finishes_what_waits_and_is_idempotent() -> None:
    gate = Gate()
    pool = EncoderPool(gate, threads=1)
    first, last = Job(), Job()
    pool.submit(first)
    assert gate.entered.acquire(timeout=10)
    pool.submit(last)
    assert not pool.close(0.01)
    gate.open.set()
    assert pool.close(10)
    assert pool.close(10)
    assert first.outcomes == last.outcomes == [PICTURES]
    late = Job()
    pool.submit(late)
    assert late.outcomes == [pb.STRIP_REASON_SUPERSEDED]


def test_a_pool_that_was_never_used_closes_at_once() -> None:
    assert EncoderPool(lambda frame: PICTURES).close(0.0)


def encoded_one_by_one(pool: EncoderPool, count: int) -> None:
    for _ in range(count):
        job = Job()
        pool.submit(job)
        assert job.settled.wait(10)


def test_a_second_thread_comes_where_the_first_waits_more_than_it_works() -> None:
    never = threading.Event()  # in place of a GIL that somebody else has
    pool = EncoderPool(lambda frame: never.wait(0.01) or PICTURES, threads=1, most=2)
    before = threading.active_count()
    encoded_one_by_one(pool, 1)
    assert threading.active_count() == before + 1
    encoded_one_by_one(pool, 2)
    deadline = time.monotonic() + 10
    while threading.active_count() < before + 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    encoded_one_by_one(pool, 5)
    assert threading.active_count() == before + 2
    assert pool.close(10)


def test_one_cpu_carries_one_thread() -> None:
    never = threading.Event()
    pool = EncoderPool(lambda frame: never.wait(0.01) or PICTURES, threads=1, most=1)
    before = threading.active_count()
    encoded_one_by_one(pool, 6)
    assert threading.active_count() == before + 1
    assert pool.close(10)
    assert [most_threads(cpus) for cpus in (0.5, 1, 1.5, 2, 64)] == [1, 1, 4, 4, 4]


def test_what_is_kept_is_not_displaced_by_frames_but_bounded() -> None:
    gate = Gate()
    pool = EncoderPool(gate, threads=1)
    pool.submit(Job())
    assert gate.entered.acquire(timeout=10)
    pictures = [Job() for _ in range(10)]
    for job in pictures:
        pool.keep(job)
    frames = [Job(), Job()]
    for job in frames:
        pool.submit(job)
    assert [job.outcomes for job in pictures] == [[pb.STRIP_REASON_SUPERSEDED]] * 6 + [[]] * 4
    gate.open.set()
    for job in (*pictures, *frames):
        assert job.settled.wait(10)
    assert [job.outcomes for job in pictures[6:]] == [[PICTURES]] * 4
    assert [job.outcomes for job in frames] == [[pb.STRIP_REASON_SUPERSEDED], [PICTURES]]
    assert pool.close(10)


def test_threads_that_hand_over_at_once_lose_no_frame() -> None:
    pool = EncoderPool(lambda frame: PICTURES, threads=2)
    jobs = [[Job() for _ in range(300)] for _ in range(4)]

    def submit(mine: list[Job]) -> None:
        for job in mine:
            pool.submit(job)

    threads = [threading.Thread(target=submit, args=(mine,)) for mine in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert pool.close(10)
    everything = [job for mine in jobs for job in mine]
    assert all(len(job.outcomes) == 1 for job in everything), "each is settled once"
    assert pool.encoded + pool.displaced == len(everything)


def test_cpu_seconds_are_counted() -> None:
    def work(frame: Frame) -> EncodedFrame:
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass
        return PICTURES

    pool = EncoderPool(work, threads=1)
    job = Job()
    pool.submit(job)
    assert job.settled.wait(10)
    assert pool.close(10)
    assert 0.02 <= pool.cpu_seconds < 1


def test_nothing_of_a_frame_is_kept_while_the_pool_waits() -> None:
    pool = EncoderPool(lambda frame: PICTURES, threads=1)
    job, gone = Job(), threading.Event()
    weakref.finalize(job, gone.set)
    pool.submit(job)
    del job
    assert gone.wait(10)
    assert pool.close(10)


def test_the_number_of_threads() -> None:
    assert [default_threads(cpus) for cpus in (0.5, 1, 4, 8, 64)] == [1, 1, 1, 2, 2]


def files(root: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_cpus_by_affinity(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path) == len(os.sched_getaffinity(0))


def test_cpus_by_a_quota_of_version_2(tmp_path: Path) -> None:
    files(tmp_path, proc__self__cgroup="0::/a/b\n")
    (tmp_path / "sys/fs/cgroup/a/b").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/a/b/cpu.max").write_text("max 100000\n")
    assert usable_cpus(tmp_path) == len(os.sched_getaffinity(0))
    (tmp_path / "sys/fs/cgroup/a/cpu.max").write_text(
        "50000 100000\n"
    )  # the one above holds as well
    assert usable_cpus(tmp_path) == 0.5


def test_cpus_by_a_quota_of_version_1(tmp_path: Path) -> None:
    files(tmp_path, proc__self__cgroup="4:memory:/m\n3:cpu,cpuacct:/c\n0::/\n")
    folder = tmp_path / "sys/fs/cgroup/cpu/c"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cpus(tmp_path) == len(os.sched_getaffinity(0))
    (folder / "cpu.cfs_quota_us").write_text("25000\n")
    assert usable_cpus(tmp_path) == 0.25


def test_cpus_when_the_files_are_nonsense(tmp_path: Path) -> None:
    files(tmp_path, proc__self__cgroup="nonsense\n0::/x\n")
    (tmp_path / "sys/fs/cgroup/x").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/x/cpu.max").write_text("lots\n")
    assert usable_cpus(tmp_path) == len(os.sched_getaffinity(0))
