"""Who used the processors meanwhile."""

from __future__ import annotations

from collections import defaultdict

import psutil

__all__ = ["Load"]


def _busy() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + getattr(times, "steal", 0.0))


class Load:
    """CPU seconds from here to `end`, by kind of process.

    Args:
        kinds: name, and what the command line of its processes has in it; the first that fits.

    Attributes:
        seconds: by kind.
        others: of everybody else, the measuring process and what the hypervisor took away included.
    """

    def __init__(self, kinds: dict[str, str]) -> None:
        self._kinds = kinds
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.others = 0.0
        self._started = _busy(), self._used()

    def end(self) -> Load:
        """Fill the figures in."""
        busy, used = self._started
        self.others = _busy() - busy
        for (name, pid), seconds in self._used().items():
            self.seconds[name] += seconds - used.get((name, pid), 0.0)
        self.others -= sum(self.seconds.values())
        return self

    def _used(self) -> dict[tuple[str, int], float]:
        used: dict[tuple[str, int], float] = {}
        for process in psutil.process_iter():
            try:
                line = " ".join(process.cmdline())
                times = process.cpu_times()
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            for name, sign in self._kinds.items():
                if sign in line:
                    used[name, process.pid] = times.user + times.system
                    break
        return used
