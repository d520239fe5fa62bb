"""Older clients' messages, read in the schema of today; their run's log says what in them was not understood."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from livetrain._protobuf import LENGTH, read_varint
from livetrain.exceptions import ProtocolError
from livetrain.server.intake import Intake
from livetrain.server.older_schema import OlderReader
from livetrain.server.records import BATCH, BUNDLE, OPEN, SEQ, Part, Record, Rejected, read_part
from livetrain.server.run import Run, Stream
from livetrain.server.wire import fields

__all__ = ["is_older", "older_session_of", "read_older"]

_SESSION: Final = 1
_PICTURE: Final = b"\x0a"
"""What an image begins with before its bytes, which hold no fields."""
_HEAVY: Final = 12 * 1024
"""Bytes of a batch beside its pictures from which on it may take milliseconds to look at its fields."""


def is_older(part: Part, run: Run | None) -> bool:
    """Return whether a message is an older client's: it belongs to such a run, or says nothing of a stream or a number.

    Args:
        part: the message.
        run: for which its stream speaks; None: for none yet.
    """
    if part.top is None or any(field.number in (OPEN, BUNDLE) for field in part.top):
        return False
    if run is not None:
        return run.protocol == 0
    return all(field.number != SEQ for field in part.top)


def older_session_of(part: Part) -> str:
    """Return the id of the session that a message names; empty: it names none that can be read."""
    session_id = ""
    for field in part.top or ():
        if field.number == _SESSION and field.wire_type == LENGTH:
            session_id = part.raw[field.value : field.end].decode("utf-8", "replace")
    return session_id


def _is_heavy(part: Part) -> bool:
    """Return whether a batch may have so many fields that the event loop should not look at them."""
    if len(part.raw) < _HEAVY:
        return False
    beside = 0
    with contextlib.suppress(ProtocolError):
        for batch in part.top or ():
            if batch.number == BATCH and batch.wire_type == LENGTH:
                for field in fields(part.raw, batch.value, batch.end):
                    size = field.end - field.value
                    beside += size
                    if part.raw[field.value : field.value + 1] == _PICTURE:
                        beside -= min(size, read_varint(part.raw, field.value + 1)[0])
    return beside > _HEAVY


async def read_older(part: Part, run: Run, stream: Stream, intake: Intake) -> Record | Rejected:
    """Return what an older client says, or why it is not taken.

    Args:
        part: the message, with its fields.
        run: for which it speaks.
        stream: of the client.
        intake: writes the run's log.
    """
    reader = stream.older = stream.older or OlderReader()
    top = part.top or []
    limits = intake.limits
    try:
        if part.heavy or _is_heavy(part):
            translated = await asyncio.to_thread(reader.translate, part.raw, top, limits)
        else:
            translated = reader.translate(part.raw, top, limits)
    except ProtocolError as error:
        return Rejected(0, str(error), size=len(part.raw))
    for remark in translated.remarks:
        intake.tell_not_understood(run, remark)
    told = Part(translated.raw)
    read = (
        await asyncio.to_thread(read_part, told, limits) if part.heavy else read_part(told, limits)
    )
    if isinstance(read, Record) and translated.problem:
        read.problem = translated.problem
    return read
