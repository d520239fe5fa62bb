from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from livetrain.server.series import Series
from livetrain.server.store.packing import pack, unpack
from tests.unit.server.store.examples import FLOATS, curve, same


@given(
    hnp.arrays(np.int64, st.shared(st.integers(1, 50), key="n"), elements=st.integers(0, 2**53)),
    hnp.arrays(np.float64, st.shared(st.integers(1, 50), key="n"), elements=FLOATS),
    hnp.arrays(np.int64, st.shared(st.integers(1, 50), key="n"), elements=st.integers(0, 2**62)),
)
def test_packed_and_unpacked_is_the_same(
    steps: np.ndarray, values: np.ndarray, times: np.ndarray
) -> None:
    columns = Series(steps, values, times)
    same(unpack(pack(columns)), columns)


def test_a_loss_takes_few_bytes() -> None:
    noise = np.random.default_rng(0).normal(size=4096).astype(np.float32).astype(np.float64)
    assert len(pack(curve(noise))) / 4096 < 8
