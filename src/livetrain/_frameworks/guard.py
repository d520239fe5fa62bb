"""No error of ours reaches a training: a hook that fails says so and does nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from livetrain._warnings import warn_once_a_minute

__all__ = ["harmless"]

P = ParamSpec("P")
R = TypeVar("R")


def harmless(
    hook: Callable[P, R], *, but: tuple[type[BaseException], ...] = ()
) -> Callable[P, R | None]:
    """Return a function that does what `hook` does, or nothing if that fails: it is told once a minute.

    Args:
        hook: what a framework calls.
        but: what is raised all the same, such as :class:`livetrain.LivetrainError` for misuse before the first step.

    Example:
        >>> harmless(lambda number: 1 / number)(4)
        0.25
    """

    @functools.wraps(hook)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return hook(*args, **kwargs)
        except but:
            raise
        except Exception as error:
            warn_once_a_minute(
                f"hook:{hook.__qualname__}",
                f"livetrain failed in {hook.__qualname__} ({type(error).__name__}: {error}); "
                "the training goes on, without what was to be shown.",
                exc=True,
            )
            return None

    return guarded
