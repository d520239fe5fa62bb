"""All attacks on the server's memory at once: it holds no more than it may, and who is beside them notices nothing."""

from __future__ import annotations

import contextlib
import math
import select
import subprocess
import time
from pathlib import Path

import httpx

from tests.hostile.attack import Target, command
from tests.hostile.attacks.memory import ATTACKS
from tests.hostile.harness import integrity
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.trainer import Trainer

_MIB = 1 << 20
_MEMORY_MIB = 384
_SECONDS = 4.0
_KINDS = {"received", "journal", "rings", "frames", "viewers", "replies", "runs", "points"}


def _resident(server: ServerProcess) -> int:
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096


def _figures(server: ServerProcess, name: str) -> dict[str, float]:
    page = httpx.get(f"{server.http}/metrics", timeout=60).text
    lines = [line for line in page.splitlines() if line.startswith(f"livetrain_{name}{{kind=")]
    return {line.split('"')[1]: float(line.split()[-1]) for line in lines}


def test_the_memory_is_bounded_under_all_attacks_together(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with (
        ServerProcess(data, "--memory-mib", str(_MEMORY_MIB)) as server,
        Trainer(server.grpc) as trainer,
        contextlib.ExitStack() as attacks,
    ):
        run_id = trainer.register().run_id
        trainer.open()
        trainer.batch(1)
        trainer.wait_durable(1)
        assert set(_figures(server, "memory_limit_bytes")) == _KINDS
        baseline = _resident(server)
        target = Target(server.grpc, server.http, server.relay, run_id)
        under_way = []
        for attack in ATTACKS:
            process = subprocess.Popen(
                command(attack, target, 60.0), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            attacks.callback(process.wait)
            attacks.callback(process.kill)
            assert process.stdout is not None
            under_way.append(attacks.enter_context(process.stdout))
        peak, seq, end = 0, 1, math.inf
        while time.monotonic() < end:
            peak = max(peak, _resident(server))
            if under_way and select.select(under_way[:1], [], [], 0)[0]:  # it says that it begins
                under_way.pop(0)
                end = math.inf if under_way else time.monotonic() + _SECONDS
            if trainer.durable >= seq:
                seq += 1
                trainer.batch(seq)
            time.sleep(0.01)
        attacks.close()
        trainer.wait_durable(seq)
        assert trainer.error is None
        assert seq > 10, "the trainer beside them came no further"
        assert peak - baseline <= _MEMORY_MIB * _MIB, f"{(peak - baseline) // _MIB} MiB"
        peaks, limits = (
            _figures(server, "memory_peak_bytes"),
            _figures(server, "memory_limit_bytes"),
        )
        assert sum(limits.values()) <= _MEMORY_MIB * _MIB
        assert all(peaks[kind] <= 2 * limits[kind] for kind in _KINDS), peaks
        assert min(peaks[kind] for kind in ("received", "viewers", "replies", "runs")) > 0
        # What they took comes back.
        for kind in ("viewers", "replies", "received"):
            until(
                lambda kind=kind: _figures(server, "memory_bytes")[kind] < limits[kind] / 4,
                f"{kind} to be given back",
            )
        assert server.stop() == 0
    assert integrity(data) == "ok"
