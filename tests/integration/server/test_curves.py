"""Curves over HTTP, as scripts and the page ask for them."""

from __future__ import annotations

import math
from typing import Any
from unittest.mock import ANY

import httpx
import numpy as np
import pytest
from tests.integration.server.processes import ServerProcess
from tests.integration.server.trainer import Trainer
from tests.integration.server.viewer import LiveViewer

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb

TIME_MS = 1_700_000_000_000


@pytest.fixture
def server(shared_server: ServerProcess) -> ServerProcess:
    """One for all: each test has a run of its own."""
    return shared_server


def column(
    name: str, steps: np.ndarray, values: np.ndarray, times_us: np.ndarray
) -> pb.PointColumn:
    return pb.PointColumn(
        name=name,
        steps=steps.astype("<i8").tobytes(),
        values=values.astype("<f8").tobytes(),
        times_us=times_us.astype("<i8").tobytes(),
    )


def log_columns(
    trainer: Trainer, curves: dict[str, tuple[np.ndarray, np.ndarray]], *, first_seq: int = 1
) -> int:
    """Send curves as columns of 10,000 rows each, 16 ms a step, and wait until they are kept; return the next number."""
    seq = first_seq
    for name, (steps, values) in curves.items():
        times_us = TIME_MS * 1000 + 16_000 * steps
        for start in range(0, len(steps), 10_000):
            part = slice(start, start + 10_000)
            columns = pb.PointColumns(
                columns=[column(name, steps[part], values[part], times_us[part])]
            )
            trainer.send(pb.TelemetryRequest(seq=seq, timestamp_ms=TIME_MS, columns=columns))
            seq += 1
    trainer.wait_durable(seq - 1)
    return seq


def log_scalars(trainer: Trainer, values: dict[str, float], *, step: int, seq: int) -> None:
    scalars = pb.Scalars(step=step, values=[pb.Scalar(name=n, value=v) for n, v in values.items()])
    trainer.send(pb.TelemetryRequest(seq=seq, timestamp_ms=TIME_MS + step, scalars=scalars))
    trainer.wait_durable(seq)


