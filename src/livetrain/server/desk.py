"""Takes commands for runs, sees them to the trainer, and says what became of them."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.commands import Command, moved_on, refusal, to_wire
from livetrain.server.completion import complete
from livetrain.server.intake import Intake
from livetrain.server.logs import Complaints
from livetrain.server.run import Run, Stream

__all__ = ["Desk"]

log = logging.getLogger(__name__)

DEFAULT_TTL_SECONDS: Final = 60.0
_OLDER_ANSWER: Final = "sent; a trainer of the older protocol gives no answer"


class Desk:
    """Where commands are given.

    Args:
        intake: of the runs; what happens to a command goes into their logs.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._complaints = Complaints(log)
        # Written down and not committed yet. Nobody is told of these, neither who gave them nor the trainer: the server may be
        # killed, and would know nothing of them.
        self._uncommitted: set[tuple[int, str]] = set()

    async def issue(
        self,
        run: Run,
        verb: str,
        parameters: Mapping[str, str],
        *,
        issued_by: str,
        ttl_seconds: float = DEFAULT_TTL_SECONDS,
        command_id: str = "",
        origin: str = "",
        seen: str | None = None,
    ) -> Command:
        """Write a command into the run's log and pass it on; return how it stands.

        Args:
            run: whose trainer it is for.
            verb: what to do.
            parameters: with what.
            issued_by: who wants it.
            ttl_seconds: after this it is not carried out any more.
            command_id: given again, the same command is meant: nothing new happens. Empty: a new one.
            origin: the address that it comes from.
            seen: of a value that is to be set, the id of the newest command that set it, as far as who gives this one knows;
                empty: none did. Where another did since, it is refused. None: they do not care.

        Raises:
            JournalError: it could not be written, and nothing happens.
        """
        command_id = command_id or uuid.uuid4().hex
        known = run.commands.get(command_id)
        if known is not None:
            await self._committed()
            return known
        refused = run.commands.full or refusal(run.declared, verb, parameters, ended=run.ended)
        if refused is None and seen is not None and verb == "set":
            refused = moved_on(run.commands.last_set(parameters), run.commands.get(seen))
        now_ms = _unix_ms()
        issued = pb.CommandIssued(
            command_id=command_id,
            verb=verb,
            parameters=parameters,
            issued_by=issued_by,
            issued_ms=now_ms,
            expires_ms=now_ms + int(ttl_seconds * 1000),
            origin=origin,
        )
        self._intake.note(run, pb.TelemetryRequest(timestamp_ms=now_ms, command_issued=issued))
        command = run.commands.get(command_id)
        assert command is not None
        # Every one of them is in the run's own log.
        said = "run %s: %s wants %s %s"
        self._complaints.note("command", said, run.run_id, issued_by, verb, dict(parameters))
        if refused is not None:
            self._settle(run, command, pb.REJECTED, refused)
        # Written down, it is carried out, whether or not who gave it is still there.
        await complete(self._carry_out(run, command, to_trainer=refused is None))
        return command

    async def _carry_out(self, run: Run, command: Command, *, to_trainer: bool) -> None:
        self._uncommitted.add((run.key, command.command_id))
        try:
            await self._committed()
        finally:
            self._uncommitted.discard((run.key, command.command_id))
        if to_trainer:
            self._deliver(run, command)

    def attached(self, run: Run, stream: Stream) -> None:
        """A stream is open: tell its trainer what it may have missed."""
        if stream is _speaker(run):
            for command in run.commands.open(_unix_ms()):
                if (run.key, command.command_id) not in self._uncommitted:
                    self._deliver(run, command)

    def obeyed(self, run: Run, status: int) -> None:
        """An older trainer changed its status: that is its answer to the command that asked for it."""
        command = run.commands.shown_by(status)
        if command is not None:
            self._settle(run, command, pb.APPLIED, "its status says so", step=run.steps)

    def sweep(self, run: Run) -> None:
        """Give up what is over: called some times a second."""
        if run.ended:
            for command in run.commands.unfinished():
                self._settle(run, command, pb.REJECTED, "The run ended before it came to this.")
            return
        reachable = run.contact in ("alive", "stale")
        for command in run.commands.overdue(_unix_ms(), reachable=reachable):
            told = command.state != pb.QUEUED
            why = "the trainer never answered" if told else "the trainer was not reached in time"
            self._settle(run, command, pb.EXPIRED, why)

    async def _committed(self) -> None:
        """Wait until all is committed that was written down so far."""
        await self._intake.journal.execute(_nothing)

    def _deliver(self, run: Run, command: Command) -> None:
        speaker = _speaker(run)
        if speaker is None or speaker.outlet is None:
            return
        for message in to_wire(command, _unix_ms(), older=run.protocol == 0):
            speaker.outlet.put(
                pb.TelemetryResponse(
                    session_id=speaker.outlet.session_id, timestamp_ms=_unix_ms(), command=message
                )
            )
        if command.state == pb.QUEUED:
            self._settle(run, command, pb.SENT, "" if run.protocol else _OLDER_ANSWER)

    def _settle(
        self, run: Run, command: Command, state: int, message: str, *, step: int = 0
    ) -> None:
        result = pb.CommandResult(
            command_id=command.command_id,
            state=state,  # type: ignore[arg-type]  # the enum's ints are its values
            message=message,
            applied_step=step,
        )
        self._intake.note(run, pb.TelemetryRequest(timestamp_ms=_unix_ms(), command_result=result))


def _speaker(run: Run) -> Stream | None:
    """Return the connected stream of rank 0: it alone is told, and agrees with the others on the step."""
    lowest = min((stream.rank for stream in run.streams.values()), default=0)
    connected = [
        stream
        for stream in run.streams.values()
        if stream.outlet is not None and stream.rank == lowest and not stream.leftover
    ]
    return max(connected, key=lambda stream: stream.key, default=None)


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000


def _nothing(connection: Connection) -> None:
    """Stand behind everything that was added to the journal before."""
