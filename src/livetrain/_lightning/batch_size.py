"""The batch size of a training under Lightning, changed at the next epoch.

Lightning counts the batches of an epoch once, when training begins: in mid epoch another size would end the epoch early or cut
data off. So the size is written into the loader's batch sampler when an epoch begins, and the count is made anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from livetrain._monitor import Monitor

__all__ = ["LoaderSize"]

_log = logging.getLogger("livetrain")


class LoaderSize:
    """Stands where a batch sampler is expected: what is set is kept until the next epoch begins.

    Attributes:
        batch_size: as it is wanted.
    """

    def __init__(self, trainer: Any, module: Any, sampler: Any, monitor: Monitor) -> None:
        self.batch_size: int = sampler.batch_size
        self._sampler = sampler
        self._module = module
        # Alone: a rank that leaves out a batch leaves the others waiting for its gradients.
        if trainer.world_size == 1 and getattr(module, "_compiler_ctx", None) is None:
            for name in ("training_step", "backward"):
                setattr(module, name, self._guarded(getattr(module, name), monitor))

    @classmethod
    def attach(cls, trainer: Any, module: Any, monitor: Monitor) -> LoaderSize | None:
        """Let the page set the batch size; None where the loader does not allow it, which is said."""
        sampler = getattr(trainer.train_dataloader, "batch_sampler", None)
        counts = all(
            hasattr(trainer.fit_loop, name) for name in ("_combined_loader", "max_batches")
        )
        if not isinstance(getattr(sampler, "batch_size", None), int) or not counts:
            _log.warning(
                "the batch size of this training cannot be set from the page: train_dataloader is a %s, "
                "and a single DataLoader with a batch sampler is needed",
                type(trainer.train_dataloader).__name__,
            )
            return None
        size = cls(trainer, module, sampler, monitor)
        monitor.attach(size)
        return size

    def begin_epoch(self, trainer: Any) -> None:
        """Write what was set into the sampler, before Lightning draws from it."""
        if self._sampler.batch_size != self.batch_size:
            self._sampler.batch_size = self.batch_size
            _count_again(trainer)

    def detach(self) -> None:
        """Give the module its own methods back."""
        for name in ("training_step", "backward"):
            self._module.__dict__.pop(name, None)

    def _guarded(self, method: Callable[..., Any], monitor: Monitor) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            with monitor.guard():
                return method(*args, **kwargs)
            # Out of memory: the rest of this epoch is drawn in the size that fits, and without a loss and gradients
            # Lightning passes this batch over.
            self._sampler.batch_size = self.batch_size
            self._module.zero_grad(set_to_none=True)
            return None

        return guarded


def _count_again(trainer: Any) -> None:
    """Do what Lightning does when it sets its loader up, with the size that holds now."""
    loop, length = trainer.fit_loop, len(trainer.train_dataloader)
    limit = trainer.limit_train_batches
    count = min(length, limit) if isinstance(limit, int) else int(length * limit)
    loop._combined_loader.limits = [count]
    loop.max_batches = count
    if isinstance(trainer.val_check_interval, float):
        trainer.val_check_batch = max(1, int(count * trainer.val_check_interval))
