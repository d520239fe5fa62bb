"""Work that goes on to its end though whoever waits for it gives up.

A request can be cancelled in every ``await``: its client ran out of time, or closed its connection. What is written by then stays
written, so that what memory knows of it has to be done too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["complete"]

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")
# The loop itself holds tasks weakly.
_under_way: set[asyncio.Task[Any]] = set()


async def complete(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Return what some work returns. If the caller is cancelled, the work goes on by itself.

    Args:
        work: a coroutine that has not begun.

    Raises:
        Exception: what the work raises, if the caller is still there; else it is logged.

    Example:
        >>> async def written() -> str:
        ...     await asyncio.sleep(0)
        ...     return "a row"
        >>> asyncio.run(complete(written()))
        'a row'
    """
    task = asyncio.ensure_future(work)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_report)
        raise


def _report(task: asyncio.Task[Any]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.warning("something that nobody waits for any more failed: %s", error)
