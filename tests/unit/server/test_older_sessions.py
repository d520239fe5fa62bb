"""A client that says a session's id alone goes on in the one run that it can be of, or begins another; none are mixed."""

from __future__ import annotations

import pytest

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.older_sessions import (
    OLDER_STREAM,
    Announcement,
    Announcements,
    continued_run,
    is_free,
)
from livetrain.server.outlet import Outlet
from livetrain.server.run import Run
from livetrain.server.sequencing import Sequencer
from livetrain.server.stream import Stream

MINE = Outlet("mine")


def run(key: int, state: str = "broken") -> Run:
    made = Run(key, f"run{key}", "session", 0, "run", "default", (), 0, 0.0)
    stream = Stream(0, OLDER_STREAM, 0, "", opened=False, order=Sequencer())
    made.streams.add(stream)
    match state:
        case "open":
            stream.outlet = Outlet("other")
        case "mine":
            stream.outlet = MINE
        case "closed":
            stream.half_closed = 1.0
        case "finished":
            made.status = "finished"
        case "lost":
            made.contact = "lost"
    return made


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], None),
        (["broken"], 0),
        (["mine"], 0),
        (["closed"], 0),  # it comes back within some seconds
        (["open"], None),  # another training is at it
        (["finished"], 0),  # it goes on after its end
        (["finished", "lost"], 1),
        (["finished", "broken"], 1),
        (["broken", "open"], 0),
        (["open", "broken"], 1),
        (["open", "finished"], None),
        (["broken", "broken"], None),  # which of them it is nobody can tell
        (["broken", "closed"], 0),
        (["closed", "closed"], None),
    ],
)
def test_which_run_goes_on(states: list[str], expected: int | None) -> None:
    runs = [run(key, state) for key, state in enumerate(states)]
    found = continued_run(runs, MINE)
    assert (None if found is None else found.key) == expected


def test_runs_of_others_are_no_candidates() -> None:
    deleted, current = run(0), run(1)
    deleted.deleted = True
    current.protocol = 1
    assert continued_run([deleted, current], MINE) is None
    assert not is_free(current, MINE)


def test_a_registration_belongs_to_the_client_that_made_it_and_is_forgotten() -> None:
    waiting = Announcements()
    waiting.add("session", "a:1", Announcement(pb.SessionInfo(client_name="a"), 7, False, 10.0))
    waiting.add("session", "b:2", Announcement(pb.SessionInfo(client_name="b"), 7, True, 20.0))
    assert waiting.others(run(7), "b:2", 20.0)
    assert not waiting.others(run(8), "b:2", 20.0)
    assert not waiting.others(run(7), "b:2", 71.0), "a client that did not come in a minute is gone"
    assert waiting.take("other", "a:1", 20.0) is None
    taken = waiting.take("session", "a:1", 20.0)
    assert taken is not None
    assert taken.info.client_name == "a"
    assert waiting.take("session", "a:1", 20.0) is None
    assert waiting.take("session", "b:2", 90.0) is None


def test_registrations_that_wait_are_held_within_a_bound() -> None:
    waiting = Announcements()
    large = pb.SessionInfo(config=pb.TrainingConfig(config_json="x" * 500_000))
    for number in range(100):
        waiting.add(f"{number}", "a:1", Announcement(large, number, False, 10.0))
    kept = [n for n in range(100) if waiting.take(f"{n}", "a:1", 10.0) is not None]
    assert kept == list(range(100 - len(kept), 100))
    assert 10 < len(kept) < 17
    assert waiting._bytes == 0
