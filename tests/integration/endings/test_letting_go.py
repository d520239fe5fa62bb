"""A monitor that nobody holds any more is closed in the background, and its run is called what can be known of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults.conditions import wait_until
from tests.faults.processes import Script, free_port
from tests.integration.endings.runs import PATIENCE, Runs

from livetrain._delivery.transport import Endpoint
from livetrain._sync import leftovers, upload

BEGIN = """
import concurrent.futures, contextlib, gc, os, sys, threading, time
import livetrain

server = sys.argv[1]

def work(monitor, steps=20):
    for step in range(steps):
        monitor.log({"loss": 1.0 / (step + 1)}, step=step)
    monitor.log_epoch(loss=0.5)

def wait():
    # Until the test has seen what it wants to see before the process ends.
    print("waiting", flush=True)
    while not os.path.exists("go"):
        time.sleep(0.02)

"""

FOLDS = """
most = 0
for fold in range(30):
    def train():
        global most
        monitor = livetrain.Monitor(f"fold {fold:02}", server=server)
        for batch in monitor.steps(range(20)):
            monitor.log_batch(None, None, loss=1.0)
        monitor.log_epoch(loss=0.5)
        most = max(most, threading.active_count())
    train()
print("most", most)
wait()
"""


def begin(folder: Path, runs: Runs, text: str, address: str | None = None) -> Script:
    return Script(folder, BEGIN + text, address or runs.address)


def test_thirty_folds_in_a_function(folder: Path, runs: Runs) -> None:
    script = begin(folder, runs, FOLDS)
    script.wait_for("waiting", PATIENCE)
    found = runs.ended(30)
    assert [run["status"] for run in found] == ["finished"] * 30
    for run in found:
        assert list(runs.curve("loss", run)) == list(range(20))
        assert runs.curve("epoch/loss", run)
    assert int(script.stdout.split()[1]) <= 12, "its own, and those of two that end"
    (folder / "go").touch()
    assert script.wait(30) == 0, script.stderr


def test_folds_without_a_server_end_in_time_and_are_kept(folder: Path, runs: Runs) -> None:
    text = FOLDS.replace("range(30)", "range(10)").replace("wait()", "")
    script = begin(folder, runs, text, f"127.0.0.1:{free_port()}")
    assert script.wait(60) == 0, script.stderr
    assert int(script.stdout.split()[1]) <= 12
    assert len(list((folder / "spool").iterdir())) == 10


@dataclass(frozen=True)
class Case:
    """What lets a monitor go, and what its run is called then."""

    name: str
    script: str
    status: str
    message: str | None = None
    at_exit: bool = False  # it is held until the process ends


CAUGHT = "an error left the code that held this monitor, and was caught; nobody called close()"
FAILING = """
def fold(kind=ValueError):
    monitor = livetrain.Monitor("run", server=server)
    work(monitor)
    raise kind("in a fold")
