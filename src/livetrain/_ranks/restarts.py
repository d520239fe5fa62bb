"""How often a training was started before, as its launcher counts."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["restarts_before"]

_ELASTIC, _SLURM = "TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT"
_ROOM = 1 << 10
"""``torchrun`` counts from 0 in each job that Slurm puts into its queue again."""


def restarts_before(environ: Mapping[str, str]) -> int:
    """Return a number that is higher for each later start of one training; 0: this is the first, or nobody counts.

    Args:
        environ: ``torchrun`` and Slurm leave their counts there.

    Example:
        >>> restarts_before({"TORCHELASTIC_RESTART_COUNT": "2"}), restarts_before({})
        (2, 0)
        >>> restarts_before({"SLURM_RESTART_COUNT": "1", "TORCHELASTIC_RESTART_COUNT": "0"})
        1024
    """
    return _count(environ, _SLURM) * _ROOM + min(_count(environ, _ELASTIC), _ROOM - 1)


def _count(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(name, "")
    return min(int(text), 1 << 20) if text.isdecimal() and text.isascii() else 0
