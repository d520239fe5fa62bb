"""Every older client, in a process of its own and all at once; `nox -s interop` prints the same as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page
from tests.integration.server.processes import ServerProcess, until
from tests.interop.built import built
from tests.interop.check_dialects import five_at_once, picture, publisher_and_the_others
from tests.interop.check_load import many_viewers, publisher_storm
from tests.interop.check_onetrainer import onetrainer_training
from tests.interop.check_recording import record_and_replay
from tests.interop.check_relay import relay_publishers
from tests.interop.check_senders import onetrainer_from_the_page, same_curve
from tests.interop.check_telemetry import telemetry_cases, viewers_of_telemetry
from tests.interop.process import Client

pytestmark = pytest.mark.timeout(600)  # the first time, compilers and Node are installed


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("older_clients", tmp_path_factory.mktemp("older"))


@pytest.mark.browser
def test_all_five_at_once_on_one_run(page: Page, tmp_path: Path) -> None:
    assert len(five_at_once(tmp_path, page)) == 5


@pytest.mark.browser
def test_a_publisher_of_the_relay_is_seen_by_the_four_others(page: Page, tmp_path: Path) -> None:
    assert len(publisher_and_the_others(tmp_path, page)) == 1


def test_trainers_of_the_telemetry_protocol_as_they_really_are(tmp_path: Path) -> None:
    assert telemetry_cases(tmp_path)


@pytest.mark.browser
def test_pages_of_the_telemetry_protocol_see_every_batch(page: Page, tmp_path: Path) -> None:
    assert len(viewers_of_telemetry(tmp_path, page)) == 2


def test_what_is_recorded_is_heard_again_from_another_server(tmp_path: Path) -> None:
    assert len(record_and_replay(tmp_path)) == 2


def test_one_training_told_in_every_way_gives_the_same_curve(tmp_path: Path) -> None:
    assert len(same_curve(tmp_path)) == 5


def test_what_a_page_asks_of_onetrainer_reaches_it(tmp_path: Path) -> None:
    assert len(onetrainer_from_the_page(tmp_path)) == 1


@pytest.mark.browser
def test_a_training_of_onetrainer_is_shown_as_it_is(page: Page, tmp_path: Path) -> None:
    assert len(onetrainer_training(tmp_path, page)) == 1


def test_publishers_of_the_relay_are_kept_apart_and_asked_for_by_their_own_ids(
    tmp_path: Path,
) -> None:
    assert len(relay_publishers(tmp_path)) == 6


def test_each_of_many_viewers_gets_what_it_subscribed_to(tmp_path: Path) -> None:
    """A slice; `nox -s interop -- thousand-viewers` has the figure. On a busy machine a bound is only a sign of life."""
    assert many_viewers(tmp_path, count=96, seconds=4.0, bound_ms=2000.0)


def test_a_storm_of_publishers_harms_nobody(tmp_path: Path) -> None:
    assert publisher_storm(tmp_path, seconds=4.0, bound_ms=3000.0)


def trainer(server: ServerProcess, older: Path, **plan: Any) -> Client:
    told = {"session": "older", "model": "resnet", **plan}
    return Client("older_trainer", server.grpc, json.dumps(told), path=older)


def runs(server: ServerProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{server.http}/api/runs").json()["runs"]
    return found


@pytest.mark.parametrize("service", ["telemetry", "metrics"])
def test_a_generated_client_streams_a_thousand_batches(
    older: Path, tmp_path: Path, service: str
) -> None:
    with (
        ServerProcess(tmp_path / "data") as server,
        trainer(server, older, service=service, batches=1000, picture=picture()) as client,
    ):
        told = client.finish()[-1]
        assert told["acks"] == list(range(1000))
        assert told["ended"]
        assert (told["errors"], told["commands"]) == ([], [])
        (run,) = runs(server)
        assert (run["name"], run["status"], run["steps"]) == ("resnet", "finished", 1000)


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ({"verb": "pause"}, ["PAUSE_TRAINING", {}]),
        ({"verb": "resume"}, ["RESUME_TRAINING", {}]),
        (
            {"verb": "set", "parameters": {"learning_rate": 0.001}},
            ["CHANGE_LEARNING_RATE", {"learning_rate": "0.001"}],
        ),
        (
            {"verb": "set", "parameters": {"batch_size": 64}},
            ["ADJUST_BATCH_SIZE", {"batch_size": "64"}],
        ),
    ],
)
def test_a_generated_client_gets_commands(
    older: Path, tmp_path: Path, order: dict[str, Any], told: list[Any]
) -> None:
    with (
        ServerProcess(tmp_path / "data") as server,
        trainer(server, older, batches=5, wait_stop=True) as client,
    ):
        until(lambda: runs(server) and runs(server)[0]["steps"] == 5, "the batches")
        address = f"{server.http}/api/runs/{runs(server)[0]['run_id']}/commands"
        assert httpx.post(address, json=order).status_code == 202
        assert httpx.post(address, json={"verb": "stop"}).status_code == 202
        assert client.finish()[-1]["commands"] == [told, ["STOP_TRAINING", {}]]


def test_a_generated_client_that_never_registered_is_told_so(older: Path, tmp_path: Path) -> None:
    with (
        ServerProcess(tmp_path / "data") as server,
        trainer(server, older, batches=3, register=False, complete=False) as client,
    ):
        told = client.finish()[-1]
        assert told["acks"] == []
        assert {code for code, _ in told["errors"]} == {1}
        assert "RegisterTrainingSession" in told["errors"][0][1]
        assert told["ended"], "an error, and no broken connection"
        assert "rpc_error" not in told


def test_a_generated_client_that_falls_silent_and_comes_back(older: Path, tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        silent = {"batches": 3, "complete": False, "half_close": False}
        with trainer(server, older, **silent) as client:
            told = client.finish()[-1]
            assert told["acks"] == [0, 1, 2]
            assert [code for code, _ in told["errors"]] == [17]
            assert told["ended"]
        (run,) = runs(server)
        assert (run["status"], run["contact"]) == ("running", "stale")
        # It does not register again: it starts with the status RUNNING, as such clients do.
        with trainer(server, older, batches=2, register=False) as client:
            told = client.finish()[-1]
            assert (told["acks"], told["errors"]) == ([0, 1], [])
        (run,) = runs(server)
        assert (run["status"], run["steps"]) == ("finished", 5)


def test_junk_of_one_session_harms_no_other(older: Path, tmp_path: Path) -> None:
    junk = "bm90IGEgcGljdHVyZQ=="
    with (
        ServerProcess(tmp_path / "data") as server,
        trainer(server, older, session="good", batches=200, picture=picture()) as good,
        trainer(server, older, session="bad", batches=20, picture=junk) as bad,
    ):
        told = bad.finish()[-1]
        assert told["acks"] == list(range(20)), "the numbers are kept"
        assert {code for code, _ in told["errors"]} == {2}
        assert told["ended"]
        told = good.finish()[-1]
        assert (told["acks"], told["errors"]) == (list(range(200)), [])