"""
CASES = [
    Case(
        "del",
        'monitor = livetrain.Monitor("run", server=server)\nwork(monitor)\ndel monitor',
        "finished",
        "",
    ),
    Case(
        "the next in its place",
        'for name in ("run", None):\n    monitor = livetrain.Monitor(name, server=server, enabled=bool(name))\n    work(monitor)',
        "finished",
        "",
    ),
    Case(
        "an object that holds it",
        "class Trainer:\n    def __init__(self):\n        self.monitor = livetrain.Monitor('run', server=server)\n"
        "    def fit(self):\n        work(self.monitor)\nTrainer().fit()",
        "finished",
        "",
    ),
    Case(
        "a circle of objects",
        "class Trainer:\n    def __init__(self):\n        self.monitor = livetrain.Monitor('run', server=server)\n"
        "        self.hooks = [self.fit]\n    def fit(self):\n        work(self.monitor)\nTrainer().fit()\ngc.collect()",
        "finished",
        "",
    ),
    Case(
        "a handler that holds it",
        "def fold():\n    monitor = livetrain.Monitor('run', server=server)\n    monitor.on('note', lambda: monitor.log({}))\n"
        "    work(monitor)\nfold()\ngc.collect()",
        "finished",
        "",
    ),
    Case(
        "an optimizer that was attached and lives on",
        "class Optimizer:\n    param_groups = [{'lr': 0.1}]\n    hooks = []\n    def register_step_pre_hook(self, hook):\n"
        "        self.hooks.append(hook)\noptimizer = Optimizer()\ndef fold():\n"
        "    monitor = livetrain.Monitor('run', server=server)\n    monitor.attach(optimizer)\n    work(monitor)\nfold()",
        "finished",
        "",
    ),
    Case(
        "a loop that was left",
        "def fold():\n    monitor = livetrain.Monitor('run', server=server)\n    work(monitor)\n"
        "    for batch in monitor.steps(range(100)):\n        monitor.log_batch(None, None, 1.0)\n        break\nfold()",
        "finished",
        "",
    ),
    Case(
        "an error that was caught",
        FAILING + "try:\n    fold()\nexcept ValueError:\n    pass",
        "failed",
        CAUGHT,
    ),
    Case(
        "an error that was caught by its name",
        FAILING + "try:\n    fold()\nexcept ValueError as error:\n    print(error)",
        "failed",
        CAUGHT,
    ),
    Case(
        "an error that was caught in a function",
        FAILING
        + "def attempt():\n    try:\n        return fold()\n    except Exception as error:\n        return str(error)\nattempt()",
        "failed",
        CAUGHT,
    ),
    Case(
        "an error that was suppressed",
        FAILING + "with contextlib.suppress(ValueError):\n    fold()",
        "failed",
        CAUGHT,
    ),
    Case(
        "an error that left a method",
        "class Trainer:\n    def __init__(self):\n        self.monitor = livetrain.Monitor('run', server=server)\n"
        "    def fit(self):\n        work(self.monitor)\n        1 / 0\ntry:\n    Trainer().fit()\nexcept Exception:\n    pass",
        "failed",
        CAUGHT,
    ),
    Case(
        "Ctrl-C that was caught",
        FAILING
        + "try:\n    fold(KeyboardInterrupt)\nexcept KeyboardInterrupt:\n    print('stopped early')",
        "interrupted",
        CAUGHT,
    ),
    Case(
        "the next attempt, while the error is handled",
        "def attempt(name):\n    global monitor\n    monitor = livetrain.Monitor(name, server=server, enabled=name == 'run')\n"
        "    work(monitor)\n    if name == 'run':\n        raise ValueError('first attempt')\n"
        "try:\n    attempt('run')\nexcept ValueError:\n    attempt('again')",
        "failed",
        "ValueError: first attempt",
    ),
    Case(
        "a training within a handler",
        FAILING.replace('    raise kind("in a fold")\n', "")
        + "try:\n    import no_such_module\nexcept ImportError:\n    fold()\n    time.sleep(0)",
        "finished",
        "",
    ),
    Case(
        "an error that a future keeps",
        FAILING
        + "pool = concurrent.futures.ThreadPoolExecutor(1)\nfuture = pool.submit(fold)\npool.shutdown()",
        "failed",
        "ValueError: in a fold",
        at_exit=True,
    ),
    Case(
        "errors in a list",
        FAILING
        + "errors = []\ntry:\n    fold()\nexcept ValueError as error:\n    errors.append(error)",
        "failed",
        "ValueError: in a fold",
        at_exit=True,
    ),
    Case(
        "an error that the function itself handled",
        "def fold():\n    monitor = livetrain.Monitor('run', server=server)\n    work(monitor)\n    try:\n        1 / 0\n"
        "    except ZeroDivisionError as error:\n        errors.append(error)\nerrors = []\nfold()",
        "finished",
        "",
        at_exit=True,
    ),
    Case(
        "a thread that ended",
        "def fold():\n    work(livetrain.Monitor('run', server=server))\n"
        "thread = threading.Thread(target=fold)\nthread.start()\nthread.join()",
        "finished",
        "",
    ),
    Case(
        "a thread that an error ended",
        FAILING + "thread = threading.Thread(target=fold)\nthread.start()\nthread.join()",
        "failed",
        "ValueError: in a fold",
    ),
    Case(
        "a generator",
        "def fold():\n    monitor = livetrain.Monitor('run', server=server)\n    work(monitor)\n    yield 1\n    yield 2\n"
        "for each in fold():\n    break",
        "finished",
        "",
    ),
    Case(
        "asyncio",
        "import asyncio\nasync def fold():\n    monitor = livetrain.Monitor('run', server=server)\n    work(monitor)\n"
        "    await asyncio.sleep(0)\nasyncio.run(fold())",
        "finished",
        "",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_known(folder: Path, runs: Runs, case: Case) -> None:
    script = begin(folder, runs, case.script + "\nwait()\n")
    script.wait_for("waiting", PATIENCE)
    if case.at_exit:
        assert {run["status"] for run in runs.all()} <= {"initializing", "running"}
        (folder / "go").touch()
    (run,) = runs.ended()
    assert (run["status"], run["message"]) == (case.status, case.message), run
    assert list(runs.curve("loss", run))[:20] == list(range(20))
    assert runs.curve("epoch/loss", run)
    (folder / "go").touch()
    assert script.wait(30) == 0, script.stderr


def test_letting_go_takes_no_time(folder: Path, runs: Runs) -> None:
    text = """
