"""Many viewers with different subscriptions, and a publisher that opens a connection for each of very many messages."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from websockets.asyncio.client import connect

from livetrain.proto import telemetry_pb2 as pb
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.texts import Texts
from tests.integration.server.trainer import Trainer
from tests.interop.process import Client
from tests.interop.table import Check, Line

__all__ = ["CHECKS", "many_viewers", "publisher_storm"]

PACE = 1 / 60


def many_viewers(
    folder: Path, *, count: int = 1000, seconds: float = 30.0, bound_ms: float = 250.0
) -> Sequence[Line]:
    """Have many clients watch a run of 60 steps a second, each with another set of subscriptions; compare what each got."""
    with (
        ServerProcess(folder / "data") as server,
        Client("many_onetrainers", f"{server.live}/ws", str(count)) as clients,
        Trainer(server.grpc) as trainer,
    ):
        clients.wait(lambda me: {"ready": count} in me.said, "all to be subscribed")
        trainer.register(config=pb.TrainingConfig(total_epochs=1, batches_per_epoch=100_000))
        trainer.open()
        seq = logs = validations = 0
        began = due = time.monotonic()

        def send(**record: Any) -> None:
            nonlocal seq
            seq += 1
            now = time.time()
            trainer.send(pb.TelemetryRequest(seq=seq, timestamp_ms=int(now * 1000), **record))

        steps = int(seconds / PACE)
        for step in range(steps):
            loss = pb.Scalar(name="loss", value=time.time())
            send(scalars=pb.Scalars(step=step, values=[loss]))
            if step % 60 == 0:
                send(log=pb.Log(level=pb.INFO, message=f"line {logs}"))
                logs += 1
            if step % 300 == 0:
                send(validation=pb.Validation(step=step, loss=0.5))
                validations += 1
            due += PACE
            pause_until(due)
        took = time.monotonic() - began
        send(status_update=pb.StatusUpdate(status=pb.COMPLETED))
        trainer.wait_durable(seq)
        pause_until(time.monotonic() + 1.0)  # what is on its way comes in
        clients.say({"stop": True})
        clients.wait(lambda me: me.of("end"), "what they got")
        told = clients.of("client")
        assert clients.of("end")[0]["lost"] == 0, "no connection ended"

    assert len(told) == count
    lines = [f"line {number}" for number in range(logs)]
    latencies: list[float] = []
    for client in told:
        wanted, seen = client["wanted"], client["seen"]
        assert client["odd"] == "", f"{client['odd']} came, though nobody asked for it"
        expected = {
            "log": logs,
            "validation_result": validations,
            "training_status": 2,  # running, completed
        }
        for kind, number in expected.items():
            assert seen.get(kind, 0) == (number if kind in wanted else 0), (client["wanted"], seen)
        assert client["logs"] == (lines if "log" in wanted else []), "in order, none twice"
        progress = seen.get("training_progress", 0)
        assert progress <= took * 10 + 2
        if "training_progress" in wanted:
            assert progress >= took * 1000 / (100 + bound_ms), "nearly ten a second, at this bound"
            latencies += client["latencies"]
        assert bool(seen.get("system_stats")) == ("system_stats" in wanted)
    middle, high = np.percentile(latencies, [50, 99]) * 1000
    assert high <= bound_ms, f"p99 {high:.0f} ms"
    sets = len({tuple(client["wanted"]) for client in told})
    return [
        Line(
            f"{count} OneTrainer viewers",
            f"{steps / took:.1f} steps a second for {took:.0f} s",
            f"each what it subscribed to ({sets} different sets)",
            f"log to viewer p50 {middle:.0f} ms, p99 {high:.0f} ms",
        )
    ]


def pause_until(due: float) -> None:
    """Wait for a moment of the monotonic clock; a pace, not a guess at when something is done."""
    while (left := due - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))


async def storm(address: str, rate: int, seconds: float) -> tuple[int, int]:
    """Publish at a rate, a connection a message; return how many were sent, and how many were refused."""
    sent = refused = 0
    under_way: set[asyncio.Task[None]] = set()

    async def publish(number: int) -> None:
        nonlocal sent, refused
        data = {"step": number, "batch_idx": number, "loss": 1.0, "epoch": 1}
        message = {"type": "batch_metrics", "data": {**data, "timestamp": time.time()}}
        try:
            async with connect(address, compression=None, open_timeout=30) as socket:
                await socket.send(json.dumps(message))
            sent += 1
        except Exception:
            refused += 1

    began = time.monotonic()
    for number in range(int(rate * seconds)):
        task = asyncio.create_task(publish(number))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        await asyncio.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))
    await asyncio.gather(*under_way)
    return sent, refused


def publisher_storm(
    folder: Path, *, rate: int = 100, seconds: float = 60.0, bound_ms: float = 500.0
) -> Sequence[Line]:
    """Publish very many messages, a connection each, beside a trainer and a viewer that must not notice."""
    with (
        ServerProcess(folder / "data") as server,
        Trainer(server.grpc) as trainer,
        Texts(f"{server.live}/ws") as viewer,
        Client("relay_viewer", server.relay) as relay,
    ):
        relay.connected()
        viewer.read()
        viewer.send('{"type":"subscribe","events":["log"]}')
        viewer.read()
        run_id = trainer.register().run_id
        trainer.open()
        waits: list[float] = []
        done = asyncio.Event()

        async def beside() -> None:
            """Send a record at a time, and take the time until it is acknowledged."""
            seq = 0
            while not done.is_set():
                seq += 1
                began = time.monotonic()
                trainer.send(pb.TelemetryRequest(seq=seq, log=pb.Log(message=f"line {seq}")))
                await asyncio.to_thread(trainer.wait_durable, seq)
                waits.append(time.monotonic() - began)
                await asyncio.sleep(0.05)

        async def both() -> tuple[int, int]:
            other = asyncio.create_task(beside())
            result = await storm(server.relay, rate, seconds)
            done.set()
            await other
            return result

        # On a thread of its own: Playwright, where a test uses it, has a loop on this one.
        with ThreadPoolExecutor(1) as thread:
            sent, refused = thread.submit(lambda: asyncio.run(both())).result()
        assert refused == 0
        assert sent == int(rate * seconds)
        relay.wait(lambda me: len(me.of("batch_metrics")) >= sent, "every message to be forwarded")
        assert sorted(m["data"]["step"] for m in relay.of("batch_metrics")) == list(range(sent))

        def recorded() -> dict[str, Any]:
            runs = httpx.get(f"{server.http}/api/runs").json()["runs"]
            (run,) = (run for run in runs if run["project"] == "relay")
            curves = httpx.get(f"{server.http}/api/runs/{run['run_id']}/metrics").json()
            loss: dict[str, Any] = curves["metrics"]["loss"]
            return loss

        until(lambda: recorded()["total_points"] == sent, "every message to be recorded")
        assert sorted(recorded()["steps"]) == list(range(sent))
        assert httpx.get(f"{server.http}/api/runs/{run_id}").json()["offset"] == len(waits)
        assert httpx.get(f"{server.http}/readyz").status_code == 200
        slowest = float(np.percentile(waits, 99)) * 1000
        assert slowest <= bound_ms, f"a trainer waits {slowest:.0f} ms for its acknowledgement"
    return [
        Line(
            "relay publisher, a storm",
            f"{sent} messages, {rate} connections a second",
            "each forwarded once and recorded once, in one run",
            f"a trainer beside it: acknowledged p99 {slowest:.0f} ms",
        )
    ]


CHECKS: dict[str, Check] = {
    "thousand-viewers": many_viewers,
    "publisher-storm": publisher_storm,
}
