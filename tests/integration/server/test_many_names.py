"""A run with very many metric names: all are kept up to the limit, and beyond it the library's own go on."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.trainer import Trainer
from tests.integration.server.viewer import LiveViewer

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb

NAMES = 201_000
LIMIT = 200_000
A_RECORD = 3_900


def wide(names: list[str], step: int) -> pb.PointColumns:
    steps = np.array([step], "<i8").tobytes()
    return pb.PointColumns(
        columns=[
            pb.PointColumn(
                name=name,
                steps=steps,
                times_us=np.array([1_700_000_000_000_000 + step], "<i8").tobytes(),
                values=np.array([step / 3], "<f8").tobytes(),
            )
            for name in names
        ]
    )


@pytest.mark.timeout(300)
def test_names_beyond_the_limit_are_refused_before_they_are_acknowledged(tmp_path: Path) -> None:
    names = [f"layer{number}/weight" for number in range(NAMES)]
    with ServerProcess(tmp_path / "data") as server, Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        seq = 0
        began = time.monotonic()
        for start in range(0, NAMES, A_RECORD):
            seq += 1
            trainer.batch(seq)
            seq += 1
            part = names[start : start + A_RECORD]
            trainer.send(pb.TelemetryRequest(seq=seq, columns=wide(part, seq)))
        seq += 1
        validation = pb.Validation(step=seq, loss=0.25)
        trainer.send(pb.TelemetryRequest(seq=seq, validation=validation))
        trainer.wait_durable(seq)
        print(f"{NAMES} names in {time.monotonic() - began:.1f} s")
        assert not trainer.errors
        # What stands in fields of its own, such as a batch's loss, is let in without being counted.
        assert trainer.acks[-1].refused_points == NAMES - LIMIT
        found = httpx.get(f"{server.http}/api/runs/{run_id}", timeout=60).json()["metrics"]
        assert len(found) == LIMIT + 2
        asked = {
            "names": f"loss,val/loss,layer0/weight,layer{LIMIT - 1}/weight,layer{NAMES - 1}/weight"
        }
        curves = httpx.get(f"{server.http}/api/runs/{run_id}/metrics", params=asked, timeout=60)
        values = {name: curve["values"] for name, curve in curves.json()["metrics"].items()}
        assert len(values["loss"]) == -(-NAMES // A_RECORD)
        assert values["val/loss"] == [0.25]
        assert values["layer0/weight"] == [2 / 3]
        assert len(values[f"layer{LIMIT - 1}/weight"]) == 1
        assert values[f"layer{NAMES - 1}/weight"] == []
        with LiveViewer(server, run_id, live.Hello(no_frames=True, no_curves=True)) as viewer:
            state = viewer.wait(lambda message: message.HasField("snapshot")).snapshot.state
        assert any("more than 200,000 metric names" in remark for remark in state.remarks)
        counted = f"livetrain_refused_points_total {NAMES - LIMIT:.1f}"
        assert counted in httpx.get(f"{server.http}/metrics").text
        until(lambda: any("metric names" in line for line in server.log), "the log to say so")
        assert sum("metric names" in line for line in server.log) == 1
