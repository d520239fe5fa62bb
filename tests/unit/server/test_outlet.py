from __future__ import annotations

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.outlet import Outlet


def test_what_a_trainer_does_not_read_is_bounded_and_counted() -> None:
    outlet = Outlet("s")
    for number in range(3000):
        outlet.put(pb.TelemetryResponse(timestamp_ms=number))
        outlet.due()
    assert outlet.dropped == 3000 - 1024
    assert [r.timestamp_ms for r in outlet.take()] == list(range(3000 - 1024, 3000))
    assert outlet.pending  # the acknowledgement, of which there is one
    outlet.acknowledge = False
    assert not outlet.pending
