"""Interactive sessions: an error there ends a statement or a cell, and only that of a cell that trained is its run's."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults.processes import ROOT, Script
from tests.integration.endings.runs import PATIENCE, Runs

OPEN = 'import livetrain, os, signal\nmonitor = livetrain.Monitor("run", server="{server}")'
WORK = "for step in range(20): monitor.log({'loss': 1.0 / (step + 1)}, step=step)\n"


def session(folder: Path, command: Sequence[str], lines: str) -> subprocess.CompletedProcess[str]:
    """Type lines into an interactive session, and end it."""
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]),
        "LIVETRAIN_SPOOL_DIR": str(folder / "spool"),
        "IPYTHONDIR": str(folder / "ipython"),
        "HOME": str(folder),
    }
    return subprocess.run(
        command, input=lines, cwd=folder, env=env, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("statements", "status", "message"),
    [
        ([OPEN, WORK, "undefined_name"], "finished", ""),
        (["undefined_name", OPEN, WORK], "finished", ""),
        ([OPEN, WORK, "undefined_name", WORK, "monitor.clse()"], "finished", ""),
        ([OPEN, WORK, "1 / 0", "exit()"], "finished", ""),
        ([OPEN, WORK, "raise SystemExit(3)"], "finished", ""),  # `-i` stays, and ends with 0
        ([OPEN, WORK, "undefined_name", "monitor.close()"], "finished", ""),
    ],
)
def test_python(folder: Path, runs: Runs, statements: list[str], status: str, message: str) -> None:
    lines = "\n".join(each.replace("{server}", runs.address) for each in statements)
    ended = session(folder, [sys.executable, "-i", "-q"], lines + "\n")
    (run,) = runs.ended()
    assert (run["status"], run["message"]) == (status, message), ended.stderr
    assert list(runs.curve("loss", run)) == list(range(20))


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
@pytest.mark.parametrize(
    ("last", "code", "status", "message"),
    [
        ("exit()", 0, "finished", ""),
        ("import sys; sys.exit(3)", 3, "failed", "SystemExit: 3"),
        ("1 / 0\nexit()", 0, "finished", ""),
    ],
)
def test_python_in_a_terminal(
    folder: Path, runs: Runs, last: str, code: int, status: str, message: str
) -> None:
    master, slave = os.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHON_BASIC_REPL": "1"}
    env |= {"LIVETRAIN_SPOOL_DIR": str(folder / "spool"), "HOME": str(folder), "TERM": "dumb"}
    process = subprocess.Popen(
        [sys.executable, "-q"], stdin=slave, stdout=slave, stderr=slave, env=env
    )
    os.close(slave)
    reader = threading.Thread(target=_drain, args=(master,), daemon=True)
    reader.start()
    lines = [OPEN.replace("{server}", runs.address), WORK, last]
    os.write(master, ("\n".join(lines) + "\n").encode())
    assert process.wait(PATIENCE) == code
    os.close(master)
    (run,) = runs.ended()
    assert (run["status"], run["message"]) == (status, message)


def _drain(terminal: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(terminal, 4096):
            pass


def test_a_script_that_leaves_a_session_behind(folder: Path, runs: Runs) -> None:
    """``python -i``: the script itself failed, whatever is typed afterwards."""
    (folder / "script.py").write_text(
        f"{OPEN.replace('{server}', runs.address)}\n{WORK}\nraise ValueError('in the script')\n"
    )
    session(folder, [sys.executable, "-i", "-q", "script.py"], "step\n")
    (run,) = runs.ended()
    assert (run["status"], run["message"]) == ("failed", "ValueError: in the script")


@dataclass(frozen=True)
class Cells:
    """What is run in a notebook, cell by cell, and what its run is called when the notebook is closed."""

    name: str
    cells: tuple[str, ...]
    status: str
    message: str = ""


NOTEBOOKS = [
    Cells("an old typo", ("undefined_name", OPEN, WORK), "finished"),
    Cells("a typo afterwards", (OPEN, WORK, "undefined_name"), "finished"),
    Cells("a typo within", (OPEN, WORK, "undefined_name", WORK), "finished"),
    Cells(
        "an error in the training",
        (OPEN, WORK, WORK + "1 / 0"),
        "failed",
        "ZeroDivisionError: division by zero",
    ),
    Cells(
        "an error in the cell that opened it",
        (OPEN + "\n" + WORK + "1 / 0",),
        "failed",
        "ZeroDivisionError: division by zero",
    ),
    Cells("an error, and the training goes on", (OPEN, WORK + "1 / 0", WORK), "finished"),
    Cells(
        "an error, and another cell",
        (OPEN, WORK + "1 / 0", "2 + 2", "undefined_name"),
        "failed",
        "ZeroDivisionError: division by zero",
    ),
    Cells(
        "Ctrl-C in the training",
        (OPEN, WORK + "raise KeyboardInterrupt"),
        "interrupted",
        "KeyboardInterrupt",
    ),
    Cells("closed", (OPEN, WORK, "monitor.close()", "undefined_name"), "finished"),
    Cells("the next in its place", (OPEN, WORK, "monitor = None"), "finished"),
]


@pytest.mark.skipif(importlib.util.find_spec("IPython") is None, reason="needs IPython")
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.name)
def test_ipython(folder: Path, runs: Runs, notebook: Cells) -> None:
    # A cell in a line of its own, as a terminal would send it.
    cells = [each.replace("{server}", runs.address) for each in notebook.cells]
    lines = "\n".join(f"get_ipython().run_cell({cell!r});" for cell in cells)
    command = [
        sys.executable,
        "-m",
        "IPython",
        "--simple-prompt",
        "--no-confirm-exit",
        "--no-banner",
    ]
    ended = session(folder, command, lines + "\n")
    (run,) = runs.ended()
    assert (run["status"], run["message"]) == (notebook.status, notebook.message), ended
    assert list(runs.curve("loss", run))[:20] == list(range(20))


KERNEL = """
import json, sys, time
from jupyter_client.manager import start_new_kernel

