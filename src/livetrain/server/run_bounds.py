"""How much is known of one run: what a trainer says of itself is cut where nobody reads it any more. Pure.

A run's settings are told to every viewer and stand in memory as long as the run does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from livetrain._protobuf import read_varint
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.settings_json import clean_settings

__all__ = [
    "LEFT_OUT",
    "NAME_CHARS",
    "TRACEBACK_CHARS",
    "cut",
    "cut_info",
    "first_numbers",
    "keep_config",
    "keep_declarations",
    "keep_report",
    "read_config",
]

TRACEBACK_CHARS: Final = 64 * 1024
NAME_CHARS: Final = 256
"""Of a run's name."""
LEFT_OUT: Final = '{"left_out": "The server has no memory for settings as large as these."}'
_TEXT_CHARS: Final = 256
_SENTENCE_CHARS: Final = 4_096
_TAGS: Final = 32
_CLASSES: Final = 10_000
_CLASSES_BYTES: Final = 256 * 1024
_DECLARATIONS: Final = 64
_DECLARATIONS_BYTES: Final = 64 * 1024
_COUNTERS: Final = 128
_COUNTER_CHARS: Final = 64

_Item = TypeVar("_Item")


def cut(text: str, most: int = _SENTENCE_CHARS) -> str:
    """Return a text of bearable length.

    Example:
        >>> cut("a sentence", most=5)
        'a se…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def _some(items: Iterable[_Item], most: int, most_bytes: int) -> list[_Item]:
    """Return the first of some texts or messages, as long as there are not too many and they are not too large together."""
    found: list[_Item] = []
    for item in items:
        most_bytes -= item.ByteSize() if isinstance(item, Message) else len(str(item).encode())
        if len(found) == most or most_bytes < 0:
            break
        found.append(item)
    return found


def keep_config(kept: pb.TrainingConfig, said: pb.TrainingConfig) -> None:
    """Take over what a trainer says of its settings, beside what is known; lists and settings replace those that are known."""
    for name in ("total_epochs", "batches_per_epoch", "batch_size"):
        if getattr(said, name):
            setattr(kept, name, getattr(said, name))
    for name in ("model_name", "dataset_name"):
        if getattr(said, name):
            setattr(kept, name, cut(getattr(said, name), _TEXT_CHARS))
    if said.config_json:
        kept.config_json = said.config_json
    if said.class_names:
        del kept.class_names[:]
        names = (cut(name, _TEXT_CHARS) for name in said.class_names)
        kept.class_names.extend(_some(names, _CLASSES, _CLASSES_BYTES))


def read_config(stored: bytes) -> pb.TrainingConfig:
    """Return a config as the store has it; an earlier release kept settings as they came."""
    said = pb.TrainingConfig.FromString(stored)
    said.config_json = clean_settings(said.config_json)
    config = pb.TrainingConfig()
    keep_config(config, said)
    return config


def first_numbers(head: bytes) -> bytes:
    """Return the numbers that a serialised config begins with, as a config of its own.

    Args:
        head: its first bytes, cut anywhere.

    Example:
        >>> config = pb.TrainingConfig(total_epochs=3, batch_size=16, model_name="a long name")
        >>> pb.TrainingConfig.FromString(first_numbers(config.SerializeToString()[:8]))
        total_epochs: 3
        batch_size: 16
    """
    end = at = 0
    while at < len(head) and head[at] in (8, 16, 24):  # fields 1 to 3, which are numbers
        try:
            _, at = read_varint(head, at + 1)
        except ValueError:  # it ends here
            break
        end = at
    return head[:end]


def cut_info(info: pb.SessionInfo) -> None:
    """Leave out of a registration what is not kept anyway: it may wait for its stream."""
    if info.HasField("config"):
        config = pb.TrainingConfig()
        keep_config(config, info.config)
        info.config.CopyFrom(config)
    declared = pb.SessionInfo()
    keep_declarations(declared, info.controls)
    del info.controls[:]
    info.controls.extend(declared.controls)
    for name in ("run_name", "project", "client_name", "client_version"):
        setattr(info, name, cut(getattr(info, name), _TEXT_CHARS))
    for texts, most in ((info.tags, _TAGS), (info.capabilities, _TAGS)):
        kept = [cut(text, _TEXT_CHARS) for text in texts[:most]]
        del texts[:]
        texts.extend(kept)


def keep_declarations(kept: pb.SessionInfo, said: Iterable[pb.ControlDeclaration]) -> None:
    """Take over what a trainer lets be done to it."""
    del kept.controls[:]
    kept.controls.extend(_some(said, _DECLARATIONS, _DECLARATIONS_BYTES))


def keep_report(said: pb.ClientReport) -> pb.ClientReport:
    """Return what a trainer reports of itself, with as many counters as it may have reasons."""
    report = pb.ClientReport()
    report.CopyFrom(said)
    report.governor = cut(report.governor)
    report.ClearField("starts")  # the store's own
    names: list[Any] = sorted(report.counters)
    for place, name in enumerate(names):
        if place >= _COUNTERS or len(name) > _COUNTER_CHARS:
            del report.counters[name]
    return report
