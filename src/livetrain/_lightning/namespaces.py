"""Lightning goes by two names, and a Trainer takes the callbacks and loggers of its own alone: ours are of both."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["base_of"]


def base_of(module: str, name: str) -> Any:
    """Return a class that is derived from that of each namespace that is there.

    Args:
        module: within the namespace, e.g. ``"callbacks"``.
        name: of the class, e.g. ``"Callback"``.

    Raises:
        ModuleNotFoundError: there is no Lightning at all.
    """
    bases = []
    for namespace in ("lightning.pytorch", "pytorch_lightning"):
        try:
            bases.append(getattr(importlib.import_module(f"{namespace}.{module}"), name))
        except (
            Exception
        ):  # the namespace that the user does not use may be absent, or be too old for their torch
            continue
    if not bases:
        raise ModuleNotFoundError(
            "livetrain.lightning needs Lightning: pip install 'livetrain[lightning]'."
        )
    return type(f"_{name}", tuple(bases), {})
