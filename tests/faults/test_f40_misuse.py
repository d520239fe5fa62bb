"""F40: logging before the start, after the end, twice, from threads, a signal handler, `__del__`; pickling."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.faults.conftest import NewStreams
from tests.faults.processes import Script, Server

SCRIPTS = {
    "after close": """
        monitor = registered("misuse")
        monitor.log_batch(None, None, loss=1.0)
        assert monitor.close(10)
        for _ in range(3):
            monitor.log_batch(None, None, loss=1.0)
            monitor.log({"x": 1.0}, step=1)
            monitor.log_epoch(0, loss=1.0)
            monitor.log_message("info", "late")
            monitor.set_status("running")
            monitor.flush(1)
            assert not monitor.should_stop
            assert not monitor.paused
            monitor.stats()
            monitor.close()
    """,
    "one close inside another": """
        monitor = registered("misuse")
        monitor.log_batch(None, None, loss=1.0)
        threads = [threading.Thread(target=monitor.close, args=(10,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
    """,
    "from threads": """
        monitor = registered("misuse")
        monitor.log_batch(None, None, loss=1.0)
        def log(number):
            for step in range(200):
                monitor.log({f"thread{number}": float(step)}, step=step)
        threads = [threading.Thread(target=log, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert monitor.close(10), monitor.stats()
    """,
    "from a signal handler": """
        monitor = registered("misuse")
        signal.signal(signal.SIGALRM, lambda *_: monitor.log({"alarm": 1.0}, step=0))
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        for step in range(2000):
            monitor.log_batch(None, None, loss=1.0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert monitor.close(10), monitor.stats()
    """,
    "closed in a signal handler": """
        monitor = registered("misuse")
        signal.signal(signal.SIGALRM, lambda *_: monitor.close(5))
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        end = time.monotonic() + 20
        while not monitor.stats().inert and time.monotonic() < end:
            monitor.log_batch(None, None, loss=1.0)
        assert monitor.stats().inert
    """,
    "in __del__": """
        monitor = registered("misuse")
        class Logs:
            def __del__(self):
                monitor.log({"deleted": 1.0}, step=0)
        for step in range(300):
            monitor.log_batch(None, None, loss=1.0)
            cycle = Logs()
            cycle.cycle = cycle
        del cycle
        gc.collect()
        assert monitor.close(10), monitor.stats()
        last = Logs()
    """,
    "pickled and copied": """
        monitor = registered("misuse")
        for copied in (pickle.loads(pickle.dumps(monitor)), copy.copy(monitor), copy.deepcopy(monitor)):
            assert copied.stats().inert
            copied.log_batch(None, None, loss=2.0)
            copied.close()
        monitor.log_batch(None, None, loss=1.0)
        assert monitor.close(10)
    """,
    "two at once": """
        monitors = [registered(f"misuse {n}") for n in range(5)]
        for step in range(20):
            for monitor in monitors:
                monitor.log_batch(None, None, loss=1.0)
        for monitor in monitors:
            assert monitor.close(10)
    """,
    "never closed, and collected": """
        for n in range(5):
            monitor = registered("misuse")
            monitor.log_batch(None, None, loss=1.0)
            del monitor
            gc.collect()
    """,
    "steps that go back": """
        monitor = registered("misuse")
        for step in (5, 3, 3, 0, 2**62, 1):
            monitor.log_batch(None, None, loss=1.0, step=step)
            monitor.log({"x": 1.0}, step=step)
        assert monitor.close(10), monitor.stats()
    """,
    "names that are none": """
        monitor = registered("misuse \\ud800", tags=["\\x00", "<b>"], config={"\\ud800": object()})
        monitor.log_batch(None, None, loss=1.0)
        monitor.log({"\\ud800": 1.0, "": 2.0, "a" * 100_000: 3.0, 7: 4.0, None: 5.0, "good": 6.0}, step=0)
        monitor.log_message("info", "\\ud800" + "x" * 10_000_000)
        assert monitor.close(10), monitor.stats()
    """,
}
START = """
import copy, gc, pickle, signal, sys, threading, time
import livetrain

def registered(name, **more):
    # Closing does not wait long for a connection, and some of these are over before there is one.
    monitor = livetrain.Monitor(name, server=sys.argv[1], **more)
    assert monitor.flush(20)
    return monitor
"""


@pytest.mark.parametrize("what", SCRIPTS)
def test_misuse(folder: Path, shared_server: Server, new_streams: NewStreams, what: str) -> None:
    text = START + textwrap.dedent(SCRIPTS[what]) + 'print("done")\n'
    script = Script(folder, text, shared_server.grpc)
    assert script.wait(60) == 0, script.stderr[-3000:]
    assert script.stdout == "done\n"
    assert "Traceback" not in script.stderr, script.stderr[-3000:]
    assert "Exception ignored" not in script.stderr, script.stderr[-3000:]
    streams = new_streams()
    assert streams
    for stream in streams:
        assert stream.seqs == list(range(1, stream.durable_seq + 1))
        assert stream.batches or stream.tombstones
        assert set(stream.batches.values()) <= {1.0}
    if what == "from threads":
        assert len(streams[0].scalars) == 8 * 200
    if what == "from a signal handler":
        assert len(streams[0].batches) == 2000
    if what == "names that are none":
        assert ("good", 0) in streams[0].scalars


BEFORE_THE_START = """
    import sys
    import livetrain
    for make in (
        lambda: livetrain.Monitor(server="no port"),
        lambda: livetrain.Monitor(max_overhead=-1),
        lambda: livetrain.Monitor(run=7),
        lambda: livetrain.Monitor(tags="one"),
        lambda: livetrain.Monitor(rank=-1),
    ):
        try:
            make()
        except livetrain.LivetrainError as error:
            assert len(str(error)) > 20, error
        else:
            raise SystemExit("nothing was said")
    blank = livetrain.Monitor.__new__(livetrain.Monitor)
    del blank
    print("done")
"""


def test_misuse_before_the_start(folder: Path) -> None:
    script = Script(folder, BEFORE_THE_START, "")
    assert script.wait(30) == 0, script.stderr[-3000:]
    assert "Exception ignored" not in script.stderr, script.stderr[-3000:]
