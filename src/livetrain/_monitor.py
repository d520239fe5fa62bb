"""The face of the SDK: one object in a training script. It composes; every algorithm is in a module of its own."""

from __future__ import annotations

import operator
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from livetrain import _records
from livetrain._delivery.line import SMALL_BYTES, Lane
from livetrain._engine import Engine
from livetrain._launch import (
    check_types,
    describe_run,
    endpoint,
    launch,
    state_directory,
    training_config,
)
from livetrain._lifecycle import close_at_exit, disarm_in_children
from livetrain._loop import StepLoop, length_of_epoch
from livetrain._resume import ResumeState, read_resume
from livetrain._stats import Stats
from livetrain._steering.recipe import read_recipe
from livetrain._steering.steering import Steering
from livetrain._sync import upload_in_background
from livetrain.config import ControlOptions, ImageOptions, Parameter, from_environment
from livetrain.exceptions import UsageError
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Monitor"]

T = TypeVar("T")

_STATUSES = {
    "initializing": pb.INITIALIZING,
    "running": pb.RUNNING,
    "paused": pb.PAUSED,
    "completed": pb.COMPLETED,
    "failed": pb.FAILED,
    "interrupted": pb.FAILED,
}
_ENDS = frozenset({"completed", "failed", "interrupted"})
_PHASES = ("start", "progress", "end")
_NAME_CHARS = 256  # what the server takes as the name of a metric


