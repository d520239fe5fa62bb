"""Numbers out of TensorBoard's event files, as its own writers and others write them."""

from __future__ import annotations

import struct
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._frameworks.event_files import EventFiles, Figure, figures_of
from livetrain._frameworks.loss_watch import LossWatch, name_of
from livetrain._protobuf import bytes_field, varint_field


def field(number: int, value: bytes) -> bytes:
    return b"".join(bytes_field(number, [value]))


def scalar(tag: str, value: float) -> bytes:
    return field(1, tag.encode()) + b"\x15" + struct.pack("<f", value)


def tensor(tag: str, kind: int, content: bytes) -> bytes:
    """Return a number as newer writers have it."""
    return field(1, tag.encode()) + field(8, varint_field(1, kind) + field(4, content))


def event(step: int, *values: bytes) -> bytes:
    summary = field(5, b"".join(field(1, value) for value in values))
    return b"\x09" + struct.pack("<d", 1.7e9) + varint_field(2, step) + summary


def record(message: bytes) -> bytes:
    return struct.pack("<Q4x", len(message)) + message + b"\0\0\0\0"


def test_each_way_to_write_a_number() -> None:
    told = figures_of(
        event(
            7,
            scalar("loss", 0.5),
            tensor("f", 1, struct.pack("<f", 0.25)),
            tensor("d", 2, struct.pack("<d", 0.125)),
            tensor("several", 1, struct.pack("<2f", 1, 2)),
            field(1, b"text"),
        )
    )
    assert list(told) == [Figure("loss", 7, 0.5), Figure("f", 7, 0.25), Figure("d", 7, 0.125)]


@given(st.binary(max_size=200))
def test_what_is_no_event_gives_nothing_odd(data: bytes) -> None:
    for figure in figures_of(data):
        assert figure.tag
        assert figure.step >= 0


@given(st.integers(0, 80))
def test_an_event_that_is_cut_gives_whole_numbers_or_none(length: int) -> None:
    whole = event(3, scalar("a", 1.0), scalar("b", 2.0))
    assert set(figures_of(whole[:length])) <= {Figure("a", 3, 1.0), Figure("b", 3, 2.0)}


def test_files_are_read_from_now_on_and_each_number_once(tmp_path: Path) -> None:
    folder = tmp_path / "tensorboard"
    (folder / "before").mkdir(parents=True)
    old = folder / "before" / "events.out.tfevents.1"
    old.write_bytes(record(event(1, scalar("loss", 9.0))))
    files = EventFiles(folder)
    assert list(files.read()) == []
    new = folder / "run" / "events.out.tfevents.2"
    new.parent.mkdir()
    picture = record(field(5, b"x" * 100_000))
    first, second = (record(event(step, scalar("loss", 1 / step))) for step in (1, 2))
    new.write_bytes(first + picture + second[:10])
    assert list(files.read()) == [Figure("loss", 1, 1.0)]
    assert list(files.read()) == []
    with new.open("ab") as file:
        file.write(second[10:])
    with old.open("ab") as file:
        file.write(second)
    assert sorted(files.read()) == [Figure("loss", 2, 0.5)] * 2
    with new.open("ab") as file:
        file.write(b"\xff" * 200 + first)
    assert list(files.read()) == [], "damaged: nothing more is known of it"
    assert list(files.read()) == []


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    files = EventFiles(tmp_path / "later")
    assert list(files.read()) == []
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "tfevents").write_bytes(record(event(1, scalar("loss", 1.0))))
    assert list(files.read()) == [Figure("loss", 1, 1.0)]


@pytest.mark.parametrize("rates", [1, 2])
def test_what_is_written_is_passed_on_under_its_name_here(tmp_path: Path, rates: int) -> None:
    told: list[tuple[int, dict[str, float]]] = []
    came = threading.Event()

    def take(step: int, values: dict[str, float]) -> None:
        told.append((step, values))
        came.set()

    watch = LossWatch(tmp_path, take)
    named = [scalar("loss/train_step", 0.5), scalar("smooth_loss/train_step", 0.25)]
    named += [scalar(f"lr/part{number}", 0.125) for number in range(rates)]
    (tmp_path / "events.out.tfevents.1").write_bytes(record(event(0, *named)))
    watch.close(30)
    assert came.is_set()
    own = {"learning_rate": 0.125} if rates == 1 else {"lr/part0": 0.125, "lr/part1": 0.125}
    assert told == [(1, {"loss": 0.5, "smooth_loss": 0.25, **own})]
    assert name_of("ema_decay") == "ema_decay"
