"""Who speaks."""

from __future__ import annotations

from dataclasses import dataclass

from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Identity"]


@dataclass(slots=True)
class Identity:
    """Who speaks: what every registration and every record carries."""

    info: pb.SessionInfo
    resume_token: str = ""
    run_id: str = ""
    page_url: str = ""

    @property
    def session_id(self) -> str:
        """The run, as this trainer named it."""
        return self.info.session_id

    def serialize(self) -> bytes:
        """Return what another process needs to speak for this stream, its token included."""
        self.info.resume_token = self.resume_token
        return self.info.SerializeToString()

    def begin_anew(self, session_id: str) -> None:
        """Speak for another run from now on, a new one."""
        self.info.session_id, self.resume_token = session_id, ""
        self.info.ClearField("resumed_step")
