from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner, Result

import livetrain
from livetrain._console.watch import describe
from livetrain.cli import main
from tests.faults.processes import free_port


def invoke(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment)


@pytest.fixture
def nowhere() -> str:
    """Give an address where nothing listens."""
    return f"127.0.0.1:{free_port()}"


def test_it_says_its_version() -> None:
    assert invoke("--version").output == f"livetrain, version {livetrain.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--no-such-flag"],
        ["demo", "--epochs", "0"],
        ["demo", "--epochs", "many"],
        ["demo", "--fps", "-1"],
        ["watch"],
        ["no-such-command"],
    ],
)
def test_what_it_does_not_know_is_refused(arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr


@pytest.mark.parametrize("command", [["runs"], ["watch", "digits"]])
def test_no_server_is_one_sentence_that_says_the_mend(command: list[str], nowhere: str) -> None:
    result = invoke(*command, LIVETRAIN_HTTP=nowhere)
    assert result.exit_code == 2
    assert f"No server at http://{nowhere}" in result.stderr
    assert "LIVETRAIN_HTTP" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_what_is_no_address_is_one_sentence_too() -> None:
    result = invoke("runs", "--http", "http://[broken")
    assert result.exit_code == 2
    assert "give an address such as" in result.stderr


def test_doctor_says_what_is_amiss(nowhere: str) -> None:
    result = invoke("doctor", LIVETRAIN_HTTP=nowhere, LIVETRAIN_SERVER=nowhere)
    assert result.exit_code == 1
    amiss = [line for line in result.output.splitlines() if line.startswith("!!")]
    assert [("trainers" in line, nowhere in line) for line in amiss] == [
        (True, True),
        (False, True),
    ]


def test_doctor_says_that_trainings_are_silenced(nowhere: str) -> None:
    result = invoke(
        "doctor", LIVETRAIN_HTTP=nowhere, LIVETRAIN_SERVER=nowhere, LIVETRAIN_MODE="disabled"
    )
    assert "LIVETRAIN_MODE=disabled" in result.output


def test_a_setting_that_cannot_work_is_said() -> None:
    result = invoke("doctor", LIVETRAIN_MODE="perhaps")
    assert result.exit_code == 2
    assert "LIVETRAIN_MODE='perhaps'" in result.stderr


def test_the_demo_without_its_extra_says_how_to_get_it() -> None:
    script = "import sys; sys.modules['sklearn'] = None; from livetrain.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "demo", "--exit"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert "pip install 'livetrain[demo]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def run(**fields: Any) -> dict[str, Any]:
    given = {"name": "digits", "status": "running", "contact": "alive", "epoch": 2, "steps": 57}
    return {**given, "total_epochs": 20, **fields}


def test_a_watched_run_in_a_line() -> None:
    line = describe(run(), {"loss": 0.41234, "accuracy": 0.875})
    assert line == "digits  running  epoch 3/20  step 56  loss 0.412  accuracy 0.875"


def test_a_watched_run_that_is_silent_says_so() -> None:
    assert "running, stale" in describe(run(contact="stale"), {})


def test_a_run_without_an_end_has_no_total() -> None:
    assert "epoch 3  " in describe(run(total_epochs=None), {})
