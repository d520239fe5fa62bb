"""What other callbacks did that is worth a mark: checkpoints that were saved, and a training that was stopped early."""

from __future__ import annotations

from typing import Any

from livetrain._monitor import Monitor

__all__ = ["Landmarks", "tell_checkpoint"]


class Landmarks:
    """Watches the checkpoint and early-stopping callbacks of one training."""

    def __init__(self) -> None:
        self._saved = False
        self._seen: dict[int, str] = {}  # by callback, where it saved last
        self._stopped = False

    def saving(self) -> None:
        """A checkpoint is being made; where it goes is known only later."""
        self._saved = True

    def tell(self, trainer: Any, monitor: Monitor) -> None:
        """Log what happened since the last look."""
        if self._saved:
            self._saved = False
            self._tell_checkpoints(trainer, monitor)
        if trainer.should_stop and not self._stopped:
            self._tell_stops(trainer, monitor)

    def _tell_checkpoints(self, trainer: Any, monitor: Monitor) -> None:
        told = False
        for callback in trainer.checkpoint_callbacks:
            path = str(getattr(callback, "_last_checkpoint_saved", "") or "")
            if path and self._seen.get(id(callback)) != path:
                self._seen[id(callback)] = path
                tell_checkpoint(monitor, callback, path)
                told = True
        if not told:  # by the script itself
            fields = {"epoch": trainer.current_epoch, "global_step": trainer.global_step}
            monitor.log_event("checkpoint", "saved", fields)

    def _tell_stops(self, trainer: Any, monitor: Monitor) -> None:
        for callback in trainer.early_stopping_callbacks:
            reason = getattr(callback, "stopping_reason_message", None) or ""
            # The epoch alone does not say so: the first one is 0, as if nothing had been stopped.
            if not (callback.stopped_epoch or reason or callback.wait_count >= callback.patience):
                continue
            self._stopped = True
            monitor.log_early_stopping(
                callback.stopped_epoch,
                best_value=float(callback.best_score),
                metric=callback.monitor,
                patience=callback.patience,
                reason=reason,
            )


def tell_checkpoint(monitor: Monitor, callback: Any, path: str) -> None:
    """Log that a checkpoint callback saved to `path`, and how good that one is."""
    best = str(getattr(callback, "best_model_path", ""))
    score = getattr(callback, "best_k_models", {}).get(path)
    if score is None and path == best:
        score = getattr(callback, "best_model_score", None)
    fields = {
        "path": path,
        "metric": getattr(callback, "monitor", None),
        "score": None if score is None else float(score),
        "best": best or None,
    }
    monitor.log_event("checkpoint", "best so far" if path == best else "saved", fields)