def ask(server: ServerProcess, run_id: str, **params: Any) -> dict[str, Any]:
    answer = httpx.get(f"{server.http}/api/runs/{run_id}/metrics", params=params, timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["metrics"]
    return found


def started(trainer: Trainer) -> str:
    run_id: str = trainer.register().run_id
    trainer.open()
    return run_id


def test_the_mean_of_many_points_is_their_mean_at_every_width(server: ServerProcess) -> None:
    """Of 40,000 points of even noise between 1 and 2 the page drew a saw-tooth: extremes were all that it was told."""
    steps, noise = np.arange(40_000), 1 + np.random.default_rng(0).random(40_000)
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        log_columns(trainer, {"noise": (steps, noise)})
        for points in (1, 7, 100, 1500, 40_000):
            found = ask(server, run_id, stat="buckets", points=points)["noise"]
            assert len(found["steps"]) <= points
            assert sum(found["count"]) == found["total_points"] == 40_000
            width = found["width"]
            assert [step % width for step in found["steps"]] == [0] * len(found["steps"])
            assert set(np.diff(found["steps"])) <= {width}
            for start, mean, low, high in zip(
                *(found[name] for name in ("steps", "mean", "min", "max")), strict=True
            ):
                part = noise[start : start + width]
                assert math.isclose(mean, part.mean(), rel_tol=1e-12)
                assert (low, high) == (part.min(), part.max())
            assert found["first"] == noise[found["first_step"]].tolist()
            assert found["last"] == noise[found["last_step"]].tolist()


def test_a_spike_at_the_edge_of_a_window_is_there_and_the_total_is_right(
    server: ServerProcess,
) -> None:
    steps, values = np.arange(200_000), np.zeros(200_000)
    values[12_900] = 1.0
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        log_columns(trainer, {"loss": (steps, values)})
        found = ask(server, run_id, **{"from": 12_864, "points": 1500})["loss"]
        assert found["total_points"] == 200_000 - 12_864
        assert (max(found["values"]), found["steps"][0]) == (1.0, 12_864)
        assert len(found["steps"]) <= 1500
        buckets = ask(server, run_id, **{"from": 12_864, "points": 1500, "stat": "buckets"})["loss"]
        assert sum(buckets["count"]) == 200_000 - 12_864
        assert max(buckets["max"]) == 1.0
        assert buckets["max_step"][buckets["max"].index(1.0)] == 12_900


def test_points_are_even_on_the_axis_though_the_newest_are_not_packed_yet(
    server: ServerProcess,
) -> None:
    steps, noise = np.arange(40_000), np.random.default_rng(0).random(40_000)
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        seq = log_columns(trainer, {"noise": (steps[:39_900], noise[:39_900])})
        for step in range(39_900, 40_000):
            log_scalars(trainer, {"noise": noise[step]}, step=step, seq=seq)
            seq += 1
        found = ask(server, run_id, points=1500)["noise"]
        tenths = np.bincount(np.array(found["steps"]) // 4000, minlength=10)
        assert tenths.min() > 0.9 * tenths.max()
        zoomed = ask(server, run_id, **{"from": 20_000, "to": 20_499, "points": 1500})["noise"]
        assert zoomed["steps"] == list(range(20_000, 20_500))
        assert zoomed["values"] == noise[20_000:20_500].tolist()


def test_stretches_of_time(server: ServerProcess) -> None:
    steps = np.concatenate([np.arange(1000), np.arange(1000)])  # begin again, as at an epoch
    values = np.arange(2000.0)
    times = TIME_MS / 1000 + 0.5 * np.arange(2000)
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        columns = pb.PointColumns(columns=[column("x", steps, values, times * 1e6)])
        trainer.send(pb.TelemetryRequest(seq=1, columns=columns))
        trainer.wait_durable(1)
        window = {"axis": "time", "from": TIME_MS / 1000 + 100, "to": TIME_MS / 1000 + 899.9}
        found = ask(server, run_id, stat="buckets", points=100, **window)["x"]
        assert found["width"] == 10
        assert found["times"] == [TIME_MS / 1000 + 100 + 10 * at for at in range(80)]
        assert found["mean"] == [209.5 + 20 * at for at in range(80)]
        assert found["steps"][40] == 0
        points = ask(server, run_id, points=100, **window)["x"]
        assert points["times"] == sorted(points["times"])
        assert (points["values"][0], points["values"][-1]) == (200, 1799)
        assert points["total_points"] == 1600
        raw = ask(server, run_id, axis="time")["x"]
        assert raw["values"] == values.tolist()


def test_what_is_not_finite_is_counted_and_never_taken_for_a_number(server: ServerProcess) -> None:
    values = np.arange(16.0)
    values[[3, 4, 5, 15]] = [math.nan, math.inf, -math.inf, math.nan]
    values[8:12] = math.nan
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        log_columns(trainer, {"odd": (np.arange(16), values)})
        found = ask(server, run_id, stat="buckets", points=4)["odd"]
        assert found["count"] == [3, 2, 0, 3]
        assert found["nonfinite_count"] == [1, 2, 4, 1]
        assert found["mean"] == [1, 6.5, None, 13]
        assert found["min"] == [0, 6, None, 12]
        assert found["max"] == [2, 7, None, 14]
        assert found["first"] == [0, 6, None, 12]
        assert found["last"] == [2, 7, None, 14]
        assert (found["first_step"], found["last_step"]) == ([0, 4, 8, 12], [3, 7, 11, 15])
        raw = ask(server, run_id)["odd"]
        assert [entry["kind"] for entry in raw["nonfinite"][:3]] == ["nan", "inf", "-inf"]


def test_a_metric_of_any_name_can_be_asked_for(server: ServerProcess) -> None:
    names = ["loss, total", "a|b", "__proto__", "constructor", 'p(y|x) "1"', "ä/b?c=d&e#f", ","]
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        log_scalars(trainer, {name: 1.0 + at for at, name in enumerate(names)}, step=1, seq=1)
        assert sorted(ask(server, run_id)) == sorted(names)
        for at, name in enumerate(names):
            assert ask(server, run_id, name=name) == {
                name: {
                    "steps": [1],
                    "values": [1.0 + at],
                    "times": [(TIME_MS + 1) / 1000],
                    "total_points": 1,
                    "offset": ANY,
                }
            }
        both = ask(server, run_id, name=["loss, total", "a|b"], names="__proto__,a|b,none")
        assert list(both) == ["__proto__", "a|b", "none", "loss, total"]


@pytest.mark.parametrize(
    "params",
    [
        {"points": 3},
        {"stat": "median"},
        {"axis": "epoch"},
        {"from": -1},
        {"to": "x"},
        {"from": "nan"},
        {"points": 100_001},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    server: ServerProcess, params: dict[str, Any]
) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        answer = httpx.get(f"{server.http}/api/runs/{run_id}/metrics", params=params)
    assert answer.status_code == 422


def test_a_window_without_points_is_empty(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        log_scalars(trainer, {"a": 1.0}, step=5, seq=1)
        for window in ({"from": 6}, {"to": 4}, {"from": 9, "to": 3}, {"from": 1e300}):
            for stat in ("points", "buckets"):
                found = ask(server, run_id, stat=stat, **window)["a"]
                assert (found["steps"], found["total_points"]) == ([], 0)


def summary(server: ServerProcess, run_id: str, **params: Any) -> dict[str, Any]:
    address = f"{server.http}/api/runs/{run_id}/metrics/summary"
    answer = httpx.get(address, params=params, timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_where_the_curves_of_a_run_stand(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        values = np.array([3.0, 1.0, 2.0, math.nan])
        seq = log_columns(
            trainer, {"loss": (np.arange(4), values), "a,b": (np.arange(2), values[:2])}
        )
        log_scalars(trainer, {"never": math.inf}, step=7, seq=seq)
        found = summary(server, run_id)
        assert (found["total"], found["next"]) == (3, None)
        assert [row["name"] for row in found["metrics"]] == ["a,b", "loss", "never"]
        assert found["metrics"][1] == {
            "name": "loss",
            "points": 4,
            "nonfinite": 1,
            "last": None,
            "last_kind": "nan",
            "last_step": 3,
            "last_time": TIME_MS / 1000 + 0.048,
            "last_finite": 2.0,
            "last_finite_step": 2,
            "min": 1.0,
            "min_step": 1,
            "max": 3.0,
            "max_step": 0,
            "attempt": 1,
        }
        assert found["metrics"][2]["last_finite"] is found["metrics"][2]["min"] is None
        page = summary(server, run_id, limit=2)
        assert (len(page["metrics"]), page["total"], page["next"]) == (2, 3, "loss")
        rest = summary(server, run_id, limit=2, after="loss")
        assert ([row["name"] for row in rest["metrics"]], rest["next"]) == (["never"], None)
        searched = summary(server, run_id, q="LOS")
        assert ([row["name"] for row in searched["metrics"]], searched["total"]) == (["loss"], 1)
        assert httpx.get(f"{server.http}/api/runs/none/metrics/summary").status_code == 404


def test_a_resumed_run_has_two_attempts(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        log_columns(trainer, {"loss": (np.arange(1000), np.full(1000, 0.25))})
        token, session = trainer.token, trainer.session_id
    assert "attempts" not in httpx.get(f"{server.http}/api/runs/{run_id}/metrics").json()
    with Trainer(server.grpc, session_id=session, stream_id="again", token=token) as trainer:
        started(trainer)
        log_columns(trainer, {"loss": (np.arange(500, 650), np.full(150, 9.0))})
        answer = httpx.get(f"{server.http}/api/runs/{run_id}/metrics").json()
        assert answer["attempts"] == [
            {"attempt": 1, "from_step": 0},
            {"attempt": 2, "from_step": 500},
        ]
        assert answer["metrics"]["loss"]["values"] == [0.25] * 500 + [9.0] * 150
        assert ask(server, run_id, attempt=1)["loss"]["values"] == [0.25] * 1000
        assert ask(server, run_id, attempt=2)["loss"]["values"] == [9.0] * 150
        assert ask(server, run_id, attempt=3)["loss"]["values"] == []
        buckets = ask(server, run_id, stat="buckets", points=4)["loss"]
        assert sum(buckets["count"]) == 650
        (row,) = summary(server, run_id)["metrics"]
        assert (row["points"], row["last"], row["last_step"], row["attempt"]) == (650, 9, 649, 2)


def test_a_viewer_may_do_without_curves_and_hears_where_they_stand(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        values = np.array([3.0, math.nan])
        log_columns(trainer, {"b": (np.arange(2), values), "a": (np.arange(2), values[::-1])})
        for no_curves in (True, False):
            with LiveViewer(server, run_id, live.Hello(no_curves=no_curves)) as viewer:
                snapshot = viewer.wait(lambda m: m.HasField("snapshot")).snapshot
            assert snapshot.metric_count == 2
            assert [tip.name for tip in snapshot.tips] == ["a", "b"]
            first, second = snapshot.tips
            assert (first.step, first.value, first.points, first.nonfinite) == (1, 3.0, 2, 1)
            assert (first.time, first.attempt) == (TIME_MS / 1000 + 0.016, 1)
            assert math.isnan(second.value)
            assert (second.last_finite_step, second.last_finite) == (0, 3.0)
            assert [curve.name for curve in snapshot.curves] == ([] if no_curves else ["a", "b"])


def test_a_large_answer_comes_in_pieces(server: ServerProcess) -> None:
    steps, noise = np.arange(150_000), np.random.default_rng(0).random(150_000)
    noise[[5, 140_000]] = math.nan
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        log_columns(trainer, {"noise": (steps, noise), "more": (steps[:10], noise[:10])})
        address = f"{server.http}/api/runs/{run_id}/metrics"
        answer = httpx.get(address, timeout=60)
        assert "content-length" not in answer.headers
        found = answer.json()["metrics"]
        assert list(found) == ["more", "noise"]
        assert found["noise"]["steps"] == steps.tolist()
        expected = [None if math.isnan(value) else value for value in noise.tolist()]
        assert found["noise"]["values"] == expected
        assert len(found["noise"]["times"]) == found["noise"]["total_points"] == 150_000
        assert [odd["step"] for odd in found["noise"]["nonfinite"]] == [5, 140_000]


@pytest.mark.parametrize("params", [{}, {"stat": "buckets", "points": 8}])
def test_an_answer_and_what_comes_live_after_it_hold_each_point_once(
    server: ServerProcess, params: dict[str, Any]
) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = started(trainer)
        log_scalars(trainer, {"loss": 0.0}, step=0, seq=1)
        with LiveViewer(server, run_id, live.Hello(no_curves=True)) as viewer:
            viewer.wait(lambda message: message.HasField("snapshot"))
            offsets = []
            for step in range(1, 40):
                log_scalars(trainer, {"loss": float(step)}, step=step, seq=step + 1)
                found = ask(server, run_id, names="loss", **params)["loss"]
                offsets.append((found["offset"], found["total_points"]))
            events = viewer.events_until(offsets[-1][0])
        logged = [event.offset for event in events if event.record.HasField("scalars")]
        for offset, total in offsets:
            assert total + sum(at > offset for at in logged) == 40
