from __future__ import annotations

import pytest

from livetrain.server.guard import AllowList

ALLOWED = AllowList(8080, ["Train.example.org", "10.0.0.7:9000"], ["https://train.example.org/"])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8080",
        "localhost:8080",
        "LOCALHOST:8080",
        "[::1]:8080",
        "train.example.org",
        "train.example.org:8080",
        "10.0.0.7:9000",
    ],
)
def test_a_host_of_ours(host: str) -> None:
    assert ALLOWED.host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "127.0.0.1",
        "127.0.0.1:8081",
        "localhost",
        "localhost.evil.example:8080",
        "evil.example:8080",
        "127.0.0.1:8080.evil.example",
        "0.0.0.0:8080",
        "127.1:8080",
        "2130706433:8080",
        "localhost:8080@evil.example",
        "10.0.0.7:8080",
        "train.example.org:80",
        "xn--localhost:8080",
        "[::ffff:127.0.0.1]:8080",
        "localhost.:8080",
    ],
)
def test_any_other_host(host: str) -> None:
    assert not ALLOWED.host(host)


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "http://[::1]:8080",
        "https://train.example.org",
        "http://train.example.org:8080",
    ],
)
def test_an_origin_of_ours(origin: str) -> None:
    assert ALLOWED.origin(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "https://127.0.0.1:8080",
        "http://127.0.0.1",
        "http://127.0.0.1:8080.evil.example",
        "http://127.0.0.1:8080/",
        "http://localhost:8080@evil.example",
        "file://",
        "chrome-extension://abc",
        "http://sub.train.example.org:8080",
        "ftp://localhost:8080",
        "http://localhost:8080 http://evil.example",
    ],
)
def test_any_other_origin(origin: str) -> None:
    assert not ALLOWED.origin(origin)


def test_port_80_is_left_out_by_browsers() -> None:
    assert AllowList(80).host("localhost")
    assert AllowList(80).origin("http://localhost")
