"""Lets trainers in: a new run, a further rank, or one that comes back with its token."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final
from weakref import WeakValueDictionary

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.admission import (
    LEFTOVER,
    RefusedError,
    check_join,
    check_numbers,
    fits,
    fits_any,
    hashed,
)
from livetrain.server.completion import complete
from livetrain.server.hub import COME_AGAIN
from livetrain.server.intake import Intake
from livetrain.server.logs import Complaints
from livetrain.server.older_registration import OlderRegistrar
from livetrain.server.run import GUEST, LOST_SECONDS, Run, Stream
from livetrain.server.run_bounds import cut_info
from livetrain.server.sequencing import Sequencer
from livetrain.server.settings_json import clean_settings
from livetrain.server.store.journal import JournalError
from livetrain.server.store.statements import add_run, add_stream, mark_opened, set_token
from livetrain.server.store.trouble import trouble_sentence
from livetrain.server.welcome import history_lost, server_config

__all__ = ["GUEST_STREAM", "RefusedError", "Registrar", "hashed"]

log = logging.getLogger(__name__)

_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is misread
GUEST_STREAM: Final = "guest"
"""The one stream of a run that nobody is connected for."""


class Registrar:
    """Registers sessions and opens streams.

    Args:
        intake: where records go.
        site: the address that browsers use, such as ``http://127.0.0.1:8080``; trainers are told their run's page below it.
    """

    def __init__(self, intake: Intake, site: str) -> None:
        self._site = site
        self._intake = intake
        self._registry = intake.registry
        self._limits = intake.limits
        self._complaints = Complaints(log)
        # Two ranks of a new run come at once; one makes it, the other joins.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.older = OlderRegistrar(self, intake)

    async def register(
        self, info: pb.SessionInfo, peer: str = "", misread: Sequence[str] = ()
    ) -> pb.SessionResponse:
        """Return the answer to a registration, be it yes or no; one that its client gave up is made all the same.

        Args:
            info: what the client says.
            peer: from where it speaks.
            misread: what in its bytes was not understood, as clauses.
        """
        return await complete(self._register(info, peer, misread))

    async def _register(
        self, info: pb.SessionInfo, peer: str, misread: Sequence[str]
    ) -> pb.SessionResponse:
        info.DiscardUnknownFields()
        if info.HasField("config"):
            text = info.config.config_json
            info.config.config_json = await asyncio.to_thread(clean_settings, text)
        cut_info(info)
        try:
            if not 0 < len(info.session_id) <= self._limits.name_chars:
                raise RefusedError(
                    f"A session_id of 1 to {self._limits.name_chars} characters is needed."
                )
            session = hashed(info.session_id)
            lock = self._locks.setdefault(session, asyncio.Lock())
            async with lock:
                return await (
                    self._current(info, session)
                    if info.protocol_version
                    else self._older(info, session, peer, misread)
                )
        except RefusedError as refusal:
            return self._answer(
                info, success=False, message=str(refusal), retryable=refusal.retryable
            )
        except JournalError as error:
            message = trouble_sentence(str(error))
            return self._answer(info, success=False, message=message, retryable=True)

    async def _current(self, info: pb.SessionInfo, session: str) -> pb.SessionResponse:
        if not 0 < len(info.stream_id) <= self._limits.name_chars:
            raise RefusedError(
                f"A stream_id of 1 to {self._limits.name_chars} characters is needed."
            )
        check_numbers(info)
        if info.first_unacked_seq > self._limits.max_step:
            raise RefusedError(
                f"first_unacked_seq={info.first_unacked_seq} is too high; up to {self._limits.max_step} is taken."
            )
        run = await self._registry.find_session(session)
        if run is not None and run.protocol == 0:
            raise RefusedError("This session_id belongs to an older client's run; take another.")
        token = info.resume_token
        if run is None:
            run = await self.new_run(info, session)
        leftover = LEFTOVER in info.capabilities
        stream = run.streams.get(info.stream_id)
        if stream is None:
            check_join(run, info, most_streams=self._limits.streams)
            token = secrets.token_urlsafe(24)
            stream = await self.new_stream(
                run, info.stream_id, info.rank, hashed(token), leftover=leftover
            )
            self._note_start(run, stream, info)
        elif not stream.opened and (not token or fits_any(token, run)):
            # The answer to its first registration was lost on the way; one that joined had another stream's token for that.
            token = secrets.token_urlsafe(24)
            await self._intake.journal.execute(
                lambda connection: set_token(connection, stream.key, hashed(token))
            )
            stream.token_hash = hashed(token)
        elif not fits(token, stream):
            raise RefusedError(
                "This stream is known; its resume_token is needed and was not given, or is another."
            )
        stream.leftover = leftover
        if (not stream.rank or all(other.rank for other in run.streams.values())) and not (
            leftover and len(run.streams) > 1
        ):
            self.adopt_info(
                run, info
            )  # rank 0 speaks for the run, and the living for what can be done to it
        self.fence(run, stream)
        if stream.order.durable < stream.order.received:
            await (
                self._intake.settle()
            )  # else it would come again, once more and without its pictures
        if info.first_unacked_seq:
            lost = stream.order.start_at(info.first_unacked_seq)
            if lost:
                self._intake.note(run, history_lost(lost, stream.stream_id))
        now, unix_ms = time.monotonic(), time.time_ns() // 1_000_000
        stream.hear(now, unix_ms)
        stream.clock.registered(info.sent_us or info.timestamp_ms * 1000, unix_ms * 1000)
        stream.resumed_step = info.resumed_step if info.HasField("resumed_step") else None
        if not leftover and run.hear(now, unix_ms):
            self._intake.hub.channel(run).tell_state()
        answer = self._answer(info, success=True, message="Welcome.")
        answer.protocol_version = 1
        answer.resume_token = token
        answer.durable_seq = stream.order.durable
        answer.run_id = run.run_id
        answer.page_url = f"{self._site}/runs/{run.run_id}"
        return answer

    async def _older(
        self, info: pb.SessionInfo, session: str, peer: str, misread: Sequence[str]
    ) -> pb.SessionResponse:
        run = await self.older.register(info, session, peer)
        message = "Session registered."
        if misread:
            message += f" Not understood: {'; '.join(misread)}."
        for what in misread:
            self._intake.tell_not_understood(run, what)
        answer = self._answer(info, success=True, message=message)
        answer.run_id = run.run_id
        return answer

    def greet_page(self, info: pb.SessionInfo, misread: Sequence[str] = ()) -> pb.SessionResponse:
        """Return the answer to a registration of a page. It sees the run in view whatever it says, and begins none.

        Args:
            info: what it says.
            misread: what in its bytes was not understood, as clauses.
        """
        message = "Session registered: this page sees the run that is under way."
        if len(info.session_id) > self._limits.name_chars:
            message = f"A session_id of up to {self._limits.name_chars} characters is taken."
            return self._answer(pb.SessionInfo(), success=False, message=message)
        if misread:
            message += f" Not understood: {'; '.join(misread)}."
        return self._answer(info, success=True, message=message)

    async def open_guest(self, info: pb.SessionInfo) -> Run:
        """Make a run that no trainer is connected for: a dialect records what it hears in it.

        Raises:
            RefusedError: there are too many runs.
            JournalError: the store cannot be written now.
        """
        return await complete(self._open_guest(info))

    async def _open_guest(self, info: pb.SessionInfo) -> Run:
        run = await self.new_run(info, hashed(secrets.token_hex(16)), protocol=GUEST)
        await self.new_stream(run, GUEST_STREAM, 0, "")
        return run

    async def new_run(
        self, info: pb.SessionInfo, session: str, *, protocol: int | None = None
    ) -> Run:
        """Return a new run, in memory and in the store.

        Args:
            info: what its trainer says of it.
            session: the hash of its session's id.
            protocol: of the trainer; None: the one that it says.

        Raises:
            RefusedError: it was deleted, or there are too many runs.
            JournalError: the store cannot be written now.
        """
        # An older client may use one id for every training: it begins another run.
        if info.protocol_version and await self._registry.ask(
            self._registry.reader.session_deleted, session
        ):
            raise RefusedError("This run was deleted.")
        if self._registry.full:
            self._make_room()
        if self._registry.full:
            raise RefusedError(
                f"This server has {self._limits.runs} live runs, which is its limit; come again in a minute.",
                retryable=True,
            )
        if self._registry.short:
            raise RefusedError(
                "The server's memory for runs is used up; come again in a minute.", retryable=True
            )
        unix_ms = time.time_ns() // 1_000_000
        limit = self._limits.name_chars
        run = Run(
            key=0,
            run_id="".join(secrets.choice(_ALPHABET) for _ in range(10)),
            session_hash=session,
            protocol=protocol if protocol is not None else min(info.protocol_version, 1),
            name=(info.run_name or info.config.model_name or "run")[:limit],
            project=(info.project or "default")[:limit],
            tags=tuple(tag[:limit] for tag in info.tags[:32]),
            created_ms=unix_ms,
            last_heard_ms=0 if LEFTOVER in info.capabilities else unix_ms,
            heard=time.monotonic() - (LOST_SECONDS if LEFTOVER in info.capabilities else 0),
        )
        run.check_contact(time.monotonic())
        run.set_config(info.config)
        row = {
            **run.row(),
            "run_id": run.run_id,
            "session_hash": session,
            "protocol": run.protocol,
            "project": run.project,
            "tags": json.dumps(run.tags),
            "created_ms": unix_ms,
            "sealed_offset": 0,
            "trimmed_offset": 0,
            "deleted": False,
        }
        run.key = await self._intake.journal.execute(lambda connection: add_run(connection, row))
        self._registry.add(run)
        self._complaints.note(
            "begins", "run %s of project %s begins: %s", run.run_id, run.project, run.name
        )
        return run

    def _make_room(self) -> None:
        """Forget runs that nobody streams to or watches; they are in the store, should somebody ask."""
        intake = self._intake
        for run in self._registry.silent(time.monotonic()):
            if not intake.hub.channel(run).viewers:
                self._registry.forget(run)
                intake.names.forget(run)
                intake.hub.forget(run, COME_AGAIN)

    async def new_stream(
        self, run: Run, stream_id: str, rank: int, token_hash: str, *, leftover: bool = False
    ) -> Stream:
        """Return a new stream of a run, in memory and in the store.

        Args:
            run: which it joins.
            stream_id: its id.
            rank: whose it is.
            token_hash: of its resume token; empty: it has none.
            leftover: whether its trainer is dead already.

        Raises:
            JournalError: the store cannot be written now.
        """
        stream = Stream(0, stream_id, rank, token_hash, opened=False, order=Sequencer())
        stream.leftover = leftover
        row = {
            "run_key": run.key,
            "stream_id": stream_id,
            "rank": rank,
            "token_hash": token_hash,
            "opened": False,
            **stream.row(),
        }
        stream.key = await self._intake.journal.execute(
            lambda connection: add_stream(connection, row)
        )
        run.streams.add(stream)
        return stream

    def _note_start(self, run: Run, stream: Stream, info: pb.SessionInfo) -> None:
        """Note that a launcher started the training once more, where a stream of that start is the first."""
        if info.restart_count > run.controls.restart_count:
            run.controls.restart_count = info.restart_count
            run.controls.world_size = info.world_size
            run.controls.stream_id = stream.stream_id
            self._intake.journal.touch(run.key, run.row)

    def adopt_info(self, run: Run, info: pb.SessionInfo) -> None:
        """Take over what a registration says about a run."""
        if info.run_name:
            run.name = info.run_name[: self._limits.name_chars]
        if info.HasField("config"):
            run.set_config(info.config)
        run.controls.world_size = info.world_size
        if info.controls:
            run.set_declarations(info.controls)
        run.settled = False
        self._registry.weigh(run)
        self._intake.journal.touch(run.key, run.row)

    def fence(self, run: Run, stream: Stream) -> None:
        """From now on no older connection speaks for a stream."""
        stream.order.open()
        if stream.outlet is not None:
            said = "a newer connection takes over stream %s of run %s"
            self._complaints.note("newer", said, stream.stream_id, run.run_id)
            stream.outlet.finish()
            stream.outlet = None

    async def open_stream(
        self,
        session_id: str,
        opening: pb.StreamOpen,
        admit: Callable[[bool], None] = lambda known: None,
    ) -> tuple[Run, Stream, int]:
        """Return the run and stream that a connection speaks for, and its number.

        Args:
            session_id: of the run.
            opening: what the trainer says of the stream.
            admit: called with whether the stream was open before; it raises where there is no room for it.

        Raises:
            RefusedError: the stream is not registered, its token is wrong, or there is no room for it.
        """
        run = await self._registry.find_session(hashed(session_id))
        stream = run.streams.get(opening.stream_id) if run is not None and run.protocol else None
        if run is None or stream is None:
            raise RefusedError(
                "This stream is not registered here; register again.", retryable=True
            )
        if not fits(opening.resume_token, stream):
            raise RefusedError(
                "The resume_token of this stream is missing or wrong; register again.",
                retryable=True,
            )
        admit(stream.opened)
        self.fence(run, stream)
        connection = stream.order.connection
        if not stream.opened:
            await complete(self._mark_opened(stream))
        return run, stream, connection

    async def _mark_opened(self, stream: Stream) -> None:
        stream.opened = True  # at once: from now on it is let in with its token only
        try:
            await self._intake.journal.execute(lambda db: mark_opened(db, [stream.key]))
        except JournalError:
            stream.opened = False
            raise

    def _answer(
        self, info: pb.SessionInfo, *, success: bool, message: str, retryable: bool = False
    ) -> pb.SessionResponse:
        return pb.SessionResponse(
            success=success,
            session_id=info.session_id,
            message=message,
            retryable=retryable,
            server_epoch=self._intake.epoch,
            server_time_ms=time.time_ns() // 1_000_000,
            server_config=server_config(self._limits),
        )
