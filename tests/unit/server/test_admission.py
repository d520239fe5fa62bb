"""Whatever newcomers say of themselves, without a token each rank of each start of a training is let in once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.admission import LEFTOVER, RefusedError, check_join, fits, fits_any, hashed
from livetrain.server.outlet import Outlet
from livetrain.server.run import Run, Stream
from livetrain.server.sequencing import Sequencer


@dataclass(frozen=True)
class Newcomer:
    rank: int
    world_size: int
    restarts: int
    knows_token: bool
    stays: bool
    leftover: bool


NEWCOMERS = st.builds(
    Newcomer,
    st.integers(0, 4),
    st.integers(0, 4),
    st.sampled_from([0, 0, 0, 1, 2, 1024]),
    st.sampled_from([False, False, False, True]),
    st.booleans(),
    st.sampled_from([False, False, False, True]),
)


PLAIN = Newcomer(0, 0, 0, False, False, False)
RESTARTED = Newcomer(0, 3, 1, False, False, False)


@settings(max_examples=200, deadline=None)
@given(st.lists(NEWCOMERS, max_size=20))
@example([PLAIN, PLAIN, replace(RESTARTED, leftover=True), RESTARTED])
def test_who_is_let_in_without_a_token(newcomers: list[Newcomer]) -> None:
    run = Run(1, "r", "s", 1, "n", "p", (), 0, 0.0)
    ranks: set[int] = set()  # of the newest start
    for number, one in enumerate(newcomers):
        info = pb.SessionInfo(
            rank=one.rank,
            world_size=one.world_size,
            restart_count=one.restarts,
            resume_token="token 0" if one.knows_token else "",
            capabilities=[LEFTOVER] if one.leftover else [],
        )
        goes_on = any(s.outlet is not None and not s.leftover for s in run.streams.values())
        start, world_size = run.controls.restart_count, run.world_size
        try:
            check_join(run, info, most_streams=15)
        except RefusedError:
            assert run.streams
            assert not (one.knows_token and len(run.streams) < 15)
            continue
        assert len(run.streams) < 15
        begins = one.restarts > start
        if run.streams and not one.knows_token:
            assert not (begins and goes_on)
            if one.restarts == start:
                assert (one.world_size, one.rank < world_size) == (world_size, True)
                assert one.rank not in ranks
            assert begins or one.restarts == start or one.leftover
        # What the registration does with one that is let in.
        stream = Stream(
            number + 1, f"{number}", one.rank, hashed(f"token {number}"), False, Sequencer()
        )
        stream.outlet = Outlet("") if one.stays else None
        stream.leftover = one.leftover
        first = not run.streams
        run.streams.add(stream)
        if begins:
            run.controls.restart_count = one.restarts
            run.controls.stream_id = stream.stream_id
            ranks = set()
        if begins or first:
            run.controls.world_size = one.world_size
        if not one.leftover or first or begins:
            ranks.add(one.rank)
    assert fits_any("token 0", run) or not newcomers
    assert not any(fits("", stream) or fits("token", stream) for stream in run.streams.values())
