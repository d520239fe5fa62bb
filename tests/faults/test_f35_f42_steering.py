"""F35: one of several ranks late, or killed. F42: commands for another run, and a server that dies while a training is paused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest

import livetrain
from livetrain.proto import telemetry_pb2 as pb
from tests.faults.conditions import wait_until
from tests.faults.processes import Script, Server
from tests.integration.ranks.world import Ranks, ask

PATIENCE = 60.0
STEPS = 40


@pytest.mark.timeout(240)
def test_f35_a_late_rank_costs_the_others_nothing_but_its_own_lateness(
    server: Server, folder: Path, row: dict[str, object]
) -> None:
    ranks = Ranks(folder / "ranks", server, 3, steps=STEPS, slow={"2": 0.05})
    assert ranks.wait() == [0, 0, 0]
    ranks.assert_weights_are_equal()
    wait_until(lambda: ranks.run()["status"] == "finished", PATIENCE, "the end is told")
    metrics = ranks.ask("/metrics?names=loss,rank1/loss,rank2/loss")["metrics"]
    assert {name: curve["steps"] for name, curve in metrics.items()} == {
        name: list(range(STEPS)) for name in ("loss", "rank1/loss", "rank2/loss")
    }, "each rank's own, whole and once"
    assert all("Traceback" not in process.stderr for process in ranks.processes)
    row.update(missing=0, duplicates=0)


@pytest.mark.timeout(240)
def test_f35_a_killed_rank_ends_the_others_as_it_does_without_livetrain(
    server: Server, folder: Path, row: dict[str, object]
) -> None:
    took = {}
    for mode in ("disabled", "online"):
        ranks = Ranks(folder / mode, server, 3, die={"1": 25}, mode=mode)
        began = time.monotonic()
        codes = ranks.wait()
        took[mode] = time.monotonic() - began
        assert codes[1] == -9
        assert codes[0] != 0
        assert codes[2] != 0, "their own collective failed"
    assert took["online"] < took["disabled"] + 10, "nobody hangs because of us"
    run = wait_until(
        lambda: (found := ranks.run())["status"] == "failed" and found, PATIENCE, "rank 0 says it"
    )
    assert run["ranks"][1]["status"] != "failed", "silence is no crash"
    losses = ranks.ask("/metrics?names=loss")["metrics"]["loss"]["steps"]
    assert losses == list(range(len(losses))), "no gap in what came"
    row.update(missing=0, duplicates=0)


class Stranger:
    """A server that sends whatever it is told to."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, pb.ControlCommand]] = []
        self.session = ""
        self._over = False
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        register = grpc.unary_unary_rpc_method_handler(self._register)
        stream = grpc.stream_stream_rpc_method_handler(self._stream)
        handlers = {"RegisterTrainingSession": register, "StreamTelemetry": stream}
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("livetrain.v1.TelemetryService", handlers),)
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def _register(self, raw: bytes, context: object) -> bytes:
        self.session = pb.SessionInfo.FromString(raw).session_id
        answer = pb.SessionResponse(success=True, protocol_version=1, run_id="stranger")
        return answer.SerializeToString()

    def _stream(self, requests: Iterator[bytes], context: object) -> Iterator[bytes]:
        while not self._over:
            if self.commands:
                session, command = self.commands.pop(0)
                yield pb.TelemetryResponse(session_id=session, command=command).SerializeToString()
            else:
                ack = pb.Acknowledgment(success=True)
                yield pb.TelemetryResponse(session_id=self.session, ack=ack).SerializeToString()
            time.sleep(0.05)

    def close(self) -> None:
        self._over = True
        self._server.stop(None).wait(10)


def test_f42_a_command_for_another_run_is_left_alone(folder: Path) -> None:
    stranger = Stranger()
    try:
        monitor = livetrain.Monitor("mine", server=stranger.address, spool_dir=folder / "spool")
        stop = pb.ControlCommand(verb="stop", command_id="a", ttl_ms=60_000)
        wait_until(lambda: stranger.session, PATIENCE, "it is registered")
        stranger.commands.append(("another session", stop))
        wait_until(lambda: not stranger.commands, PATIENCE, "the command is sent")
        seen = monitor.stats().steps
        wait_until(
            lambda: monitor.log_batch(None, None, 0.5) or monitor.stats().steps > seen + 200,
            PATIENCE,
            "steps go by",
        )
        assert not monitor.should_stop
        stranger.commands.append((stranger.session, stop))
        wait_until(
            lambda: monitor.log_batch(None, None, 0.5) or monitor.should_stop,
            PATIENCE,
            "its own is obeyed",
        )
        monitor.close(timeout=0.2)
    finally:
        stranger.close()


PAUSED = """
    import sys, time, livetrain
    control = livetrain.ControlOptions(lost_contact_seconds=float(sys.argv[2]))
    with livetrain.Monitor("paused", server=sys.argv[1], control=control) as monitor:
        step = 0
        while not monitor.should_stop and step < 2000:
            print("step", step, flush=True)
            step += 1
            time.sleep(0.01)
            monitor.log_batch(None, None, 0.5)
    print("ended", flush=True)
"""


@pytest.mark.parametrize("comes_back", [True, False])
def test_f42_a_server_that_dies_leaves_no_training_paused_for_ever(
    server: Server, folder: Path, comes_back: bool
) -> None:
    training = Script(folder, PAUSED, server.grpc, arguments=("60" if comes_back else "4",))
    training.wait_for("step 50", PATIENCE)
    (listed,) = wait_until(lambda: ask(server, "/api/runs")["runs"], PATIENCE, "the run is there")
    run = f"/api/runs/{listed['run_id']}"
    ask(server, f"{run}/commands", {"verb": "pause", "parameters": {}, "issued_by": "ada"})
    wait_until(lambda: ask(server, run)["status"] == "paused", PATIENCE, "it stands")
    steps = training.stdout.count("step")
    server.kill()
    if comes_back:
        server.start()
        wait_until(lambda: ask(server, run)["contact"] == "alive", PATIENCE, "the trainer is back")
        wait_until(lambda: ask(server, run)["status"] == "paused", PATIENCE, "and as it was")
        assert training.stdout.count("step") == steps
        ask(server, f"{run}/commands", {"verb": "stop", "parameters": {}, "issued_by": "ada"})
        assert training.wait(PATIENCE) == 0
        assert training.stdout.count("step") == steps
    else:
        wait_until(
            lambda: training.stdout.count("step") > steps + 20, PATIENCE, "it goes on by itself"
        )
        server.start()
        wait_until(
            lambda: "no contact with the server for 4 s" in ask(server, run)["message"],
            PATIENCE,
            "and says why",
        )
        training.kill()
