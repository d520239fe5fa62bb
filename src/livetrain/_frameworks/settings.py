"""What a user said to an integration: all that it consists of until a training begins, and all of it that is pickled."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from livetrain._frameworks.reader import ReadBatch
from livetrain._monitor import Monitor
from livetrain.exceptions import ConfigurationError

__all__ = ["Settings", "given_options", "let_be_set"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The user's own settings.

    Attributes:
        owner: the public class they were given to, for messages.
        options: arguments of the monitor.
        read_batch: reads images and targets from a batch; None: the usual kinds are read.
        let_set: what the page may set.
        monitor_factory: makes the monitor; None: :class:`livetrain.Monitor`.
    """

    owner: str
    options: Mapping[str, Any] = field(default_factory=dict)
    read_batch: ReadBatch | None = None
    let_set: tuple[str, ...] = ()
    monitor_factory: Callable[..., Monitor] | None = None

    def open(self, known: Mapping[str, Any]) -> Monitor:
        """Make the monitor of a training.

        Args:
            known: what the framework knows, by argument of the monitor; None is left out, and what the user said comes first.

        Raises:
            ConfigurationError: a value that cannot work.
        """
        found = {name: value for name, value in known.items() if value is not None}
        make = Monitor if self.monitor_factory is None else self.monitor_factory
        return make(**{**found, **self.options})


def given_options(
    owner: str,
    run: str | None,
    server: str | None,
    project: str | None,
    monitor_options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the arguments of a monitor that the user gave.

    Args:
        owner: the public class, for the message.
        run: None: not given, as for those that follow.
        server: where it is.
        project: what the run is listed under.
        monitor_options: the others.

    Raises:
        TypeError: one that no monitor has. Said now, and not when training begins, maybe hours in a queue later.
    """
    known = inspect.signature(Monitor).parameters
    for name in monitor_options:
        if name not in known:
            raise TypeError(f"{owner} has no argument {name!r}; give one of {', '.join(known)}.")
    given = {"run": run, "server": server, "project": project}
    return {
        **monitor_options,
        **{name: value for name, value in given.items() if value is not None},
    }


def let_be_set(names: Sequence[str], *more: str) -> tuple[str, ...]:
    """Return what the page may set, checked.

    Args:
        names: what the user said.
        more: what can be set in this framework beside the learning rate.

    Raises:
        ConfigurationError: something that cannot be set.
    """
    known = ("learning_rate", *more)
    if isinstance(names, str) or not set(names) <= set(known):
        raise ConfigurationError(
            "let_set",
            names,
            f"the page can set {' and '.join(known)} here and nothing else".replace("_", " "),
            f"give some of {known!r}, or ()",
        )
    return tuple(names)
