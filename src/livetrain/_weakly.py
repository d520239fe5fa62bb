"""A method that can be called as long as its object lives, and does not keep it alive."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

__all__ = ["weakly"]


def weakly(method: Callable[..., Any], otherwise: Any = None) -> Callable[..., Any]:
    """Return a function that calls a bound method, and holds its object weakly.

    Args:
        method: bound to an object.
        otherwise: what the function returns when that object is gone.

    Example:
        >>> class Counter:
        ...     def read(self) -> int:
        ...         return 3
        >>> counter = Counter()
        >>> read = weakly(counter.read, 0)
        >>> before = read()
        >>> del counter
        >>> before, read()
        (3, 0)
    """
    reference = weakref.WeakMethod(method)

    def call(*args: Any) -> Any:
        alive = reference()
        return otherwise if alive is None else alive(*args)

    return call
