"""Whatever a stranger says: one answer that is JSON, and nothing that is not JSON is passed on."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from livetrain.server.dialects.onetrainer_talk import Talk
from livetrain.server.dialects.relay import cleaned
from livetrain.server.dialects.relay_book import Book, Sender
from livetrain.server.dialects.relay_view import Story
from livetrain.server.limits import Limits
from livetrain.server.records import read
from tests.unit.server.dialects.world import event, run

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(["subscribe", "unsubscribe", "ping", "command", "x", ""]) | VALUES
MESSAGES = st.fixed_dictionaries(
    {}, optional={"type": KINDS, "events": VALUES, "command": VALUES, "args": VALUES}
)
TYPES = st.sampled_from(
    [
        *(
            "training_mode",
            "training_start",
            "epoch_start",
            "epoch_end",
            "round_start",
            "round_end",
        ),
        *("round_metrics", "client_training_start", "client_progress", "client_complete"),
        *("batch_metrics", "early_stopping", "status", "training_end", "error", "ping", "other"),
    ]
)
FIELDS = (
    *("run_id", "epoch", "phase", "metrics", "round", "total_rounds", "client_id", "fit_metrics"),
    *("eval_metrics", "step", "batch_idx", "loss", "accuracy", "timestamp", "status", "message"),
    *("error", "error_type", "max_epochs", "experiment_name", "is_federated", "final_metrics"),
)


def strict(text: str) -> Any:
    def refuse(token: str) -> float:
        raise AssertionError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


@given(
    st.lists(MESSAGES.map(json.dumps) | st.text(max_size=50) | st.binary(max_size=20), max_size=5)
)
def test_each_message_has_one_answer(said: list[str | bytes]) -> None:
    async def command(verb: str, args: Mapping[str, Any]) -> str:
        return "given"

    async def talk() -> list[Any]:
        client = Talk(lambda: None, command)
        return [strict(await client.answer(text)) for text in said]

    for answer in asyncio.run(talk()):
        assert answer["type"] in ("subscribed", "unsubscribed", "pong", "command_received", "error")


@given(VALUES)
def test_what_is_passed_on_is_json(value: Any) -> None:
    plain, changed = cleaned(value)
    assert strict(json.dumps(plain)) == strict(json.dumps(plain))
    odd = [x for x in _floats(value) if not math.isfinite(x)]
    assert changed == bool(odd)
    if not changed:
        assert plain == value


def _floats(value: Any) -> list[float]:
    if isinstance(value, float):
        return [value]
    if isinstance(value, list):
        return [x for item in value for x in _floats(item)]
    if isinstance(value, dict):
        return [x for item in value.values() for x in _floats(item)]
    return []


@given(TYPES, st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8))
def test_whatever_is_published_becomes_records_that_can_be_taken_and_told(
    kind: str, data: dict[str, Any]
) -> None:
    story = Story(run())
    routed = Book().route(Sender("h"), kind, data, now=0)
    records = [r for one in routed for r in one.training.reader.read(one.kind, one.data)]
    for record in records:
        for taken in read(record.SerializeToString(), Limits()):
            assert taken
        happened = event()
        happened.record.MergeFrom(record)
        for told in [*story.told(happened), story.step(happened)]:
            strict(json.dumps(cleaned(told)[0] if told is None else cleaned(dict(told[1]))[0]))
