"""A forward hook of a PyTorch module that no copy of the module takes along, and that cannot break a forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livetrain._frameworks.guard import harmless

__all__ = ["Hook"]


class Hook:
    """Calls a function with what PyTorch gives a hook, and returns nothing; a copy of it is inert.

    Users deep-copy and pickle modules in mid training (weight averaging, ``torch.save(module)``): the copy must neither report
    here nor drag the monitor along.

    Args:
        see: called as the hook is, e.g. with the module, its inputs and its output. None: nothing is.
    """

    def __init__(self, see: Callable[..., None] | None = None) -> None:
        self._see = None if see is None else harmless(see)

    def __call__(self, *given: Any) -> None:
        if self._see is not None:
            self._see(*given)

    def __reduce__(self) -> tuple[type[Hook], tuple[()]]:
        return type(self), ()
