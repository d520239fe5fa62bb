"""Says to a server what the clients in a recording said, in the same order, and compares what it answers.

The recording is what `livetrain-server --record-dialect FILE` wrote; as a program: `python -m tests.interop.replay FILE`. What
differs from one server and moment to the other is not compared: times, ids that the server makes up, how fast things go.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.picture_removal import remove_data_urls, remove_pictures
from tests.integration.server.processes import ServerProcess, until
from tests.interop.voices import (
    GrpcCall,
    GrpcStream,
    GrpcWebCall,
    GrpcWebStream,
    Voice,
    WebSocket,
)

__all__ = ["Replay", "read_recording", "replay"]

PATIENCE = 15.0
RATED = frozenset({"system_stats", "training_progress", "batch_metrics"})
"""Types of which a client gets as many as there is time for: they are not compared one by one."""
UNSTABLE = frozenset(
    {"timestamp", "server_timestamp", "client_id", "eta_seconds", "fps", "run_id", "path"}
)
"""Members of a JSON object that another server, or another moment, has otherwise."""


@dataclass
class Replay:
    """What came of it.

    Attributes:
        compared: how many of the server's messages were compared, by the dialect.
        differences: what was not the same, in words.
    """

    compared: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


def read_recording(path: Path) -> list[dict[str, Any]]:
    """Return the lines of the last recording in a file."""
    lines: list[dict[str, Any]] = []
    for text in path.read_text().splitlines():
        line = json.loads(text)
        if "recording" in line:
            assert line["recording"] == 1, f"a recording of another kind: {line}"
            lines = []
        elif "conversation" in line:
            assert "cut_from" not in line, f"a message that is not whole: {line}"
            lines.append(line)
        else:
            raise AssertionError(f"a recording that is not whole: {line}")
    return lines


class _Talk:
    """One conversation of the recording, led again."""

    def __init__(self, dialect: str, path: str, voice: Voice) -> None:
        self.dialect = dialect
        self.voice = voice
        self._calls = "Register" in path
        self._known: dict[int, Any] = {}
        self._matched: set[int] = set()

    def comparable(self, said: bytes | str) -> Any:
        """Return a message of the server as it is compared; None: it is not."""
        if isinstance(said, str):
            value = json.loads(remove_data_urls(said)[0])
            return None if value.get("type") in RATED else _stable(value)
        if self._calls:
            answer = pb.SessionResponse.FromString(said)
            for name in ("server_time_ms", "run_id", "page_url", "server_epoch"):
                answer.ClearField(name)  # type: ignore[arg-type]
            return answer
        if self.dialect == "telemetry-grpc-web":
            record = pb.TelemetryRequest.FromString(remove_pictures(said)[0])
            record.ClearField("timestamp_ms")
            return record
        response = pb.TelemetryResponse.FromString(said)
        response.ClearField("timestamp_ms")
        if response.HasField("error"):
            words = response.error.message
            response.error.message = re.sub(r"\d+ seconds", "some seconds", words)
        return response

    def hears(self, wanted: Any) -> bool:
        """Return whether the server said this, once more than it was asked for here before."""
        for place, said in enumerate(list(self.voice.heard)):
            if place in self._matched:
                continue
            if place not in self._known:
                self._known[place] = self.comparable(said)
            if self._known[place] == wanted:
                self._matched.add(place)
                return True
            if self.dialect == "telemetry-grpc" and _kind(self._known[place]) == _kind(wanted):
                return False  # acknowledgements come in order, and so do errors; one with the other as commits go
        return False


def _kind(response: Any) -> str | None:
    is_response = isinstance(response, pb.TelemetryResponse)
    return response.WhichOneof("payload") if is_response else None


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _stable(item) for name, item in value.items() if name not in UNSTABLE}
    if isinstance(value, list):
        return [_stable(item) for item in value]
    return value


def replay(recording: Path, server: ServerProcess, *, patience: float = PATIENCE) -> Replay:
    """Lead the conversations of a recording again, with a server that has nothing of their sessions.

    Args:
        recording: the file.
        server: the server.
        patience: seconds that an answer may take.
    """
    found = Replay()
    talks: dict[int, _Talk] = {}
    channels: dict[int, grpc.Channel] = {}
    for line in read_recording(recording):
        number = line["conversation"]
        if "begin" in line:
            voice = _voice(line, server, channels)
            talks[number] = _Talk(line["begin"], line["path"], voice)
            continue
        talk = talks[number]
        if "half_closed" in line:
            talk.voice.half_close()
        elif "end" in line:
            talk.voice.end()
        else:
            text = line.get("text")
            said = base64.b64decode(line["bytes"]) if text is None else text
            if line["from"] == "client":
                talk.voice.say(said)
            else:
                _compare(talk, said, number, found, patience)
    for channel in channels.values():
        channel.close()
    return found


def _voice(line: dict[str, Any], server: ServerProcess, channels: dict[int, grpc.Channel]) -> Voice:
    dialect, path = line["begin"], line["path"]
    if dialect == "telemetry-grpc":
        # Calls over one connection are one client's.
        options = [("grpc.use_local_subchannel_pool", 1)]
        connection = line["connection"]
        if connection not in channels:
            channels[connection] = grpc.insecure_channel(server.grpc, options=options)
        kind = GrpcCall if "Register" in path else GrpcStream
        return kind(channels[connection], path)
    if dialect == "telemetry-grpc-web":
        address = f"{server.http}{path}"
        return GrpcWebCall(address) if "Register" in path else GrpcWebStream(address)
    return WebSocket(f"{server.relay if dialect == 'relay' else server.live}{path}")


def _compare(talk: _Talk, said: bytes | str, number: int, found: Replay, patience: float) -> None:
    wanted = talk.comparable(said)
    if wanted is None:
        return
    found.compared[talk.dialect] += 1
    try:
        until(lambda: talk.hears(wanted), "it", patience=patience)
    except AssertionError:
        heard = [talk.comparable(one) for one in talk.voice.heard[-3:]]
        words = f"conversation {number}, {talk.dialect}: {wanted!r} was not said, but {heard!r}"
        found.differences.append(words)


def main(path: str) -> int:
    with tempfile.TemporaryDirectory() as folder, ServerProcess(Path(folder) / "data") as server:
        found = replay(Path(path), server)
    for difference in found.differences:
        print(difference)
    total = sum(found.compared.values())
    print(f"{total} messages compared, {len(found.differences)} differ: {dict(found.compared)}")
    return bool(found.differences)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
