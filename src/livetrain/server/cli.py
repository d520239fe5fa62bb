"""The command `livetrain-server`. It imports nothing that a base install lacks before it has looked for it."""

from __future__ import annotations

import gc
import sys
from importlib.util import find_spec
from typing import Any

import click

import livetrain
from livetrain._requirements import too_old

__all__ = ["main"]

_NEEDED = (
    "alembic",
    "connectrpc",
    "fastapi",
    "prometheus_client",
    "pydantic_settings",
    "sqlalchemy",
    "uvicorn",
    "websockets",
)


@click.command("livetrain-server", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--grpc",
    metavar="HOST:PORT",
    help="Where trainers connect. Port 0: a free one. [127.0.0.1:50051]",
)
@click.option(
    "--http", metavar="HOST:PORT", help="Where browsers and scripts connect. [127.0.0.1:8080]"
)
@click.option(
    "--relay",
    metavar="HOST:PORT",
    help="Where clients of the metrics relay connect; off: nowhere. [127.0.0.1:8765, if it is free]",
)
@click.option(
    "--data-dir", metavar="DIR", help="Where data is kept. [~/.local/state/livetrain/server]"
)
@click.option("--database", metavar="URL", help="An SQLAlchemy URL. [a file in the data directory]")
@click.option(
    "--allow-origin",
    metavar="ORIGIN",
    multiple=True,
    help="A further origin whose pages may connect; repeatable.",
)
@click.option(
    "--allow-host",
    metavar="HOST",
    multiple=True,
    help="A further name under which the server is reached; repeatable.",
)
@click.option(
    "--retain-events",
    metavar="N",
    help="Records of a run that stay replayable; curves keep all. [200000]",
)
@click.option(
    "--memory-mib",
    metavar="N",
    help="Memory for what comes and waits, in MiB, beyond what an idle server has. [1024]",
)
@click.option(
    "--retain-days", metavar="DAYS", help="Delete runs that were silent for so long. [never]"
)
@click.option(
    "--record-dialect",
    metavar="FILE",
    help="Write what older clients and the server say to each other, without pictures: for a bug report. [off]",
)
@click.option("--log-format", metavar="text|json", help="How the log on stderr looks. [text]")
@click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error. [info]")
@click.version_option(livetrain.__version__, prog_name="livetrain-server")
def command(**flags: Any) -> int:
    """Take what trainers send, keep it, and show it live in the browser.

    Every flag can be given as LIVETRAIN_SERVER_* in the environment too.
    """
    # What is imported here stays for good. To look for garbage in it takes a seventh of the start, and would later hold
    # everybody up for 70 ms now and then.
    gc.disable()
    from livetrain.server.app import run
    from livetrain.server.settings import load

    gc.freeze()
    gc.enable()
    return run(
        load(
            **{
                name: list(value) or None if isinstance(value, tuple) else value
                for name, value in flags.items()
            }
        )
    )


def main() -> None:
    """Run the server until it is told to end; every reason not to start is one sentence and exit code 2."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        _refuse(
            f"livetrain-server needs {missing[0]}, which is not installed; run: pip install 'livetrain[server]'"
        )
    if old := too_old("server"):
        _refuse(old[0].sentence("livetrain-server"))
    from livetrain.server.errors import StartError

    try:
        code = command.main(standalone_mode=False, prog_name="livetrain-server")
    except click.exceptions.Exit as end:
        code = end.exit_code
    except click.ClickException as error:
        _refuse(f"{error.format_message().rstrip('.')}; see livetrain-server --help.")
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except StartError as error:
        _refuse(str(error))
    sys.exit(code or 0)


def _refuse(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
