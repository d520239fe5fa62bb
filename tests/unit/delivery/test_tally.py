"""How many calls wait, however many records they are in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livetrain._delivery import tally
from livetrain._delivery.tally import Tally


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), max_size=200), st.booleans())
def test_what_is_committed_waits_no_longer(made: list[tuple[int, int]], bounded: bool) -> None:
    counts: list[int] = []
    durable = 0
    entries, tally._ENTRIES = tally._ENTRIES, 8 if bounded else 10_000
    try:
        found = Tally()
        for calls, more in made:
            counts.append(calls)
            found.keep(len(counts), calls)
            durable = min(durable + more % 3, len(counts))
            found.commit(durable)
            exact = sum(counts[durable:])
            assert found.waiting >= exact
            assert found.waiting == exact or bounded
            assert found.kept == sum(counts)
            assert not bounded or len(found._entries) <= 8
        found.commit(len(counts))
        assert found.waiting == 0
    finally:
        tally._ENTRIES = entries
