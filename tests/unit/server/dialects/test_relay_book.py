"""Publishers say nothing of who they are: which training each message belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from livetrain.server.dialects.relay_book import Book

Said = tuple[float, str, dict[str, Any]]


def trainings(*said: Said, host: str = "h") -> list[int]:
    """Return for each message the number of its training, counted from 0."""
    book, known = Book(), []
    numbers = []
    for now, kind, data in said:
        training = book.find(host, kind, data, now=now)
        if training not in known:
            known.append(training)
        numbers.append(next(n for n, one in enumerate(known) if one is training))
    return numbers


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        # As the older sender does it.
        (
            [
                (0, "training_mode", {}),
                (60, "epoch_end", {}),
                (120, "epoch_end", {}),
                (121, "training_end", {"run_id": 42}),
            ],
            [0, 0, 0, 0],
        ),
        # Two that follow each other, the first without an end.
        ([(0, "training_mode", {}), (9, "epoch_end", {}), (99, "training_mode", {})], [0, 0, 1]),
        ([(0, "training_mode", {}), (1, "training_mode", {})], [0, 1]),
        # Both beginnings, in either order, also when something overtakes them.
        ([(0, "training_mode", {}), (0.1, "training_start", {"run_id": 1})], [0, 0]),
        ([(0, "training_start", {"run_id": 1}), (0.1, "training_mode", {})], [0, 0]),
        ([(0, "epoch_start", {}), (0.1, "training_mode", {}), (0.2, "epoch_end", {})], [0, 0, 0]),
        # What comes after the end by a little is late; by more, it is another training.
        ([(0, "epoch_end", {}), (1, "training_end", {}), (1.5, "epoch_end", {})], [0, 0, 0]),
        ([(0, "epoch_end", {}), (1, "training_end", {}), (60, "epoch_end", {})], [0, 0, 1]),
        ([(0, "epoch_end", {}), (1, "error", {}), (1.5, "training_end", {})], [0, 0, 0]),
        ([(0, "training_end", {}), (0.5, "training_mode", {})], [0, 1]),
        # Their own ids tell two trainings apart.
        ([(0, "round_start", {"run_id": 1}), (1, "round_start", {"run_id": 2})], [0, 1]),
        ([(0, "round_start", {"run_id": 1}), (1, "round_start", {"run_id": "1"})], [0, 0]),
    ],
)
def test_attribution(said: list[Said], expected: list[int]) -> None:
    assert trainings(*said) == expected


def test_each_host_has_its_own() -> None:
    book = Book()
    first = book.find("a", "training_mode", {}, now=0)
    second = book.find("b", "epoch_end", {}, now=0)
    assert first is not second
    assert book.find("a", "epoch_end", {}, now=1) is first


def test_hosts_are_forgotten_before_they_are_too_many() -> None:
    book = Book()
    for number in range(3000):
        book.find(f"h{number}", "epoch_end", {}, now=0)
    assert "h0" not in book
    assert "h2999" in book


def test_a_training_from_before_a_restart_goes_on() -> None:
    book = Book()
    book.adopt("h", "run7", now=100)
    assert book.find("h", "epoch_end", {}, now=100).run_id == "run7"
    assert book.find("h", "training_mode", {}, now=101).run_id == ""


def test_the_last_step_is_remembered() -> None:
    book = Book()
    for step in (3, 9, 5, "x", -1, None):
        training = book.find("h", "batch_metrics", {"step": step}, now=0)
    assert training.step == 9
