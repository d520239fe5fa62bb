from __future__ import annotations

from livetrain.server.stream_places import StreamPlaces


class Someone:
    def __init__(self, client: str = "a") -> None:
        self.client = client
        self.told = ""

    def leave(self, reason: str) -> None:
        self.told = reason


def test_who_says_nothing_keeps_nobody_out() -> None:
    places = StreamPlaces(4_000)
    silent = [Someone(f"hostile{n}") for n in range(5_000)]
    for one in silent:
        places.come(one)
    assert len(places) == 256
    assert all("said nothing" in one.told for one in silent[:-256])
    assert not any(one.told for one in silent[-256:])
    trainer = Someone("trainer")
    places.come(trainer)
    assert places.open(trainer, known=False) == ""
    for one in silent:
        places.leave(one)
    assert len(places) == 1


def test_a_client_has_its_share_and_others_have_theirs() -> None:
    places = StreamPlaces(1_000)
    greedy = [Someone("greedy") for _ in range(1_000)]
    refused = [places.open(one, known=False) for one in greedy]
    assert refused.count("") == 500, "alone it has half"
    assert "which is its share; come again in 5 seconds." in refused[-1]
    assert all(places.open(Someone(f"other{n}"), known=False) == "" for n in range(200))


def test_the_last_places_are_for_streams_that_were_there() -> None:
    places = StreamPlaces(100)
    for n in range(90):
        assert places.open(Someone(f"client{n}"), known=False) == ""
    late = Someone("late")
    assert "come again in 5 seconds" in places.open(late, known=False)
    back = Someone("back")
    assert places.open(back, known=True) == ""
    assert places.open(back, known=True) == "", "it has its place"
    places.leave(late)
    places.leave(back)
    places.leave(back)
    assert len(places) == 90