times = []
for fold in range(12):
    monitor = livetrain.Monitor("run", server=server)
    work(monitor)
    started = time.perf_counter()
    del monitor
    times.append(time.perf_counter() - started)
    time.sleep(0.6)
print(1e3 * sorted(times)[6])
"""
    script = begin(folder, runs, text)
    assert script.wait(60) == 0, script.stderr
    assert float(script.stdout) < 20, "milliseconds, on a machine that does other things too"


def test_nothing_of_python_stays_changed(folder: Path, runs: Runs) -> None:
    text = """
import builtins
def hooks():
    return sys.exit, sys.excepthook, threading.excepthook, builtins.exit, builtins.quit
before = hooks()
first = livetrain.Monitor("first", server=server)
second = livetrain.Monitor("second", server=server)
assert all(a is not b for a, b in zip(before, hooks())), hooks()
assert repr(exit) == repr(before[3]) and exit.eof == before[3].eof
first.close()
assert hooks() != before
second.close()
deadline = time.monotonic() + 20
while hooks() != before and time.monotonic() < deadline:
    time.sleep(0.01)
assert hooks() == before
third = livetrain.Monitor("third", server=server)
ours = sys.excepthook
sys.excepthook = lambda *error: ours(*error)  # as a library does that calls what was there before
third.close()
assert sys.exit is before[0]
try:
    sys.exit(3)
except SystemExit as error:
    assert error.code == 3
print("done")
"""
    script = begin(folder, runs, text)
    assert script.wait(60) == 0, script.stderr
    assert script.stdout == "done\n"


def test_many_that_nobody_can_reach_are_looked_for(folder: Path, runs: Runs) -> None:
    """Circles of objects are found by Python's collector alone, which may not come for long."""
    text = """
class Trainer:
    def __init__(self, name):
        self.monitor = livetrain.Monitor(name, server=server)
        self.itself = self

gc.collect()
gc.set_threshold(100_000_000)
most = 0
for number in range(24):
    Trainer(f"run {number:02}").monitor.log({"loss": 1.0})
    most = max(most, threading.active_count())
print("most", most)
"""
    script = begin(folder, runs, text)
    assert script.wait(60) == 0, script.stderr
    assert int(script.stdout.split()[1]) <= 32
    # On a busy machine the last of them wait on the disk when the process has to end.
    for left in leftovers(folder / "spool"):
        upload(left, Endpoint(runs.address), timeout=PATIENCE)
    wait_until(lambda: len(runs.all()) == 24, PATIENCE, "all runs are there")
    assert {run["status"] for run in runs.ended(24)} == {"finished"}
