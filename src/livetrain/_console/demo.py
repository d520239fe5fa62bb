"""`livetrain demo`: a real training, with a server of its own to look at it."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import tempfile
import time
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from livetrain._console.demo_training import BATCH, NAMES, Training
from livetrain._console.say import say
from livetrain._console.server_process import ServerProcess, ServerStartError
from livetrain._monitor import Monitor
from livetrain.config import ImageOptions

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar  # click names the type nowhere else

__all__ = ["Demo", "DemoError"]

NEEDED = ("sklearn", "fastapi", "uvicorn", "sqlalchemy")
MAX_OVERHEAD = 0.5  # this training is there to be looked at
REGISTER_SECONDS = 15.0
FLUSH_SECONDS = 30.0
LOOK_SECONDS = 0.05


class DemoError(Exception):
    """The demo cannot run; the message says why and the mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """One demo, as the command line asks for it.

    Attributes:
        epochs: how often the training goes through its 1,437 digits.
        steps_per_second: the pace; 0: as fast as it goes.
        browser: open the page.
        stay: keep the server after the training, until Ctrl-C.
        data_dir: where the server keeps the run. None: in a directory that goes when the demo ends.
        seed: of the training.
    """

    epochs: int
    steps_per_second: float
    browser: bool
    stay: bool
    data_dir: Path | None
    seed: int = 0

    def run(self) -> float:
        """Run it; return the test accuracy, 0 to 1.

        Raises:
            DemoError: a package is missing, or the server does not start.
        """
        if any(importlib.util.find_spec(name) is None for name in NEEDED):
            raise DemoError("The demo needs a few packages more: pip install 'livetrain[demo]'.")
        with contextlib.ExitStack() as stack:
            data_dir = self._directory(stack)
            try:
                server = stack.enter_context(ServerProcess(data_dir, data_dir / "server.log"))
            except ServerStartError as error:
                raise DemoError(f"The server did not start: {error}") from None
            accuracy = self._train(server)
            if self.data_dir:
                click.echo(
                    f"The run is kept: livetrain-server --data-dir {data_dir} shows it again."
                )
            if self.stay:
                click.echo("The page stays until you press Ctrl-C.")
                _wait_for_ctrl_c(server)
        if not self.data_dir:
            click.echo("The run went with its temporary directory; --data-dir DIR would keep it.")
        return accuracy

    def _directory(self, stack: contextlib.ExitStack) -> Path:
        if self.data_dir is None:
            return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="livetrain-demo-")))
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.data_dir / "server.log").touch()
        except OSError as error:
            reason = f"cannot be written ({error.strerror})"
            raise DemoError(
                f"--data-dir {self.data_dir} {reason}; give a directory of your own."
            ) from None
        return self.data_dir

    def _train(self, server: ServerProcess) -> float:
        training = Training(self.seed, self.steps_per_second)
        with Monitor(
            "digits-demo",
            server=server.grpc,
            project="demo",
            class_names=NAMES,
            config=training.config,
            total_epochs=self.epochs,
            batches_per_epoch=training.steps_per_epoch,
            batch_size=BATCH,
            images=ImageOptions(layout="NHW"),
            max_overhead=MAX_OVERHEAD,
        ) as monitor:
            training.let_steer(monitor)
            self._show_page(server, monitor)
            with click.progressbar(
                length=self.epochs * training.steps_per_epoch,
                label="Training",
                item_show_func=lambda words: words,
                width=30,
            ) as progress:
                for epoch in range(self.epochs):
                    words = f"epoch {epoch + 1}/{self.epochs}"
                    training.run_epoch(monitor, epoch, functools.partial(_advance, progress, words))
                    if monitor.should_stop:
                        break
            if not monitor.flush(FLUSH_SECONDS):
                click.echo(
                    "The server did not take everything in time: the end is missing.", err=True
                )
        _, accuracy = training.test()
        unseen = len(training.digits.test)
        click.echo(f"Test accuracy {accuracy:.3f}, on {unseen} digits that it was not trained on.")
        return accuracy

    def _show_page(self, server: ServerProcess, monitor: Monitor) -> None:
        deadline = time.monotonic() + REGISTER_SECONDS
        while monitor.run_id is None and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        url = monitor.url or (
            f"{server.http}/runs/{monitor.run_id}" if monitor.run_id else server.http
        )
        say(f"Look at {url}")
        if self.browser:
            webbrowser.open(url)


def _advance(progress: ProgressBar[Any], words: str, loss: float) -> None:
    progress.update(1, f"{words}  loss {loss:.2f}")


def _wait_for_ctrl_c(server: ServerProcess) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        while server.alive:
            time.sleep(LOOK_SECONDS)
