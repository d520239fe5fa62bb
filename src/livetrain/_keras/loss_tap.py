"""Sees what a Keras model makes of a batch, where it computes its loss: callbacks are told nothing of either."""

from __future__ import annotations

from typing import Any, NamedTuple

from livetrain._frameworks.guard import harmless

__all__ = ["LossTap", "Seen"]


class Seen(NamedTuple):
    """What one training step computed its loss from, and the loss."""

    x: Any
    y: Any
    predictions: Any
    loss: Any


class LossTap:
    """Stands in for one model's ``compute_loss``, calls it, and keeps what went in and came out of the last training step."""

    def __init__(self) -> None:
        self._model: Any = None
        self._last: Seen | None = None

    def attach(self, model: Any) -> None:
        """Put it there: an attribute of this object alone, which neither its class nor a saved model has."""
        real = model.compute_loss
        keep = harmless(self._keep)

        def compute_loss(*args: Any, **kwargs: Any) -> Any:
            loss = real(*args, **kwargs)
            keep(loss, *args, **kwargs)
            return loss

        object.__setattr__(model, "compute_loss", compute_loss)
        self._model = model

    def detach(self) -> None:
        """Take it away again."""
        model, self._model, self._last = self._model, None, None
        if model is not None:
            model.__dict__.pop("compute_loss", None)

    def take(self) -> Seen | None:
        """Return what was seen since the last look, None where nothing was."""
        last, self._last = self._last, None
        return last

    def _keep(
        self,
        loss: Any,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> None:
        if training:
            self._last = Seen(x, y, _detached(y_pred), _detached(loss))


def _detached(value: Any) -> Any:
    # Else the graph would live as long as this.
    return value.detach() if hasattr(value, "detach") else value
