"""Lets an attack go on beside bystanders and measures what it does to them: a row of the table.

To add an attack, put an ``Attack`` into the list ``ATTACKS`` of a module in ``tests/hostile/attacks``; it is then part of
``nox -s hostile``, and of every test run unless it says ``slice=False``.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.hostile.attack import Attack, Target, command
from tests.hostile.bystanders import Bystanders, server_cpu_seconds
from tests.integration.server.processes import ServerProcess

__all__ = ["HEADINGS", "Calm", "Row", "calm", "carry_out", "endure", "integrity", "store_folder"]

GATHER_SECONDS = 0.05
"""For so long the server gathers what it commits."""
_MIB = 2**20
_CALM_SECONDS = 1.0
_MEMORY_DISK = Path("/dev/shm")


class Calm(NamedTuple):
    """The 99th percentiles of acknowledgements without an attack, in seconds."""

    ack_p99: float
    ack_cpu: float


@dataclass(frozen=True, slots=True)
class Row:
    """What an attack did.

    Attributes:
        name: of the attack.
        ack_p99: of the bystander's acknowledgements, in seconds.
        ack_cpu: the same of what the server used of the processor meanwhile: what it is kept from, whatever else this machine does.
        calm: both without an attack.
        frame_p99: from logging a frame to the viewer having it, in seconds.
        health_wall: the longest answer of ``/healthz``, in seconds.
        health_cpu: the most that the server used of the processor between such a question and its answer, in seconds.
        health_failed: questions without an answer, or with a wrong one.
        rss_before: bytes.
        rss_peak: bytes.
        rss_after: bytes, a moment after the attack.
        log_lines: lines that the server logged.
        cpu: what the server used of the processor, as a share of one core.
        unharmed: the bystanders' connections are the same as before.
    """

    name: str
    ack_p99: float
    ack_cpu: float
    calm: Calm
    frame_p99: float
    health_wall: float
    health_cpu: float
    health_failed: int
    rss_before: int
    rss_peak: int
    rss_after: int
    log_lines: int
    cpu: float
    unharmed: bool

    @property
    def ack_ratio(self) -> float:
        """How much longer acknowledgements take beside the attack."""
        return self.ack_p99 / self.calm.ack_p99

    @property
    def own_ratio(self) -> float:
        """The same, of what is the server's own: the time that it gathers a commit for, and what it computes until it is told."""
        return (GATHER_SECONDS + self.ack_cpu) / (GATHER_SECONDS + self.calm.ack_cpu)

    def cells(self) -> list[str]:
        """Return the row as it stands in the table."""
        return [
            self.name,
            f"{self.ack_p99 * 1e3:.0f}",
            f"{self.ack_ratio:.2f} ×",
            f"{self.ack_cpu * 1e3:.0f}",
            f"{self.own_ratio:.2f} ×",
            f"{self.frame_p99 * 1e3:.0f}",
            f"{self.health_wall * 1e3:.0f}",
            f"{self.health_cpu * 1e3:.0f}",
            f"{self.rss_before / _MIB:.0f}",
            f"{self.rss_peak / _MIB:.0f}",
            f"{self.rss_after / _MIB:.0f}",
            str(self.log_lines),
            f"{self.cpu:.0%}",
            "yes" if self.unharmed else "**no**",
        ]


HEADINGS = [
    "attack",
    "acknowledged p99, ms",
    "against none",
    "of the server's CPU, ms",
    "against none",
    "frame p99, ms",
    "worst /healthz, ms",
    "of the server's CPU, ms",
    "RSS before, MiB",
    "peak",
    "after",
    "log lines",
    "server's CPU",
    "unharmed",
]


def percentile(values: list[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def calm(bystanders: Bystanders, seconds: float = _CALM_SECONDS) -> Calm:
    """See how long acknowledgements take without an attack."""
    first = bystanders.settle()
    time.sleep(seconds)
    return Calm(*acknowledgements(bystanders, first, bystanders.settle() - 1))


def acknowledgements(bystanders: Bystanders, first: int, last: int) -> tuple[float, float]:
    """Return the 99th percentiles of how long records waited, and of what the server computed meanwhile."""
    waited = bystanders.acknowledgement(first, last)
    return percentile([wall for wall, _ in waited], 0.99), percentile([c for _, c in waited], 0.99)


def endure(
    server: ServerProcess,
    bystanders: Bystanders,
    attack: Attack,
    *,
    seconds: float,
    usual: Calm,
) -> Row:
    """Carry an attack out for so long, and return what it did."""
    folder = Path(f"/proc/{server.process.pid}")
    target = Target(server.grpc, server.http, server.relay, bystanders.run_id)
    probe = bystanders.probe
    first = bystanders.settle()
    rss = _memory(folder, "VmRSS")
    (folder / "clear_refs").write_text("5")  # the kernel's peak begins anew
    lines = len(server.log)
    with carry_out(attack, target, seconds) as process:
        # Of what came before, interpreters starting on the same cores and the like, nothing counts.
        probe.answers.clear()
        probe.failed = 0
        cpu, began = server_cpu_seconds(server.process.pid), time.monotonic()
        first = max(first, len(bystanders.sent))
        process.wait(seconds + 30)
        took = time.monotonic() - began
        used = server_cpu_seconds(server.process.pid) - cpu
        last = len(bystanders.sent)
    assert process.returncode == 0, f"{attack.name} could not be carried out"
    wall, health_cpu = probe.worst()
    ended = bystanders.trainer.ended.is_set()
    if not ended:
        bystanders.settle()
    ack_p99, ack_cpu = acknowledgements(bystanders, first, last)
    peak = _memory(folder, "VmHWM")
    time.sleep(0.3)
    return Row(
        name=attack.name,
        ack_p99=ack_p99,
        ack_cpu=ack_cpu,
        calm=usual,
        frame_p99=percentile(bystanders.frames(first, last), 0.99),
        health_wall=wall,
        health_cpu=health_cpu,
        health_failed=probe.failed,
        rss_before=rss,
        rss_peak=peak,
        rss_after=_memory(folder, "VmRSS"),
        log_lines=len(server.log) - lines,
        cpu=used / took,
        unharmed=not ended and not bystanders.viewer_closed and not probe.failed,
    )


@contextlib.contextmanager
def store_folder(otherwise: Path | None = None) -> Iterator[Path]:
    """Make a folder for a server's store, in memory where there is such a disk: it is not the disk that is measured.

    Args:
        otherwise: where it is made where there is none; None: where temporary files are.
    """
    where = _MEMORY_DISK if os.access(_MEMORY_DISK, os.W_OK) else otherwise
    with tempfile.TemporaryDirectory(prefix="livetrain-hostile-", dir=where) as folder:
        yield Path(folder)


def integrity(data_dir: Path) -> str:
    """Return what SQLite says of the store once its server has ended; ``ok``: nothing is wrong."""
    with contextlib.closing(sqlite3.connect(data_dir / "livetrain.db")) as store:
        return str(store.execute("PRAGMA integrity_check").fetchone()[0])


def _memory(folder: Path, what: str) -> int:
    return int((folder / "status").read_text().split(f"{what}:")[1].split()[0]) * 1024


@contextlib.contextmanager
def carry_out(attack: Attack, target: Target, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Have an attack under way, in a process of its own, which is killed in the end."""
    with _process(command(attack, target, seconds)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", f"{attack.name} did not begin"
        yield process


@contextlib.contextmanager
def _process(arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
