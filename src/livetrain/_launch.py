"""From the arguments of a monitor to an engine: checks them, reads the environment's part, puts the pieces together."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import sys
import tempfile
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from livetrain import _wire
from livetrain._budget import Governor
from livetrain._capture.capture import Capture
from livetrain._capture.encoder import usable_cpus
from livetrain._class_names import read_class_names
from livetrain._config_json import are_settings, config_json, plain_settings
from livetrain._delivery.backoff import full_jitter
from livetrain._delivery.identity import Identity
from livetrain._delivery.session import Session
from livetrain._delivery.transport import Endpoint
from livetrain._engine import Engine
from livetrain._performance import StepMeter
from livetrain._point_columns import PointThinner
from livetrain._ranks.meeting import Meeting, next_number
from livetrain._ranks.restarts import restarts_before
from livetrain._resume import ResumeState
from livetrain._spool.limits import MIB, SpoolLimits
from livetrain._spool.private_directory import tighten
from livetrain._spool.spool import Spool
from livetrain._text import text_of
from livetrain._warnings import warn_once_a_minute
from livetrain.config import DEFAULT_SERVER, ControlOptions, Environment, ImageOptions
from livetrain.exceptions import ConfigurationError
from livetrain.proto import telemetry_pb2 as pb

__all__ = [
    "RunDescription",
    "describe_run",
    "endpoint",
    "launch",
    "read_settings",
    "spool_directory",
    "state_directory",
    "training_config",
]


_NAME_CHARS = 256  # of a name, a tag or a label
_TAGS = 32
_LABELS = 10_000  # a server takes 20,000 fields in one message
_SESSION = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass(frozen=True, slots=True)
class RunDescription:
    """What the server and the page are told about a run."""

    name: str
    project: str
    tags: tuple[str, ...]
    config: pb.TrainingConfig
    class_names: tuple[str, ...] | None
    rank: int
    world_size: int
    session: str | None
    restarts: int = 0


def check_types(**given: object) -> None:
    """Check the arguments of a monitor that are of one type, by their names.

    Raises:
        ConfigurationError: one is not of its type.
    """
    for option, (kinds, reason, mend) in _TYPES.items():
        if option in given and not isinstance(given[option], kinds):
            raise ConfigurationError(option, given[option], reason, mend)


_TYPES: dict[str, tuple[tuple[type, ...], str, str]] = {
    "images": (
        (ImageOptions,),
        "not ImageOptions",
        "give for example images=livetrain.ImageOptions(max_size=128), or leave it out",
    ),
    "control": (
        (ControlOptions,),
        "not ControlOptions",
        "give for example control=livetrain.ControlOptions(allow=()), or leave it out",
    ),
    "server": ((str, type(None)), "not text", f"give for example {DEFAULT_SERVER!r}"),
    "spool_dir": ((str, Path, type(None)), "not a path", "give a folder, or leave it out"),
    "enabled": ((bool,), "neither True nor False", "give one of them"),
    "tracebacks": (
        (bool, type(None)),
        "neither True nor False",
        "give one of them, or leave it out",
    ),
    "tags": ((Iterable,), "not a sequence of words", "give for example ('baseline',)"),
    "class_names": (
        (Iterable, type(None)),
        "not one label a class",
        "give a list of labels, or leave it out",
    ),
}


def describe_run(
    env: Environment,
    environ: Mapping[str, str],
    *,
    run: str | None,
    project: str,
    tags: Iterable[str],
    config: Any,
    class_names: Iterable[Any] | None,
    total_epochs: int | None,
    batches_per_epoch: int | None,
    batch_size: int | None,
    rank: int | None,
    world_size: int | None,
    session: str | None = None,
) -> RunDescription:
    """Check what the user said about the run and fill in what they did not.

    Raises:
        ConfigurationError: a value cannot work.
    """
    for option, text in (("run", run), ("project", project)):
        if text is not None and (not isinstance(text, str) or not text.strip() or len(text) > 200):
            raise ConfigurationError(
                option,
                text,
                "a name is text of 1 to 200 characters",
                "give for example 'resnet-digits'",
            )
    if isinstance(tags, str):
        raise ConfigurationError("tags", tags, "one text, not several", f"give ({tags!r},)")
    if session is not None and not _SESSION.fullmatch(session):
        raise ConfigurationError(
            "session",
            session,
            "8 to 64 letters, digits, - and _ are needed, which nobody can guess",
            "make them up for each training, e.g. by uuid.uuid4().hex, and give every rank the same",
        )
    labels = None if class_names is None else read_class_names(class_names)
    training = training_config(
        config=config,
        class_names=labels,
        total_epochs=total_epochs,
        batches_per_epoch=batches_per_epoch,
        batch_size=batch_size,
    )
    script = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] not in ("", "-c", "-m") else "run"
    return RunDescription(
        name=text_of(run or env.run or f"{script} {datetime.now():%Y-%m-%d %H:%M}", _NAME_CHARS),
        project=text_of((env.project or project) if project == "default" else project, _NAME_CHARS),
        tags=_tags(tags),
        config=training,
        class_names=labels,
        rank=_rank("rank", rank, environ.get("RANK"), 0),
        world_size=_rank("world_size", world_size, environ.get("WORLD_SIZE"), 1),
        session=session or env.session,
        restarts=restarts_before(environ),
    )


def read_settings(config: Any) -> dict[str, Any]:
    """Return settings as plain values that JSON can hold; what had to be cut is said once a minute.

    Args:
        config: a mapping, a namespace, a dataclass or the like; None: there are none.

    Raises:
        ConfigurationError: it is none of these.
    """
    if config is None:
        return {}
    if not are_settings(config):
        raise ConfigurationError(
            "config", config, "not a mapping", "give a dict such as {'lr': 3e-4}, or vars(args)"
        )
    settings, cut = plain_settings(config)
    if cut:
        warn_once_a_minute("config", f"Of config, {'; '.join(cut)}.")
    return settings


def training_config(
    *,
    config: Any = None,
    class_names: Iterable[Any] | None = None,
    total_epochs: int | None = None,
    batches_per_epoch: int | None = None,
    batch_size: int | None = None,
) -> pb.TrainingConfig:
    """Check what the user said about the training, and return what the server is told; what was not given is left empty.

    Raises:
        ConfigurationError: a value cannot work.
    """
    settings = read_settings(config)
    labels = () if class_names is None else read_class_names(class_names)
    if len(labels) > _LABELS:
        warn_once_a_minute(
            "class_names",
            f"Of {len(labels):,} class names the page is told the first {_LABELS:,}; predictions have all of them.",
        )
    for option, number in (
        ("total_epochs", total_epochs),
        ("batches_per_epoch", batches_per_epoch),
        ("batch_size", batch_size),
    ):
        if number is not None and (
            not isinstance(number, int) or isinstance(number, bool) or number < 1
        ):
            raise ConfigurationError(
                option, number, "not a positive whole number", "give one, or leave it out"
            )
    return pb.TrainingConfig(
        total_epochs=total_epochs or 0,
        batches_per_epoch=batches_per_epoch or 0,
        batch_size=batch_size or 0,
        class_names=labels[:_LABELS],
        config_json=config_json(settings) if settings else "",
    )


def _tags(given: Iterable[Any]) -> tuple[str, ...]:
    tags = tuple(text_of(tag, _NAME_CHARS) for tag in given)
    if len(tags) > _TAGS:
        warn_once_a_minute("tags", f"Of {len(tags)} tags the first {_TAGS} are kept.")
    return tags[:_TAGS]


def _rank(option: str, given: int | None, variable: str | None, default: int) -> int:
    if given is None:
        return int(variable) if variable is not None and variable.isdigit() else default
    if not isinstance(given, int) or isinstance(given, bool) or given < 0:
        raise ConfigurationError(
            option, given, "not a whole number from 0", "leave it out, and torchrun's value is used"
        )
    return given


def endpoint(
    env: Environment, *, server: str | None, token: str | None, tls: bool | str | Path | None
) -> Endpoint:
    """Check where the server is and how it may be spoken to.

    Raises:
        ConfigurationError: an address that is none, a certificate that cannot be read, or a token in plain text.
    """
    address = server or env.server or DEFAULT_SERVER
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in address or not 0 < int(port) < 65536:
        raise ConfigurationError(
            "server", address, "not host:port", f"give for example {DEFAULT_SERVER!r}"
        )
    certificates: bytes | None = None
    if isinstance(tls, (str, Path)):
        try:
            certificates = Path(tls).expanduser().read_bytes()
        except OSError as error:
            raise ConfigurationError(
                "tls", str(tls), f"cannot be read ({error.strerror})", "give the path of a PEM file"
            ) from error
    elif tls:
        certificates = b""
    found = Endpoint(address, token or env.token, certificates)
    if found.token and certificates is None and not found.loopback:
        raise ConfigurationError(
            "server",
            address,
            "a token would go there in plain text",
            "add tls=True, or reach the server through a tunnel to 127.0.0.1",
        )
    return found


def launch(
    run: RunDescription,
    target: Endpoint,
    spool_dir: Path,
    *,
    offline: bool,
    images: ImageOptions,
    max_overhead: float,
    max_fps: float,
    spool_mib: float | None = None,
    controls: Sequence[pb.ControlDeclaration] = (),
    resume: ResumeState | None = None,
) -> Engine:
    """Put an engine together; nothing runs before `Engine.start`.

    Args:
        run: what the server is told.
        target: where it is.
        spool_dir: below it this stream gets a directory of its own.
        offline: nothing is sent, the spool alone is filled.
        images: how images are read.
        max_overhead: the budget.
        max_fps: frames a second at most.
        spool_mib: how much of the disk waiting records may take, MiB; None: the default.
        controls: what may be done to this training.
        resume: the run that this is a part of; None: a new one.

    Raises:
        ConfigurationError: a rate or share is not a positive number.
    """
    for option, number in (("max_overhead", max_overhead), ("max_fps", max_fps)):
        if (
            not isinstance(number, (int, float))
            or isinstance(number, bool)
            or not number > 0
            or math.isinf(number)
        ):
            raise ConfigurationError(
                option,
                number,
                "not a positive number",
                "give for example max_overhead=0.01 or max_fps=60.0",
            )
    given = run.session if resume is None else resume.session_id
    info = pb.SessionInfo(
        session_id=uuid.uuid4().hex if given is None else given,
        client_name="livetrain-python",
        config=run.config,
        protocol_version=_wire.PROTOCOL_VERSION,
        stream_id=f"{run.rank}-{uuid.uuid4().hex[:12]}",
        rank=run.rank,
        world_size=run.world_size,
        run_name=run.name,
        project=run.project,
        tags=run.tags,
        controls=controls,
        resumed_step=None if resume is None else resume.step,
        restart_count=run.restarts,
    )
    several, number = run.world_size > 1, next_number() if run.world_size > 1 else 0
    limits = SpoolLimits(max_bytes=int(spool_mib * MIB)) if spool_mib else SpoolLimits()
    return Engine(
        Identity(info, resume_token="" if resume is None else resume.resume_token),
        None if offline else target.connect,
        target.address,
        Capture(images, run.class_names),
        Governor(max_overhead, max_fps, images.quality, images.max_size, cpus=usable_cpus()),
        StepMeter(run.config.total_epochs or None, run.config.batches_per_epoch or None),
        Spool.open(spool_dir / _directory_name(info), limits, thinner=PointThinner()),
        Session(full_jitter),
        images.packing,
        Meeting(run.rank, info.session_id, number=number, start=run.restarts)
        if several and given is None
        else None,
        pictures=run.rank == 0 or images.every_rank,
        another=Meeting(
            *(run.rank, uuid.uuid4().hex), number=number, start=run.restarts, another=True
        )
        if several or given is not None
        else None,
    )


def _directory_name(info: pb.SessionInfo) -> str:
    """Return the name of a stream's directory: whoever can list it learns nothing that lets them speak for the run."""
    return hashlib.sha256(f"{info.session_id}-{info.stream_id}".encode()).hexdigest()[:32]


