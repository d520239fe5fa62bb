"""F31: the interpreter ends, in every way that it can, with the server up, down and half-open."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Measure, NewStreams
from tests.faults.ledger import api
from tests.faults.processes import Script, Server, free_port

TRAINING = """
    import os, signal, sys, time
    import livetrain

    def work():
        for step in range(30):
            monitor.log_batch(None, None, loss=1.0)
            time.sleep(0.005)

    monitor = livetrain.Monitor("exits", server=sys.argv[1])
    if "REGISTER_FIRST" in os.environ:
        monitor.flush(20)
    how = sys.argv[2]
    if how == "sigterm handled":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    work()
    print("worked", time.monotonic(), flush=True)
    if how == "exit":
        sys.exit(5)
    elif how == "exception":
        raise RuntimeError("the training's own")
    elif how == "with":
        with monitor:
            raise RuntimeError("the training's own")
    elif how == "closed":
        monitor.close()
    elif how == "flushing":
        monitor.flush(30)
    elif how in ("sigint", "sigint twice", "sigterm", "sigterm handled"):
        time.sleep(60)
"""

DYING = """
    import signal, sys, time
    import livetrain

    monitor = livetrain.Monitor("exits", server=sys.argv[1])
    told = []
    signal.signal(signal.SIGUSR1, lambda *_: told.append(1))
    said = False
    while not told:
        monitor.log_batch(None, None, loss=1.0)
        time.sleep(0.005)
        if monitor.stats().acknowledged > 20 and not said:
            said = True
            print("streams", flush=True)
    print("worked", time.monotonic(), flush=True)
    if sys.argv[2] == "exception":
        raise RuntimeError("the training's own")
"""

# How it ends, the exit code that Python gives without us, and what the run is called then.
ENDS = {
    "end": (0, "finished"),
    "closed": (0, "finished"),
    "exit": (5, None),
    "exception": (1, "failed"),
    "with": (1, "failed"),
    "sigterm handled": (3, None),
    "sigint": (-signal.SIGINT, "interrupted"),
}
BEYOND_SECONDS = 0.5
MACHINE_SECONDS = 0.6
"""What the same end may take longer on a machine that does other things too."""


def run(
    folder: Path, address: str, how: str, *, name: str = "script", **env: str
) -> tuple[Script, float]:
    """Run the training to its end; return it and how long the end took, seconds."""
    script = Script(folder, TRAINING, address, name=name, arguments=[how], env=env)
    script.wait_for("worked")
    worked = float(script.stdout.split()[1])
    for _ in range({"sigint": 1, "sigint twice": 2, "flushing": 2}.get(how, 0)):
        script.signal(signal.SIGINT)
    if how.startswith("sigterm"):
        script.signal(signal.SIGTERM)
        worked = time.monotonic()
    elif how.startswith("sigint"):
        worked = time.monotonic()
    script.wait(20)
    return script, time.monotonic() - worked


def assert_own_traceback_only(script: Script, how: str) -> None:
    """Assert that stderr shows what the training raised itself, and nothing of ours."""
    own = "the training's own" if how in ("exception", "with") else "KeyboardInterrupt"
    expected = how in ("exception", "with") or how.startswith("sigint") or how == "flushing"
    assert script.stderr.count("Traceback (most recent call last)") == expected, script.stderr[
        -3000:
    ]
    assert (own in script.stderr) == expected
    assert "Exception ignored" not in script.stderr, script.stderr[-3000:]
    assert "Fatal Python error" not in script.stderr, script.stderr[-3000:]


@pytest.mark.parametrize("how", ENDS)
def test_the_server_is_up(
    folder: Path, shared_server: Server, new_streams: NewStreams, how: str
) -> None:
    script, _ = run(folder, shared_server.grpc, how, REGISTER_FIRST="1")
    code, status = ENDS[how]
    assert script.wait(1) == code
    assert_own_traceback_only(script, how)
    (stream,) = new_streams()
    assert list(stream.batches) == list(range(30))
    run_ = api(shared_server, f"/api/runs/{stream.run_id}")
    assert run_["status"] in ([status] if status else ["finished", "failed", "interrupted"])


@contextlib.contextmanager
def gone(state: str) -> Iterator[str]:
    """Give the address of a server that is down, or that takes connections and says nothing."""
    if state == "down":
        yield f"127.0.0.1:{free_port()}"
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("state", ["down", "half-open"])
@pytest.mark.parametrize(
    "how",
    [
        "end",
        "sigint",
        *(
            pytest.param(how, marks=pytest.mark.faults_full)
            for how in ("exit", "exception", "with", "closed", "sigterm handled")
        ),
    ],
)
def test_the_server_is_away(folder: Path, measure: Measure, state: str, how: str) -> None:
    # What the same training needs to end without us, on this machine at this moment.
    _, own = run(folder, "127.0.0.1:1", how, name="own", LIVETRAIN_MODE="disabled")
    with gone(state) as address:
        script, seconds = run(folder, address, how)
    measure("dead_server_exit_s", seconds - own)
    assert script.wait(1) == ENDS[how][0]
    assert seconds <= own + BEYOND_SECONDS + MACHINE_SECONDS
    assert_own_traceback_only(script, how)


@pytest.mark.parametrize("how", ["end", "exception"])
def test_the_server_dies_just_before(
    folder: Path, server: Server, measure: Measure, how: str
) -> None:
    """It was there all the time: what it has not confirmed stays on the disk, and the end does not wait for it."""
    _, own = run(folder, "127.0.0.1:1", how, name="own", LIVETRAIN_MODE="disabled")
    script = Script(folder, DYING, server.grpc, arguments=[how])
    script.wait_for("streams")
    server.kill()
    script.signal(signal.SIGUSR1)
    script.wait_for("worked")
    worked = float(script.stdout.split()[-1])
    script.wait(20)
    seconds = time.monotonic() - worked
    measure("dead_server_exit_s", seconds - own)
    assert script.wait(1) == ENDS[how][0]
    assert seconds <= own + BEYOND_SECONDS + MACHINE_SECONDS


def test_sigterm_ends_at_once_and_the_spool_keeps_the_rest(
    folder: Path, shared_server: Server, new_streams: NewStreams
) -> None:
    """Nobody handles it: Python ends without a word, as it does without us."""
    script, seconds = run(folder, shared_server.grpc, "sigterm", REGISTER_FIRST="1")
    assert script.wait(1) == -signal.SIGTERM
    assert seconds < 1.0
    (stream,) = new_streams()
    assert stream.seqs == list(range(1, stream.durable_seq + 1))


@pytest.mark.parametrize("how", ["sigint twice", "flushing"])
def test_ctrl_c_again_and_during_a_flush(folder: Path, how: str) -> None:
    with gone("half-open") as address:
        script, seconds = run(folder, address, how)
    assert script.wait(1) != 0
    assert seconds <= BEYOND_SECONDS + MACHINE_SECONDS + 0.5
    assert "Fatal Python error" not in script.stderr
