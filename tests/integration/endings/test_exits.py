"""Each way in which a process ends, and what its run is called then: exit codes and errors that nobody catches decide."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults.processes import Process, Script
from tests.integration.endings.runs import Runs

BEGIN = """
import os, signal, sys, threading, time, traceback
import livetrain

monitor = livetrain.Monitor("run", server=sys.argv[1])

def work(steps=27, on=None):
    for step in range(steps):
        (on or monitor).log_batch(None, None, loss=1.0 / (step + 1))
    (on or monitor).log_epoch(loss=0.5)

work()
assert monitor.flush(30)
"""


@dataclass(frozen=True)
class Case:
    """One ending: a script's last lines, and what is to come of them."""

    name: str
    script: str
    code: int
    status: str
    message: str | None = ""  # None: whatever it is
    exit_code: int | None = None
    traceback: str = ""
    begin: str = BEGIN


STOPPED = """
import sys
import livetrain
from livetrain._steering.command import Command

control = livetrain.ControlOptions(stop="raise")
monitor = livetrain.Monitor("run", server=sys.argv[1], control=control)

def work():
    for step in range(50):
        monitor.log_batch(None, None, loss=1.0 / (step + 1))
        if step == 25:
            monitor.log_epoch(loss=0.5)
            monitor._steering.control.receive(Command("c", "stop", issued_by="ada"))
"""

