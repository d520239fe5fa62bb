"""One training under a Hugging Face Trainer: what is read at each of its moments, and given to the monitor."""

from __future__ import annotations

import dataclasses
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livetrain._frameworks.guard import harmless
from livetrain._frameworks.reader import BatchReader
from livetrain._frameworks.settings import Settings
from livetrain._frameworks.training import Training
from livetrain._transformers.calls import Calls
from livetrain._transformers.description import describe_training
from livetrain._transformers.tokens import decoder_of
from livetrain.config import ImageOptions

__all__ = ["Broadcast", "Config", "Session"]

_log = logging.getLogger("livetrain")

Broadcast = Any  # from what rank 0 has, or None, to what rank 0 has

_MEND = "its answer needs logits of shape (samples, classes); language models, which have one a token, show none"
_SPEEDS = ("_runtime", "_per_second", "_compilation_time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(Settings):
    """What the user said.

    Attributes:
        resume: whether a checkpoint leads back into the run that it was made in.
    """

    resume: bool = True


class Session:
    """One training, from its first step to its end; or one evaluation without a training.

    Args:
        config: the user's settings.
        args: the Trainer's arguments.
        state: its state.
        model: the user's.
        tokenizer: the Trainer's ``processing_class``; None: it has none.
        optimizer: None: nothing is trained.
        broadcast: makes every rank have what rank 0 has.
        resume: the run to go on with; None: a new one.

    Attributes:
        monitor: of the training.
        batch_size: samples of a batch on each device. None: the Trainer does not say.

    Raises:
        ConfigurationError: an option of the monitor cannot work.
    """

    def __init__(
        self,
        config: Config,
        args: Any,
        state: Any,
        model: Any,
        tokenizer: Any,
        optimizer: Any,
        broadcast: Broadcast,
        resume: Mapping[str, Any] | None = None,
    ) -> None:
        known = describe_training(args, state, model)
        self._broadcast = broadcast if optimizer is not None and args.world_size > 1 else None
        if self._broadcast is None:
            known.update(rank=0, world_size=1)
        elif "session" not in config.options:
            known["session"] = self._broadcast(uuid.uuid4().hex)
        texts = getattr(model, "main_input_name", "") == "input_ids" and config.read_batch is None
        if texts:
            known["images"] = ImageOptions(render=decoder_of(tokenizer))
            config = _with_render(config, known["images"].render)
        self.monitor = config.open({**known, "resume": resume})
        self._speaks = args.process_index == 0
        self._training = Training(self.monitor)
        self._reader = BatchReader(config.owner, config.read_batch, _MEND)
        self._calls = Calls(self._reader, texts=texts)
        # What accelerate wraps around an optimizer has no hooks.
        self._optimizer = getattr(optimizer, "optimizer", optimizer)
        self._rates: dict[str, Any] = {}
        self._epoch = 0
        self._texts = texts
        self._step = state.global_step
        self._told = 0  # checkpoints
        self.batch_size = getattr(state, "train_batch_size", None)
        if optimizer is None:
            return
        self.monitor.expect_end()
        if getattr(args, "torch_compile", False):
            _log.warning(
                "LiveTrainCallback shows loss and metrics alone, since a hook on a model that is compiled would become "
                "a part of it; give torch_compile=False to see batches."
            )
        else:
            self._calls.attach(model)
        if "learning_rate" in config.let_set and getattr(self._optimizer, "param_groups", None):
            harmless(self.monitor.attach)(self._optimizer)

    @harmless
    def begin_epoch(self, state: Any) -> None:
        """Note which epoch the next steps belong to."""
        self._epoch = int((state.epoch or 0) + 1e-6)

    @harmless
    def begin_step(self) -> None:
        """Note the rates that the step is made with."""
        self._rates = _rates(self._optimizer)

    @harmless
    def end_step(self, state: Any) -> None:
        """Log one step of the optimizer."""
        self._step = state.global_step
        seen = self._calls.take()
        numbers = self._rates if self._speaks else {}
        step = max(state.global_step - 1, 0)
        if seen is None:
            self._training.batch(
                None, None, None, targets=None, epoch=self._epoch, step=step, numbers=numbers
            )
            return
        self._training.batch(
            seen.images,
            seen.logits,
            seen.loss,
            targets=seen.targets,
            epoch=self._epoch,
            step=step,
            numbers=numbers,
        )
        if not self._texts or seen.targets is not None:  # a language model has no class to show
            self._reader.check(seen.batch, seen.images, seen.logits)

    def stopping(self) -> bool:
        """Let every rank do what was asked for; return whether it was to stop."""
        if self._broadcast is not None:
            self.monitor.sync(self._broadcast)
        return self.monitor.should_stop

    @harmless
    def end_epoch(self) -> None:
        """Log the means of an epoch."""
        if self._speaks:
            self._training.end_epoch(self._epoch, {})

    @harmless
    def log(self, logs: Mapping[str, Any]) -> None:
        """Record what the Trainer logs, but for what is shown already."""
        own = ("loss", "learning_rate", "epoch", "step")
        numbers = {
            name: value
            for name, value in logs.items()
            if name not in own and not name.startswith("eval_")
        }
        if numbers and self._speaks:
            self.monitor.log(numbers, step=max(self._step - 1, 0))

    @harmless
    def end_evaluation(self, metrics: Mapping[str, Any]) -> None:
        """Log what an evaluation found."""
        if self._speaks:
            self._training.validated(self._epoch, _found(metrics, "eval_"))

    @harmless
    def end_prediction(self, metrics: Mapping[str, Any]) -> None:
        """Log what ``Trainer.predict`` found."""
        values = {f"test/{name}": value for name, value in _found(metrics, "test_").items()}
        if values and self._speaks:
            self.monitor.log(values, step=max(self._step - 1, 0))

    @harmless
    def saved(self, args: Any, state: Any) -> None:
        """Mark a checkpoint."""
        if not self._speaks:
            return
        path = f"{args.output_dir}/checkpoint-{state.global_step}"
        best = state.best_model_checkpoint
        is_best = best is not None and str(best).endswith(f"checkpoint-{state.global_step}")
        fields = {
            "path": path,
            "metric": args.metric_for_best_model,
            "best_score": state.best_metric,
            "best": best,
        }
        self.monitor.log_event("checkpoint", "best so far" if is_best else "saved", fields)

    @harmless
    def finish(self, args: Any, state: Any, error: BaseException | None) -> None:
        """Let go of the model and the server."""
        self._calls.detach()
        early = error is None and state.global_step < state.max_steps
        if early and not self.monitor.should_stop and self._speaks:
            self.monitor.log_early_stopping(
                self._epoch, best_value=state.best_metric, metric=args.metric_for_best_model or ""
            )
        self.monitor.close_after(error)


def _with_render(config: Config, render: Any) -> Config:
    """Return settings whose own image options, if there are any, render token ids too."""
    images = config.options.get("images")
    if not isinstance(images, ImageOptions) or images.render is not None:
        return config
    options = {**config.options, "images": dataclasses.replace(images, render=render)}
    return dataclasses.replace(config, options=options)


def _rates(optimizer: Any) -> dict[str, Any]:
    """Return the first group's rate as ``learning_rate``; of the others only those that differ.

    The Trainer makes two groups that differ in their weight decay alone.
    """
    groups = getattr(optimizer, "param_groups", None)
    if not groups:
        return {}
    first = groups[0]["lr"]
    others = {
        f"learning_rate/{place}": group["lr"]
        for place, group in enumerate(groups)
        if type(first) is float and group["lr"] != first
    }
    # A capturable optimizer keeps its rate in a tensor that the scheduler overwrites in place.
    return {"learning_rate": first.clone() if hasattr(first, "clone") else first, **others}


def _found(metrics: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return what was measured, without the prefix, and without what only says how fast."""
    return {
        name.removeprefix(prefix): value
        for name, value in metrics.items()
        if name != "epoch" and not name.endswith(_SPEEDS)
    }
