"""Disks that are small, read-only or sick. Needs root on Linux."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Self

import pytest

__all__ = ["SmallDisk"]


class SmallDisk:
    """A file system in memory of a size that can be changed, at a path of its own."""

    def __init__(self, path: Path, size: str) -> None:
        self.path = path
        self._size = size

    def __enter__(self) -> Self:
        self.path.mkdir()
        if os.geteuid() != 0 or not self._mount(f"size={self._size}", "tmpfs"):
            pytest.skip("mounting a tmpfs needs root on Linux")
        return self

    def __exit__(self, *_: object) -> None:
        # Lazily: whoever still has a file open there is killed after this.
        subprocess.run(["umount", "-l", str(self.path)], check=False, capture_output=True)

    def remount(self, options: str) -> None:
        """Change its size, or make it read-only: ``"size=64m"``, ``"ro"``."""
        assert self._mount(f"remount,{options}", "none"), (
            f"cannot remount {self.path} with {options}"
        )

    def fill(self) -> None:
        """Take all the space that is left."""
        with (self.path / "ballast").open("ab", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                return

    def empty(self) -> None:
        """Give the space back."""
        (self.path / "ballast").unlink()

    def _mount(self, options: str, source: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, source, str(self.path)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
