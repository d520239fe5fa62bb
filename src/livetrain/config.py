"""The options of a monitor: frozen dataclasses, checked when they are made.

The environment is read in one place, :func:`from_environment`, and passed in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from livetrain.exceptions import ConfigurationError
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["ControlOptions", "Environment", "ImageOptions", "Parameter", "from_environment"]

Layout = Literal["auto", "HW", "HWC", "CHW", "NHW", "NHWC", "NCHW"]
Packing = Literal["auto", "strip", "tiles"]
PictureFormat = Literal["auto", "jpeg", "png"]
Mode = Literal["online", "offline", "disabled"]

DEFAULT_SERVER = "127.0.0.1:50051"
TILES = 16
"""Images in a frame: the page shows them four by four, and older clients count on it."""


def _check(condition: bool, option: str, value: object, reason: str, mend: str) -> None:
    if not condition:
        raise ConfigurationError(option, value, reason, mend)


def _numbers(option: str, values: object) -> tuple[float, ...]:
    """Return one number a channel.

    Raises:
        ConfigurationError: that is no sequence of finite numbers.
    """
    try:
        numbers = tuple(float(value) for value in values)  # type: ignore[attr-defined]  # or else it is said
    except (TypeError, ValueError):
        numbers = ()
    _check(
        bool(numbers) and all(map(math.isfinite, numbers)),
        option,
        values,
        "not one number a channel",
        f"give for example {option}=(0.5, 0.5, 0.5), or {option}=(0.5,) for grey images",
    )
    return numbers


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """How images are read, reduced and encoded.

    Attributes:
        max_size: pixels of the longer side of a tile; larger images are reduced, smaller ones sent as they are.
        quality: JPEG quality, 1 to 100; the overhead governor may go down to 75.
        format: ``"auto"`` sends JPEG, and PNG for masks and tiny images where that is smaller.
        packing: ``"strip"`` encodes the 16 tiles as one picture, ``"tiles"`` as 16; ``"auto"`` lets the server
            decide.
        layout: the order of the axes, or ``"auto"``: a last axis of 1, 3 or 4 is channels, else a first (or second, in a
            batch) one is.
        value_range: what black and white are in float images, or ``"auto"``: read off the values (0..1, −1..1 or 0..255).
        mean, std: what a normalisation subtracted and divided by, one number a channel; None: images are not normalised.
        gather_seconds: how long batches of fewer than 16 images are gathered before they are shown, seconds.
        formatter: called in the background as ``formatter(index, prediction, target) -> str``, with the tile's place, and None
            where there is no prediction or target; its text stands on the tile.
            ``prediction.confidence`` is None where nobody told one, as with class indices. None: label and confidence.
        render: called in the background, on several threads, as ``render(sample)`` with a copy of each sample that is shown, for
            data that are no pictures (token ids, sound, a table): returns a picture or a text. None: samples are pictures,
            and texts are written out.
        watch: ids of the samples to follow in place of a random 16; needs ``ids=`` in ``log_batch``. None: random.
        every_rank: of several ranks each sends images, and the page chooses whose to show. False: rank 0 alone.

    Raises:
        ConfigurationError: a value cannot work; the sentence says what would.

    Example:
        >>> ImageOptions(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)).max_size
        256
    """

    max_size: int = 256
    quality: int = 85
    format: PictureFormat = "auto"
    packing: Packing = "auto"
    layout: Layout = "auto"
    value_range: Literal["auto"] | tuple[float, float] = "auto"
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    gather_seconds: float = 2.0
    formatter: Callable[[int, Any, Any], str] | None = None
    render: Callable[[Any], Any] | None = None
    watch: Sequence[Hashable] | None = None
    every_rank: bool = False

    def __post_init__(self) -> None:
        _check(
            isinstance(self.max_size, int) and 8 <= self.max_size <= 4096,
            "max_size",
            self.max_size,
            "tiles are 8 to 4096 pixels wide",
            "give a whole number such as 256",
        )
        _check(
            isinstance(self.quality, int) and 1 <= self.quality <= 100,
            "quality",
            self.quality,
            "JPEG quality goes from 1 to 100",
            "give a whole number such as 85",
        )
        for option, allowed in (
            ("format", ("auto", "jpeg", "png")),
            ("packing", ("auto", "strip", "tiles")),
            ("layout", ("auto", "HW", "HWC", "CHW", "NHW", "NHWC", "NCHW")),
        ):
            value = getattr(self, option)
            _check(
                value in allowed,
                option,
                value,
                "not one of the known words",
                f"give one of {', '.join(allowed)}",
            )
        if self.value_range != "auto":
            low_high = self.value_range
            _check(
                isinstance(low_high, tuple)
                and len(low_high) == 2
                and all(map(_is_number, low_high))
                and low_high[0] < low_high[1],
                "value_range",
                low_high,
                "not a pair of black and white",
                "give for example (0.0, 1.0), or 'auto'",
            )
        _check(
            (self.mean is None) == (self.std is None),
            "mean",
            self.mean,
            "mean and std go together",
            "give both or neither",
        )
        if self.mean is not None and self.std is not None:
            for option in ("mean", "std"):
                # A list or an array is as good, but has to be kept as what nobody changes.
                object.__setattr__(self, option, _numbers(option, getattr(self, option)))
            _check(
                len(self.mean) == len(self.std) > 0 and all(s > 0 for s in self.std),
                "std",
                self.std,
                "one positive number a channel is needed, as many as in mean",
                "give for example std=(0.229, 0.224, 0.225)",
            )
        _check(
            _is_number(self.gather_seconds) and 0 <= self.gather_seconds <= 60,
            "gather_seconds",
            self.gather_seconds,
            "gathering takes 0 to 60 seconds",
            "give for example 2.0",
        )
        _check(
            self.formatter is None or callable(self.formatter),
            "formatter",
            self.formatter,
            "not callable",
            "give a function (index, prediction, target) -> str",
        )
        _check(
            self.render is None or callable(self.render),
            "render",
            self.render,
            "not callable",
            "give a function sample -> picture or text",
        )
        if self.watch is not None:
            _check(
                isinstance(self.watch, Sequence)
                and not isinstance(self.watch, (str, bytes))
                and 0 < len(self.watch) <= TILES
                and all(isinstance(sample_id, Hashable) for sample_id in self.watch),
                "watch",
                self.watch,
                f"1 to {TILES} sample ids can be followed, in the order of their tiles",
                "give a short list of numbers or texts",
            )


_RANGES = {"learning_rate": (0.0, 10.0), "batch_size": (1.0, 65536.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlOptions:
    """What the page and the command line may do to this training.

    Attributes:
        allow: the verbs that are carried out; everything else is refused. Empty: look, don't touch.
        pause_lease_seconds: a pause ends by itself after this long.
        lost_contact_seconds: a pause ends by itself when the server was not heard for this long.
        ranges: the lowest and highest value that may be set, by name; what is not named here has 0 to 10 for ``learning_rate`` and
            1 to 65536 for ``batch_size``.
        impossible: verbs that cannot be done to this training, and for each why, in a sentence that who asks is told.
        stop: how the training learns that it is to stop. ``"ask"``: its loop asks `Monitor.should_stop`, or goes over
            `Monitor.steps`. ``"raise"``: `Monitor.log_batch` and `Monitor.sync` raise :class:`livetrain.TrainingStopped`, for the
            loop of a library that never asks.

    Raises:
        ConfigurationError: a value cannot work; the sentence says what would.

    Example:
        >>> ControlOptions(allow=()).allow
        ()
    """

    allow: tuple[str, ...] = ("pause", "resume", "stop")
    pause_lease_seconds: float = 3600.0
    lost_contact_seconds: float = 60.0
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    impossible: Mapping[str, str] = field(default_factory=dict)
    stop: Literal["ask", "raise"] = "ask"

    def range_of(self, name: str) -> tuple[float, float]:
        """Return the lowest and highest value that `name` may be set to."""
        return self.ranges.get(name) or _RANGES.get(name.partition("/")[0], (-math.inf, math.inf))

    def __post_init__(self) -> None:
        for name, low_high in self.ranges.items():
            _check(
                isinstance(low_high, tuple) and len(low_high) == 2 and low_high[0] <= low_high[1],
                "ranges",
                {name: low_high},
                "not a pair of lowest and highest",
                "give for example {'learning_rate': (1e-6, 0.1)}",
            )
        _check(
            not isinstance(self.allow, str) and all(isinstance(verb, str) for verb in self.allow),
            "allow",
            self.allow,
            "not a sequence of verbs",
            "give for example ('pause', 'resume', 'stop')",
        )
        _check(
            self.stop in ("ask", "raise"),
            "stop",
            self.stop,
            "neither of the two ways to stop a training",
            "give 'ask' or 'raise'",
        )
        for option in ("pause_lease_seconds", "lost_contact_seconds"):
            value = getattr(self, option)
            _check(
                _is_number(value) and value > 0,
                option,
                value,
                "not a positive number of seconds",
                "give for example 60.0",
            )


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a command of the user's own; it becomes a field of the form on the page.

    Attributes:
        kind: ``"float"``, ``"int"``, ``"text"`` or ``"choice"``.
        minimum, maximum: of a number. None: no bound.
        default: what the field holds at first. None: empty.
        choices: of a choice.

    Raises:
        ConfigurationError: another kind, or a choice of nothing.

    Example:
        >>> Parameter("int", 1, 16, default=4).maximum
        16
    """

    kind: Literal["float", "int", "text", "choice"]
    minimum: float | None = None
    maximum: float | None = None
    default: float | int | str | None = None
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        kinds = ("float", "int", "text", "choice")
        _check(
            self.kind in kinds, "kind", self.kind, "no such kind", f"give one of {', '.join(kinds)}"
        )
        _check(
            self.kind != "choice" or bool(self.choices),
            "choices",
            self.choices,
            "a choice of nothing",
            "give for example choices=('low', 'high')",
        )

    def declare(self, name: str) -> pb.ControlParameter:
        """Return what the server is told."""
        return pb.ControlParameter(
            name=name,
            kind=self.kind,
            minimum=self.minimum,
            maximum=self.maximum,
            default_value="" if self.default is None else str(self.default),
            choices=self.choices,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What the ``LIVETRAIN_*`` variables say; None where a variable is absent."""

    server: str | None = None
    token: str | None = None
    project: str | None = None
    run: str | None = None
    session: str | None = None
    mode: Mode = "online"
    spool_dir: Path | None = None
    spool_mib: float | None = None
    max_overhead: float | None = None
    max_fps: float | None = None
    tracebacks: bool | None = None


def from_environment(environ: Mapping[str, str]) -> Environment:
    """Read the ``LIVETRAIN_*`` variables of a training; docs/reference/settings.md lists them.

    Args:
        environ: usually ``os.environ``. An empty value counts as absent.

    Raises:
        ConfigurationError: a variable has a value that cannot work.

    Example:
        >>> from_environment({"LIVETRAIN_MODE": "disabled"}).mode
        'disabled'
    """

    def text(name: str) -> str | None:
        return environ.get(f"LIVETRAIN_{name}") or None

    def number(name: str, example: float = 0.01) -> float | None:
        raw = text(name)
        if raw is None:
            return None
        try:
            value = float(raw)
        except ValueError:
            value = math.nan
        _check(
            value > 0,
            f"LIVETRAIN_{name}",
            raw,
            "not a positive number",
            f"give for example {example:g} or unset it",
        )
        return value

    def switch(name: str) -> bool | None:
        raw = text(name)
        if raw is None:
            return None
        on, off = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
        _check(
            raw.lower() in on + off,
            f"LIVETRAIN_{name}",
            raw,
            "neither on nor off",
            "give 1 or 0, or unset it",
        )
        return raw.lower() in on

    mode = text("MODE") or "online"
    _check(
        mode in ("online", "offline", "disabled"),
        "LIVETRAIN_MODE",
        mode,
        "not a known mode",
        "give online, offline or disabled",
    )
    spool_dir = text("SPOOL_DIR")
    return Environment(
        server=text("SERVER"),
        token=text("TOKEN"),
        project=text("PROJECT"),
        run=text("RUN"),
        session=text("SESSION"),
        mode=mode,  # type: ignore[arg-type]  # checked against the literal's words above
        spool_dir=Path(spool_dir).expanduser() if spool_dir else None,
        spool_mib=number("SPOOL_MIB", 512),
        max_overhead=number("MAX_OVERHEAD"),
        max_fps=number("MAX_FPS", 30),
        tracebacks=switch("TRACEBACKS"),
    )
