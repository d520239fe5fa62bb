"""The learning rates of an optimizer that is none of PyTorch's, in the form that `Monitor.attach` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["OwnRates"]


class OwnRates:
    """Stands for an optimizer: what is set holds whatever its framework writes, if it is told before each step.

    Args:
        groups: each with a rate as its ``"lr"``, which can be read and written.

    Example:
        >>> rates = OwnRates([{"lr": 0.1}])
        >>> handle = rates.register_step_pre_hook(lambda *_: print("a step"))
        >>> rates.before_step()
        a step
    """

    def __init__(self, groups: Sequence[Any]) -> None:
        self.param_groups = groups
        self._hooks: list[Callable[..., object]] = []

    def register_step_pre_hook(self, hook: Callable[..., object]) -> _Handle:
        """Call `hook` before each step; return what takes it back."""
        self._hooks.append(hook)
        return _Handle(self._hooks, hook)

    def before_step(self) -> None:
        """Say that a step is made now."""
        for hook in tuple(self._hooks):
            hook(self, (), {})


class _Handle:
    def __init__(self, hooks: list[Callable[..., object]], hook: Callable[..., object]) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Take the hook back."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)