CASES = [
    Case("end", "", 0, "finished", exit_code=0),
    Case("stopped, uncaught", "work()", 1, "finished", "stopped by ada", 1, begin=STOPPED),
    Case(
        "stopped, caught",
        "try:\n    work()\nexcept livetrain.TrainingStopped:\n    pass",
        0,
        "finished",
        "stopped by ada",
        0,
        begin=STOPPED,
    ),
    Case(
        "stopped, in a with block",
        "with monitor:\n    work()",
        0,
        "finished",
        "stopped by ada",
        begin=STOPPED,
    ),
    Case("sys.exit()", "sys.exit()", 0, "finished", exit_code=0),
    Case("sys.exit(0)", "sys.exit(0)", 0, "finished", exit_code=0),
    Case("sys.exit(False)", "sys.exit(False)", 0, "finished", exit_code=0),
    Case("sys.exit(1)", "sys.exit(1)", 1, "failed", "SystemExit: 1", 1),
    Case("sys.exit(256)", "sys.exit(256)", 0, "finished", exit_code=0),
    Case("sys.exit(-1)", "sys.exit(-1)", 255, "failed", "SystemExit: -1", 255),
    Case('sys.exit("text")', 'sys.exit("no data")', 1, "failed", "SystemExit: no data", 1),
    Case("exit(3)", "exit(3)", 3, "failed", "SystemExit: 3", 3),
    Case("quit()", "quit()", 0, "finished", exit_code=0),
    Case("raise SystemExit", "raise SystemExit", 0, "finished", exit_code=0),
    Case("raise SystemExit(4)", "raise SystemExit(4)", 4, "failed", "SystemExit: 4", 4),
    Case(
        "raise SystemExit(main())",
        "def main():\n    work()\nraise SystemExit(main())",
        0,
        "finished",
    ),
    Case(
        "raise SystemExit(5) in a function",
        "def main():\n    raise SystemExit(5)\nmain()",
        5,
        "failed",
        "SystemExit: with an exit code that is not known",
    ),
    Case(
        "from sys import exit",
        "exit(6)",
        6,
        "failed",
        "SystemExit: 6",
        6,
        "",
        "from sys import exit\n" + BEGIN,
    ),
    Case(
        "sys.exit(main())",
        "def main():\n    work()\n    return 7\nif __name__ == '__main__':\n    sys.exit(main())",
        7,
        "failed",
        "SystemExit: 7",
        7,
    ),
    Case(
        "sys.exit(1) that was caught",
        "try:\n    sys.exit(1)\nexcept SystemExit:\n    pass",
        0,
        "finished",
        exit_code=0,
    ),
    Case(
        "an error",
        "raise ValueError('shapes')",
        1,
        "failed",
        "ValueError: shapes",
        1,
        "raise ValueError('shapes')",
    ),
    Case(
        "an error that was caught",
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    traceback.print_exc()",
        0,
        "finished",
        exit_code=0,
    ),
    Case(
        "a printed traceback and exit 1",
        "try:\n    1 / 0\nexcept Exception:\n    traceback.print_exc()\n    sys.exit(1)",
        1,
        "failed",
        "ZeroDivisionError: division by zero",
        1,
        "1 / 0",
    ),
    Case(
        "an error that another came from",
        "try:\n    1 / 0\nexcept Exception as error:\n    raise RuntimeError('step 3') from error",
        1,
        "failed",
        "RuntimeError: step 3",
        1,
        "1 / 0",
    ),
    Case(
        "an excepthook of the script's own",
        "sys.excepthook = lambda *error: print('mine')\n1 / 0",
        1,
        "failed",
        "ZeroDivisionError: division by zero",
        1,
        "1 / 0",
    ),
    Case(
        "an excepthook that was there before and ends the process",
        "1 / 0",
        9,
        "failed",
        "ZeroDivisionError: division by zero",
        1,
        "1 / 0",
        "import os, sys, time\nsys.excepthook = lambda *error: (time.sleep(2), os._exit(9))\n"
        + BEGIN,
    ),
    Case(
        "an error that was printed by the excepthook",
        "try:\n    1 / 0\nexcept Exception:\n    sys.excepthook(*sys.exc_info())",
        0,
        "finished",
        exit_code=0,
    ),
    Case(
        "KeyboardInterrupt", "raise KeyboardInterrupt", -2, "interrupted", "KeyboardInterrupt", 130
    ),
    Case(
        "KeyboardInterrupt that becomes an exit code",
        "try:\n    raise KeyboardInterrupt\nexcept KeyboardInterrupt:\n    sys.exit(1)",
        1,
        "interrupted",
        "KeyboardInterrupt",
        1,
    ),
    Case(
        "SIGINT",
        "os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)",
        -2,
        "interrupted",
        "KeyboardInterrupt",
        130,
    ),
    Case(
        "SIGTERM whose handler exits with 143",
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)",
        143,
        "interrupted",
        "SystemExit: 143",
        143,
    ),
    Case(
        "SIGTERM whose handler exits with another code",
        "class Job:\n    def stop(self, *_):\n        sys.exit(3)\nsignal.signal(signal.SIGTERM, Job().stop)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)",
        3,
        "interrupted",
        "SystemExit: 3",
        3,
    ),
    Case(
        "SIGTERM whose handler ends the loop",
        "told = []\nsignal.signal(signal.SIGTERM, lambda *_: told.append(1))\nos.kill(os.getpid(), signal.SIGTERM)\n"
        "while not told:\n    time.sleep(0.01)\nwork()",
        0,
        "finished",
        exit_code=0,
    ),
    Case(
        "SIGTERM without a handler",
        "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)",
        -15,
        "running",
    ),
    Case("SIGKILL", "os.kill(os.getpid(), signal.SIGKILL)", -9, "running"),
    Case("os._exit", "os._exit(0)", 0, "running"),
    Case("os.exec", "os.execv(sys.executable, [sys.executable, '-c', 'pass'])", 0, "running"),
    Case(
        "an error in a thread that logs",
        "def train():\n    work()\n    raise ValueError('in the thread')\n"
        "thread = threading.Thread(target=train)\nthread.start()\nthread.join()",
        0,
        "failed",
        "ValueError: in the thread",
        traceback="raise ValueError('in the thread')",
    ),
    Case(
        "an error in a thread that logs nothing",
        "thread = threading.Thread(target=lambda: 1 / 0)\nthread.start()\nthread.join()",
        0,
        "finished",
        exit_code=0,
    ),
    Case(
        "an error in a thread, and the training goes on",
        "def train():\n    work()\n    raise ValueError('in the thread')\n"
        "thread = threading.Thread(target=train)\nthread.start()\nthread.join()\nwork()",
        0,
        "finished",
        exit_code=0,
    ),
    Case(
        "sys.exit in a thread",
        "thread = threading.Thread(target=lambda: sys.exit(1))\nthread.start()\nthread.join()",
        0,
        "finished",
        exit_code=0,
    ),
    Case(
        "an error that Python can only print",
        "class Bad:\n    def __del__(self):\n        1 / 0\nbad = Bad()\ndel bad\nwork()",
        0,
        "finished",
        exit_code=0,
    ),
    Case(
        "exec",
        "exec(compile('def inner():\\n    raise ValueError(\"inside\")\\ninner()', 'inner.py', 'exec'))",
        1,
        "failed",
        "ValueError: inside",
        1,
        "inner.py",
    ),
    Case(
        "an error in asyncio",
        "import asyncio\nasync def main():\n    1 / 0\nasyncio.run(main())",
        1,
        "failed",
        "ZeroDivisionError: division by zero",
        1,
        "1 / 0",
    ),
    Case(
        "a status that the script gave",
        "monitor.set_status('failed', 'diverged')",
        0,
        "failed",
        "diverged",
    ),
    Case(
        "an error whose text cannot be had",
        "class Odd(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise Odd",
        1,
        "failed",
        "Odd",
        1,
    ),
    Case(
        "with, and sys.exit(1)", "with monitor:\n    sys.exit(1)", 1, "failed", "SystemExit: 1", 1
    ),
    Case(
        "with, and an error",
        "with monitor:\n    1 / 0",
        1,
        "failed",
        "ZeroDivisionError: division by zero",
        None,
        "1 / 0",
    ),
    Case(
        "close in a finally that an error passes",
        "try:\n    try:\n        1 / 0\n    finally:\n        monitor.close()\nexcept ArithmeticError:\n    pass",
        0,
        "failed",
        "ZeroDivisionError: division by zero",
        traceback="1 / 0",
    ),
    Case(
        "close in a finally that nothing passes",
        "try:\n    work()\nfinally:\n    monitor.close()",
        0,
        "finished",
    ),
    Case(
        "close where Ctrl-C is handled",
        "try:\n    raise KeyboardInterrupt\nexcept KeyboardInterrupt:\n    monitor.close()",
        0,
        "interrupted",
        "KeyboardInterrupt",
    ),
    Case(
        "close after Ctrl-C was handled",
        "try:\n    raise KeyboardInterrupt\nexcept KeyboardInterrupt:\n    pass\nmonitor.close()",
        0,
        "finished",
    ),
    Case(
        "contextlib.closing",
        "import contextlib\nwith contextlib.closing(monitor):\n    1 / 0",
        1,
        "failed",
        "ZeroDivisionError: division by zero",
    ),
    Case(
        "close at the end of a loop by an exception",
        "try:\n    next(iter([]))\nexcept StopIteration:\n    monitor.close()",
        0,
        "finished",
    ),
    Case(
        "a monitor within a handler",
        "try:\n    import no_such_module\nexcept ImportError:\n    monitor.close()",
        0,
        "finished",
        begin="import sys\ntry:\n    1 / 0\nexcept ArithmeticError:\n"
        + textwrap.indent(BEGIN + "monitor.close()", "    ")
        + "\nsys.exit(0)\n",
    ),
    Case(
        "a framework's training of whose end nothing was heard",
        "monitor.expect_end()",
        0,
        "failed",
        "the training was left before its end, by an error or by Ctrl-C",
        0,
    ),
    Case(
        "a framework's training that came to its end",
        "monitor.expect_end()\nmonitor.close_after(None)",
        0,
        "finished",
    ),
    Case(
        "click's end by an error of its own",
        "import click\n@click.command()\ndef main():\n    raise click.ClickException('no such model')\nmain([])",
        1,
        "failed",
        None,  # its newer releases exit when they have handled the error, so that the exit code alone is known
        1,
    ),
    Case(
        "click's end by an error",
        "import click\n@click.command()\ndef main():\n    1 / 0\nmain([])",
        1,
        "failed",
        "ZeroDivisionError: division by zero",
        1,
        "1 / 0",
    ),
    Case(
        "click's end",
        "import click\n@click.command()\ndef main():\n    work()\nmain([])",
        0,
        "finished",
        exit_code=0,
    ),
    Case(
        "argparse's end",
        "import argparse\nargparse.ArgumentParser().parse_args(['--what'])",
        2,
        "failed",
        "SystemExit: 2",
        2,
    ),
]


