from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from livetrain.server.store.engine import Store, open_store
from livetrain.server.store.samples import (
    add_samples,
    delete_samples,
    list_samples,
    read_picture,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'test.db'}")
    yield opened
    opened.close()


@pytest.fixture
def connection(store: Store) -> Iterator[Connection]:
    with store.writer.begin() as connection:
        yield connection


def row(sample_id: str, picture: bytes = b"12345", run_key: int = 1) -> dict[str, Any]:
    return {
        "run_key": run_key,
        "sample_id": sample_id,
        "created_ms": 5,
        "step": 1,
        "epoch": 0,
        "kind": "default",
        "prompt": "",
        "format": "jpeg",
        "width": 8,
        "height": 8,
        "size": len(picture),
        "picture": picture,
    }


def ids(connection: Connection, run_key: int = 1) -> list[str]:
    listed = list_samples(connection, run_key, limit=100, before=None)
    assert all("picture" not in one for one in listed)
    return [one["sample_id"] for one in listed]


def test_the_oldest_go_when_a_run_has_too_many(connection: Connection) -> None:
    add_samples(connection, [row("z", run_key=2)], run_bytes=12)
    for name in "abcd":
        add_samples(connection, [row(name)], run_bytes=12)
    assert ids(connection) == ["d", "c"]
    assert ids(connection, 2) == ["z"]
    add_samples(connection, [row("e", b"x" * 50)], run_bytes=12)
    assert ids(connection) == [], "one that is too large by itself is not kept either"


def test_one_that_comes_again_takes_the_place_of_the_one_before(connection: Connection) -> None:
    add_samples(connection, [row("a", b"1"), row("a", b"2")])
    add_samples(connection, [row("a", b"3")])
    assert ids(connection) == ["a"]
    assert read_picture(connection, 1, "a") == ("jpeg", b"3")
    assert read_picture(connection, 2, "a") is None


def test_pages(connection: Connection) -> None:
    add_samples(connection, [row(str(n)) for n in range(5)])
    first = list_samples(connection, 1, limit=2, before=None)
    second = list_samples(connection, 1, limit=9, before=first[-1]["key"])
    assert [one["sample_id"] for one in [*first, *second]] == ["4", "3", "2", "1", "0"]


def test_deletion_goes_slice_by_slice(connection: Connection) -> None:
    add_samples(connection, [row(str(n)) for n in range(5)])
    slices = 0
    while delete_samples(connection, 1, limit=2):
        slices += 1
    assert slices == 3
    assert ids(connection) == []
