"""What a record of many names becomes that is more than a server takes in one: several records, or a shorter one. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from livetrain._delivery.server_limits import ServerLimits
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Shortened", "may_be_too_large", "split_record"]

_GROUPS = ("values", "metrics", "validation_metrics", "fit_metrics", "evaluation_metrics")
"""Fields of named numbers, in whatever payload has them."""
_PLACE = frozenset({"step", "epoch", "timestamp_ms", "round", "total_rounds", "phase", "client_id"})
"""Fields that say what the numbers belong to: each part says it."""
_HEAD_BYTES = 512
_HEAD_ELEMENTS = 32
_SCALAR_ELEMENTS = 3
_ELEMENT_BYTES = 2
"""A field takes this at least."""

Shortened = list[str]
"""What had to be left out, in words."""


def may_be_too_large(record: bytes, limits: ServerLimits) -> bool:
    """Return whether a serialised record has to be looked at; most are so small that nothing can be wrong."""
    return len(record) > min(limits.record_bytes, _ELEMENT_BYTES * limits.elements)


def split_record(
    record: bytes, limits: ServerLimits, shortened: Shortened
) -> list[pb.TelemetryRequest]:
    """Return the records that say what one says, each within the limits where that is possible.

    Args:
        record: serialised.
        limits: of the server.
        shortened: what is left out is added to it.

    Returns:
        One or more, with the stamp of the first.
    """
    request = pb.TelemetryRequest.FromString(record)
    kind = request.WhichOneof("payload")
    if kind is None or kind == "sample":
        return [request]
    payload = getattr(request, kind)
    names = {field.name for field in payload.DESCRIPTOR.fields}
    groups = [group for group in _GROUPS if group in names and kind != "command_result"]
    if groups:
        return list(_split_numbers(request, kind, groups, limits))
    most = min(limits.record_bytes, _ELEMENT_BYTES * limits.elements)
    if kind == "status_update":
        for part in ("class_names", "config_json"):
            if request.ByteSize() > most and getattr(payload.config, part):
                payload.config.ClearField(part)
                shortened.append("the labels" if part == "class_names" else "the settings")
    elif kind == "event":
        while payload.fields and request.ByteSize() > most:
            longest = max(payload.fields, key=lambda name: len(payload.fields[name]))
            del payload.fields[longest]
            shortened.append(f"the field {longest[:60]!r} of an event")
    return [request]


def _split_numbers(
    request: pb.TelemetryRequest, kind: str, groups: list[str], limits: ServerLimits
) -> Iterator[pb.TelemetryRequest]:
    payload = getattr(request, kind)
    numbers = [(group, number) for group in groups for number in getattr(payload, group)]
    for group in groups:
        payload.ClearField(group)
    rest = pb.TelemetryRequest()
    rest.CopyFrom(request)
    _keep_place(getattr(rest, kind))
    most_bytes = max(limits.record_bytes - _HEAD_BYTES, 1)
    most_numbers = max((limits.elements - _HEAD_ELEMENTS) // _SCALAR_ELEMENTS, 1)
    part, room, count = request, most_bytes - request.ByteSize(), 0
    for group, number in numbers:
        size = number.ByteSize() + 8
        if count and (size > room or count >= most_numbers):
            yield part
            part, room, count = pb.TelemetryRequest(), most_bytes, 0
            part.CopyFrom(rest)
        getattr(getattr(part, kind), group).append(number)
        room -= size
        count += 1
    yield part


def _keep_place(payload: Any) -> None:
    for field in payload.DESCRIPTOR.fields:
        if field.name not in _PLACE:
            payload.ClearField(field.name)
