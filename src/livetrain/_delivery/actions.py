"""What a session asks its shell to do next; each is performed at once, or reported as lost."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Action",
    "Close",
    "Hangup",
    "Heartbeat",
    "Open",
    "Quarantine",
    "Register",
    "Send",
    "Wait",
]


@dataclass(frozen=True, slots=True)
class Register:
    """Call RegisterTrainingSession; report `registered`, `rejected` or `lost`."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open a new stream and send StreamOpen; report `opened` or `lost`."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send records that follow `after_seq`, of at most `max_bytes` together (one at least); report each with `sent`."""

    after_seq: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Send a heartbeat with this number."""

    number: int


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The server will never take this record: put a tombstone in its place."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """Drop the connection at once; the session has counted it as lost already."""

    reason: str


@dataclass(frozen=True, slots=True)
class Close:
    """Everything is acknowledged, or nothing can be: half-close and end."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before this time unless something is reported; None: not before something is reported."""

    until: float | None


Action = Register | Open | Send | Heartbeat | Quarantine | Hangup | Close | Wait
