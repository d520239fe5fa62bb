"""F32, F33: KeyboardInterrupt inside `log_batch`; exceptions in the training, in a handler, in the encoder."""

from __future__ import annotations

import json
import signal
import urllib.request
from pathlib import Path

from tests.faults.conditions import wait_until
from tests.faults.conftest import Measure, NewStreams
from tests.faults.ledger import api
from tests.faults.processes import Script, Server

INTERRUPTED = """
    import sys, time
    import numpy as np
    import livetrain
    monitor = livetrain.Monitor("interrupts", server=sys.argv[1])
    images, caught, step = np.zeros((16, 64, 64, 3), np.uint8), 0, 0
    end = time.monotonic() + 60
    while caught < 20 and time.monotonic() < end:
        try:
            print("caught", caught, flush=True)  # here, for the next Ctrl-C comes as soon as it is read
            while True:  # nearly all the time is inside log_batch
                monitor.log_batch(images, None, loss=1.0)
                step += 1
        except KeyboardInterrupt:
            caught += 1
    print("caught", caught, flush=True)
    assert monitor.flush(30), monitor.stats()  # a line that this loop has filled takes no number either
    monitor.log({"last": float(step)})
    assert monitor.flush(20), monitor.stats()
    assert monitor.close(10), monitor.stats()
    print("done", step, monitor.stats().dropped.get("outbox_full", 0))
"""


def test_f32_interrupts_inside_log_batch(
    folder: Path, shared_server: Server, new_streams: NewStreams
) -> None:
    """Ctrl-C reaches the training, at whatever instruction; livetrain goes on working."""
    script = Script(folder, INTERRUPTED, shared_server.grpc)
    for count in range(20):
        script.wait_for(f"caught {count}\n")
        script.signal(signal.SIGINT)
    script.wait_for("caught 20\n")
    assert script.wait(60) == 0, script.stderr[-3000:]
    assert "Traceback" not in script.stderr, script.stderr[-3000:]
    (stream,) = new_streams()
    assert stream.seqs == list(range(1, stream.durable_seq + 1))
    logged, left_out = map(int, script.stdout.split()[-2:])
    # A batch that Ctrl-C fell into may be there or not; each costs one number at most. Nothing paces this loop: on a busy
    # machine it overtakes the sender, which says how often.
    assert logged <= len(stream.batches) + left_out <= logged + 20
    assert [name for name, _ in stream.scalars] == ["last"]


RAISES = """
    import sys, time
    import numpy as np
    import livetrain

    class Evil:
        \"\"\"Looks like an array, until somebody touches it.\"\"\"
        shape, dtype, ndim = (16, 8, 8, 3), np.dtype("uint8"), 4
        def __len__(self):
            return 16
        def __array__(self, *args, **kwargs):
            raise RuntimeError("evil array")
        def __getitem__(self, index):
            raise RuntimeError("evil item")
        def __float__(self):
            raise RuntimeError("evil number")
        def __repr__(self):
            raise RuntimeError("evil name")

    def formatter(index, prediction, target):
        raise RuntimeError("evil formatter")

    images = livetrain.ImageOptions(formatter=formatter)
    monitor = livetrain.Monitor("evil", server=sys.argv[1], images=images, max_overhead=0.9)

    def handler(*args, **kwargs):
        raise RuntimeError("evil handler")

    monitor.on("explode", handler)
    good = np.zeros((16, 8, 8, 3), np.uint8)
    for step in range(40):
        monitor.log_batch(good, np.eye(16), loss=1.0)
        monitor.log_batch(Evil(), Evil(), loss=Evil(), targets=Evil(), accuracy=Evil())
        monitor.log({"evil": Evil(), "good": 1.0})
        time.sleep(0.01)
    assert monitor.close(10), monitor.stats()
    assert monitor.stats().problems
    print("done")
"""


def test_f33_exceptions_of_the_users_own(
    folder: Path, shared_server: Server, new_streams: NewStreams, measure: Measure
) -> None:
    script = Script(folder, RAISES, shared_server.grpc)
    assert script.wait(60) == 0, script.stderr[-3000:]
    measure("tracebacks", script.stderr.count("Traceback"))
    assert "Traceback" not in script.stderr, script.stderr[-3000:]
    (stream,) = new_streams()
    assert stream.seqs == list(range(1, stream.durable_seq + 1))
    assert list(stream.batches) == list(range(80))
    assert sum(name == "good" for name, _ in stream.scalars) == 40


STEERED = """
    import sys, time
    import livetrain
    control = livetrain.ControlOptions(allow=("stop", "explode"))
    monitor = livetrain.Monitor("steered", server=sys.argv[1], control=control)
    def handler(*args, **kwargs):
        raise RuntimeError("evil handler")
    monitor.on("explode", handler)
    print("ready", flush=True)
    end = time.monotonic() + 30
    while not monitor.should_stop and time.monotonic() < end:
        monitor.log_batch(None, None, loss=1.0)
        time.sleep(0.01)
    monitor.close(10)
    print("done")
"""


def test_f33_a_handler_that_raises_is_a_failed_command(
    folder: Path, shared_server: Server, new_streams: NewStreams
) -> None:
    script = Script(folder, STEERED, shared_server.grpc)
    script.wait_for("ready")
    run_id = wait_until(new_streams, 20, "the run is there")[0].run_id
    address = f"{shared_server.http}/api/runs/{run_id}/commands"

    def command(verb: str) -> None:
        body = json.dumps({"verb": verb, "parameters": {}}).encode()
        headers = {"Content-Type": "application/json", "Origin": shared_server.http}
        with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=10):
            pass

    def declared() -> bool:
        controls = api(shared_server, f"/api/runs/{run_id}")["controls"]
        return any(control["verb"] == "explode" for control in controls)

    wait_until(declared, 20, "the server knows it")
    command("explode")

    def state() -> str:
        commands = api(shared_server, f"/api/runs/{run_id}/commands")["commands"]
        return commands[-1]["state"] if commands else ""

    wait_until(lambda: state().lower().endswith("failed"), 20, "the command failed")
    command("stop")
    assert script.wait(30) == 0, script.stderr[-3000:]
    assert "Traceback" not in script.stderr, script.stderr[-3000:]
