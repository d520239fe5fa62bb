"""The attacks: each module here has a list ``ATTACKS``, and a new module is found by itself."""

from __future__ import annotations

import importlib
import pkgutil

from tests.hostile.attack import Attack

__all__ = ["all_attacks", "attack_called"]


def all_attacks() -> list[Attack]:
    """Return every attack, those of one module together."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return [attack for module in modules for attack in module.ATTACKS]


def attack_called(name: str) -> Attack:
    """Return the attack of that name."""
    return next(attack for attack in all_attacks() if attack.name == name)
