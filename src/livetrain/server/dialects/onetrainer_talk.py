"""What a client of OneTrainer's web UI says, and what it is answered. Pure, but for a command, which is passed on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from livetrain.server.dialects.plain import BadJsonError, read, said, write

__all__ = ["Subscriptions", "Talk", "UnknownCommandError"]

_MOST_EVENTS: Final = 1_000
_LONGEST: Final = 256

Subscriptions = dict[str, None]
"""Names of events in the order they were subscribed to."""


class _Refused(Exception):  # noqa: N818  # it is an answer
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnknownCommandError(LookupError):
    """Nobody knows such a command: it is not acknowledged."""


class Talk:
    """One client's side of the protocol.

    Args:
        subscribed: called after the client's subscriptions changed, and before it is told so.
        command: carries a command out and returns a sentence about it; one that nobody knows raises :exc:`UnknownCommandError`.

    Attributes:
        subscriptions: what the client wants to hear of; known and unknown names alike.
    """

    def __init__(
        self,
        subscribed: Callable[[], object],
        command: Callable[[str, Mapping[str, Any]], Awaitable[str]],
    ) -> None:
        self.subscriptions: Subscriptions = {}
        self._subscribed = subscribed
        self._command = command

    async def answer(self, text: str | bytes) -> str:
        """Return the answer to a message; there always is exactly one, and whatever is wrong with it keeps the connection."""
        try:
            return write(await self._answer(text))
        except _Refused as refusal:
            code, message = refusal.code, str(refusal)
        except BadJsonError as error:
            code, message = "INVALID_JSON", f"The message is not JSON: {error}."
        except UnknownCommandError as error:
            code, message = "PROCESSING_ERROR", str(error)
        except Exception as error:
            code = "PROCESSING_ERROR"
            message = f"The message could not be processed ({type(error).__name__}: {error})."
        return write(
            {"type": "error", "error_code": code, "message": message[:500], "timestamp": _now()}
        )

    async def _answer(self, text: str | bytes) -> dict[str, Any]:
        message = read(said(text))
        if not isinstance(message, dict):
            raise _Refused("INVALID_MESSAGE_TYPE", "A message is a JSON object.")
        match message.get("type"):
            case None | "":
                raise _Refused("MISSING_TYPE", "A message has a field type.")
            case "subscribe":
                return self._subscribe(message)
            case "unsubscribe":
                return self._unsubscribe(message)
            case "ping":
                given = message.get("timestamp")
                return {"type": "pong", "client_timestamp": given, "server_timestamp": _now()}
            case "command":
                return await self._pass_on(message)
            case other:
                raise _Refused("UNKNOWN_MESSAGE_TYPE", f"There is no message type {other!r}.")

    def _subscribe(self, message: Mapping[str, Any]) -> dict[str, Any]:
        events = _events(message)
        if not events:
            raise _Refused("EMPTY_EVENTS", "Say which events to subscribe to.")
        whole = {**self.subscriptions, **dict.fromkeys(events)}
        if len(whole) > _MOST_EVENTS or any(len(str(name)) > _LONGEST for name in events):
            raise ValueError(
                f"{_MOST_EVENTS} events of {_LONGEST} characters are the most that can be subscribed to"
            )
        self.subscriptions = whole
        self._subscribed()
        return {"type": "subscribed", "events": events, "all_subscriptions": list(whole)}

    def _unsubscribe(self, message: Mapping[str, Any]) -> dict[str, Any]:
        events = _events(message)
        gone = dict.fromkeys(events)
        self.subscriptions = {name: None for name in self.subscriptions if name not in gone}
        self._subscribed()
        remaining = list(self.subscriptions)
        return {"type": "unsubscribed", "events": events, "remaining_subscriptions": remaining}

    async def _pass_on(self, message: Mapping[str, Any]) -> dict[str, Any]:
        command, args = message.get("command"), message.get("args")
        if command is None or command == "":
            raise _Refused("MISSING_COMMAND", "A command has a field command.")
        if args is not None and not isinstance(args, dict):
            raise _Refused("PROCESSING_ERROR", "The field args of a command is an object.")
        said_of_it = await self._command(str(command), args or {})
        return {
            "type": "command_received",
            "command": command,
            "status": "acknowledged",
            "message": said_of_it,
        }


def _events(message: Mapping[str, Any]) -> list[Any]:
    events = message.get("events", [])
    if not isinstance(events, list):
        raise _Refused("INVALID_EVENTS", "The field events is a list of names.")
    return events


def _now() -> str:
    return datetime.now(UTC).isoformat()
