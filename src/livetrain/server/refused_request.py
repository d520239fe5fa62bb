"""The answer to a request that is not what its route takes: in words, without what was sent, for which JSON may have no word."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

__all__ = ["refuse_request"]


async def refuse_request(_: Request, error: Exception) -> JSONResponse:
    """Return 422 with what is wrong, each with its place."""
    assert isinstance(error, RequestValidationError)
    detail: list[dict[str, Any]] = [
        {
            "type": wrong["type"],
            "loc": [_plain(part) for part in wrong["loc"]],
            "msg": _plain(wrong["msg"]),
        }
        for wrong in error.errors()
    ]
    return JSONResponse({"detail": detail}, 422)


def _plain(part: Any) -> Any:
    return part.encode("utf-8", "backslashreplace").decode() if isinstance(part, str) else part