def check(runs: Runs, case: Case) -> None:
    run = runs.only() if case.status == "running" else runs.ended()[0]
    assert run["status"] == case.status, run
    assert case.message in (run["message"], None)
    assert case.traceback in (run.get("traceback") or ""), run
    if case.status == "finished":
        assert not run.get("traceback"), run
    assert len(runs.curve("loss", run)) >= 27
    assert runs.curve("epoch/loss", run)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_script(folder: Path, runs: Runs, case: Case) -> None:
    script = Script(folder, case.begin + case.script + "\n", runs.address)
    assert script.wait(60) == case.code, script.stderr
    check(runs, case)
    assert "_lifecycle" not in script.stderr, "what the user sees is the training's own"


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.name in ("end", "sys.exit(1)", "an error")],
    ids=lambda case: case.name,
)
def test_a_module(folder: Path, runs: Runs, case: Case) -> None:
    """``python -m``: the script runs within functions of Python's own."""
    package = folder / "package"
    package.mkdir()
    (package / "__main__.py").write_text(case.begin + case.script + "\n")
    process = Process(
        [sys.executable, "-m", "package", runs.address],
        folder,
        "module",
        env={"LIVETRAIN_SPOOL_DIR": str(folder / "spool")},
    )
    assert process.wait(60) == case.code, process.stderr
    check(runs, case)
