"""Finds the optimizer inside of what frameworks wrap around it.

Accelerate, DeepSpeed, apex, Fabric and others hand out an object that has the optimizer's groups, and calls it. It is the optimizer
itself that steps, that takes hooks, and that a scheduler knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["groups_of", "unwrapped"]

_NAMES = ("optimizer", "_optimizer")
_DEEPEST = 8


def unwrapped(target: Any) -> Any:
    """Return the innermost optimizer whose parameter groups are those of `target`; `target` itself if it wraps none.

    Something without groups that has an optimizer, as an engine of DeepSpeed does, stands for that optimizer.

    Example:
        >>> import types
        >>> optimizer = types.SimpleNamespace(param_groups=[{"lr": 0.1}])
        >>> wrapper = types.SimpleNamespace(optimizer=optimizer, param_groups=optimizer.param_groups)
        >>> unwrapped(wrapper) is optimizer, unwrapped(optimizer) is optimizer
        (True, True)
    """
    for _ in range(_DEEPEST):
        inner = _inner(target)
        if inner is None:
            return target
        target = inner
    return target


def groups_of(target: Any) -> Sequence[Any]:
    """Return the parameter groups of an optimizer, none of anything else."""
    try:
        groups = target.param_groups
        return groups if groups and len(groups) else ()
    except Exception:  # a property of somebody's that fails
        return ()


def _inner(target: Any) -> Any:
    groups = groups_of(target)
    for name in _NAMES:
        try:
            inner = getattr(target, name, None)
        except Exception:  # as above
            continue
        theirs = groups_of(inner)
        # One that keeps copies of its groups, as PyTorch's ZeroRedundancyOptimizer does, carries them over itself.
        if theirs and inner is not target and (not groups or theirs[0] is groups[0]):
            return inner
    return None
