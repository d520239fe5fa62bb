"""Answers in JSON that are written on a thread: of hundreds of runs, or of all names of a run, that takes long."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import Response

__all__ = ["json_reply"]


async def json_reply(value: Any) -> Response:
    """Return a value as an answer.

    Args:
        value: of what JSON knows, with finite numbers; it is looked at from another thread, so nobody changes it any more.
    """
    return Response(await asyncio.to_thread(_written, value), media_type="application/json")


def _written(value: Any) -> bytes:
    # In ASCII half of a character, which no encoding knows, is an escape.
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
