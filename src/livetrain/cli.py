"""The console command `livetrain`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import click

import livetrain

__all__ = ["main"]


class CommandError(click.ClickException):
    """Something that the user can mend: one sentence on stderr, exit code 2."""

    exit_code = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(livetrain.__version__, prog_name="livetrain")
def main() -> None:
    """See what a model sees, while it trains."""


@main.command()
@click.option(
    "--epochs", type=click.IntRange(min=1), default=20, show_default=True, help="How long to train."
)
@click.option(
    "--fps",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="Steps a second; 0: as fast as it goes.",
)
@click.option("--browser/--no-browser", default=True, help="Open the page or not.")
@click.option(
    "--exit",
    "exit_",
    is_flag=True,
    help="End when the training does; else the page stays until Ctrl-C.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Where to keep the run; else it goes when the demo ends.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of weights, noise and order.",
)
def demo(
    epochs: int, fps: float, browser: bool, exit_: bool, data_dir: Path | None, seed: int
) -> None:
    """Train a small classifier of handwritten digits, here and now, and watch it."""
    # The SDK alone has no scikit-learn and no server; the other commands must work without.
    from livetrain._demo import Demo, DemoError

    # SIGTERM would leave the server behind; as an exception it unwinds like Ctrl-C.
    signal.signal(signal.SIGTERM, _exit_on_signal)
    try:
        Demo(
            epochs=epochs,
            steps_per_second=fps,
            browser=browser,
            stay=not exit_,
            data_dir=data_dir,
            seed=seed,
        ).run()
    except DemoError as error:
        raise CommandError(str(error)) from None


def _exit_on_signal(number: int, _frame: Any) -> None:
    sys.exit(128 + number)
