"""Older clients' messages, read in the schema of today; their run's log says what in them was not understood."""

from __future__ import annotations

import asyncio
from typing import Final

from livetrain._protobuf import LENGTH
from livetrain.exceptions import ProtocolError
from livetrain.server.intake import Intake
from livetrain.server.older_schema import OlderReader
from livetrain.server.records import BUNDLE, OPEN, SEQ, Part, Record, Rejected, read_part
from livetrain.server.run import Run, Stream

__all__ = ["is_older", "older_session_of", "read_older"]

_SESSION: Final = 1


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
    try:
        if part.heavy:
            translated = await asyncio.to_thread(reader.translate, part.raw, top)
        else:
            translated = reader.translate(part.raw, top)
    except ProtocolError as error:
        return Rejected(0, str(error), size=len(part.raw))
    for remark in translated.remarks:
        intake.tell_not_understood(run, remark)
    told = Part(translated.raw)
    limits = intake.limits
    read = (
        await asyncio.to_thread(read_part, told, limits) if part.heavy else read_part(told, limits)
    )
    if isinstance(read, Record) and translated.problem:
        read.problem = translated.problem
    return read
