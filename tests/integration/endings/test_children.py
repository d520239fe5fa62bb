"""A training in a process that another one started: everything arrives, and the run ends, whichever way the process does."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults.processes import Script, synchronize
from tests.integration.endings.runs import Runs

METHODS = ("fork", "forkserver", "spawn")

TRAINING = """
    import multiprocessing, os, signal, sys, threading, time
    import livetrain

    def work(monitor, steps=270):
        for step in range(steps):
            monitor.log({"loss": 1.0 / (step + 1)}, step=step)
        monitor.log_epoch(loss=0.5)

    def train(server, how):
        monitor = livetrain.Monitor("child", server=server)
        kept.append(monitor)
        work(monitor)
        if how == "error":
            raise ValueError("in the child")
        if how == "exit 3":
            sys.exit(3)
        if how == "exit 0":
            sys.exit(0)
        if how == "text":
            sys.exit("no data")
        if how == "Ctrl-C":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(30)
        if how == "let go":
            kept.clear()
        if how == "os._exit":
            assert monitor.flush(30)
            os._exit(0)
        if how == "terminated":
            assert monitor.flush(30)
            time.sleep(30)

    kept = []
"""

PROCESS = (
    TRAINING
    + """
    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[2])
        process = context.Process(target=train, args=(sys.argv[1], sys.argv[3]), daemon=sys.argv[3] == "terminated")
        process.start()
        if sys.argv[3] == "terminated":
            process.join(1.0)
            while process.is_alive() and not os.path.exists(sys.argv[4]):
                process.join(0.1)
            process.terminate()
        process.join()
        print("code", process.exitcode)
"""
)

# How the child ends: its exit code, what its run is called, its message, and how many points there are.
ENDS = {
    "end": (0, "finished", ""),
    "exit 0": (0, "finished", ""),
    "exit 3": (3, "failed", "SystemExit: 3"),
    "text": (1, "failed", "SystemExit: no data"),
    "error": (1, "failed", "ValueError: in the child"),
    "Ctrl-C": (1, "interrupted", "KeyboardInterrupt"),
    "let go": (0, "finished", ""),
    "os._exit": (0, "running", ""),
}


def assert_whole(runs: Runs, run: dict[str, object]) -> None:
    assert list(runs.curve("loss", run)) == list(range(270))
    assert list(runs.curve("epoch/loss", run).values()) == [0.5]


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("method", METHODS)
def test_a_process(folder: Path, runs: Runs, method: str, how: str) -> None:
    script = Script(folder, PROCESS, runs.address, arguments=[method, how])
    assert script.wait(60) == 0, script.stderr
    code, status, message = ENDS[how]
    assert script.stdout.split() == ["code", str(code)], script.stderr
    run = runs.only() if status == "running" else runs.ended()[0]
    assert (run["status"], run["message"]) == (status, message)
    assert_whole(runs, run)
    if how == "error":
        assert "in train" in run["traceback"]
    if status == "finished" and how != "let go":
        assert run["exit_code"] == 0


SHORT = (
    TRAINING
    + """
    def short(server):
        monitor = livetrain.Monitor("child", server=server)
        monitor.log({"loss": 1.0}, step=0)

    if __name__ == "__main__":
        process = multiprocessing.get_context(sys.argv[2]).Process(target=short, args=(sys.argv[1],))
        process.start()
        process.join()
"""
)


@pytest.mark.parametrize("method", METHODS)
def test_a_short_process_leaves_a_run(folder: Path, runs: Runs, method: str) -> None:
    assert Script(folder, SHORT, runs.address, arguments=[method]).wait(60) == 0
    (run,) = runs.ended()
    assert run["status"] == "finished"
    assert runs.curve("loss", run) == {0: 1.0}


BESIDE = (
    TRAINING
    + """
    if __name__ == "__main__":
        parent = livetrain.Monitor("parent", server=sys.argv[1])
        work(parent)
        assert parent.flush(30)
        process = multiprocessing.get_context(sys.argv[2]).Process(target=train, args=(sys.argv[1], "end"))
        process.start()
        process.join()
        work(parent, 5)
        assert process.exitcode == 0
