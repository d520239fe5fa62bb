"""Requests that nobody means: each is answered with what it asks for or with why not, and never with a 500."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import httpx
import pytest
from tests.integration.server.processes import ServerProcess
from tests.integration.server.trainer import Trainer

NINES = "9" * 30
ODD = [
    NINES,
    "-1",
    "0",
    str(2**63 - 1),
    str(2**63),
    "nan",
    "inf",
    "-inf",
    "1e999",
    "9" * 5000,
    "",
    "a\0b",
    "\ud800",
    "é" * 500,
    "%",
    "[" * 600,
    "loss," * 1000,
    "'; DROP TABLE runs; --",
    "../../etc/passwd",
    "1" * 18 + "-" + "1" * 18,
    '"' * 50,
]


def quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


@pytest.fixture(scope="module")
def run_id(shared_server: ServerProcess) -> Iterator[str]:
    with Trainer(shared_server.grpc) as trainer:
        made = trainer.register().run_id
        trainer.open()
        trainer.batch(1)
        trainer.wait_durable(1)
        yield made


def routes(
    openapi: dict[str, dict[str, dict[str, object]]],
) -> Iterator[tuple[str, str, list[str]]]:
    for path, methods in openapi["paths"].items():
        for method, about in methods.items():
            parameters = about.get("parameters", [])
            assert isinstance(parameters, list)
            yield method.upper(), path, [p["name"] for p in parameters if p["in"] == "query"]


def test_no_value_of_any_parameter_is_answered_with_a_500(
    shared_server: ServerProcess, run_id: str
) -> None:
    openapi = httpx.get(f"{shared_server.http}/api/openapi.json").json()
    connection = http.client.HTTPConnection(urlsplit(shared_server.http).netloc, timeout=60)
    seen = set()
    for method, path, parameters in routes(openapi):
        if method not in ("GET", "DELETE"):
            continue
        places = [name.strip("{}") for name in path.split("/") if name.startswith("{")]
        for odd in ODD:
            value = quoted(odd)
            targets = [path.replace("{run_id}", run_id) + f"?{name}={value}" for name in parameters]
            targets += [path.replace("{" + name + "}", value) for name in places]
            for target in targets if method == "GET" else ():
                target = target.replace("{run_id}", run_id).replace("{sample_id}", "x")
                connection.request("GET", target)
                answer = connection.getresponse()
                body = answer.read()
                assert answer.status < 500, (target[:200], answer.status, body[:300])
                seen.add(path)
    connection.close()
    assert len(seen) >= 5
    assert not [line for line in shared_server.log if "Traceback" in line or "Exception" in line]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 600 + b"]" * 600,
        b'{"verb":' + b"[" * 30_000,
        b'{"verb": "pause", "ttl_seconds": NaN}',
        b'{"verb": "pause", "ttl_seconds": 1e999}',
        b'{"verb": "pause", "ttl_seconds": ' + b"9" * 400 + b"}",
        b'{"verb": "\\ud800"}',
        b'{"verb": "pause", "issued_by": "\\udfff"}',
        b'{"verb": "pause", "parameters": {"\\ud800": "1"}}',
        b'{"verb": "set", "parameters": {"learning_rate": ' + b"9" * 5000 + b"}}",
        b'{"verb": "set", "parameters": {"learning_rate": {"a": 1}}}',
        b'{"verb": "set", "parameters": [1]}',
        b'{"verb": "pause", "command_id": "a b"}',
        b"\xff\xfe",
        b"null",
        b"",
    ],
)
def test_no_body_is_answered_with_a_500(
    shared_server: ServerProcess, run_id: str, body: bytes
) -> None:
    answer = httpx.post(
        f"{shared_server.http}/api/runs/{run_id}/commands",
        content=body,
        headers={"content-type": "application/json"},
    )
    assert 400 <= answer.status_code < 500, answer.text[:300]
    assert json.loads(answer.text)["detail"]
    commands = httpx.get(f"{shared_server.http}/api/runs/{run_id}/commands")
    assert commands.status_code == 200


@pytest.mark.parametrize("size", ["\u00b2", "9" * 5000, "-1", "0x10", "1, 2", "+5"])
def test_no_length_is_answered_with_a_500(shared_server: ServerProcess, size: str) -> None:
    host = urlsplit(shared_server.http).netloc
    for head in ("POST /api/runs/x/commands", "GET /ws"):
        connection = http.client.HTTPConnection(host, timeout=60)
        method, path = head.split()
        connection.putrequest(method, path)
        connection.putheader("Content-Length", size.encode("latin-1"))
        if path == "/ws":
            for name, value in (
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
            ):
                connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert 400 <= answer.status < 500
        connection.close()


def test_a_metric_that_is_asked_for_often_is_read_once(
    shared_server: ServerProcess, run_id: str
) -> None:
    names = ",".join(["loss"] * 3000)
    answer = httpx.get(
        f"{shared_server.http}/api/runs/{run_id}/metrics", params={"names": names, "name": "loss"}
    )
    assert list(answer.json()["metrics"]) == ["loss"]
    assert answer.text.count('"loss"') == 1
