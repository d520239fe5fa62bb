from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livetrain._delivery.server_limits import MAX_STEP, ServerLimits
from livetrain.proto import telemetry_pb2 as pb

UINT64 = st.integers(0, 2**64 - 1) | st.integers(0, 300)
UINT32 = st.integers(0, 2**32 - 1) | st.integers(0, 300)


def test_what_a_server_of_today_tells_is_taken_as_it_is() -> None:
    told = pb.ServerConfig(
        max_message_bytes=4 << 20,
        max_records=10_000,
        max_elements=20_000,
        max_record_bytes=1 << 20,
        max_name_chars=256,
        max_metrics=200_000,
        max_step=MAX_STEP,
        accepts_columns=True,
        accepts_strips=True,
    )
    assert ServerLimits.told(told) == ServerLimits()
    assert ServerLimits.told(pb.ServerConfig(max_name_chars=100)).name_chars == 100
    assert ServerLimits.told(pb.ServerConfig(max_message_bytes=200_000)).message_bytes == 200_000


@given(bytes_=UINT64, records=UINT32, elements=UINT32, record=UINT64, chars=UINT32, step=UINT64)
def test_no_limit_leaves_nothing_to_send_or_no_bound(
    bytes_: int, records: int, elements: int, record: int, chars: int, step: int
) -> None:
    limits = ServerLimits.told(
        pb.ServerConfig(
            max_message_bytes=bytes_,
            max_records=records,
            max_elements=elements,
            max_record_bytes=record,
            max_name_chars=chars,
            max_metrics=records,
            max_step=step,
        )
    )
    assert 64 << 10 <= limits.message_bytes <= 64 << 20
    assert 16 <= limits.records <= 5_000
    assert 1_000 <= limits.elements <= 1_000_000
    assert 16 << 10 <= limits.record_bytes <= 16 << 20
    assert 64 <= limits.name_chars <= 4_096
    assert limits.metrics >= 1
    assert 2**31 - 1 <= limits.max_step <= MAX_STEP
