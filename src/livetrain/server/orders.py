"""Commands over HTTP: given by POST, listed by GET."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.commands import PARAMETER_CHARS, PARAMETERS, VERB_CHARS, Command
from livetrain.server.desk import DEFAULT_TTL_SECONDS, Desk
from livetrain.server.intake import Intake
from livetrain.server.run import Run
from livetrain.server.store.journal import JournalError

__all__ = ["Order", "Orders"]

_ROUTE: Final = "/api/runs/{run_id}/commands"
_BITS: Final = 1024


def _whole(text: str) -> str:
    """Refuse text with half of a character in it: neither the store nor the trainer can be told it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it has half of a character in it (a lone surrogate)") from None
    return text


_Whole = AfterValidator(_whole)
_Text = Annotated[str, Field(max_length=PARAMETER_CHARS), _Whole]


class Order(BaseModel):
    """The body of a POST.

    Attributes:
        verb: what to do: pause, resume, stop, set, or a command of the training's own.
        parameters: with what; numbers may be given as numbers.
        issued_by: who wants it, for the others who watch.
        ttl_seconds: after this it is not carried out any more.
        command_id: makes a repeated POST the same command. Absent: each is a new one.
        seen: with `set`, the id of the newest command that set this value, as far as who gives this one knows; empty: none did.
            Where somebody else set it since, the command is refused. Absent: it is taken all the same.
    """

    model_config = ConfigDict(extra="forbid")

    verb: Annotated[str, Field(min_length=1, max_length=VERB_CHARS), _Whole]
    parameters: Annotated[dict[_Text, _Text], Field(max_length=PARAMETERS)] = {}
    issued_by: Annotated[str, Field(max_length=100), _Whole] = ""
    ttl_seconds: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = DEFAULT_TTL_SECONDS
    command_id: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_-]*$")] = ""
    seen: Annotated[str, Field(max_length=64), _Whole] | None = None

    @field_validator("parameters", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        # Whether a number makes sense is for the training to say: NaN becomes text here, and is refused there.
        return {name: _number_as_text(given) for name, given in value.items()}


def _number_as_text(given: Any) -> Any:
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        return given
    if isinstance(given, int) and given.bit_length() > _BITS:
        raise ValueError(f"a whole number of more than {_BITS} bits")
    return repr(given)


class Orders:
    """The two routes.

    Args:
        intake: of the runs.
        desk: where commands are given.
    """

    def __init__(self, intake: Intake, desk: Desk) -> None:
        self._registry = intake.registry
        self._desk = desk
        self.router = APIRouter()
        route = self.router.add_api_route
        route(_ROUTE, self.give, methods=["POST"], status_code=202, summary="Give a command")
        route(_ROUTE, self.commands, methods=["GET"], summary="Commands, newest first")

    async def give(self, run_id: str, order: Order, request: Request) -> dict[str, Any]:
        """Give a command; one that is refused is recorded too, and says why in `message`."""
        run = await self._find(run_id)
        host = request.client.host if request.client is not None else "unknown"
        try:
            command = await self._desk.issue(
                run,
                order.verb,
                order.parameters,
                issued_by=order.issued_by or f"somebody at {host}",
                ttl_seconds=order.ttl_seconds,
                command_id=order.command_id,
                origin=host,
                seen=order.seen,
            )
        except JournalError as error:
            raise HTTPException(
                503, f"The store cannot be written now ({error}); nothing was done, try again."
            ) from error
        return _shown(command)

    async def commands(
        self, run_id: str, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> dict[str, Any]:
        """Return the commands of a run and what became of them."""
        run = await self._find(run_id)
        return {"run_id": run_id, "commands": [_shown(c) for c in run.commands.newest(limit)]}

    async def _find(self, run_id: str) -> Run:
        run = await self._registry.find(run_id)
        if run is None:
            raise HTTPException(404, f"There is no run {run_id[:40]!r}; /api/runs lists them.")
        return run


def _shown(command: Command) -> dict[str, Any]:
    state = pb.CommandState.Name(command.state)
    return {
        "command_id": command.command_id,
        "verb": command.verb,
        "parameters": dict(command.parameters),
        "state": state.removeprefix("COMMAND_").lower(),
        "applied_step": command.applied_step if command.state == pb.APPLIED else None,
        "message": command.message,
        "pending": command.pending,
        "values": dict(command.values),
        "previous": dict(command.previous),
        "ranks": list(command.ranks),
        "issued_by": command.issued_by,
        "origin": command.origin,
        "issued_at": command.issued_ms / 1000,
        "expires_at": command.expires_ms / 1000,
    }
