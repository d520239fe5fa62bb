"""Publishers say nothing of who they are: which training each message belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from livetrain.server.dialects.relay_book import Book, Kept, Sender, Training

Said = tuple[float, str, dict[str, Any]]


HOST = Sender("h")


def routed(*said: Said, sender: Sender = HOST) -> list[tuple[int, str]]:
    """Return the messages in the order in which they are recorded, each with the number of its training, counted from 0."""
    book, known = Book(), []
    found = []
    for now, kind, data in said:
        for one in book.route(sender, kind, data, now=now):
            if one.training not in known:
                known.append(one.training)
            found.append((known.index(one.training), one.kind))
    return found


def trainings(*said: Said) -> list[int]:
    """Return for each message the number of its training."""
    return [number for number, _ in routed(*said)]


def only(book: Book, kind: str, data: dict[str, Any], *, now: float, host: str = "h") -> Training:
    (one,) = book.route(Sender(host), kind, data, now=now)
    return one.training


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


MODE = {"is_federated": True, "num_rounds": 2, "num_clients": 2}
START = {"run_id": 7, "experiment_name": "xray"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        # Two clients and two rounds, each of which begins it all over again.
        (
            [
                (0, "training_mode", MODE),
                (1, "training_start", START),
                *[
                    said
                    for at in (60, 120, 180)
                    for said in [
                        (at, "training_start", START),
                        (at + 1, "epoch_end", {"client_id": 1}),
                        (at + 9, "epoch_end", {}),
                    ]
                ],
                (200, "training_end", {"run_id": 7}),
            ],
            [0] * 12,
        ),
        # The same, each with the mode before it, which is held back until it is known whose it is.
        (
            [
                (0, "training_mode", MODE),
                (1, "training_start", START),
                (60, "training_mode", MODE),
                (60, "training_mode", MODE),
                (61, "training_start", START),
                (61, "training_start", START),
                (90, "training_mode", MODE),
                (91, "epoch_end", {}),
                (120, "training_mode", MODE),
                (121, "client_complete", {"client_id": 1}),
                (200, "training_end", {"run_id": 7}),
            ],
            [0] * 10,
        ),
        # One that broke off without an end, and another.
        (
            [
                (0, "training_mode", MODE),
                (1, "training_start", START),
                (9, "epoch_end", {}),
                (60, "training_mode", MODE),
                (61, "training_start", {"run_id": 8}),
                (62, "epoch_end", {}),
            ],
            [0, 0, 0, 1, 1, 1],
        ),
        (
            [
                (0, "training_start", START),
                (9, "epoch_end", {}),
                (60, "training_mode", {"is_federated": False}),
                (61, "epoch_end", {}),
            ],
            [0, 0, 1, 1],
        ),
        # The name comes long after the mode, when all is loaded.
        ([(0, "training_mode", {}), (90, "training_start", START), (91, "epoch_end", {})], [0] * 3),
        # The same id once more after the end is another training, and so is one that lies about its id.
        (
            [
                (0, "training_start", START),
                (1, "training_end", {"run_id": 7}),
                (1.5, "epoch_end", {"run_id": 7}),
                (2, "training_start", START),
                (3, "training_end", {"run_id": 9}),
                (4, "epoch_end", {}),
                (5, "training_end", {"run_id": 7}),
            ],
            [0, 0, 0, 1, 2, 1, 1],
        ),
        # A second end, however late, is that of the training that has ended.
        (
            [
                (0, "training_start", START),
                (1, "error", {}),
                (60, "training_end", {"run_id": 7}),
                (120, "training_end", {}),
            ],
            [0, 0, 0, 0],
        ),
        ([(0, "training_start", {"run_id": 7.0}), (60, "training_start", {"run_id": 7})], [0, 0]),
        # An epoch that was told already is none that comes late.
        (
            [
                (0, "epoch_end", {"epoch": 1, "phase": "train"}),
                (1, "epoch_end", {"epoch": 2, "phase": "train"}),
                (2, "training_end", {"run_id": 1}),
                (2.1, "epoch_end", {"epoch": 2, "phase": "val"}),
                (2.2, "epoch_end", {"epoch": 1, "phase": "train"}),
                (2.3, "training_end", {"run_id": 2}),
            ],
            [0, 0, 0, 0, 1, 1],
        ),
        # Two at once that were given one id.
        (
            [
                (0, "training_start", START),
                (1, "training_start", {**START, "experiment_name": "other"}),
                (2, "training_start", {**START, "experiment_name": "other"}),
            ],
            [0, 1, 1],
        ),
        # What a client says of its own end is not the training's.
        (
            [
                (0, "training_start", START),
                (1, "training_end", {"run_id": 7, "client_id": 1}),
                (60, "epoch_end", {}),
            ],
            [0, 0, 0],
        ),
        # A type that nobody knows begins nothing.
        ([(0, "hello", {}), (1, "epoch_end", {}), (2, "hello", {})], [0, 0]),
    ],
)
def test_what_tells_trainings_apart(said: list[Said], expected: list[int]) -> None:
    assert trainings(*said) == expected


def test_a_beginning_that_was_held_back_stands_before_what_told_whose_it_is() -> None:
    said: list[Said] = [
        (0, "training_start", START),
        (9, "epoch_end", {}),
        (60, "training_mode", {}),
        (61, "training_end", {"run_id": 7}),  # late
        (62, "epoch_end", {}),
    ]
    assert [kind for _, kind in routed(*said)] == [
        *("training_start", "epoch_end", "training_end", "training_mode", "epoch_end"),
    ]
    assert trainings(*said) == [0, 0, 0, 1, 1]


def test_a_connection_that_is_kept_is_one_training() -> None:
    book = Book()
    one, other = Sender("h", 1), Sender("h", 2)
    for sender, name in ((one, "a"), (other, "b")):
        book.route(sender, "training_start", {"run_id": 1, "experiment_name": name}, now=0)
    names = [
        book.route(sender, "epoch_end", {}, now=1)[0].training.name
        for sender in (one, other, one, Sender("h", 3))
    ]
    assert names == ["a", "b", "a", "b"], (
        "and what comes on a connection of its own is the newest's"
    )
    book.closed(1)


def test_clients_of_a_federated_training_are_on_any_host_and_others_are_not() -> None:
    book = Book()
    first = only(book, "training_start", {"run_id": 1}, now=0, host="server")
    client = {"run_id": 1, "client_id": 3}
    assert only(book, "training_start", client, now=1, host="client") is first
    assert only(book, "training_start", {"run_id": 1}, now=2, host="somebody else") is not first


def test_each_host_has_its_own() -> None:
    book = Book()
    first = only(book, "training_mode", {}, now=0, host="a")
    second = only(book, "epoch_end", {}, now=0, host="b")
    assert first is not second
    assert only(book, "epoch_end", {}, now=1, host="a") is first


def test_hosts_trainings_and_connections_are_forgotten_before_they_are_too_many() -> None:
    book = Book()
    for number in range(3000):
        only(book, "epoch_end", {}, now=0, host=f"h{number}")
    assert "h0" not in book
    assert "h2999" in book
    for number in range(20_000):
        book.route(Sender("one", number + 1), "training_start", {"run_id": number}, now=0)
    assert book.knows("one", "19999")
    assert not book.knows("one", "5")
    assert len(book._connections) <= 10_000
    assert not book.knows("one", "x" * 10_000)


def test_a_training_from_before_a_restart_goes_on() -> None:
    book = Book()
    book.adopt("h", "run7", Kept("42", 0, None), now=100)
    assert book.holds("run7")
    assert only(book, "epoch_end", {"epoch": 2}, now=100).run_id == "run7"
    assert only(book, "training_start", {"run_id": 42}, now=101).run_id == "run7"
    (record,) = only(book, "epoch_end", {}, now=102).reader.read("epoch_end", {"epoch": 2})
    assert record.epoch_data.epoch == 2, "its epochs count from 0, as before"
    assert only(book, "training_start", {"run_id": 43}, now=103).run_id == ""
