"""The HTTP port: who may ask, and what scripts rely on."""

from __future__ import annotations

import json
import math
from pathlib import Path
from unittest.mock import ANY

import httpx
import pytest
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.trainer import Trainer
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from livetrain.proto import telemetry_pb2 as pb

ROUTES = [
    ("GET", "/"),
    ("GET", "/runs/abc"),
    ("GET", "/nowhere"),
    ("GET", "/api/runs"),
    ("GET", "/api/runs/abc"),
    ("DELETE", "/api/runs/abc"),
    ("GET", "/api/runs/abc/metrics"),
    ("GET", "/api/runs/abc/metrics/summary"),
    ("GET", "/api/runs/abc/events"),
    ("GET", "/api/openapi.json"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("POST", "/"),
    ("OPTIONS", "/api/runs"),
    ("TRACE", "/"),
]
HOSTS = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1",
    "127.0.0.1:1",
    "localhost:{port}.evil.example",
    "0.0.0.0:{port}",
    "",
]
ORIGINS = [
    "null",
    "http://evil.example",
    "https://127.0.0.1:{port}",
    "http://localhost:1",
    "http://127.0.0.1:{port}.evil.example",
    "file://",
]


def port(server: ServerProcess) -> str:
    return server.http.rpartition(":")[2]


@pytest.mark.parametrize("host", HOSTS)
def test_a_strange_host_gets_nothing_anywhere(shared_server: ServerProcess, host: str) -> None:
    headers = {"host": host.format(port=port(shared_server))}
    with httpx.Client(base_url=shared_server.http, headers=headers) as client:
        for method, route in ROUTES:
            answer = client.request(method, route)
            assert answer.status_code == 421, (method, route)
            assert "run_id" not in answer.text


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_strange_origin_changes_and_streams_nothing(
    shared_server: ServerProcess, origin: str
) -> None:
    with Trainer(shared_server.grpc) as trainer:
        run_id = trainer.register().run_id
    headers = {"origin": origin.format(port=port(shared_server))}
    address = f"{shared_server.http}/api/runs/{run_id}"
    assert httpx.delete(address, headers=headers).status_code == 403
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(address.replace("http", "ws", 1) + "/live", additional_headers=headers),
    ):
        pass
    assert refused.value.response.status_code == 403
    answer = httpx.get(address, headers=headers)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:{port}", "http://localhost:{port}", "http://[::1]:{port}", None]
)
def test_our_own_origin_may(shared_server: ServerProcess, origin: str | None) -> None:
    with Trainer(shared_server.grpc) as trainer:
        run_id = trainer.register().run_id
    headers = {"origin": origin.format(port=port(shared_server))} if origin else {}
    address = f"{shared_server.http}/api/runs/{run_id}"
    with connect(address.replace("http", "ws", 1) + "/live", additional_headers=headers):
        pass
    assert httpx.delete(address, headers=headers).status_code == 204