class Monitor:
    """Shows a training live: give it each batch, and it never slows or breaks the loop.

    Args:
        run: the run's name. None: ``$LIVETRAIN_RUN``, else the script's name and the time.
        server: ``"host:port"``. None: ``$LIVETRAIN_SERVER``, else ``127.0.0.1:50051``.
        project: what runs are grouped by; ``$LIVETRAIN_PROJECT`` stands in for the default.
        tags: short words to find the run by.
        config: the training's settings, shown beside the run and compared between runs; anything JSON can hold.
        class_names: the label of each class index. None: indices are shown.
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
            None: nothing.
        resume: what `resume_state` of an earlier monitor returned: this one goes on with that run, at its step. None: a new run.
        rank, world_size: of this process among several. None: ``$RANK`` and ``$WORLD_SIZE`` as torchrun sets them, else 0 of 1.
            Several are one run with a stream for each; rank 0 speaks for it.
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
        config: Mapping[str, Any] | None = None,
        class_names: Sequence[str] | None = None,
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
    ) -> None:
        check_types(
            images=images,
            control=control,
            server=server,
            spool_dir=spool_dir,
            enabled=enabled,
            tags=tags,
            class_names=class_names,
        )
        env = from_environment(os.environ)
        description = describe_run(
            env,
            os.environ,
            run=run,
            project=project,
            tags=tags,
            config=config,
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
        self._settings = dict(config or {})
        self._world_size = description.world_size
        self._step, self._epoch = (earlier.step, earlier.epoch) if earlier else (0, 0)
        self._batch_index = 0
        self._batches_logged = 0
        self._epoch_open = False  # one that `steps` began and no `log_epoch` ended
        self._loop: StepLoop[Any] | None = None
        self._logged_before = 0  # batches, when the body of that loop began
        self._status, self._message = "", ""
        self._inert = "disabled" if not enabled or env.mode == "disabled" else ""
        self._last_stats: Stats | None = None
        self._last_place = ("", "")  # session and token, after the end
        self._engine: Engine | None = None
        # Two threads may close at once, or one in a signal handler during a close: the second finds it taken.
        self._closing = threading.Lock()
        self._steering = Steering(
            control,
            description.rank,
            description.world_size,
            put=lambda writer: self._put(writer, Lane.CRITICAL),
            declare=lambda controls: self._engine.declare(controls) if self._engine else None,
            announce=self.set_status,
            silence=lambda: engine.silence() if (engine := self._engine) is not None else 0.0,
            reachable=lambda: self._engine is not None and env.mode == "online",
            recipe=() if recipe is None else read_recipe(recipe),
        )
        self._control = self._steering.control
        if self._inert:
            return
        spool = Path(
            spool_dir or env.spool_dir or state_directory(os.environ) / "spool"
        ).expanduser()
        self._engine = launch(
            description,
            target,
            spool,
            offline=env.mode == "offline",
            spool_mib=env.spool_mib,
            controls=self._steering.declarations(),
            resume=earlier,
            images=images,
            max_overhead=(env.max_overhead or max_overhead)
            if max_overhead == 0.01
            else max_overhead,
            max_fps=(env.max_fps or max_fps) if max_fps == 60.0 else max_fps,
        )
        self._engine.on_command = self._steering.commanded
        self._engine.on_contact = lambda: upload_in_background(spool, target)
        self.set_status("running")
        self._engine.start()
        close_at_exit(self)
        disarm_in_children(self)

    # ------------------------------------------------------------ what the training says

    def log_batch(
        self,
        images: Any,
        preds: Any,
        loss: Any,
        *,
        targets: Any = None,
        accuracy: Any = None,
        epoch: int | None = None,
        step: int | None = None,
        ids: Any = None,
        per_sample_loss: Any = None,
    ) -> None:
        """Show a batch: 16 of its images with what the model made of them, and its loss.

        Copies what it shows and returns; everything else happens in the background. Never raises on data.

        Args:
            images: the batch, ``(N, H, W, C)``, ``(N, C, H, W)`` or ``(N, H, W)``, any numeric dtype, any array or
                tensor type, or a list of images. None: no pictures.
            preds: logits, log-probabilities or probabilities ``(N, classes)``, class indices ``(N,)``, binary scores ``(N,)``, or a
                list of (label, confidence). None: no predictions.
            loss: the batch's loss, a number or a tensor of one; NaN and infinity are recorded as such. None: none.
            targets: the true class indices ``(N,)``. None: not known.
            accuracy: 0 to 1. None: worked out from `preds` and `targets` where both are class scores and indices.
            epoch: None: the one after the last `log_epoch`.
            step: the global step, from 0. None: one more than the last.
            ids: what identifies each sample, ``(N,)``. None: nothing.
            per_sample_loss: ``(N,)``. None: not known.

        Raises:
            UsageError: `step` or `epoch` is not a whole number from 0.

        Example:
            >>> import numpy as np, livetrain
            >>> monitor = livetrain.Monitor(enabled=False)
            >>> monitor.log_batch(np.zeros((16, 8, 8), np.uint8), np.zeros((16, 10)), loss=2.3)
        """
        engine = self._engine
        if engine is None:
            return
        started = time.perf_counter()
        this_step = self._next_step(step)
        if epoch is not None:
            self._epoch = _whole("epoch", epoch)
        captured_size = 0
        try:
            now = time.monotonic()
            shown = images is not None and engine.pictures
            reason = engine.admit(now, shown)
            captured = engine.capture.take(
                images,
                preds,
                loss=loss,
                targets=targets,
                accuracy=accuracy,
                ids=ids,
                per_sample_loss=per_sample_loss,
                with_images=shown and reason == pb.STRIP_REASON_NONE,
            )
            captured_size = captured.batch_size
            engine.put_batch(
                captured, reason or captured.reason, this_step, self._epoch, self._batch_index
            )
            engine.batch_logged(now, this_step)
        except Exception as error:
            # Ours, not the training's: counted, said once a minute, never raised.
            engine.problem("internal_error", f"livetrain could not record a batch: {error!r}")
        self._batch_index += 1
        self._batches_logged += 1
        engine.spent(time.perf_counter() - started)
        self._boundary(engine, captured_size)

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Record named numbers.

        Args:
            metrics: name to number, or to a tensor of one.
            step: None: that of the last `log_batch`, or the one that a loop over `steps` is on; without either, one more than
                the last.

        Raises:
            UsageError: `metrics` is not a mapping, or `step` not a whole number from 0.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).log({"gradient_norm": 1.5})
        """
        engine = self._engine
        if engine is None:
            return
        started = time.perf_counter()
        if not isinstance(metrics, Mapping):
            raise UsageError(
                f"log({metrics!r}): not a mapping; give for example {{'gradient_norm': 1.5}}."
            )
        at, alone = self._step_of_numbers(step)
        values = self._numbers(engine, metrics)
        engine.put(
            _records.scalars(at, values, self._epoch),
            Lane.POINT,
            SMALL_BYTES * (1 + len(values) // 4),
        )
        engine.spent(time.perf_counter() - started)
        if alone:
            self._boundary(engine)

    def log_epoch(self, epoch: int | None = None, **means: Any) -> None:
        """Record an epoch's means; the next batch belongs to the next epoch.

        Args:
            epoch: None: the one that the last batches belonged to.
            **means: ``loss``, ``accuracy``, ``learning_rate``, ``val_loss``, ``val_accuracy`` and any other; None is left out.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).log_epoch(0, loss=0.5, accuracy=0.9, val_loss=0.6)
        """
        engine = self._engine
        if engine is None:
            return
        number = self._epoch if epoch is None else _whole("epoch", epoch)
        engine.put(
            _records.epoch(number, self._step_of(number), self._numbers(engine, means)),
            Lane.CRITICAL,
        )
        self._end_epoch(engine, number)

    def log_validation(self, epoch: int | None = None, **values: Any) -> None:
        """Record a validation's result: ``loss``, ``accuracy`` and any other number; `epoch` None: the current one.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).log_validation(loss=0.6, accuracy=0.88)
        """
        engine = self._engine
        if engine is None:
            return
        number = self._epoch if epoch is None else _whole("epoch", epoch)
        engine.put(
            _records.validation(number, self._step_of(number), self._numbers(engine, values))
        )

    def log_message(self, level: str, text: str) -> None:
        """Record a line of the training's log; `level` is debug, info, warning, error or critical.

        Raises:
            UsageError: another level.
        """
        if level not in _records.LEVELS:
            raise UsageError(
                f"log_message({level!r}, ...): no such level; give one of {', '.join(_records.LEVELS)}."
            )
        line = str(text)[:10_000]
        self._put(_records.log(level, line), size=SMALL_BYTES + len(line))

    def log_round(
        self,
        round: int,  # the field's word
        total_rounds: int,
        metrics: Mapping[str, Any],
        fit: Mapping[str, Any] | None = None,
        eval: Mapping[str, Any] | None = None,
        *,
        client: str = "",
        phase: str = "end",
    ) -> None:
        """Record a federated round, or one client's part in it.

        Args:
            round: from 1, or 0 for what was measured before the first.
            total_rounds: how many there will be.
            metrics: name to number.
            fit: those of its fit. None: there are none.
            eval: those of its evaluation. None: there are none.
            client: whose part this is. Empty: the whole round.
            phase: ``"start"``, ``"progress"`` or ``"end"``.

        Raises:
            UsageError: `round` or `total_rounds` is not a whole number from 0, or another phase.

        Example:
            >>> import livetrain
            >>> monitor = livetrain.Monitor(enabled=False)
            >>> monitor.log_round(1, 10, {"accuracy": 0.7}, fit={"loss": 0.9})
            >>> monitor.log_round(1, 10, {}, fit={"loss": 0.8}, client="7", phase="progress")
        """
        if phase not in _PHASES:
            raise UsageError(
                f"log_round(..., phase={phase!r}): no such phase; give one of {', '.join(_PHASES)}."
            )
        if (engine := self._engine) is not None:
            numbers = [self._numbers(engine, m) for m in (metrics, fit or {}, eval or {})]
            engine.put(
                _records.round_(
                    _whole("round", round),
                    _whole("total_rounds", total_rounds),
                    *numbers,
                    client=client,
                    phase=phase,
                ),
                Lane.CRITICAL if phase == "end" and not client else Lane.DURABLE,
            )

    def log_sample(self, image: Any, prompt: str | None = None, kind: str = "default") -> None:
        """Record a generated picture, whole; what cannot be an image is recorded with the reason.

        Copies the image and returns; it is encoded in the background.

        Args:
            image: as one of those that `log_batch` takes; shown at 2048 pixels at most.
            prompt: what it was made from. None: not said.
            kind: ``"default"`` or ``"custom"``.

        Example:
            >>> import numpy as np, livetrain
            >>> livetrain.Monitor(enabled=False).log_sample(np.zeros((64, 64, 3), np.uint8), "a dog")
        """
        engine = self._engine
        if engine is None:
            return
        started = time.perf_counter()
        step = max(self._step - 1, 0)
        engine.put_sample(
            image, _records.sample(uuid.uuid4().hex, prompt or "", kind, step, self._epoch)
        )
        engine.spent(time.perf_counter() - started)

    def log_early_stopping(
        self,
        epoch: int,
        best_value: float | None = None,
        metric: str = "",
        patience: int | None = None,
        reason: str = "",
    ) -> None:
        """Record that the training stopped early, and what made it."""
        fields = {"epoch": epoch, "best_value": best_value, "metric": metric, "patience": patience}
        text = {key: str(value) for key, value in fields.items() if value not in (None, "")}
        self._put(
            _records.event(
                "early_stopping", reason or "stopped early", text, max(self._step - 1, 0)
            ),
            Lane.CRITICAL,
        )

    def log_event(
        self, kind: str, message: str = "", fields: Mapping[str, Any] | None = None
    ) -> None:
        """Record that something happened, such as a checkpoint; it is listed, and marked at its step.

        Args:
            kind: a word, e.g. ``"checkpoint"``.
            message: a sentence. Empty: the kind says it all.
            fields: its particulars, name to whatever has a text; None is left out.

        Raises:
            UsageError: `kind` is empty or not text.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).log_event("checkpoint", "best so far", {"path": "best.pt"})
        """
        if not isinstance(kind, str) or not kind:
            raise UsageError(f"log_event({kind!r}): no kind; give a word such as 'checkpoint'.")
        text = {str(name): str(v)[:2000] for name, v in (fields or {}).items() if v is not None}
        self._put(
            _records.event(kind[:_NAME_CHARS], str(message)[:2000], text, max(self._step - 1, 0)),
            Lane.CRITICAL,
        )

    def log_error(self, error: BaseException | str) -> None:
        """Record an error of the training; the run goes on unless `set_status("failed")` says otherwise."""
        kind = type(error).__name__ if isinstance(error, BaseException) else ""
        self._put(
            _records.event(
                "error", str(error)[:10_000], {"type": kind} if kind else {}, max(self._step - 1, 0)
            ),
            Lane.CRITICAL,
        )

    def set_status(self, status: str, message: str = "") -> None:
        """Say where the training stands: initializing, running, paused, completed, failed, or interrupted from outside.

        Raises:
            UsageError: another word.
        """
        if status not in _STATUSES:
            raise UsageError(
                f"set_status({status!r}): no such status; give one of {', '.join(_STATUSES)}."
            )
        self._status, self._message = status, message
        interrupted = status == "interrupted"
        self._put(
            _records.status(_STATUSES[status], message, self._config, interrupted=interrupted),
            Lane.CRITICAL,
        )

    def begin_at(self, epoch: int, batch: int = 0) -> None:
        """Say where this training begins, when it does not begin at its start; for the time remaining, and to count on from there.

        Args:
            epoch: the epoch that it is in, from 0.
            batch: how many batches of it are over.

        Raises:
            UsageError: one of them is not a whole number from 0.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).begin_at(3, batch=120)
        """
        self._epoch, self._batch_index = _whole("epoch", epoch), _whole("batch", batch)
        if (engine := self._engine) is not None:
            engine.meter.begin_at(self._epoch, self._batch_index)

    def update(
        self,
        *,
        config: Mapping[str, Any] | None = None,
        class_names: Sequence[str] | None = None,
        total_epochs: int | None = None,
        batches_per_epoch: int | None = None,
        batch_size: int | None = None,
    ) -> None:
        """Say what became known about the run only after it began; None leaves what was said before.

        Args:
            config: settings to be added to those of before, or put in their place.
            class_names: the label of each class index, from now on.
            total_epochs: for the time remaining.
            batches_per_epoch: for the time remaining.
            batch_size: shown beside the run.

        Raises:
            ConfigurationError: a value that cannot work.

        Example:
            >>> import livetrain
            >>> livetrain.Monitor(enabled=False).update(config={"seed": 1}, batches_per_epoch=100)
        """
        settings = {**self._settings, **(config or {})} if isinstance(config, Mapping) else config
        told = training_config(
            config=settings,
            class_names=class_names,
            total_epochs=total_epochs,
            batches_per_epoch=batches_per_epoch,
            batch_size=batch_size,
        )
        self._settings = dict(settings or self._settings)
        if told.class_names:
            del self._config.class_names[:]
        self._config.MergeFrom(told)
        if (engine := self._engine) is not None:
            engine.describe(self._config)
            self.set_status(self._status, self._message)

    # ------------------------------------------------------------ what the page may do

    def steps(self, loader: Iterable[T], *, epoch: int | None = None) -> Iterator[T]:
        """Go through the batches of one epoch: paused and stopped when somebody asks for it, and timed.

        Between two batches the loop waits while it is paused, and ends when it is to stop; the next epoch's then ends at once. A
        batch counts as a step, whether its body calls `log_batch` or not. How long the loader and the body took is recorded as
        ``perf/data_ms`` and ``perf/step_ms``, milliseconds; the number of batches is taken from ``len(loader)`` where it has one.

        Args:
            loader: any iterable of batches; the training's, not the validation's.
            epoch: None: the one after the last, whether that was ended by `log_epoch` or by its last batch.

        Raises:
            UsageError: `epoch` is not a whole number from 0.

        Example:
            >>> import livetrain
            >>> monitor = livetrain.Monitor(enabled=False)
            >>> [batch for batch in monitor.steps([1, 2, 3])]
            [1, 2, 3]
        """
        if self._epoch_open:
            self._end_epoch(self._engine, self._epoch)
        if epoch is not None:
            self._epoch = _whole("epoch", epoch)
        self._epoch_open = True
        batches = length_of_epoch(loader)
        if batches is not None and batches != self._config.batches_per_epoch:
            self.update(batches_per_epoch=batches)
        self._control.boundary(self._step)
        loop = StepLoop(loader, lambda: self.should_stop, self._begin_step, self._end_step)
        self._loop = loop
        return iter(loop)

    @property
    def should_stop(self) -> bool:
        """Whether somebody asked the training to stop: leave the loop when it says so."""
        return self._control.should_stop

    @property
    def paused(self) -> bool:
        """Whether the training stands still between two steps, in `log_batch`."""
        return self._control.paused

    def attach(self, target: Any) -> None:
        """Let the page change an optimizer's learning rate, or a batch sampler's batch size.

        A rate that was set holds whatever a scheduler writes, until somebody lets it follow the scheduler again. With several
        parameter groups each can be set as ``learning_rate/group0`` and so on, a second optimizer's as ``learning_rate/2``.

        Args:
            target: a PyTorch optimizer (what has ``param_groups``) or batch sampler (what has ``batch_size``, e.g.
                ``loader.batch_sampler``). Ranges are those of `ControlOptions.ranges`.

        Raises:
            UsageError: it is neither.

        Example:
            >>> import livetrain, types
            >>> optimizer = types.SimpleNamespace(param_groups=[{"lr": 0.1}])
            >>> livetrain.Monitor(enabled=False).attach(optimizer)
        """
        self._steering.attach(target)
        if self._engine is not None and self._world_size > 1:
            self._engine.own_time.watch(target)

    def sync(self, broadcast: Callable[[Any], Any]) -> None:
        """Let several ranks be steered: call it on every rank, at the same place in each step.

        A command is carried out by all ranks before the same step, and rank 0 is the one that is told. Not each call makes a
        broadcast: one does in about a tenth of a second, and every half second while the training is paused. With one rank
        alone it does nothing.

        Args:
            broadcast: called with a text on rank 0 and with None on the others; returns the text of rank 0 on each of them.

        Raises:
            UsageError: `broadcast` returned something else.
            Exception: whatever `broadcast` raises, e.g. because another rank is gone.

        Example:
            >>> import livetrain
            >>> import torch.distributed as dist  # doctest: +SKIP
            >>> group = dist.new_group(backend="gloo")  # doctest: +SKIP
            >>> def broadcast(text):
            ...     box = [text]
            ...     dist.broadcast_object_list(box, src=0, group=group)
            ...     return box[0]
            >>> livetrain.Monitor(enabled=False).sync(broadcast)
        """
        self._steering.sync(broadcast, self._step)
        if (engine := self._engine) is not None:
            engine.step_begins(self._control.stood_still)

    def guard(self) -> AbstractContextManager[None]:
        """Survive a batch size that was set from the page and does not fit into memory.

        Put a step into it: where memory runs out within the first steps of a larger batch size, the size goes back to the one
        before, the command is told to have failed, and the training goes on with the next batch. Any other error comes through,
        and so does each on several ranks, of which the others would wait.

        Example:
            >>> import livetrain
            >>> monitor = livetrain.Monitor(enabled=False)
            >>> for batch in range(2):
            ...     with monitor.guard():
            ...         monitor.log_batch(None, None, loss=0.5)
        """
        return self._steering.guard()

    def on(
        self,
        verb: str,
        handler: Callable[..., Any] | None = None,
        *,
        parameters: Mapping[str, Parameter] | None = None,
        title: str = "",
    ) -> Any:
        """Call a function of yours, on the training's thread between two steps, when a command comes.

        Args:
            verb: ``"pause"``, ``"resume"`` or ``"stop"``: called with nothing after it took effect. ``"learning_rate"`` or
                ``"batch_size"``: called with the new value, which it has to bring about; what it returns is what took effect.
                Any other word: a command of your own, which becomes a button on the page.
            handler: None: use as a decorator.
            parameters: of a command of your own, by name; they become a form, and keyword arguments of the handler.
            title: of its button. None: the verb.

        Example:
            >>> import livetrain
            >>> monitor = livetrain.Monitor(enabled=False)
            >>> @monitor.on("sample_now", parameters={"count": livetrain.Parameter("int", 1, 16, default=4)})
            ... def sample(count: int) -> str:
            ...     return f"{count} samples"
        """
        if handler is None:
            return lambda function: self.on(verb, function, parameters=parameters, title=title)
        self._steering.on(verb, handler, parameters, title)
        return handler

    # ------------------------------------------------------------ what the training asks

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
        new run, since there is none to go on with.

        Returns:
            Texts and whole numbers, which JSON and any checkpoint can hold, for ``Monitor(resume=...)``.

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
        return ResumeState(*place, step=self._step, epoch=self._epoch).as_dict()

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
        """Send what is left and end; twice is as good as once. An open run is marked completed.

        Args:
            timeout: seconds to spend at most; half a second while the server is away.

        Returns:
            Whether the server committed everything.
        """
        return self.close_after(None, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close_after(error if kind is None or error is not None else kind())

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy in another process, such as a DataLoader's worker, must not speak for the run: it is inert.
        return _inert_copy, ()

    # ------------------------------------------------------------ within

    def _boundary(self, engine: Engine, batch_size: int = 0) -> None:
        self._steering.boundary(self._step, self._epoch, batch_size)
        engine.step_begins(self._control.stood_still)

    def _end_epoch(self, engine: Engine | None, number: int) -> None:
        if engine is not None:
            engine.meter.epoch_ended(time.monotonic())
        self._epoch = number + 1
        self._batch_index = 0
        self._epoch_open = False

    def _step_of(self, epoch: int) -> int:
        """Return the step that an epoch's numbers belong to; where no step was ever logged, the epoch stands in for it."""
        return self._step - 1 if self._step else epoch

    def _begin_step(self) -> int:
        self._logged_before = self._batches_logged
        return self._step

    def _end_step(self, step: int, waited: float, worked: float) -> None:
        """The body of a loop over `steps` is done with a batch; where it logged none, its step is counted here."""
        if silent := self._batches_logged == self._logged_before:
            self._step = step + 1
            self._batch_index += 1
        else:
            step = self._step - 1  # what the body called it
        if (engine := self._engine) is None:
            return
        started = time.perf_counter()
        try:
            times = {"perf/data_ms": waited * 1e3, "perf/step_ms": worked * 1e3}
            engine.put(_records.scalars(step, times, self._epoch))
            if silent:
                engine.batch_logged(time.monotonic(), step)
        except Exception as error:  # as in log_batch
            engine.problem("internal_error", f"livetrain could not record a step: {error!r}")
        engine.spent(time.perf_counter() - started)
        if silent:
            self._boundary(engine)

    def _step_of_numbers(self, step: int | None) -> tuple[int, bool]:
        """Return the step that logged numbers belong to, and whether they are a step of their own."""
        in_loop = self._loop is not None and self._loop.step is not None
        if not in_loop and not self._batches_logged:
            return self._next_step(step), True
        if step is not None:
            return _whole("step", step), False
        begun = (
            in_loop and self._batches_logged == self._logged_before
        )  # and its batch is yet to be logged
        return (self._step if begun else self._step - 1), False

    def _put(
        self, writer: _records.Writer, lane: Lane = Lane.DURABLE, size: int = SMALL_BYTES
    ) -> None:
        if (engine := self._engine) is not None:
            engine.put(writer, lane, size)

    def _next_step(self, step: int | None) -> int:
        this = self._step if step is None else _whole("step", step)
        self._step = this + 1
        return this

    def _numbers(self, engine: Engine, values: Mapping[str, Any]) -> dict[str, _records.Number]:
        # A number on a device is read later, in the background: reading it here would wait for the device.
        numbers: dict[str, _records.Number] = {}
        for given, value in values.items():
            name = str(given)[:_NAME_CHARS]
            if not name:
                engine.problem(
                    "unreadable", "A number was logged under an empty name; livetrain left it out."
                )
            elif type(value) is float or type(value) is int:
                numbers[name] = value
            elif value is not None:
                numbers[name] = engine.capture.reading(value)
        return numbers

    def close_after(self, error: BaseException | None, timeout: float = 2.0) -> bool:
        """Close as `close` does, and say what ended the training: None or ``SystemExit(0)`` completed it, an ``Exception`` failed
        it, anything else, such as Ctrl-C, interrupted it. For integrations.
        """  # noqa: D205
        if not self._closing.acquire(blocking=False):
            return False
        try:
            engine = self._engine
            if engine is None:
                return True
            self._control.dismiss("the training ended before it came to this")
            if self._status not in _ENDS:
                engine.put(_records.end(error, self._control.stopped_by), Lane.CRITICAL)
            engine.put(engine.report, Lane.CRITICAL)
            delivered = engine.close(timeout)
            self._inert = "closed"
            self._last_stats = replace(engine.stats(), inert=self._inert)
            self._last_place = engine.identity.session_id, engine.identity.resume_token
            self._engine = None
            return delivered
        finally:
            self._closing.release()

    def disarm(self, reason: str) -> Engine | None:
        """Let go of everything without touching it, in a forked child; return what must not be destroyed there."""
        engine, self._engine = self._engine, None
        self._inert = reason
        self._closing = (
            threading.Lock()
        )  # it may have been held by a thread that this process does not have
        return engine


def _whole(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if number < 0:
        raise UsageError(
            f"{name}={value!r}: not a whole number from 0; give an int, or leave it out."
        )
    return number


def _inert_copy() -> Monitor:
    copy = Monitor(enabled=False)
    copy._inert = "unpickled in another process"
    return copy
