"""What the server answered, as far as the session cares."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Acknowledged", "Registered", "Rejected"]


@dataclass(frozen=True, slots=True)
class Registered:
    """The server took the registration."""

    protocol_version: int
    durable_seq: int
    server_epoch: str
    credit_bytes: int
    heartbeat_seconds: float


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One acknowledgement: committed up to and with `durable_seq`."""

    durable_seq: int
    credit_bytes: int = 0  # 0: unchanged


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server's error, as far as delivery cares."""

    message: str
    retryable: bool
    retry_after: float = 0.0  # seconds
    rejected_seq: int = 0  # 0: none
    expected_seq: int = 0  # 0: none
