"""Sample pictures: kept with their run, served as what they are, and gone with it."""

from __future__ import annotations

import io
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.trainer import Trainer

import livetrain
from livetrain.proto import telemetry_pb2 as pb


@pytest.fixture
def server(shared_server: ServerProcess) -> ServerProcess:
    """One for all: each test has a run of its own, and asks about no other."""
    return shared_server


def picture(colour: int, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (24, 16), (colour, 0, 0)).save(stream, kind)
    return stream.getvalue()


def listed(server: ServerProcess, run_id: str, **query: Any) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(
        f"{server.http}/api/runs/{run_id}/samples", params=query
    ).json()
    return answer


def test_samples_are_listed_and_served_as_they_came(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with Trainer(server.grpc) as trainer:
            run_id = trainer.register().run_id
            trainer.open()
            for seq, kind in enumerate(("PNG", "JPEG"), 1):
                data = picture(seq, kind)
                image = pb.ImageData(image_bytes=data, format="svg", width=9999)
                sample = pb.Sample(
                    sample_id=f"s{seq}", image=image, kind="custom", prompt="<b>a cat</b>", step=seq
                )
                trainer.send(pb.TelemetryRequest(seq=seq, sample=sample))
            trainer.wait_durable(2)
        first, second = listed(server, run_id)["samples"]
        assert (first["sample_id"], second["sample_id"]) == ("s2", "s1")
        assert (first["width"], first["height"], first["kind"]) == (24, 16, "custom")
        assert (first["prompt"], first["step"]) == ("<b>a cat</b>", 2)
        page = listed(server, run_id, limit=1)
        assert [s["sample_id"] for s in page["samples"]] == ["s2"]
        page = listed(server, run_id, limit=1, cursor=page["next"])
        assert ([s["sample_id"] for s in page["samples"]], page["next"]) == (["s1"], None)
        assert server.stop() == 0
    with ServerProcess(tmp_path / "data") as server:
        for sample, kind in ((first, "jpeg"), (second, "png")):
            answer = httpx.get(server.http + sample["picture"])
            assert answer.content == picture(sample["step"], kind.upper())
            assert answer.headers["content-type"] == f"image/{kind}"
            assert answer.headers["x-content-type-options"] == "nosniff"
            policies = answer.headers.get_list("content-security-policy")
            assert any("sandbox" in policy for policy in policies)
        assert httpx.get(server.http + first["picture"] + "x").status_code == 404
        assert httpx.get(f"{server.http}/api/runs/nosuchrun/samples").status_code == 404


def test_what_is_no_picture_is_listed_nowhere_and_served_never(server: ServerProcess) -> None:
    with Trainer(server.grpc) as trainer:
        run_id = trainer.register().run_id
        trainer.open()
        evil = pb.ImageData(image_bytes=b"<html><script>alert(1)</script>", format="html")
        sample = pb.Sample(sample_id="evil", image=evil)
        trainer.send(pb.TelemetryRequest(seq=1, sample=sample))
        trainer.wait_durable(1)
        assert listed(server, run_id)["samples"] == []
        path = f"{server.http}/api/runs/{run_id}/samples/evil"
        assert httpx.get(path).status_code == 404
        (event,) = httpx.get(f"{server.http}/api/runs/{run_id}/events").json()["events"]
        assert "JPEG" in event["record"]["sample"]["image"]["error"]


def test_deleting_a_run_deletes_its_pictures(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        runs = []
        for _ in range(2):
            with Trainer(server.grpc) as trainer:
                runs.append(trainer.register().run_id)
                trainer.open()
                for seq in range(1, 31):
                    image = pb.ImageData(image_bytes=picture(seq))
                    sample = pb.Sample(sample_id=f"s{seq}", image=image)
                    trainer.send(pb.TelemetryRequest(seq=seq, sample=sample))
                trainer.wait_durable(30)
        address = f"{server.http}/api/runs/{runs[0]}"
        assert httpx.delete(address).status_code == 204
        assert httpx.get(f"{address}/samples/s1").status_code == 404
        assert httpx.get(f"{server.http}/api/runs/{runs[1]}/samples/s1").status_code == 200
        assert server.stop() == 0
    with closing(sqlite3.connect(tmp_path / "data" / "livetrain.db")) as database:
        assert database.execute("SELECT count(*) FROM samples").fetchone() == (30,)


@pytest.mark.parametrize("shape", [(40, 30, 3), (30, 40)])
def test_log_sample(server: ServerProcess, shape: tuple[int, ...]) -> None:
    with livetrain.Monitor("sampler", server=server.grpc) as monitor:
        monitor.log_sample(np.full(shape, 200, np.uint8), prompt="a dog", kind="custom")
        assert monitor.flush(30)
        run_id = monitor.run_id
        assert run_id is not None
        (sample,) = until(lambda: listed(server, run_id)["samples"], "the sample")
        assert (sample["height"], sample["width"]) == shape[:2]
        assert (sample["kind"], sample["prompt"]) == ("custom", "a dog")
        shown = Image.open(io.BytesIO(httpx.get(server.http + sample["picture"]).content))
        assert abs(int(np.asarray(shown.convert("L")).mean()) - 200) <= 2


def test_many_samples_at_once_come_whole_or_say_why_and_the_training_goes_on(
    server: ServerProcess,
) -> None:
    large = np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), dtype=np.uint8)
    with livetrain.Monitor("sampler", server=server.grpc) as monitor:
        image = large.copy()
        spent = []
        for number in range(20):
            image[...] = number
            image[0] = large[0]
            started = time.thread_time()
            monitor.log_sample(image, prompt=str(number))
            spent.append(time.thread_time() - started)
        image[...] = 255  # all were copied
        # The first copies may pay for memory that is new to the process; encoding would cost each call.
        assert sorted(spent)[10] < 0.03, "encoding one takes longer than that"
        assert monitor.flush(60)
        run_id, left_out = monitor.run_id, monitor.stats().stripped.get("superseded", 0)
        assert run_id is not None
        came = until(
            lambda: (
                (rows := listed(server, run_id)["samples"]) and len(rows) == 20 - left_out and rows
            ),
            "the samples whose pictures were encoded in time",
        )
        assert len({sample["prompt"] for sample in came}) == len(came) >= 4
        for sample in came:
            shown = Image.open(io.BytesIO(httpx.get(server.http + sample["picture"]).content))
            assert abs(int(np.asarray(shown)[1000:].mean()) - int(sample["prompt"])) <= 2
