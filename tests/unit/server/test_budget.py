from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livetrain.server.budget import SHARES, Budget, Claim, Lease, Pool
from livetrain.server.memory_watch import MemoryWatch, resident_bytes


def test_the_pools_are_less_than_the_whole() -> None:
    budget = Budget.of_mib(512)
    assert sum(pool.limit for pool in budget) <= 0.95 * (512 << 20)
    assert [pool.name for pool in budget] == list(SHARES)


def test_a_lease_comes_back_when_its_last_holder_lets_it_go() -> None:
    pool = Pool("viewers", 100)
    holders: list[Lease | None] = [pool.lease(60)] * 3
    assert pool.lease(41) is None
    assert (pool.used, pool.refused) == (60, 1)
    del holders[1:]
    assert pool.used == 60
    holders.clear()
    assert (pool.used, pool.peak) == (0, 60)


def test_one_alone_may_have_half_and_among_many_everybody_has_something() -> None:
    pool = Pool("rings", 8_000)
    alone = pool.claim()
    assert not alone.resize(4_001)
    assert alone.resize(4_000)
    others = [pool.claim() for _ in range(3)]
    assert all(claim.resize(500) for claim in others)  # guaranteed: 8,000 / 4 / 4
    assert not alone.resize(4_600)
    assert alone.resize(10)


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(-1, 4_000)), max_size=200),
    st.integers(1, 10_000),
)
def test_claims_never_hold_more_than_there_is(steps: list[tuple[int, int]], limit: int) -> None:
    pool = Pool("runs", limit)
    claims: dict[int, Claim] = {}
    for who, size in steps:
        if who not in claims:
            claims[who] = pool.claim()
        claim = claims[who]
        if size < 0:
            claims.pop(who).close()
            claim.close()
        else:
            before = claim.held
            given = claim.resize(size)
            assert claim.held == (size if given else before)
        assert pool.used == sum(claim.held for claim in claims.values()) <= limit
        assert pool.claims == len(claims)


def test_what_the_process_holds_is_compared_with_what_it_may() -> None:
    held, now = 100, 0.0
    watch = MemoryWatch(1000, lambda: held, lambda: now)
    assert watch.look() == 0.0
    watch.begin()
    held = 600
    assert (watch.look(), watch.tight, watch.short) == (0.5, True, False)
    assert [watch.trim_due(), watch.trim_due()] == [True, False]
    now = 0.5
    assert watch.trim_due()
    held = 1000
    assert (watch.look(), watch.short) == (0.9, True)
    held = 50
    assert (watch.look(), watch.tight, watch.trim_due()) == (0.0, False, False)


def test_a_process_knows_what_it_holds() -> None:
    assert 5 << 20 < resident_bytes() < 1 << 40