def test_a_strange_host_does_not_get_a_websocket(shared_server: ServerProcess) -> None:
    with Trainer(shared_server.grpc) as trainer:
        run_id = trainer.register().run_id
    raw = httpx.get(
        f"{shared_server.http}/api/runs/{run_id}/live",
        headers={
            "host": "evil.example",
            "connection": "upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
    )
    assert raw.status_code == 403


@pytest.mark.parametrize("route", ["/", "/api/runs", "/nowhere", "/metrics"])
def test_every_answer_has_the_headers(shared_server: ServerProcess, route: str) -> None:
    headers = httpx.get(shared_server.http + route).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


@pytest.mark.parametrize(
    "route",
    [
        "/../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/assets/../../server/cli.py",
        "/%00",
        "/static/index.html",
        "/runs/a/b",
        "/docs",
    ],
)
def test_no_path_leads_to_a_file(shared_server: ServerProcess, route: str) -> None:
    answer = httpx.get(shared_server.http + route)
    assert answer.status_code in (400, 404)
    assert "root:" not in answer.text


def test_a_large_body_is_refused(shared_server: ServerProcess) -> None:
    answer = httpx.request("DELETE", f"{shared_server.http}/api/runs/x", content=b"x" * 100_000)
    assert answer.status_code == 413


def test_runs_come_page_by_page_newest_first(server: ServerProcess) -> None:
    made = []
    for _ in range(5):
        with Trainer(server.grpc) as trainer:
            made.append(trainer.register().run_id)
    seen, cursor = [], None
    for expected in (2, 2, 1):
        page = httpx.get(
            f"{server.http}/api/runs", params={"limit": 2, **({"cursor": cursor} if cursor else {})}
        ).json()
        assert len(page["runs"]) == expected
        seen += [run["run_id"] for run in page["runs"]]
        cursor = page["next"]
    assert cursor is None
    assert seen == made[::-1]


@pytest.mark.parametrize("suffix", ["", "/metrics", "/events"])
def test_a_run_that_is_not_there(shared_server: ServerProcess, suffix: str) -> None:
    answer = httpx.get(f"{shared_server.http}/api/runs/nosuchrun{suffix}")
    assert answer.status_code == 404
    assert "/api/runs" in answer.json()["detail"]


def test_an_address_that_leads_nowhere_is_said_to_people_and_to_scripts(
    shared_server: ServerProcess,
) -> None:
    address = f"{shared_server.http}/nowhere"
    script = httpx.get(address)
    person = httpx.get(address, headers={"Accept": "text/html,*/*;q=0.8"})
    assert (script.status_code, person.status_code) == (404, 404)
    assert "nothing at this address" in script.json()["detail"]
    assert person.headers["content-type"].startswith("text/html")


def no_bare_token(text: str) -> object:
    def refuse(token: str) -> float:
        raise AssertionError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_what_is_not_finite_is_null_and_listed(server: ServerProcess) -> None:
    values = [1.0, math.nan, math.inf, -math.inf, 1e308, 2.5]
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        for seq, value in enumerate(values, 1):
            scalars = pb.Scalars(step=seq, values=[pb.Scalar(name="odd/one", value=value)])
            trainer.send(
                pb.TelemetryRequest(seq=seq, timestamp_ms=1_700_000_000_000, scalars=scalars)
            )
        trainer.wait_durable(len(values))
    address = f"{server.http}/api/runs/{run_id}"
    whole = no_bare_token(httpx.get(f"{address}/metrics").text)
    answer = no_bare_token(httpx.get(f"{address}/metrics?names=odd/one").text)
    assert isinstance(whole, dict)
    assert isinstance(answer, dict)
    assert whole == {**whole, **answer}, "who asks for all is told the results as well"
    assert answer == {
        "run_id": run_id,
        "epoch_id": ANY,
        "metrics": {
            "odd/one": {
                "steps": [1, 2, 3, 4, 5, 6],
                "values": [1.0, None, None, None, 1e308, 2.5],
                "times": [1_700_000_000.0] * 6,
                "total_points": 6,
                "offset": ANY,
                "nonfinite": [
                    {"step": 2, "kind": "nan"},
                    {"step": 3, "kind": "inf"},
                    {"step": 4, "kind": "-inf"},
                ],
            }
        },
    }
    no_bare_token(httpx.get(f"{address}/events").text)
    no_bare_token(httpx.get(address).text)


def test_curves_over_chunks_are_whole_thinned_and_cut(server: ServerProcess) -> None:
    """More records than a chunk takes: curves come from chunks and from the tail, and no restart changes them."""
    count = 10_000
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        for start in range(1, count + 1, 500):
            records = [
                pb.TelemetryRequest(
                    seq=seq,
                    timestamp_ms=1_700_000_000_000 + seq,
                    batch_data=pb.BatchData(
                        step=seq - 1, batch_loss=100.0 if seq == 777 else 1 / seq
                    ),
                ).SerializeToString()
                for seq in range(start, start + 500)
            ]
            trainer.send(pb.TelemetryRequest(bundle=pb.RecordBundle(records=records)))
        trainer.wait_durable(count)
    address = f"{server.http}/api/runs/{run_id}/metrics"
    whole = httpx.get(address).json()["metrics"]["loss"]
    assert whole["steps"] == list(range(count))
    assert whole["values"][:3] == pytest.approx([1, 1 / 2, 1 / 3])
    assert whole["values"][776] == 100
    assert whole["times"][9] == pytest.approx(1_700_000_000.010)
    thinned = httpx.get(address, params={"points": 100}).json()["metrics"]["loss"]
    assert len(thinned["steps"]) <= 100
    assert (thinned["steps"][0], thinned["steps"][-1]) == (0, count - 1)
    assert 100 in thinned["values"]
    assert thinned["total_points"] == count
    cut = httpx.get(address, params={"from": 4090, "to": 4100, "names": "loss,none"}).json()[
        "metrics"
    ]
    assert cut["loss"]["steps"] == list(range(4090, 4101))
    assert cut["none"]["steps"] == []
    page = httpx.get(
        f"{server.http}/api/runs/{run_id}/events", params={"after": 9_990, "limit": 5}
    ).json()
    assert [event["offset"] for event in page["events"]] == list(range(9_991, 9_996))
    assert page["next"] == 9_995


def test_a_deleted_run_is_gone(server: ServerProcess, tmp_path: Path) -> None:
    marker = "unmistakable-name-of-a-metric"
    with Trainer(server.grpc) as kept, Trainer(server.grpc) as trainer:
        kept_id, run_id = kept.register().run_id, trainer.register(run_name=marker).run_id
        for each in (kept, trainer):
            each.open()
            scalars = pb.Scalars(step=1, values=[pb.Scalar(name=marker, value=1)])
            each.send(pb.TelemetryRequest(seq=1, scalars=scalars))
            each.wait_durable(1)
        assert httpx.delete(f"{server.http}/api/runs/{run_id}").status_code == 204
        assert trainer.ended.wait(20)
        (error,) = trainer.errors
        assert (error.code, error.retryable) == (pb.ErrorResponse.INVALID_SESSION, False)
        again = trainer.register()
        assert not again.success
        assert "deleted" in again.message
        assert httpx.get(f"{server.http}/api/runs/{run_id}").status_code == 404
        assert httpx.delete(f"{server.http}/api/runs/{run_id}").status_code == 404
        kept.batch(2)
        kept.wait_durable(2)
    assert [run["run_id"] for run in httpx.get(f"{server.http}/api/runs").json()["runs"]] == [
        kept_id
    ]
    assert server.stop() == 0
    import sqlite3

    with sqlite3.connect(tmp_path / "data" / "livetrain.db") as database:
        counts = {
            table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("runs", "streams", "events", "metrics", "chunks")
        }
    database.close()
    assert counts == {"runs": 1, "streams": 1, "events": 2, "metrics": 0, "chunks": 0}


def test_the_counters_count(server: ServerProcess) -> None:
    def value(name: str) -> float:
        lines = httpx.get(f"{server.http}/metrics").text.splitlines()
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"livetrain_{name}")
        )

    with Trainer(server.grpc) as trainer:
        trainer.register()
        trainer.open()
        trainer.send(
            pb.TelemetryRequest(
                seq=1,
                frames_stripped=16,
                strip_reason=pb.STRIP_REASON_BUDGET,
                batch_data=pb.BatchData(step=0),
            )
        )
        trainer.batch(1)
        trainer.batch(2, images=[pb.ImageData(image_bytes=b"<svg>", format="jpeg")])
        trainer.wait_durable(2)
        assert value("records_total") == 2
        assert value("duplicate_records_total") == 1
        assert value('stripped_images_total{reason="budget"}') == 16
        assert value('rejected_total{reason="picture"}') == 1
        assert value("streams") == 1
        until(lambda: value("journal_bytes") == 0, "everything to be committed")


def test_the_interface_describes_itself(shared_server: ServerProcess) -> None:
    described = httpx.get(f"{shared_server.http}/api/openapi.json").json()
    assert "/api/runs/{run_id}/metrics" in described["paths"]
    assert httpx.get(f"{shared_server.http}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{shared_server.http}/readyz").json() == {"ready": True}
