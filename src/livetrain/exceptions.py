"""What livetrain raises, and only for misuse: data and network trouble never raise.

::

    LivetrainError
    ├── ConfigurationError   an option or environment variable has a value that cannot work
    ├── UsageError           a call that makes no sense where it stands
    └── ProtocolError        bytes that are not what the wire says (server and tools, never the training)

`TrainingStopped` stands apart: it is no error, and is raised only where `ControlOptions(stop="raise")` asks for it.

Every message says the value, the reason and the mend.
"""

from __future__ import annotations

__all__ = [
    "ConfigurationError",
    "LivetrainError",
    "ProtocolError",
    "TrainingStopped",
    "UsageError",
]


class LivetrainError(Exception):
    """The base of everything that livetrain raises."""


class ConfigurationError(LivetrainError, ValueError):
    """An option has a value that cannot work.

    Attributes:
        option: the option's name as the user wrote it, e.g. ``"max_overhead"`` or ``"LIVETRAIN_MODE"``.
        value: what it was given.
        reason: why that cannot work, a clause.
        mend: what to write instead, a clause.
    """

    def __init__(self, option: str, value: object, reason: str, mend: str) -> None:
        self.option = option
        self.value = value
        self.reason = reason
        self.mend = mend
        super().__init__(f"{option}={value!r}: {reason}; {mend}.")

    def __reduce__(self) -> tuple[type[ConfigurationError], tuple[str, object, str, str]]:
        return type(self), (self.option, self.value, self.reason, self.mend)


class UsageError(LivetrainError, RuntimeError):
    """A call that makes no sense where it stands, e.g. one name for two handlers."""


class ProtocolError(LivetrainError, ValueError):
    """Bytes that are not what the wire schema says."""


class TrainingStopped(BaseException):
    """Somebody stopped the training, and its `ControlOptions(stop="raise")` ask for this exception.

    Like `KeyboardInterrupt` it is no `Exception`: a library's own ``except Exception`` lets it through. A ``with Monitor(...)``
    block around the training ends with it and does not pass it on. Its text says who stopped the training.
    """
