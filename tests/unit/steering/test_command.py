"""Commands of any size: what is too large is refused in few words, and what is said of a command is short."""

from __future__ import annotations

import time

import pytest

from livetrain import _wire
from livetrain._steering.command import Outcome, problem_with, read_command, result_record
from livetrain._steering.steering import Steering
from livetrain.config import ControlOptions
from livetrain.proto import telemetry_pb2 as pb

STAMP = _wire.Stamp("run", 1, 0, 0)
LARGE = "x" * 2_000_000


@pytest.mark.parametrize(
    ("command", "answered"),
    [
        (pb.ControlCommand(command_id="c", verb=LARGE), True),
        (pb.ControlCommand(command_id="c", verb="set", parameters={"learning_rate": LARGE}), True),
        (pb.ControlCommand(command_id="c", verb="set", parameters={LARGE: "1"}), True),
        (pb.ControlCommand(command_id="c", verb="pause", issued_by=LARGE), True),
        (
            pb.ControlCommand(
                command_id="c", verb="set", parameters={str(n): "1" for n in range(1000)}
            ),
            True,
        ),
        (pb.ControlCommand(command_id=LARGE, verb="pause"), False),
        (pb.ControlCommand(command_id="c" * 201, verb="pause"), False),
    ],
)
def test_a_command_that_is_too_large_is_refused_in_few_words(
    command: pb.ControlCommand, answered: bool
) -> None:
    answers: list[bytes] = []
    steering = Steering(
        ControlOptions(allow=("pause", "set")),
        0,
        1,
        put=lambda writer: answers.append(writer(STAMP)),
        declare=lambda declared: None,
        announce=lambda status, message: None,
        silence=lambda: 0.0,
        reachable=lambda: True,
    )
    assert problem_with(command)
    for _ in range(3):
        steering.commanded(command)
    assert len(answers) == (3 if answered else 0)
    for answer in answers:
        result = pb.TelemetryRequest.FromString(answer).command_result
        assert (result.command_id, result.state) == ("c", pb.REJECTED)
        assert "are taken" in result.message
        assert len(answer) < 200
    assert not steering.control.waiting


def test_any_ordinary_command_is_looked_at() -> None:
    values = {f"value {number}": "é" * 500 for number in range(32)}
    command = pb.ControlCommand(command_id="c" * 64, verb="fly", parameters=values)
    assert problem_with(command) == ""
    assert read_command(command, now=0.0).parameters == values


def test_what_is_said_of_a_command_is_short() -> None:
    values = {LARGE: LARGE, "learning_rate": "0.1"}
    outcome = Outcome("c", pb.APPLIED, LARGE, 1, values, values)
    written = result_record(outcome, 0)(STAMP)
    assert len(written) < 10_000
    result = pb.TelemetryRequest.FromString(written).command_result
    assert result.values["learning_rate"] == result.previous["learning_rate"] == "0.1"


def test_who_gives_a_command_is_named_in_one_line() -> None:
    command = pb.ControlCommand(command_id="c", verb="pause", issued_by="ada\n\x1b[2J" + "x" * 500)
    by = read_command(command, now=time.monotonic()).issued_by
    assert by.isprintable()
    assert by.startswith("ada\\x0a\\x1b[2J")
    assert len(by) < 250
