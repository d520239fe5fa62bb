"""A wall clock that is wrong; the monotonic clock is right. Needs libfaketime."""

from __future__ import annotations

from pathlib import Path

import pytest

__all__ = ["WrongClock"]


class WrongClock:
    """A wall clock that is off by so many seconds, for processes with its `env`; the monotonic clock is right."""

    def __init__(self, folder: Path, name: str) -> None:
        libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        if not libraries:
            pytest.skip("another clock needs libfaketime")
        self._file = folder / f"{name}.clock"
        self.env = {
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(0)

    def set(self, seconds: int) -> None:
        self._file.write_text(f"{seconds:+d}")
