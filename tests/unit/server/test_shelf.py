"""`Shelf`: what one viewer has not read yet."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain.server.shelf import Shelf


@given(messages=st.lists(st.binary(max_size=40)), in_memory=st.integers(0, 100))
def test_what_is_put_comes_back_in_order(
    tmp_path_factory: pytest.TempPathFactory, messages: list[bytes], in_memory: int
) -> None:
    with closing(Shelf(tmp_path_factory.getbasetemp(), in_memory)) as shelf:
        for message in messages:
            shelf.put(message)
        assert len(shelf) == len(messages)
        assert [shelf.take() for _ in messages] == messages
        with pytest.raises(IndexError):
            shelf.take()


def test_messages_may_come_between(tmp_path: Path) -> None:
    with closing(Shelf(tmp_path, in_memory=3)) as shelf:
        shelf.put(b"one")
        shelf.put(b"two")
        assert shelf.take() == b"one"
        shelf.put(b"three")
        assert [shelf.take(), shelf.take()] == [b"two", b"three"]


def test_the_file_has_no_name_and_goes_with_the_shelf(tmp_path: Path) -> None:
    def held() -> int:
        files = (os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
        return sum(name.startswith(str(tmp_path)) for name in files)

    shelf = Shelf(tmp_path, in_memory=0)
    shelf.put(b"message")
    assert held() == 1
    assert list(tmp_path.iterdir()) == []
    shelf.close()
    assert held() == 0
    assert len(shelf) == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's full device")
def test_a_disk_that_is_full_costs_memory_and_not_the_view(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tempfile.TemporaryFile",
        lambda **_: open("/dev/full", "r+b", buffering=0),  # noqa: SIM115  # the shelf closes it
    )
    with closing(Shelf(tmp_path, in_memory=0)) as shelf:
        for message in (b"one", b"two"):
            shelf.put(message)
        assert [shelf.take(), shelf.take()] == [b"one", b"two"]


def test_so_does_a_directory_that_is_gone(tmp_path: Path) -> None:
    with closing(Shelf(tmp_path / "gone", in_memory=0)) as shelf:
        shelf.put(b"one")
        assert shelf.take() == b"one"
