"""`livetrain watch`: a run in the terminal, one line that changes."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import click

from livetrain._console.run_words import number_words, state_words, step_words
from livetrain._console.server_api import ServerApi, ServerApiError
from livetrain._terminal_text import one_line

__all__ = ["describe", "watch"]

_LINE_CHARS = 2000
SHOWN = ("loss", "accuracy")
_RANKS_SECONDS = 10.0
"""How long after the end of a run is waited for word of its other ranks."""
ENDS = frozenset({"finished", "failed", "interrupted"})


def watch(api: ServerApi, run_id: str, seconds: float) -> dict[str, Any]:
    """Show a run until it ends, asking every `seconds`; return how it stands then.

    A server that does not answer is asked again: it may be restarting.
    """
    line = _Line()
    ended_at = 0.0
    for run, values in _readings(api, run_id, seconds, line):
        line.show(describe(run, values))
        if run["status"] not in ENDS:
            ended_at = 0.0
            continue
        ended_at = ended_at or time.monotonic()
        waits = any(rank["contact"] in ("alive", "stale") for rank in run.get("ranks", ()))
        if not waits or time.monotonic() - ended_at > _RANKS_SECONDS:
            line.end()
            return run
    raise AssertionError("readings never end by themselves")


def _readings(
    api: ServerApi, run_id: str, seconds: float, line: _Line
) -> Iterator[tuple[dict[str, Any], dict[str, float]]]:
    values: dict[str, float] = {}
    seen = -1
    while True:
        try:
            run = api.run(run_id)
            if (
                run["steps"] != seen
            ):  # a training that is started once more goes on at an earlier step
                values = api.newest(run_id, SHOWN)
                seen = run["steps"]
            yield run, values
        except ServerApiError as error:
            if error.status is not None:
                raise
            line.show(f"no answer from {api.base}; asking again")
        time.sleep(seconds)


def describe(run: Mapping[str, Any], values: Mapping[str, float]) -> str:
    """Say in a line where a run stands."""
    total = run.get("total_epochs")
    parts = [
        run["name"],
        state_words(run),
        f"epoch {run['epoch'] + 1}" + (f"/{total}" if total else ""),
        step_words(run["steps"]),
        *(f"{name} {number_words(values[name])}" for name in SHOWN if name in values),
        *([run["trouble"]] if run.get("trouble") else []),
    ]
    return "  ".join(parts)


class _Line:
    """A line that is written over in a terminal, and written once for each change anywhere else."""

    def __init__(self) -> None:
        self._last = ""

    def show(self, text: str) -> None:
        text = one_line(text, _LINE_CHARS)
        if text == self._last:
            return
        if sys.stdout.isatty():
            # One that is wrapped could not be written over.
            click.echo("\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1], nl=False)
        else:
            click.echo(text)
        self._last = text

    def end(self) -> None:
        if sys.stdout.isatty():
            click.echo()