def spool_directory(given: str | Path | None, env: Environment, environ: Mapping[str, str]) -> Path:
    """Return the directory in which each stream has its own.

    Args:
        given: by the user; None: the environment's, else below the state directory, which nobody else can list from now on.
        env: what the ``LIVETRAIN_*`` variables say.
        environ: all variables.
    """
    if chosen := given or env.spool_dir:
        return Path(chosen).expanduser()
    state = state_directory(environ).expanduser()
    spool = state / "spool"
    for directory in (state, spool):  # an earlier release let others list them
        tighten(directory)
    return spool


def state_directory(environ: Mapping[str, str]) -> Path:
    """Return where livetrain keeps what must outlive a process: ``$XDG_STATE_HOME/livetrain`` or its default."""
    base = environ.get("XDG_STATE_HOME")
    if base:
        return Path(base) / "livetrain"
    try:
        return Path.home() / ".local" / "state" / "livetrain"
    except RuntimeError:  # a user without a home
        shared = Path(tempfile.gettempdir()) / f"livetrain-{os.getuid()}"
        # Somebody else may have been there first: whoever owns a directory may put others in the place of those in it.
        with contextlib.suppress(FileNotFoundError):
            if shared.is_symlink() or shared.stat().st_uid != os.geteuid():
                return Path(tempfile.mkdtemp(prefix="livetrain-"))
        return shared
