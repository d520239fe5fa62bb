"""What the page may do to the training, and where the training asks for it."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from livetrain import _records
from livetrain._engine import Engine
from livetrain._monitor.base import Base
from livetrain._monitor.loop import StepLoop, length_of_epoch
from livetrain._monitor.together import Together
from livetrain.config import Parameter

__all__ = ["Helm"]

T = TypeVar("T")


class Helm(Base):
    """The methods by which a training is steered."""

    _world_size: int

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
        if self._place.epoch_open:
            self._end_epoch(self._engine, self._place.epoch)
        self._place.epoch = self._place.epoch_or(epoch)
        self._place.epoch_open = True
        batches = length_of_epoch(loader)
        if batches is not None and batches != self._config.batches_per_epoch:
            self.update(batches_per_epoch=batches)
        self._steering.epoch_begins(self._place.step)
        if (together := self._together) is not None:
            self._together_left = together.begin_epoch(batches)
            if why := together.impossible:
                self._steering.cannot_agree(why)
        self._place.epoch_begins(stopped=self.should_stop)
        loop = StepLoop(loader, self._loop_ends, self._place.begin_body, self._end_step)
        self._loop = weakref.ref(loop)  # it calls this monitor, and neither is to keep the other
        return iter(loop)

    @property
    def should_stop(self) -> bool:
        """Whether somebody asked the training to stop: leave the loop when it says so."""
        control = self._steering.control
        if control.should_stop:
            control.stopping.heeded = True
        return control.should_stop

    def stop_is_late(self, why: str) -> None:
        """Say why the training goes on for a while though it is to stop, e.g. ``"Lightning trains for min_epochs=10"``. For
        integrations.
        """  # noqa: D205
        self._steering.control.stopping.until = why

    @property
    def paused(self) -> bool:
        """Whether the training stands still between two steps, in `log_batch`."""
        return self._steering.control.paused

    def attach(self, target: Any, scheduler: Any = None) -> None:
        """Let the page change an optimizer's learning rate, or a batch sampler's batch size.

        A rate that was set holds whatever a scheduler writes, until somebody lets it follow the scheduler again. With several
        parameter groups each can be set as ``learning_rate/group0`` and so on, a second optimizer's as ``learning_rate/2``. An
        optimizer that is attached again stays what it is; a new one of the same parameters takes the place of the one before, and
        what was set goes on there.

        Args:
            target: a PyTorch optimizer (what has ``param_groups``), also one that Accelerate, DeepSpeed and the like have wrapped;
                or a batch sampler (what has ``batch_size``, e.g. ``loader.batch_sampler``). Ranges are those of
                `ControlOptions.ranges`.
            scheduler: of the optimizer, or a list of several, where they are none of PyTorch's: what has a ``step`` method and
                computes the next rate from the one that it finds. None: those that can be found are.

        Raises:
            UsageError: it is neither.

        Example:
            >>> import livetrain, types
            >>> optimizer = types.SimpleNamespace(param_groups=[{"lr": 0.1}])
            >>> livetrain.Monitor(enabled=False).attach(optimizer)
        """
        schedulers = scheduler if isinstance(scheduler, (list, tuple)) else [scheduler]
        self._steering.attach(target, [one for one in schedulers if one is not None])
        if self._engine is not None and self._world_size > 1:
            self._engine.metering.own_time.watch(target)

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
        self._steering.sync(broadcast, self._place.step)
        if (engine := self._engine) is not None:
            engine.metering.step_begins(self._steering.control.stood_still)

    def sync_in_steps(self, broadcast: Callable[[Any], Any]) -> None:
        """Call `sync` after each batch of a loop over `steps`, once it is known that every rank loops there. For integrations."""
        if self._world_size > 1 and self._engine is not None:
            self._together = Together(self._steering.rank, self._world_size, broadcast)

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

    def _loop_ends(self) -> bool:
        """Whether the loop over `steps` is to be left; where it is, the training has ended as it was asked to."""
        stop = self.should_stop
        if stop:
            self._steering.control.ended(self._place.step)
        return stop

    def _end_step(self, step: int, waited: float, worked: float) -> None:
        """The body of a loop over `steps` is done with a batch; where it logged none, its step is counted here."""
        step, silent = self._place.end_body(step)
        if (engine := self._engine) is not None:
            self._tell_step(engine, step, silent, waited, worked)
        if self._together is not None and self._together_left > 0:  # also when this rank is closed
            self._together_left -= 1
            self.sync(self._together.broadcast)

    def _tell_step(
        self, engine: Engine, step: int, silent: bool, waited: float, worked: float
    ) -> None:
        started = time.perf_counter()
        try:
            times = {"perf/data_ms": waited * 1e3, "perf/step_ms": worked * 1e3}
            engine.put(_records.scalars(step, times, self._place.epoch))
            if silent:
                engine.metering.batch_logged(time.monotonic(), step)
        except Exception as error:  # as in log_batch
            engine.problem("internal_error", f"livetrain could not record a step: {error!r}")
        engine.metering.spent(time.perf_counter() - started)
        if silent:
            self._boundary(engine)
