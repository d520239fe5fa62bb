"""What the training uses of its machine: processor, memory, and the GPU when there is one."""

from __future__ import annotations

import importlib
import os
import time
from dataclasses import dataclass
from typing import Any

import psutil

__all__ = ["ResourceProbe", "Resources"]

_MIB = float(1 << 20)
_SHORTEST_SECONDS = 0.2  # the system counts a process's time in hundredths of a second


@dataclass(frozen=True, slots=True)
class Resources:
    """One reading: percent of one core times the cores used, mebibytes; the GPU's are None where there is none."""

    cpu_percent: float
    memory_mib: float
    memory_total_mib: float
    gpu_percent: float | None = None
    gpu_memory_mib: float | None = None
    gpu_memory_total_mib: float | None = None


class ResourceProbe:
    """Reads this process's figures; read on one thread in the background, for that takes up to a millisecond.

    The first reading is about the time since the probe was made, each later one about the time since the one before.
    """

    def __init__(self) -> None:
        self._measured = _cpu_seconds(), time.monotonic()
        self._percent = 0.0
        self._process: psutil.Process | None = None
        self._total_mib = 0.0
        self._nvml: Any = None
        self._gpu: Any = None

    def read(self) -> Resources | None:
        """Return the figures since the last call, or None where the system does not tell."""
        try:
            if self._process is None:
                self._total_mib = psutil.virtual_memory().total / _MIB
                self._nvml, self._gpu = _nvidia()
                self._process = psutil.Process()
            cpu = self._cpu_percent()
            memory = self._process.memory_info().rss / _MIB
        except (psutil.Error, OSError):
            return None
        if self._gpu is None:
            return Resources(cpu, memory, self._total_mib)
        try:
            rates = self._nvml.nvmlDeviceGetUtilizationRates(self._gpu)
            gpu_memory = self._nvml.nvmlDeviceGetMemoryInfo(self._gpu)
        except self._nvml.NVMLError:
            return Resources(cpu, memory, self._total_mib)
        return Resources(
            cpu,
            memory,
            self._total_mib,
            gpu_percent=float(rates.gpu),
            gpu_memory_mib=gpu_memory.used / _MIB,
            gpu_memory_total_mib=gpu_memory.total / _MIB,
        )

    def _cpu_percent(self) -> float:
        cpu, now = _cpu_seconds(), time.monotonic()
        before, then = self._measured
        if now - then >= _SHORTEST_SECONDS or not self._percent:
            self._percent = 100 * (cpu - before) / max(now - then, 1e-3)
            self._measured = cpu, now
        return self._percent


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def _nvidia() -> tuple[Any, Any]:
    """Return NVIDIA's management library and this process's device, or a pair of None."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return None, None
    try:
        nvml.nvmlInit()
        first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
        if first.isdigit():
            return nvml, nvml.nvmlDeviceGetHandleByIndex(int(first))
        return nvml, nvml.nvmlDeviceGetHandleByUUID(first)
    except (nvml.NVMLError, UnicodeError):
        return None, None
