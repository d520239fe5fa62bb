"""From a record to points, by the examples that the page is held to as well."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.points import read_points, series_of
from livetrain.server.series import Series

GOLDEN = Path(__file__).parents[2] / "golden" / "points.json"
EXAMPLES: list[dict[str, Any]] = json.loads(GOLDEN.read_text())


class Listed:
    """The points in the order in which they were given."""

    def __init__(self) -> None:
        self.points: list[dict[str, Any]] = []

    def put_row(
        self, names: Sequence[str], step: int, values: Sequence[float], time_us: int
    ) -> None:
        for name, value in zip(names, values, strict=True):
            shown = {"name": name, "step": step, "value": value, "time_us": time_us}
            self.points.append(shown)

    def put_columns(self, names: Sequence[str], sizes: Sequence[int], series: Series) -> None:
        rows = zip(
            [name for name, size in zip(names, sizes, strict=True) for _ in range(size)],
            series.steps.tolist(),
            series.values.tolist(),
            series.times_us.tolist(),
            strict=True,
        )
        for name, step, value, time_us in rows:
            self.put_row([name], step, [value], time_us)


def numbers(points: list[dict[str, Any]]) -> list[tuple[str, int, str, int]]:
    """Return points for comparison: a number equals itself only where every bit does."""
    return [(p["name"], p["step"], repr(float(p["value"])), p["time_us"]) for p in points]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["what"])
def test_the_points_of_each_kind_of_record(example: dict[str, Any]) -> None:
    record = ParseDict(example["record"], pb.TelemetryRequest())
    how = {key: example[key] for key in ("received_ms", "rank", "clock_offset_us")}
    listed = Listed()
    read_points(record, listed, **how)
    assert numbers(listed.points) == numbers(example["points"])
    by_name = series_of(record, **how)
    assert list(by_name) == list(dict.fromkeys(point["name"] for point in example["points"]))
    assert sum(map(len, by_name.values())) == len(example["points"])


def test_every_kind_of_record_has_an_example() -> None:
    kinds = {kind for example in EXAMPLES for kind in example["record"]}
    mute = {
        *("heartbeat", "stream_open", "client_report", "command_result", "sample", "bundle"),
        *("controls", "command_issued"),
    }
    payloads = pb.TelemetryRequest.DESCRIPTOR.oneofs_by_name["payload"].fields
    assert {field.name for field in payloads} <= kinds | mute
