"""`livetrain demo`: a real training on real images, in a hand-written loop, with a server of its own to look at it."""

from __future__ import annotations

import contextlib
import importlib.util
import tempfile
import time
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from PIL import Image

from livetrain._demo_network import Floats, Ints, Network, cross_entropy
from livetrain._monitor import Monitor
from livetrain._server_process import ServerProcess, ServerStartError
from livetrain.config import ImageOptions

__all__ = ["Demo", "DemoError"]

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NEEDED = ("sklearn", "fastapi", "uvicorn", "sqlalchemy")
BATCH = 16  # the page shows 16 tiles, so that a viewer sees all of a batch
HIDDEN = 96
NOISE = 0.2  # of the range of a pixel; without it the model makes no more mistakes after some epochs, and mistakes are worth seeing
TILE = 64  # pixels; the digits have 8, which no picture format was made for
REGISTER_SECONDS = 15.0
FLUSH_SECONDS = 30.0
LOOK_SECONDS = 0.05


class DemoError(Exception):
    """The demo cannot run; the message says why and the mend."""


@dataclass(frozen=True, slots=True)
class Digits:
    """Handwritten digits: inputs (N, 64) from 0 to 1, and their labels (N,)."""

    train: Floats
    train_labels: Ints
    test: Floats
    test_labels: Ints

    @classmethod
    def load(cls, rng: np.random.Generator) -> Digits:
        """Load scikit-learn's 1,797 digits, which come with it, and keep a fifth of them for the test."""
        from sklearn.datasets import load_digits

        pixels, labels = load_digits(return_X_y=True)
        order = rng.permutation(len(labels))
        inputs, labels = (pixels[order] / 16).astype(np.float32), labels[order]
        cut = len(labels) * 4 // 5
        return cls(inputs[:cut], labels[:cut], inputs[cut:], labels[cut:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """One demo, as the command line asks for it.

    Attributes:
        epochs: how often the training goes through its 1,437 digits.
        steps_per_second: the pace, so that there is something to see; 0: as fast as it goes.
        browser: open the page.
        stay: keep the server after the training, until Ctrl-C.
        data_dir: where the server keeps the run. None: in a directory that goes when the demo ends.
        seed: of the weights, the noise and the order.
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
                    f"The run is kept in {data_dir}; to see it again: livetrain-server --data-dir {data_dir}"
                )
            if self.stay:
                self._wait(server)
        if not self.data_dir:
            click.echo("The run is gone with its temporary directory; --data-dir DIR keeps it.")
        return accuracy

    def _directory(self, stack: contextlib.ExitStack) -> Path:
        if self.data_dir is None:
            return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="livetrain-demo-")))
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            (self.data_dir / "server.log").touch()
        except OSError as error:
            raise DemoError(
                f"--data-dir {self.data_dir}: cannot be written ({error.strerror}); give a directory of your own."
            ) from None
        return self.data_dir

    def _train(self, server: ServerProcess) -> float:
        rng = np.random.default_rng(self.seed)
        digits = Digits.load(rng)
        network = Network(64, HIDDEN, len(NAMES), rng)
        steps = -(-len(digits.train) // BATCH)
        pace = _pace(self.steps_per_second)
        with Monitor(
            "digits-demo",
            server=server.grpc,
            project="demo",
            class_names=NAMES,
            config={
                "learning_rate": network.learning_rate,
                "hidden_units": HIDDEN,
                "noise": NOISE,
                "seed": self.seed,
            },
            total_epochs=self.epochs,
            batches_per_epoch=steps,
            batch_size=BATCH,
            images=ImageOptions(layout="NHW"),
        ) as monitor:
            monitor.set_status("running")
            self._show_page(server, monitor)
            progress = click.progressbar(
                length=self.epochs * steps,
                label="Training",
                item_show_func=lambda words: words,
                width=30,
            )
            with progress:
                for epoch in range(self.epochs):
                    losses, hits = 0.0, 0
                    order = rng.permutation(len(digits.train))
                    for batch in np.array_split(order, range(BATCH, len(order), BATCH)):
                        inputs, labels = (
                            _smudge(digits.train[batch], rng),
                            digits.train_labels[batch],
                        )
                        logits, loss = network.train(inputs, labels)
                        right = int((logits.argmax(1) == labels).sum())
                        monitor.log_batch(
                            _pictures(inputs),
                            logits,
                            loss,
                            targets=labels,
                            accuracy=right / len(batch),
                            epoch=epoch,
                        )
                        if monitor.should_stop:
                            break
                        losses, hits = losses + loss * len(batch), hits + right
                        progress.update(1, f"epoch {epoch + 1}/{self.epochs}  loss {loss:.2f}")
                        next(pace)
                    test_loss, accuracy = _test(network, digits)
                    monitor.log_epoch(
                        epoch,
                        loss=losses / len(order),
                        accuracy=hits / len(order),
                        learning_rate=network.learning_rate,
                        val_loss=test_loss,
                        val_accuracy=accuracy,
                    )
                    if monitor.should_stop:
                        break
            if not monitor.flush(FLUSH_SECONDS):
                click.echo(
                    "The server has not taken everything in time; the end of the run may be missing.",
                    err=True,
                )
        click.echo(
            f"Test accuracy {accuracy:.3f}, on {len(digits.test)} digits that it never trained on."
        )
        return accuracy

    def _show_page(self, server: ServerProcess, monitor: Monitor) -> None:
        deadline = time.monotonic() + REGISTER_SECONDS
        while monitor.run_id is None and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        url = monitor.url or server.http
        click.echo(f"Look at {url}")
        if self.browser:
            webbrowser.open(url)

    def _wait(self, server: ServerProcess) -> None:
        click.echo(f"The page stays at {server.http} until you press Ctrl-C.")
        with contextlib.suppress(KeyboardInterrupt):
            while server.alive:
                time.sleep(LOOK_SECONDS)


def _pace(steps_per_second: float) -> Iterator[None]:
    """Yield at the pace; a step that took too long is not caught up with, since that would be a burst."""
    due = time.monotonic()
    while True:
        if steps_per_second:
            due = max(due + 1 / steps_per_second, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
        yield


def _smudge(inputs: Floats, rng: np.random.Generator) -> Floats:
    noise = rng.normal(0, NOISE, inputs.shape).astype(np.float32)
    smudged: Floats = np.clip(inputs + noise, 0, 1)
    return smudged


def _pictures(inputs: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return what the model is shown, enlarged: (N, 64) from 0 to 1 becomes (N, TILE, TILE)."""
    digits = (inputs * 255).astype(np.uint8).reshape(-1, 8, 8)
    return np.stack(
        [
            np.asarray(Image.fromarray(d).resize((TILE, TILE), Image.Resampling.BICUBIC))
            for d in digits
        ]
    )


def _test(network: Network, digits: Digits) -> tuple[float, float]:
    logits = network.logits(digits.test)
    loss, _ = cross_entropy(logits, digits.test_labels)
    return loss, float((logits.argmax(1) == digits.test_labels).mean())
