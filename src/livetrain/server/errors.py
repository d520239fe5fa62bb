"""What keeps a server from starting."""

from __future__ import annotations

from livetrain.exceptions import LivetrainError

__all__ = ["StartError"]


class StartError(LivetrainError):
    """The server cannot start; the message is one sentence that says the mend."""
