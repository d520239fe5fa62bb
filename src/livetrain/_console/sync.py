"""`livetrain sync`: what was left on the disk, run by run, with a progress bar."""

from __future__ import annotations

import os
from pathlib import Path

import click

from livetrain._console.say import say
from livetrain._delivery.transport import Endpoint
from livetrain._launch import endpoint, spool_directory
from livetrain._sync import Leftover, leftovers, unreadable, upload
from livetrain._terminal_text import one_line
from livetrain.config import from_environment

__all__ = ["sync"]


def sync(server: str | None, spool_dir: Path | None, timeout: float) -> bool:
    """Upload everything that is left; return whether nothing is left any more.

    Args:
        server: ``host:port``; None: what the environment says.
        spool_dir: where to look; None: what the environment says.
        timeout: seconds without progress after which a run is given up.

    Raises:
        ConfigurationError: an address or a variable that cannot work.
    """
    env = from_environment(os.environ)
    target = endpoint(env, server=server, token=None, tls=None)
    folder = spool_directory(spool_dir, env, os.environ)
    found, lost = leftovers(folder), unreadable(folder)
    for directory in lost:
        say(
            f"{directory}: what these records belong to cannot be read, so they cannot be sent. "
            "Delete the directory if you do not need them.",
            err=True,
        )
    if not found and not lost:
        say(f"Nothing is left in {folder}.")
    return all([_upload(leftover, target, timeout) for leftover in found]) and not lost


def _upload(leftover: Leftover, target: Endpoint, timeout: float) -> bool:
    name = one_line(leftover.info.run_name or "a run without a name", 80)
    with click.progressbar(length=1, label=name, show_pos=True) as bar:

        def progress(committed: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(committed - bar.pos)

        result = upload(leftover, target, timeout=timeout, progress=progress)
    if result.left or result.reason:
        say(f"{name}: {result.left} records are left: {result.reason}.", err=True)
        return False
    damaged = f", of which the disk had damaged {result.damaged}" if result.damaged else ""
    say(f"{name}: {result.committed} records uploaded{damaged}.")
    return True
