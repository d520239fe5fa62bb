"""What one server takes, as it tells at registration; until then, what a server of this release takes."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

from livetrain.proto import telemetry_pb2 as pb

__all__ = ["MAX_RECORDS", "MAX_STEP", "ServerLimits", "step_beyond"]

MAX_STEP = 2**53 - 1
"""The largest step of all: whole numbers up to here are exact in JSON and JavaScript."""
MAX_RECORDS = 5_000
"""In one message at most: half of what today's servers take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """The bounds that what is sent has to keep to.

    Attributes:
        message_bytes: of one message.
        records: in one message.
        record_bytes: of one record without its pictures.
        elements: fields of one record, those of messages within it counted too.
        name_chars: of a metric's name.
        metrics: different names of metrics in one run.
        max_step: the largest step.
        accepts_columns: whether the server reads points as columns.
        accepts_strips: whether the server reads a picture of many tiles.

    Example:
        >>> ServerLimits.told(pb.ServerConfig(max_elements=5000, accepts_columns=True)).elements
        5000
    """

    message_bytes: int = 4 << 20
    records: int = MAX_RECORDS
    record_bytes: int = 1 << 20
    elements: int = 20_000
    name_chars: int = 256
    metrics: int = 200_000
    max_step: int = MAX_STEP
    accepts_columns: bool = True
    accepts_strips: bool = True

    @classmethod
    def told(cls, config: pb.ServerConfig) -> ServerLimits:
        """Return the limits that a server tells; of what it leaves out, those of before the contact.

        A limit that no server can mean is not believed: with one byte a message nothing would be left to send. What a server
        with a lower limit after all refuses, it refuses by name, and that is counted.
        """
        told = cls()
        return cls(
            message_bytes=_within(config.max_message_bytes, told.message_bytes, 64 << 10, 64 << 20),
            records=_within(config.max_records, told.records, 16, told.records),
            record_bytes=_within(config.max_record_bytes, told.record_bytes, 16 << 10, 16 << 20),
            elements=_within(config.max_elements, told.elements, 1_000, 1_000_000),
            name_chars=_within(config.max_name_chars, told.name_chars, 64, 4_096),
            metrics=_within(config.max_metrics, told.metrics, 1, 2**31),
            max_step=_within(config.max_step, MAX_STEP, 2**31 - 1, MAX_STEP),
            accepts_columns=config.accepts_columns,
            accepts_strips=config.accepts_strips,
        )


def step_beyond(step: Any, limit: int) -> int | None:
    """Return a step that is larger than a server takes, as a whole number; None: it is not, or it is no step at all.

    Example:
        >>> step_beyond(2**53, MAX_STEP), step_beyond(7, MAX_STEP), step_beyond("7", MAX_STEP)
        (9007199254740992, None, None)
    """
    try:
        return operator.index(step) if step > limit else None
    except (TypeError, ValueError):  # what is no step is said elsewhere
        return None


def _within(told: int, assumed: int, least: int, most: int) -> int:
    return max(least, min(told or assumed, most))
