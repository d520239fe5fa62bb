"""How a run stands, in words for a terminal. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from livetrain._capture.digits import written

__all__ = ["duration_words", "number_words", "start_words", "state_words", "step_words"]


def state_words(run: Mapping[str, Any]) -> str:
    """Return how a run stands: as its trainer said, whether it is still heard, and which ranks were lost.

    Example:
        >>> state_words({"status": "running", "contact": "lost"})
        'running, lost contact'
        >>> state_words({"status": "failed", "contact": "ended", "exit_code": 1})
        'failed, exit code 1'
        >>> state_words({"status": "finished", "contact": "ended", "remarks": ["Rank 3 was lost at step 400."]})
        'finished · rank 3 was lost at step 400'
    """
    code = run.get("exit_code")
    contact = {"alive": "", "ended": "", "lost": ", lost contact"}
    words = str(run["status"]) + contact.get(run["contact"], f", {run['contact']}")
    if code and run["contact"] == "ended":
        words += f", exit code {code}"
    if run["contact"] != "ended":
        return words
    remarks = [str(remark) for remark in run.get("remarks") or ()]
    return " · ".join(
        [words, *(remark[:1].lower() + remark[1:].removesuffix(".") for remark in remarks)]
    )


def start_words(run: Mapping[str, Any]) -> str:
    """Return when a run began: its first point, or where it has none when it was made; in local time."""
    began = run.get("started_at") or run["created_at"]
    try:
        return datetime.fromtimestamp(began).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):  # years that a calendar does not have
        return "?"


def duration_words(seconds: float | None) -> str:
    """Return how long a run took.

    Example:
        >>> [duration_words(s) for s in (None, 0.4, 59.6, 3599, 7260, 200_000)]
        ['-', '0 s', '1 min 0 s', '59 min 59 s', '2 h 1 min', '2 d 7 h']
    """
    if seconds is None:
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def number_words(value: float) -> str:
    """Return a number in the digits that the page gives it.

    Example:
        >>> [number_words(value) for value in (0.41234567, 1.0, 0.9996, 0.99999, float("nan"))]
        ['0.412', '1', '0.9996', '0.99999', 'nan']
    """
    return written(value) if math.isfinite(value) else str(value)


def step_words(steps: Any) -> str:
    """Return at which step a run is, as the page counts: the first is step 0.

    Args:
        steps: how many it has, as the server says.

    Example:
        >>> step_words(20), step_words(0)
        ('step 19', 'no step yet')
    """
    return f"step {steps - 1}" if isinstance(steps, int) and steps > 0 else "no step yet"
