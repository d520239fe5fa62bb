"""Whether what is installed is new enough: a package that is installed later may bring an older release of what we need.

pip says nothing of this where the bound is that of an extra, and Flower, for one, asks for an older uvicorn than the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

__all__ = ["TooOld", "too_old"]

_LINE = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)(?:\s*\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*;?(.*)")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")


@dataclass(frozen=True, slots=True)
class TooOld:
    """A package that is installed in a release before the oldest that works.

    Attributes:
        package: its name.
        installed, needed: releases.
        wanted_by: another package and what it asks for, e.g. ``"flwr 1.42.0 (uvicorn<0.50.0)"``; empty: none does.
    """

    package: str
    installed: str
    needed: str
    wanted_by: str

    def sentence(self, who: str) -> str:
        """Return what is wrong and the fix.

        Args:
            who: needs the package.
        """
        why = f", as {self.wanted_by} asks for" if self.wanted_by else ""
        return (
            f"{who} needs {self.package} {self.needed} or newer, and {self.installed} is installed{why}; "
            f"run: pip install '{self.package}>={self.needed}', or give it an environment of its own."
        )


def too_old(extra: str = "") -> list[TooOld]:
    """Return what is installed in too old a release, of what livetrain itself and one of its extras need.

    What is not installed at all is left out, and so is everything where livetrain's own metadata is not there.
    """
    try:
        lines = metadata.requires("livetrain") or []
    except metadata.PackageNotFoundError:
        return []
    found = []
    for name, bounds, marker in map(_parts, lines):
        of_extra = _EXTRA.search(marker)
        needed = re.search(r">=\s*([0-9.]+)", bounds)
        if needed is None or (of_extra is not None and of_extra[1] != extra):
            continue
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if _numbers(installed) < _numbers(needed[1]):
            found.append(TooOld(name, installed, needed[1], ", ".join(_wanting(name))))
    return found


def _wanting(package: str) -> Iterator[str]:
    """Yield the packages that ask for older releases of another one."""
    for distribution in metadata.distributions():
        for name, bounds, _ in map(_parts, distribution.requires or ()):
            if _same(name, package) and re.search(r"<|==|~=", bounds):
                yield f"{distribution.name} {distribution.version} ({name}{bounds.strip()})"
                break


def _parts(line: str) -> tuple[str, str, str]:
    """Return the name, the bounds and the marker of a requirement."""
    found = _LINE.fullmatch(line)
    return (found[1], found[2], found[3]) if found else ("", "", "")


def _same(one: str, other: str) -> bool:
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def _numbers(version: str) -> tuple[int, ...]:
    """Return a release's numbers, without what follows them; zeros at their end say nothing."""
    found = re.match(r"[vV]?(?:\d+!)?(\d+(?:\.\d+)*)", version)
    numbers = [int(part) for part in found[1].split(".")] if found else [0]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
