"""Lightning goes by two names, and a Trainer takes what is of its own name: our classes are of the names that a script has loaded.

Importing the other name as well would cost seconds, and change what the user sees: the two share one logger for what rank 0 says,
and the name that is imported last takes it over. So a base class of ours takes on Lightning's when that is imported, by a finder
in ``sys.meta_path`` that looks at nothing but these few modules.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import types
from abc import ABC
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from livetrain._warnings import warn_once_a_minute

__all__ = ["NAMESPACES", "follow", "loaded"]

NAMESPACES = ("lightning.pytorch", "pytorch_lightning")


class _Plain:
    """The base of a class of ours where neither name is loaded yet."""


class _PlainAbstract(ABC):  # noqa: B024  # as Lightning's Logger: Python swaps only bases that are laid out alike
    """The same, for a class whose base is an abstract one."""


def loaded(module: str, *names: str) -> list[Any]:
    """Return the first of some attributes that a module has, from each namespace that is loaded.

    Args:
        module: within the namespace, e.g. ``"loggers.logger"``.
        *names: of the attribute, in this release or in another.
    """
    modules = [sys.modules.get(f"{namespace}.{module}") for namespace in NAMESPACES]
    found = [[getattr(each, name) for name in names if hasattr(each, name)] for each in modules]
    return [values[0] for values in found if values]


def follow(module: str, name: str, *, abstract: bool = False) -> Any:
    """Return a class that is derived from that of each namespace that is loaded, now or later.

    Args:
        module: within the namespace, the one that defines the class, e.g. ``"callbacks.callback"``.
        name: of the class, e.g. ``"Callback"``.
        abstract: whether Lightning's class is an abstract one.

    Raises:
        ModuleNotFoundError: there is no Lightning at all.
    """
    if not any(_is_installed(namespace.partition(".")[0]) for namespace in NAMESPACES):
        raise ModuleNotFoundError(
            "livetrain.lightning needs Lightning: pip install 'livetrain[lightning]'."
        )
    plain: type = _PlainAbstract if abstract else _Plain
    bases = tuple(loaded(module, name)) or (plain,)
    base = types.new_class(
        f"_{name}", bases, exec_body=lambda body: body.update(__module__=__name__)
    )

    def adopt() -> None:
        base.__bases__ = tuple(loaded(module, name))

    _Awaiting.of([f"{namespace}.{module}" for namespace in NAMESPACES], adopt)
    return base


class _Awaiting(MetaPathFinder):
    """Finds no module, but calls back when one of a few was imported."""

    def __init__(self) -> None:
        self._calls: dict[str, list[Callable[[], None]]] = {}

    @classmethod
    def of(cls, modules: Sequence[str], call: Callable[[], None]) -> None:
        """Have `call` called with each of the modules, when it is imported from now on."""
        waiting = [module for module in modules if module not in sys.modules]
        if not waiting:
            return
        finder = next((one for one in sys.meta_path if isinstance(one, cls)), None)
        if finder is None:
            sys.meta_path.insert(0, finder := cls())
        for module in waiting:
            finder._calls.setdefault(module, []).append(call)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find, with a loader that calls back."""
        if fullname not in self._calls:
            return None
        others = (one for one in sys.meta_path if one is not self and hasattr(one, "find_spec"))
        specs = (one.find_spec(fullname, path, target) for one in others)
        spec = next((one for one in specs if one is not None), None)
        if spec is not None and spec.loader is not None:
            # In this loader alone, which was made for this one import: it stays what inspection expects.
            execute = spec.loader.exec_module
            spec.loader.exec_module = functools.partial(self._execute, execute)  # type: ignore[method-assign]
        return spec

    def _execute(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        execute(module)
        for call in self._calls.pop(module.__name__, ()):
            try:
                call()
            except Exception as error:  # of ours, in the user's import
                warn_once_a_minute(
                    "namespaces",
                    f"livetrain cannot follow {module.__name__} ({error}); import it before livetrain.lightning.",
                )
        if not self._calls and self in sys.meta_path:
            sys.meta_path.remove(self)


def _is_installed(package: str) -> bool:
    if package in sys.modules:
        return sys.modules[package] is not None
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False
