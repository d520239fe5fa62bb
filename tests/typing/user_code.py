"""What people write, as type checkers see it: `nox -s typecheck` runs Pyright on this file; it is never run itself."""

from __future__ import annotations

import enum
from typing import assert_type

import numpy as np

import livetrain
from livetrain.testing import LoggedBatch, RecordingMonitor


class Animal(enum.Enum):
    cat = 0
    dog = 1


def test_a_training_under_a_recording_monitor() -> None:
    monitor = RecordingMonitor("digits", project="tests", class_names=["cat", "dog"])
    with monitor:
        monitor.log_batch(np.zeros((4, 8, 8)), np.zeros((4, 2)), loss=0.5, targets=[0, 1, 0, 1])
        monitor.log({"norm": 1.5}, step=0)
    assert_type(monitor.batches[0], LoggedBatch)
    assert_type(monitor.should_stop, bool)
    monitor.should_stop = True
    as_a_monitor: livetrain.Monitor = monitor
    as_a_monitor.close()
    RecordingMonitor()
    RecordingMonitor(run=None)


def a_misspelled_option_is_an_error() -> None:
    RecordingMonitor("digits", projet="tests")  # pyright: ignore[reportCallIssue]
    livetrain.Monitor("digits", projet="tests")  # pyright: ignore[reportCallIssue]


def class_names_of_every_kind() -> None:
    livetrain.Monitor(class_names=np.array(["cat", "dog"]))
    livetrain.Monitor(class_names={0: "cat", 1: "dog"})
    livetrain.Monitor(class_names={"cat": 0, "dog": 1})
    livetrain.Monitor(class_names=Animal)
    livetrain.Monitor(class_names=None).update(class_names=("cat", "dog"))


def a_loop_of_ones_own(loader: list[tuple[int, int]]) -> None:
    with livetrain.Monitor(
        "digits", config={"lr": 0.1}, images=livetrain.ImageOptions(max_size=64)
    ) as monitor:
        for images, labels in monitor.steps(loader):
            monitor.log_batch(images, None, 0.5, targets=labels)
            if monitor.should_stop:
                break

        @monitor.on("sample", parameters={"count": livetrain.Parameter("int", 1, 16, default=4)})
        def sample(count: int) -> str:
            return f"{count}"

        sample(3)
        monitor.on("stop", lambda: None)


class Own(livetrain.Monitor):
    def close(self, timeout: float = 2.0) -> bool:
        return super().close(timeout)


def a_factory_for_tests() -> None:
    made: list[livetrain.Monitor] = []

    def factory(run: str | None = None, **options: object) -> livetrain.Monitor:
        made.append(RecordingMonitor(run))
        return made[-1]

    livetrain.LiveTrainCallback(run="x", monitor_factory=RecordingMonitor)
    livetrain.LiveTrainCallback(run="x", monitor_factory=factory)
    livetrain.LiveTrainCallback(monitor_factory=Own, class_names=["cat", "dog"])