"""
)


@pytest.mark.parametrize("method", METHODS)
def test_a_process_beside_a_monitor_of_the_parent(
    folder: Path, runs: Runs, server: object, method: str
) -> None:
    script = Script(folder, BESIDE, runs.address, arguments=[method])
    assert script.wait(60) == 0, script.stderr
    if method == "fork":  # gRPC cannot connect there: the next run sends it, or this
        assert synchronize(folder, server).wait(60) == 0  # type: ignore[arg-type]
    child, parent = runs.ended(2)
    assert (child["status"], parent["status"]) == ("finished", "finished")
    assert_whole(runs, child)


POOLS = (
    TRAINING
    + """
    import concurrent.futures

    def task(server, number):
        monitor = livetrain.Monitor(f"task {number}", server=server)
        work(monitor)
        if number == 1:
            raise ValueError("in a task")

    def begin(server):
        global held
        held = livetrain.Monitor(f"worker {os.getpid()}", server=server)

    def use(number):
        work(held)

    if __name__ == "__main__":
        server, method, how = sys.argv[1:]
        context = multiprocessing.get_context(method)
        if how == "pool":
            with context.Pool(2) as pool:
                assert pool.starmap(task, [(server, 0), (server, 2)]) == [None, None]
            # Beside the others: what an error's task logged last can be lost where its worker is ended by SIGTERM.
            with context.Pool(1) as pool:
                result = pool.apply_async(task, (server, 1))
                result.wait()
                assert not result.successful()
                pool.close()
                pool.join()
        elif how == "executor":
            with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
                futures = [pool.submit(task, server, number) for number in range(3)]
            assert [future.exception() is None for future in futures] == [True, False, True]
        elif how == "held by a worker":
            with concurrent.futures.ProcessPoolExecutor(1, context, begin, (server,)) as pool:
                pool.submit(use, 0).result()
        print("done")
"""
)


@pytest.mark.parametrize("how", ["pool", "executor"])
@pytest.mark.parametrize("method", METHODS)
def test_tasks_of_a_pool(folder: Path, runs: Runs, method: str, how: str) -> None:
    """A ``with Pool()`` ends its workers by SIGTERM as soon as it has their results."""
    script = Script(folder, POOLS, runs.address, arguments=[method, how])
    assert script.wait(60) == 0, script.stderr
    found = runs.ended(3)
    assert [run["status"] for run in found] == ["finished", "failed", "finished"]
    if how == "executor":  # of a pool's task nothing is known but that an error left it
        assert found[1]["message"] == "ValueError: in a task"
    for run in found:
        assert_whole(runs, run)


@pytest.mark.parametrize("method", METHODS)
def test_what_a_worker_of_a_pool_holds_ends_with_it(folder: Path, runs: Runs, method: str) -> None:
    script = Script(folder, POOLS, runs.address, arguments=[method, "held by a worker"])
    assert script.wait(60) == 0, script.stderr
    (run,) = runs.ended()
    assert run["status"] == "finished"
    assert_whole(runs, run)


TORCH = (
    TRAINING
    + """
    import torch.multiprocessing

    def rank(number, server, how):
        monitor = livetrain.Monitor(f"rank {number}", server=server)
        kept.append(monitor)
        work(monitor)
        if number == 1 and how == "error":
            raise ValueError("in a rank")

    if __name__ == "__main__":
        server, method, how = sys.argv[1:]
        try:
            torch.multiprocessing.start_processes(rank, args=(server, how), nprocs=2, start_method=method)
        except torch.multiprocessing.ProcessRaisedException as error:
            assert "in a rank" in str(error)
"""
)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("how", ["end", "error"])
def test_processes_of_torch(folder: Path, runs: Runs, method: str, how: str) -> None:
    pytest.importorskip("torch")
    script = Script(folder, TORCH, runs.address, arguments=[method, how])
    assert script.wait(90) == 0, script.stderr
    if how == "error":  # the other one is ended by SIGTERM, at whatever it was
        runs.until(lambda found: any(run["status"] == "failed" for run in found), "a rank failed")
        found = {run["name"]: runs.whole(run) for run in runs.all()}
        assert found["rank 1"]["message"] == "ValueError: in a rank"
        assert "in rank" in found["rank 1"]["traceback"]
        return
    found_all = runs.ended(2)
    assert [run["status"] for run in found_all] == ["finished", "finished"]
    for run in found_all:
        assert_whole(runs, run)


FORK = (
    TRAINING
    + """
    how = sys.argv[2]
    if os.fork() == 0:
        monitor = livetrain.Monitor("child", server=sys.argv[1])
        work(monitor)
        if how == "end":
            sys.exit(0)
        if how == "exit 3":
            sys.exit(3)
        if how == "error":
            raise ValueError("in the child")
        if how == "os._exit":
            assert monitor.flush(30)
            os._exit(0)
    os.wait()
"""
)


@pytest.mark.parametrize("how", ["end", "exit 3", "error", "os._exit"])
def test_a_bare_fork(folder: Path, runs: Runs, how: str) -> None:
    script = Script(folder, FORK, runs.address, arguments=[how])
    assert script.wait(60) == 0, script.stderr
    _, status, message = ENDS[how]
    run = runs.only() if status == "running" else runs.ended()[0]
    assert (run["status"], run["message"]) == (status, message)
    assert_whole(runs, run)
