"""The console command `livetrain`."""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

import livetrain
from livetrain._server_api import ServerApi, ServerApiError
from livetrain.config import DEFAULT_SERVER, from_environment

__all__ = ["main"]


class CommandError(click.ClickException):
    """Something that the user can mend: one sentence on stderr, exit code 2."""

    exit_code = 2


def _server_api(_context: click.Context, _parameter: click.Parameter, address: str) -> ServerApi:
    return ServerApi(address if "://" in address else f"http://{address}")


_http = click.option(
    "--http",
    "api",
    default="http://127.0.0.1:8080",
    show_default=True,
    envvar="LIVETRAIN_HTTP",
    show_envvar=True,
    callback=_server_api,
    metavar="ADDRESS",
    help="Where the server's pages are.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(livetrain.__version__, prog_name="livetrain")
def main() -> None:
    """See what a model sees, while it trains."""


@main.command()
@click.option(
    "--epochs", type=click.IntRange(1), default=20, show_default=True, help="How long to train."
)
@click.option(
    "--fps",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    help="Steps a second; 0: as fast as it goes.",
)
@click.option("--browser/--no-browser", default=True, help="Open the page or not.")
@click.option(
    "--exit", "leave", is_flag=True, help="End when the training does; else the page stays."
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Where to keep the run; else it goes when the demo ends.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the training."
)
def demo(
    epochs: int, fps: float, browser: bool, leave: bool, data_dir: Path | None, seed: int
) -> None:
    """Train a small classifier of handwritten digits, here and now, and watch it."""
    # A base install has neither scikit-learn nor a server; the other commands work without.
    from livetrain._demo import Demo, DemoError

    # SIGTERM would leave the server behind; as an exception it unwinds as Ctrl-C does.
    signal.signal(signal.SIGTERM, _exit_on_signal)
    demo = Demo(
        epochs=epochs,
        steps_per_second=fps,
        browser=browser,
        stay=not leave,
        data_dir=data_dir,
        seed=seed,
    )
    try:
        demo.run()
    except DemoError as error:
        raise CommandError(str(error)) from None


@main.command()
@_http
def runs(api: ServerApi) -> None:
    """List the newest runs, newest first."""
    try:
        rows = api.runs()
    except ServerApiError as error:
        raise CommandError(str(error)) from None
    if not rows:
        click.echo(f"{api.base} has no runs yet.")
        return
    heads = ("run", "name", "project", "status", "steps", "started")
    table = [heads, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    started = datetime.fromtimestamp(row["created_at"]).strftime("%Y-%m-%d %H:%M:%S")
    return row["run_id"], row["name"], row["project"], row["status"], str(row["steps"]), started


@main.command()
@click.argument("run")
@_http
@click.option(
    "--every",
    type=click.FloatRange(0.1),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
def watch(run: str, api: ServerApi, every: float) -> None:
    """Show RUN, an id or a name, in the terminal until it ends.

    Exit code 1 says that it failed or was interrupted.
    """
    from livetrain._watch import watch as watch_run

    try:
        ended = watch_run(api, api.find(run)["run_id"], every)
    except ServerApiError as error:
        raise CommandError(str(error)) from None
    if ended["message"]:
        click.echo(ended["message"])
    sys.exit(ended["status"] != "finished")


@main.command()
@_http
def doctor(api: ServerApi) -> None:
    """Say what is installed, and whether the server can be reached.

    Exit code 1 says that something is amiss.
    """
    from livetrain._doctor import examine

    try:
        environment = from_environment(os.environ)
    except livetrain.ConfigurationError as error:
        raise CommandError(str(error)) from None
    amiss = False
    for finding in examine(environment.server or DEFAULT_SERVER, api, environment.mode):
        mark = {True: "ok", False: "!!", None: "--"}[finding.good]
        click.echo(f"{mark}  {finding.text}")
        amiss = amiss or finding.good is False
    sys.exit(amiss)


def _exit_on_signal(number: int, _frame: Any) -> None:
    sys.exit(128 + number)
