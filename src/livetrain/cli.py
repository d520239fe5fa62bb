"""The console command `livetrain`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

import livetrain
from livetrain._console.run_words import duration_words, start_words, state_words, step_words
from livetrain._console.say import say, say_lines
from livetrain._console.server_api import ServerApi, ServerApiError
from livetrain._terminal_text import one_line
from livetrain.config import DEFAULT_SERVER, from_environment

__all__ = ["main"]


_CELL_CHARS = 200
"""Of a table: one long name is not to push all columns of all runs out of sight."""


class CommandError(click.ClickException):
    """Something that the user can mend: one sentence on stderr, exit code 2."""

    exit_code = 2

    def format_message(self) -> str:
        """Return the sentence; much of it may be what a server said."""
        return one_line(self.message, 2000)


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
    from livetrain._console.demo import Demo, DemoError

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
@click.option(
    "--search",
    "-s",
    default="",
    metavar="WORDS",
    help="Only runs with all of these words in their name, project, id or tags.",
)
@click.option(
    "--status",
    default="",
    metavar="STATUS",
    help="Only runs that stand so: running, paused, finished, failed, interrupted, lost, or several with commas between.",
)
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="How many at most."
)
def runs(api: ServerApi, search: str, status: str, limit: int) -> None:
    """List the newest runs, newest first."""
    try:
        page = api.runs(limit, search=search, status=status)
    except ServerApiError as error:
        raise CommandError(str(error)) from None
    rows = page.runs
    if not rows:
        sought = "no such runs" if search or status else "no runs yet"
        say(f"{api.base} has {sought}.")
        return
    heads = ("run", "name", "project", "status", "step", "started", "took")
    table = [heads, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        say("  ".join(padded).rstrip())
    if page.total > len(rows):
        say(f"{len(rows)} of {page.total} runs; see more with --limit or --search.")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    cells = (
        row["run_id"],
        row["name"],
        row["project"],
        state_words(row),
        step_words(row["steps"]).removeprefix("step "),
        start_words(row),
        duration_words(row.get("duration")),
    )
    return tuple(one_line(cell, _CELL_CHARS) for cell in cells)


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
    from livetrain._console.watch import watch as watch_run

    try:
        ended = watch_run(api, api.find(run)["run_id"], every)
    except ServerApiError as error:
        raise CommandError(str(error)) from None
    for remark in ended.get("remarks", ()):
        say(remark)
    if ended.get("traceback"):
        say_lines(ended["traceback"])
    elif ended["message"]:
        say(ended["message"])
    sys.exit(ended["status"] != "finished")


def _steering(verb: str, help_text: str) -> None:
    """Make the console command of one verb."""

    @main.command(verb, help=help_text)
    @click.argument("run")
    @_http
    @_wait
    def steer(run: str, api: ServerApi, wait: float) -> None:
        _give(api, run, verb, {}, wait)


_wait = click.option(
    "--wait",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the training may take to carry it out; after that it is not carried out any more.",
)
_steering("pause", "Let RUN, an id or a name, stand still between two steps.")
_steering("resume", "Let RUN, an id or a name, go on.")
_steering("stop", "End the training of RUN, an id or a name, after the step that it is at.")


@main.command("set")
@click.argument("run")
@click.argument("assignments", nargs=-1, required=True, metavar="NAME=VALUE...")
@_http
@_wait
def set_values(run: str, assignments: tuple[str, ...], api: ServerApi, wait: float) -> None:
    """Set values of RUN's training, e.g. lr=1e-4, lr=x0.5, lr=follow, lr=undo or batch_size=64."""
    from livetrain._console.steer import parameters_of

    try:
        parameters = parameters_of(assignments)
    except ValueError as error:
        raise CommandError(str(error)) from None
    _give(api, run, "set", parameters, wait)


def _give(api: ServerApi, run: str, verb: str, parameters: dict[str, str], wait: float) -> None:
    from livetrain._console.steer import give

    try:
        command = give(api, api.find(run)["run_id"], verb, parameters, wait_seconds=wait)
    except ServerApiError as error:
        raise CommandError(str(error)) from None
    values = "".join(f" {name}={value}" for name, value in command["values"].items())
    if command["state"] == "applied":
        say(f"applied at step {command['applied_step']}{values}")
        return
    say(f"{command['state']}: {command['message'] or 'no answer yet'}", err=True)
    sys.exit(1)


@main.command()
@click.argument("run")
@_http
@click.option(
    "--output", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Else stdout."
)
def recipe(run: str, api: ServerApi, output: Path | None) -> None:
    """Write what was done to RUN as a recipe, for Monitor(recipe=FILE) to do it again at the same steps."""
    from livetrain._steering.recipe import recipe_of, write_recipe

    try:
        run_id = api.find(run)["run_id"]
        text = write_recipe(recipe_of(api.commands(run_id)), run_id)
    except ServerApiError as error:
        raise CommandError(str(error)) from None
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


@main.command()
@click.option(
    "--server", metavar="HOST:PORT", help="Where to; else $LIVETRAIN_SERVER or the default."
)
@click.option(
    "--spool-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where it lies; else $LIVETRAIN_SPOOL_DIR or the default.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Give a run up after so long without progress.",
)
def sync(server: str | None, spool_dir: Path | None, timeout: float) -> None:
    """Upload what trainings left on this machine's disk; safe to repeat, and beside trainings that run.

    Exit code 1 says that something is still left.
    """
    from livetrain._console.sync import sync as sync_all

    try:
        complete = sync_all(server, spool_dir, timeout)
    except livetrain.ConfigurationError as error:
        raise CommandError(str(error)) from None
    sys.exit(not complete)


@main.command()
@_http
def doctor(api: ServerApi) -> None:
    """Say what is installed, and whether the server can be reached.

    Exit code 1 says that something is amiss.
    """
    from livetrain._console.doctor import examine

    try:
        environment = from_environment(os.environ)
    except livetrain.ConfigurationError as error:
        raise CommandError(str(error)) from None
    amiss = False
    for finding in examine(environment.server or DEFAULT_SERVER, api, environment.mode):
        mark = {True: "ok", False: "!!", None: "--"}[finding.good]
        say(f"{mark}  {finding.text}")
        amiss = amiss or finding.good is False
    sys.exit(amiss)


def _exit_on_signal(number: int, _frame: Any) -> None:
    sys.exit(128 + number)
