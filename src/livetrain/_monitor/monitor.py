"""One run of a training, from its start to its end."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from livetrain import _records
from livetrain._delivery import GRPC_SURVIVES_FORKS
from livetrain._delivery.line import Lane
from livetrain._ending import Ending, Unfinished, by_error, error_under_way
from livetrain._engine import Engine
from livetrain._launch import (
    check_types,
    describe_run,
    endpoint,
    launch,
    read_settings,
    spool_directory,
)
from livetrain._lifecycle.open_monitors import (
    Opening,
    closed,
    ended,
    forked_while_open,
    let_go,
    opened,
)
from livetrain._monitor.base import ENDS
from livetrain._monitor.helm import Helm
from livetrain._monitor.logbook import Logbook
from livetrain._monitor.numbers import NumberReader
from livetrain._monitor.place import Place
from livetrain._resume import ResumeState, read_resume
from livetrain._stats import Stats
from livetrain._steering.recipe import read_recipe, still_to_come
from livetrain._steering.steering import Steering
from livetrain._sync import upload_in_background
from livetrain._warnings import warn_once_a_minute
from livetrain._weakly import weakly
from livetrain.config import ControlOptions, ImageOptions, from_environment
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Monitor"]


class Monitor(Logbook, Helm):
    """Shows a training live: give it each batch, and it never slows or breaks the loop.

    Args:
        run: the run's name. None: ``$LIVETRAIN_RUN``, else the script's name and the time.
        server: ``"host:port"``. None: ``$LIVETRAIN_SERVER``, else ``127.0.0.1:50051``.
        project: what runs are grouped by; ``$LIVETRAIN_PROJECT`` stands in for the default.
        tags: short words to find the run by.
        config: the training's settings, shown beside the run and compared between runs: a mapping, a namespace such as that of
            argparse, a dataclass or the like, with whatever in it; what JSON cannot hold becomes its text.
        class_names: the label of each class index: a list, an array or Index of shape ``(classes,)``, or a mapping of class indices
            to labels or the other way round. None: indices are shown.
        total_epochs, batches_per_epoch: for the time remaining. None: unknown, and batches an epoch are learned from the first.
        batch_size: shown beside the run. None: not shown.
        images: how images are read and encoded.
        control: what the page may do to this training.
        max_overhead: the share of the training's time that livetrain may take, 0.01 being one percent; frames are
            thinned so that it holds, scalars always go. ``$LIVETRAIN_MAX_OVERHEAD`` stands in for the default.
        max_fps: frames a second at most. ``$LIVETRAIN_MAX_FPS`` stands in for the default.
        token: sent to the server. None: ``$LIVETRAIN_TOKEN``, else none.
        tls: True: TLS with the system's certificates; a path: with the certificates in that PEM file; None: plain text, which
            is refused when a token would go to another machine.
        spool_dir: where records wait while the server is away. None: ``$LIVETRAIN_SPOOL_DIR``, else
            ``~/.local/state/livetrain/spool``.
        enabled: False: every method does nothing, at no cost.
        recipe: a file that ``livetrain recipe RUN`` wrote: what was done to that run is done to this one at the same steps.
            With `resume`, what comes after the step that is gone on at. None: nothing.
        resume: what `resume_state` of an earlier monitor returned: this one goes on with that run, at its step. None: a new run.
        rank, world_size: of this process among several. None: ``$RANK`` and ``$WORLD_SIZE`` as torchrun sets them, else 0 of 1.
            Several are one run with a stream for each; rank 0 speaks for it.
        tracebacks: whether the last frames of the traceback of an error that ends the training are kept beside the run: source
            lines and messages as Python prints them, no values of variables. None: ``$LIVETRAIN_TRACEBACKS``, else True.
        session: a secret word that the ranks of one training share, made up anew for each training. None: ``$LIVETRAIN_SESSION``,
            else the ranks find each other through the store of ``torch.distributed``.

    Raises:
        ConfigurationError: an argument or a ``LIVETRAIN_*`` variable has a value that cannot work.

    Example:
        >>> import livetrain
        >>> with livetrain.Monitor("resnet", class_names=["cat", "dog"], enabled=False) as monitor:
        ...     for epoch in range(2):
        ...         monitor.log_batch([[[0, 255]]], [[2.0, 0.1]], loss=0.7, targets=[0])
        ...         monitor.log_epoch(epoch, loss=0.7, accuracy=1.0)
    """

    def __init__(
        self,
        run: str | None = None,
        *,
        server: str | None = None,
        project: str = "default",
        tags: Iterable[str] = (),
        config: Any = None,
        class_names: Iterable[Any] | None = None,
        total_epochs: int | None = None,
        batches_per_epoch: int | None = None,
        batch_size: int | None = None,
        images: ImageOptions = ImageOptions(),  # noqa: B008  # frozen
        control: ControlOptions = ControlOptions(),  # noqa: B008  # frozen
        max_overhead: float = 0.01,
        max_fps: float = 60.0,
        token: str | None = None,
        tls: bool | str | Path | None = None,
        spool_dir: str | Path | None = None,
        enabled: bool = True,
        rank: int | None = None,
        world_size: int | None = None,
        session: str | None = None,
        recipe: str | Path | None = None,
        resume: Mapping[str, Any] | None = None,
        tracebacks: bool | None = None,
    ) -> None:
        check_types(
            images=images,
            control=control,
            server=server,
            spool_dir=spool_dir,
            enabled=enabled,
            tags=tags,
            class_names=class_names,
            tracebacks=tracebacks,
        )
        env = from_environment(os.environ)
        settings = read_settings(config)
        description = describe_run(
            env,
            os.environ,
            run=run,
            project=project,
            tags=tags,
            config=settings,
            class_names=class_names,
            total_epochs=total_epochs,
            batches_per_epoch=batches_per_epoch,
            batch_size=batch_size,
            rank=rank,
            world_size=world_size,
            session=session,
        )
        target = endpoint(env, server=server, token=token, tls=tls)
        earlier = read_resume(resume)
        self._config = description.config
        self._settings = settings
        self._world_size = description.world_size
        self._place = Place(earlier.step, earlier.epoch) if earlier else Place()
        self._loop = None
        self._together = None
        self._together_left = 0
        self._opening: Opening | None = None
        self._end_expected = False
        self._status, self._message = "", ""
        self._waits = False  # in `close_after`
        self._inert = "disabled" if not enabled or env.mode == "disabled" else ""
        spool = spool_directory(spool_dir, env, os.environ)
        online = not self._inert and env.mode == "online" and _can_connect(spool)
        self._online = online
        self._last_stats: Stats | None = None
        self._last_place = ("", "")  # session and token, after the end
        self._engine: Engine | None = None
        # Two threads may close at once, or one in a signal handler during a close: the second finds it taken.
        self._closing = threading.Lock()
        self._steering = Steering(
            control,
            description.rank,
            description.world_size,
            # Weakly: a monitor that nobody else holds is to be let go of, and ended.
            put=weakly(self._put_answer),
            declare=weakly(self._declare),
            announce=weakly(self.set_status),
            silence=weakly(self._silence, 0.0),
            reachable=weakly(self._reachable, False),
            recipe=()
            if recipe is None
            else still_to_come(read_recipe(recipe), earlier.step if earlier else 0),
            rates=earlier.rates if earlier else None,
        )
        self._named = NumberReader.alone()
        if self._inert:
            return
        self._engine = launch(
            description,
            target,
            spool,
            offline=not online,
            spool_mib=env.spool_mib,
            controls=self._steering.declarations(),
            resume=earlier,
            images=images,
            max_overhead=(env.max_overhead or max_overhead)
            if max_overhead == 0.01
            else max_overhead,
            max_fps=(env.max_fps or max_fps) if max_fps == 60.0 else max_fps,
        )
        self._engine.metering.last_step = self._place.last_step  # of a training that goes on
        capture = self._engine.capture
        self._named = NumberReader(capture.reading, capture.reports)
        self._engine.tracebacks = env.tracebacks is not False if tracebacks is None else tracebacks
        self._engine.on_command = weakly(self._steering.commanded)
        self._engine.on_ended = ended
        self._engine.on_contact = lambda: upload_in_background(spool, target)
        self.set_status("running")
        self._opening = Opening()
        opened(self)
        self._engine.start()

    @property
    def run_id(self) -> str | None:
        """The run's id on the server; None until it answered."""
        return (self._engine.identity.run_id or None) if self._engine is not None else None

    @property
    def url(self) -> str | None:
        """The run's page; None until the server said where it is."""
        return (self._engine.identity.page_url or None) if self._engine is not None else None

    def resume_state(self) -> dict[str, Any]:
        """Return what a later process needs to go on with this run: put it into a checkpoint.

        It is a secret of this run: who has it can write to the run. As long as no server answered, what is returned leads to a
        new run, since there is none to go on with. Learning rates that are set from the page go on as well: take it together with
        the optimizer's state, in which the schedule's rate is saved then.

        Returns:
            Texts, numbers and lists of them, which JSON and any checkpoint can hold, for ``Monitor(resume=...)``.

        Example:
            >>> import livetrain
            >>> sorted(livetrain.Monitor(enabled=False).resume_state())
            ['epoch', 'resume_token', 'session_id', 'step']
        """
        engine = self._engine
        place = (
            (engine.identity.session_id, engine.identity.resume_token)
            if engine is not None
            else self._last_place
        )
        rates = self._steering.rates_state()
        return ResumeState(*place, self._place.step, self._place.epoch, rates).as_dict()

    def stats(self) -> Stats:
        """Return what happened so far, as one frozen snapshot."""
        if self._engine is None:
            return self._last_stats or Stats(state="inert", inert=self._inert)
        return self._engine.stats()

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until the server committed all that was logged before this call.

        Returns:
            False: not within `timeout` seconds; what is left is sent as soon as it can be.
        """
        return self._engine.flush(timeout) if self._engine is not None else True

    def close(self, timeout: float = 2.0) -> bool:
        """Send what is left and end; twice is as good as once.

        An open run is marked completed, or failed where an error is under way: in a ``finally`` that it passes through, or in
        the ``except`` that handles it.

        Args:
            timeout: seconds to spend at most; half a second while the server is away.

        Returns:
            Whether the server committed everything.
        """
        known = self._opening.under if self._opening is not None else 0
        return self.close_after(error_under_way(known), timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        self.close_after(error if kind is None or error is not None else kind())
        # What this monitor raised to leave the training has done its work here.
        return True if self._steering.raised(error) else None

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy in another process, such as a DataLoader's worker, must not speak for the run: it is inert.
        return _inert_copy, ()

    def close_after(self, error: BaseException | None, timeout: float = 2.0) -> bool:
        """Close as `close` does, and say what ended the training: None or ``SystemExit(0)`` completed it, an ``Exception`` or
        another ``SystemExit`` failed it, anything else, such as Ctrl-C, interrupted it. For integrations.
        """  # noqa: D205
        engine = self._begin_close(by_error(error), timeout, 0.0)
        if engine is None:
            return not self._waits
        self._waits = True
        closed(self)
        engine.wait_closed(timeout)
        self._last_stats = replace(engine.stats(), inert=self._inert)
        self._waits = False
        return engine.delivered

    def expect_end(self) -> None:
        """Say that `close_after` will be called when the training is over: where it is not, the training has failed, whatever the
        exit code of the process. For integrations.
        """  # noqa: D205
        self._end_expected = True

    def __del__(self) -> None:
        if getattr(self, "_engine", None) is not None:  # there is none where `__init__` raised
            let_go(self, sys._getframe().f_back)

    # ------------------------------------------------------------ what ends it where nobody closes it

    @property
    def opening(self) -> Opening | None:
        """What was known when it was opened; None: it never was."""
        return self._opening

    def begin_end(self, ending: Ending, timeout: float, grace: float) -> Engine | None:
        """Begin to close in the background, and say how the training ended after `grace` seconds; None: it is closed already."""
        if self._end_expected and ending.status == "completed":
            ending = by_error(Unfinished(), exit_code=ending.exit_code)
        return self._begin_close(ending, timeout, grace)

    def _begin_close(self, ending: Ending, timeout: float, grace: float) -> Engine | None:
        if not self._closing.acquire(blocking=False):
            return None
        try:
            engine = self._engine
            if engine is None:
                return None
            control = self._steering.control
            control.ended(self._place.step)
            control.dismiss("the training ended before it came to this")
            if ending.status == "completed" and not ending.message:
                ignored = control.stopping.ignored(self._place.step)
                ending = replace(ending, message="" if ignored else control.stopping.by)
            engine.metering.on_use = None
            engine.begin_close(None if self._status in ENDS else ending, timeout, grace=grace)
            self._inert = "closed"
            self._last_stats = replace(engine.stats(), inert=self._inert)
            self._last_place = engine.identity.session_id, engine.identity.resume_token
            self._engine = None
            return engine
        finally:
            self._closing.release()

    def presume_end(self, ending: Ending) -> None:
        """Say how the training ended, as far as can be seen; what it logs afterwards takes that back."""
        engine = self._engine
        if engine is None or self._status in ENDS:
            return
        self._status, self._message = ending.status, ending.message
        engine.metering.on_use = weakly(self._go_on)
        engine.tell_ending(ending)

    def _go_on(self) -> None:
        if (engine := self._engine) is not None:
            engine.metering.on_use = None
            self.set_status("running")

    def last_used(self) -> tuple[int, int]:
        """Return the thread that logged something last, and how much was logged so far."""
        engine = self._engine
        return (0, 0) if engine is None else (engine.metering.used_by, engine.metering.activity)

    def disarm(self, reason: str) -> Engine | None:
        """Let go of everything without touching it, in a forked child; return what must not be destroyed there."""
        engine, self._engine = self._engine, None
        self._inert = reason
        self._closing = (
            threading.Lock()
        )  # it may have been held by a thread that this process does not have
        return engine

    def _put_answer(self, writer: _records.Writer) -> None:
        self._put(writer, Lane.ANSWER)

    def _declare(self, controls: Sequence[pb.ControlDeclaration]) -> None:
        if (engine := self._engine) is not None:
            engine.declare(controls)

    def _silence(self) -> float:
        return engine.silence() if (engine := self._engine) is not None else 0.0

    def _reachable(self) -> bool:
        return self._engine is not None and self._online


def _can_connect(spool: Path) -> bool:
    """Whether gRPC works in this process: a forked one inherits its connections without the threads that serve them."""
    if GRPC_SURVIVES_FORKS or not forked_while_open():
        return True
    warn_once_a_minute(
        "forked",
        "this process was forked while a monitor was open, and gRPC cannot connect in it. What it logs is kept in "
        f"{spool}, and sent by the next run or by `livetrain sync`; to see it live, start the process with "
        "multiprocessing's spawn, or close the monitor before the fork.",
    )
    return False


def _inert_copy() -> Monitor:
    copy = Monitor(enabled=False)
    copy._inert = "unpickled in another process"
    return copy
