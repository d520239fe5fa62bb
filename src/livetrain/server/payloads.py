"""Which payload a trainer's record has: exactly one that is known, and nothing that the server alone says. Pure.

A run's log is the audit of its commands, so that nobody but the server may write there who gave one, or that it was passed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from livetrain._protobuf import LENGTH
from livetrain.exceptions import ProtocolError
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.commands import too_large
from livetrain.server.wire import Field

__all__ = [
    "HISTORY_LOST",
    "RANK_BACK",
    "RANK_LOST",
    "SERVER_SOURCE",
    "payload_of",
    "refuse_server_words",
]

_PAYLOADS: Final = frozenset(
    field.number for field in pb.TelemetryRequest.DESCRIPTOR.oneofs_by_name["payload"].fields
)
_BATCH: Final = pb.TelemetryRequest.BATCH_DATA_FIELD_NUMBER
_OURS: Final = frozenset({pb.TelemetryRequest.COMMAND_ISSUED_FIELD_NUMBER})
"""Payloads that the server alone writes."""
_OUR_STATES: Final = frozenset({pb.COMMAND_STATE_UNKNOWN, pb.QUEUED, pb.SENT})
"""States of a command that the server alone knows."""
_MOST_RANKS: Final = 10_000
_MOST_VALUES: Final = 256

HISTORY_LOST: Final = "history_lost"
"""The kind of the event by which the server says that its store lacks what it had."""
RANK_LOST: Final = "rank_lost"
RANK_BACK: Final = "rank_back"
_OUR_EVENTS: Final = frozenset({HISTORY_LOST, RANK_LOST, RANK_BACK})
SERVER_SOURCE: Final = "livetrain-server"
"""Stands as the source of a line in a run's log that the server wrote."""


def payload_of(top: Sequence[Field]) -> int:
    """Return the number of a record's payload; 0: it has none that is known.

    Args:
        top: the fields of the record. A batch may come in pieces, since its pictures stand behind its numbers.

    Raises:
        ProtocolError: it has two, one in pieces that is no batch, one that is no message, or one that the server alone writes.
    """
    found = 0
    for field in top:
        if field.number not in _PAYLOADS:
            continue
        if field.wire_type != LENGTH:
            raise ProtocolError("a payload that is not a message")
        if found and (field.number != found or found != _BATCH):
            raise ProtocolError("two payloads in one record")
        found = field.number
    if found in _OURS:
        raise ProtocolError("a payload that only the server writes")
    return found


def refuse_server_words(record: pb.TelemetryRequest) -> None:
    """See that a payload that trainers may write says nothing that the server alone knows.

    Raises:
        ProtocolError: it does, or a command's result has more values or ranks than any command has.
    """
    if record.event.kind in _OUR_EVENTS:
        kind = record.event.kind
        raise ProtocolError(f"an event of the kind {kind!r}, which only the server writes")
    if record.log.source == SERVER_SOURCE:
        raise ProtocolError(f"a line of {SERVER_SOURCE!r}, which only the server writes")
    if not record.HasField("command_result"):
        return
    result = record.command_result
    if result.state in _OUR_STATES:
        state = pb.CommandState.Name(result.state).lower()
        raise ProtocolError(f"a command's state {state!r}, which only the server tells")
    if len(result.ranks) > _MOST_RANKS:
        raise ProtocolError(
            f"a command's result with {len(result.ranks)} ranks; {_MOST_RANKS} are taken"
        )
    values = max(len(result.values), len(result.previous), len(result.replay.parameters))
    if too_much := too_large(result.replay.verb, result.replay.parameters):
        raise ProtocolError(f"a command of a recipe that is too large: {too_much.rstrip('.')}")
    if values > _MOST_VALUES:
        raise ProtocolError(f"a command's result with {values} values; {_MOST_VALUES} are taken")
