"""Who wants to know what a stream hears."""

from __future__ import annotations

from livetrain import _wire
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Listener"]


class Listener:
    """What else wants to know; called on the stream's thread, overridden where it is needed."""

    def ready(self, now: float, last: bool) -> bool:
        """Whether it is known who speaks; until then nothing is sent. `last`: there is no time to wait for it, say yes."""
        return True

    def commanded(self, command: pb.ControlCommand, late: float) -> None:
        """The server passes a command on; `late`: seconds that it was on its way."""

    def wished(self, frame_interval_ms: int) -> None:
        """The server says how often it wants frames; 0: as they come."""

    def turned_away(self, reason: str) -> bool:
        """The server refused the first registration for good; return whether another one is to be tried, now with other words."""
        return False

    def agreed(self, response: pb.SessionResponse) -> None:
        """The server took the registration."""

    def heartbeat(self, stamp: _wire.Stamp) -> list[bytes]:
        """Return unsequenced records that travel with a heartbeat."""
        return []

    def ticked(self, now: float) -> None:
        """Called some times a second."""

    def ending(self) -> None:
        """Called once, when the stream begins to end: what is put now is the last."""

    def ended(self) -> None:
        """Called once, last of all."""
