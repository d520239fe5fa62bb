"""The table of answers and errors of the OneTrainer dialect, cell by cell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from livetrain.server.dialects.onetrainer_talk import Talk


def talk() -> Talk:
    async def command(verb: str, args: Mapping[str, Any]) -> str:
        if verb == "explode":
            raise RuntimeError("boom")
        return f"{verb} {dict(args)}"

    return Talk(lambda: None, command)


def say(to: Talk, message: object) -> dict[str, Any]:
    text = message if isinstance(message, (str, bytes)) else json.dumps(message)
    answer: dict[str, Any] = json.loads(asyncio.run(to.answer(text)))
    return answer


def test_subscriptions() -> None:
    client = talk()
    assert say(client, {"type": "subscribe", "events": ["log", "unknown"]}) == {
        "type": "subscribed",
        "events": ["log", "unknown"],
        "all_subscriptions": ["log", "unknown"],
    }
    assert say(client, {"type": "subscribe", "events": ["log", "system_stats"]}) == {
        "type": "subscribed",
        "events": ["log", "system_stats"],
        "all_subscriptions": ["log", "unknown", "system_stats"],
    }
    assert say(client, {"type": "unsubscribe", "events": ["log", "never"]}) == {
        "type": "unsubscribed",
        "events": ["log", "never"],
        "remaining_subscriptions": ["unknown", "system_stats"],
    }
    for empty in ({"events": []}, {}):
        assert say(client, {"type": "unsubscribe", **empty})["type"] == "unsubscribed"
    assert list(client.subscriptions) == ["unknown", "system_stats"]


def test_the_subscription_holds_before_it_is_confirmed() -> None:
    order: list[str] = []

    async def command(verb: str, args: Mapping[str, Any]) -> str:
        return ""

    client = Talk(lambda: order.append(",".join(client.subscriptions)), command)
    say(client, {"type": "subscribe", "events": ["log"]})
    assert order == ["log"]


@pytest.mark.parametrize("given", [5, "text", None, {"a": [1]}])
def test_pong(given: object) -> None:
    answer = say(talk(), {"type": "ping", "timestamp": given})
    assert answer.pop("server_timestamp").startswith("20")
    assert answer == {"type": "pong", "client_timestamp": given}
    assert say(talk(), {"type": "ping"})["client_timestamp"] is None


def test_command() -> None:
    assert say(talk(), {"type": "command", "command": "pause", "args": {"a": 1}}) == {
        "type": "command_received",
        "command": "pause",
        "status": "acknowledged",
        "message": "pause {'a': 1}",
    }
    for args in ({}, {"args": None}, {"args": {}}):
        assert say(talk(), {"type": "command", "command": "pause", **args})["message"] == "pause {}"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", "INVALID_JSON"),
        ("{", "INVALID_JSON"),
        ("[" * 100_000, "INVALID_JSON"),
        ('{"type":"ping","timestamp":NaN}', "INVALID_JSON"),
        (b'{"type":"ping"}', "INVALID_JSON"),
        (b"\xff\x00", "INVALID_JSON"),
        ([], "INVALID_MESSAGE_TYPE"),
        ('"ping"', "INVALID_MESSAGE_TYPE"),
        ("null", "INVALID_MESSAGE_TYPE"),
        ("5", "INVALID_MESSAGE_TYPE"),
        ({}, "MISSING_TYPE"),
        ({"type": None}, "MISSING_TYPE"),
        ({"type": ""}, "MISSING_TYPE"),
        ({"type": "nonsense"}, "UNKNOWN_MESSAGE_TYPE"),
        ({"type": 5}, "UNKNOWN_MESSAGE_TYPE"),
        ({"type": ["ping"]}, "UNKNOWN_MESSAGE_TYPE"),
        ({"type": "subscribe", "events": "log"}, "INVALID_EVENTS"),
        ({"type": "subscribe", "events": None}, "INVALID_EVENTS"),
        ({"type": "subscribe", "events": {"log": 1}}, "INVALID_EVENTS"),
        ({"type": "unsubscribe", "events": 5}, "INVALID_EVENTS"),
        ({"type": "subscribe", "events": []}, "EMPTY_EVENTS"),
        ({"type": "subscribe"}, "EMPTY_EVENTS"),
        ({"type": "command"}, "MISSING_COMMAND"),
        ({"type": "command", "command": ""}, "MISSING_COMMAND"),
        ({"type": "command", "command": None}, "MISSING_COMMAND"),
        ({"type": "command", "command": "explode"}, "PROCESSING_ERROR"),
        ({"type": "command", "command": "pause", "args": 3}, "PROCESSING_ERROR"),
        ({"type": "command", "command": "pause", "args": ["a"]}, "PROCESSING_ERROR"),
        ({"type": "subscribe", "events": [["log"]]}, "PROCESSING_ERROR"),
        ({"type": "subscribe", "events": [str(n) for n in range(2000)]}, "PROCESSING_ERROR"),
        ({"type": "subscribe", "events": ["x" * 10_000]}, "PROCESSING_ERROR"),
    ],
)
def test_errors(message: object, code: str) -> None:
    client = talk()
    answer = say(client, message)
    assert answer["type"] == "error"
    assert answer["error_code"] == code
    assert answer["message"]
    assert datetime.fromisoformat(answer["timestamp"])
    assert set(answer) == {"type", "error_code", "message", "timestamp"}
    assert not client.subscriptions, "nothing changed"
    assert say(client, {"type": "ping"})["type"] == "pong", "it goes on"
