"""What can be set: by flags, else by ``LIVETRAIN_SERVER_*``, else as it stands here."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from livetrain.server.errors import StartError

__all__ = ["Address", "Settings", "load"]


class Address(NamedTuple):
    """Where to listen; port 0: a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _address(value: Any) -> Address:
    if isinstance(value, Address):
        return value
    host, _, port = str(value).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("not HOST:PORT; give for example 127.0.0.1:8080, or port 0 for a free one")
    if host == "localhost":
        host = "127.0.0.1"
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(
            "only loopback addresses are served until tokens and TLS are built in; "
            "give 127.0.0.1 and reach it from elsewhere through ssh -L"
        )
    return Address(host, int(port))


def _relay(value: Any) -> Address | None:
    return None if value is None or str(value).lower() == "off" else _address(value)


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if (
        parts.scheme not in ("http", "https")
        or not parts.netloc
        or parts.path not in ("", "/")
        or "*" in value
    ):
        raise ValueError(f"{value!r} is no origin; give for example https://train.example.org")
    return f"{parts.scheme}://{parts.netloc}".lower()


def _host(value: str) -> str:
    if not value or any(character in value for character in "/*@ ") or value.lower() == "null":
        raise ValueError(
            f"{value!r} is no host; give one exactly as browsers send it, such as train.example.org"
        )
    return value.lower()


def _split(value: Any) -> Any:
    # In the environment several stand side by side with commas between.
    return (
        [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, str)
        else value
    )


def default_data_dir() -> Path:
    """Return where the server keeps its data unless told otherwise: the platform's place for state."""
    state = os.environ.get("XDG_STATE_HOME")
    base = (
        Path(state) if state and Path(state).is_absolute() else Path("~/.local/state").expanduser()
    )
    return base / "livetrain" / "server"


class Settings(BaseSettings):
    """Everything that can be set.

    Attributes:
        grpc: where trainers connect.
        http: where browsers, scripts and Prometheus do.
        relay: where clients of the metrics relay do; None: nowhere.
        data_dir: what the server keeps.
        database: an SQLAlchemy URL; None: a file in ``data_dir``.
        allow_origin: further origins whose pages may open the live view and change things.
        allow_host: further names under which the server is reached.
        retain_events: committed records of a run that stay replayable one by one; curves keep every point.
        memory_mib: what the server may use of memory, MiB, beyond what it has when nobody is connected.
        retain_days: runs of which nothing was heard for so many days are deleted; None: never.
        log_format: ``text`` or ``json``.
        log_level: what is logged.
        record_dialect: where to write what older clients and the server say to each other; None: nowhere.
    """

    model_config = SettingsConfigDict(
        env_prefix="LIVETRAIN_SERVER_", env_ignore_empty=True, extra="ignore"
    )

    grpc: Annotated[Address, NoDecode, BeforeValidator(_address)] = Address("127.0.0.1", 50051)
    http: Annotated[Address, NoDecode, BeforeValidator(_address)] = Address("127.0.0.1", 8080)
    relay: Annotated[Address | None, NoDecode, BeforeValidator(_relay)] = Address("127.0.0.1", 8765)
    data_dir: Path = Field(default_factory=default_data_dir)
    database: str | None = None
    allow_origin: Annotated[
        list[Annotated[str, BeforeValidator(_origin)]], NoDecode, BeforeValidator(_split)
    ] = []
    allow_host: Annotated[
        list[Annotated[str, BeforeValidator(_host)]], NoDecode, BeforeValidator(_split)
    ] = []
    retain_events: int = Field(default=200_000, ge=1_000)
    memory_mib: int = Field(default=1024, ge=256, le=1_048_576)
    retain_days: float | None = Field(default=None, gt=0)
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    record_dialect: Path | None = None


def load(**flags: Any) -> Settings:
    """Return the settings; a flag that is None was not given.

    Raises:
        StartError: one of them cannot work.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        given = first["input"] if isinstance(first["input"], (str, int, float)) else flags.get(name)
        flag, variable = "--" + name.replace("_", "-"), f"LIVETRAIN_SERVER_{name.upper()}"
        where = flag if flags.get(name) is not None else variable
        reason = first["msg"].removeprefix("Value error, ")
        raise StartError(
            f"{where} {str(given)!r} cannot be used: {reason[0].lower()}{reason[1:]}."
        ) from None
    except Exception as error:  # a source of settings that cannot be read at all
        raise StartError(
            f"The settings cannot be read ({error}); check the LIVETRAIN_SERVER_* variables."
        ) from None