manager, client = start_new_kernel(kernel_name="python3")
for cell in json.loads(sys.argv[2]):
    client.execute_interactive(cell, timeout=60, output_hook=lambda message: None)
how = sys.argv[3]
if how == "closed":
    client.shutdown()
    manager.finish_shutdown()
elif how == "restarted":
    manager.restart_kernel()
    manager.shutdown_kernel()
elif how == "killed":
    manager.shutdown_kernel(now=True)
client.stop_channels()
"""


@pytest.mark.skipif(
    importlib.util.find_spec("ipykernel") is None
    or importlib.util.find_spec("jupyter_client") is None,
    reason="needs ipykernel",
)
@pytest.mark.parametrize(
    ("notebook", "how"),
    [
        (NOTEBOOKS[1], "closed"),
        (NOTEBOOKS[3], "closed"),
        (NOTEBOOKS[2], "restarted"),
        (Cells("killed", (OPEN, WORK, "monitor.flush(20)"), "running"), "killed"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_kernel(folder: Path, runs: Runs, notebook: Cells, how: str) -> None:
    cells = [each.replace("{server}", runs.address) for each in notebook.cells]
    env = {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
    }
    # The first argument of a script here is the server's address.
    script = Script(folder, KERNEL, runs.address, arguments=[json.dumps(cells), how], env=env)
    assert script.wait(PATIENCE) == 0, script.stderr
    if notebook.status == "running":
        assert runs.only()["status"] == "running", (
            "nothing can be said; the server sees that it is gone"
        )
        return
    (run,) = runs.ended()
    assert (run["status"], run["message"]) == (notebook.status, notebook.message)
    assert list(runs.curve("loss", run))[:20] == list(range(20))
