"""What a loss of power may leave of files: the writes that a sync covered, and any of those that none did.

A process is traced with strace; from the trace the files can be built as they may stand after the power went at any moment.
"""

from __future__ import annotations

import random
import re
import shutil
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Trace"]

_CALLS = "pwrite64,write,fsync,fdatasync,ftruncate"
_LINE = re.compile(
    r"^(?P<start>\d+\.\d+) (?P<call>\w+)\((?P<fd>\d+)<(?P<path>[^>]*)>(?P<rest>.*)\) += (?P<result>-?\d+).* <(?P<took>\d+\.\d+)>$"
)
_DATA = re.compile(r'^, "(?P<data>(?:\\x[0-9a-f]{2})*)", \d+(?:, (?P<offset>\d+))?')


@dataclass(frozen=True)
class _Change:
    """A write, or a change of the length (then `data` is None)."""

    start: float
    end: float
    path: str
    offset: int
    data: bytes | None


@dataclass(frozen=True)
class _Sync:
    start: float
    end: float
    path: str


class Trace:
    """The writes and syncs of one process to the files of a folder.

    Args:
        scratch: takes strace's files.
        folder: whose files are followed.
    """

    def __init__(self, scratch: Path, folder: Path) -> None:
        if shutil.which("strace") is None:
            pytest.skip("following writes needs strace")
        self._scratch = scratch
        self._folder = folder
        scratch.mkdir()
        # A file for each thread: nothing is split over lines.
        self.prefix = [
            *("strace", "-D", "-ff", "-ttt", "-T", "-y", "-xx", "-s", "100000"),
            *("-o", str(scratch / "trace"), "-e", f"trace={_CALLS}", "-e", "signal=none"),
        ]

    def read(self) -> None:
        """Read the trace, after the process's end."""
        changes: list[_Change] = []
        syncs: list[_Sync] = []
        for file in self._scratch.iterdir():
            for line in file.read_text(errors="replace").splitlines():
                match = _LINE.match(line)
                if match is None or int(match["result"]) < 0:
                    continue
                path = (
                    bytes.fromhex(match["path"].replace("\\x", "")).decode()
                    if "\\x" in match["path"]
                    else match["path"]
                )
                if Path(path).parent != self._folder:
                    continue
                start = float(match["start"])
                end = start + float(match["took"])
                if match["call"] in ("fsync", "fdatasync"):
                    syncs.append(_Sync(start, end, path))
                elif match["call"] == "ftruncate":
                    changes.append(_Change(start, end, path, int(match["rest"].strip(", ")), None))
                else:
                    data = _DATA.match(match["rest"])
                    assert data is not None, line[:200]
                    assert data["offset"] is not None, "a database writes at offsets"
                    written = bytes.fromhex(data["data"].replace("\\x", ""))[: int(match["result"])]
                    changes.append(_Change(start, end, path, int(data["offset"]), written))
        self.changes = sorted(changes, key=lambda change: change.end)
        self.syncs = sorted(syncs, key=lambda sync: sync.end)
        assert self.changes, "no write was seen"
        assert self.syncs, "no sync was seen"

    def moments(self, chance: random.Random, count: int) -> list[float]:
        """Return moments at which the power may go: right after syncs, and anywhere."""
        after = [sync.end for sync in chance.sample(self.syncs, min(count // 2, len(self.syncs)))]
        first, last = self.changes[0].start, self.changes[-1].end
        return sorted([*after, *(chance.uniform(first, last) for _ in range(count - len(after)))])

    def files_at(self, moment: float, folder: Path, chance: random.Random) -> None:
        """Write into `folder` what the disk may hold when the power goes at `moment`."""
        covered: dict[str, float] = {}
        for sync in self.syncs[: bisect_right(self.syncs, moment, key=lambda sync: sync.end)]:
            covered[sync.path] = max(covered.get(sync.path, 0.0), sync.start)
        keep = chance.choice([0.0, 0.5, 1.0])  # of what no sync covers
        files: dict[str, bytearray] = {}
        for change in self.changes:
            if change.start > moment:
                continue
            durable = change.end <= covered.get(change.path, 0.0)
            if not durable and chance.random() >= keep:
                continue
            file = files.setdefault(change.path, bytearray())
            if change.data is None:
                del file[change.offset :]
                file.extend(bytes(change.offset - len(file)))
            else:
                file.extend(bytes(max(0, change.offset - len(file))))
                file[change.offset : change.offset + len(change.data)] = change.data
        for path, data in files.items():
            (folder / Path(path).name).write_bytes(data)
