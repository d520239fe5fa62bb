from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from livetrain._launch import spool_directory, state_directory
from livetrain._spool.private_directory import is_ours, make_private, tighten
from livetrain._spool.segment_log import SegmentLog
from livetrain._spool.spool import Spool, discover
from livetrain.config import Environment


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _open_umask() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


def test_every_directory_that_is_made_is_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private(tmp_path / "state" / "livetrain" / "spool")
    for made in ("state", "state/livetrain", "state/livetrain/spool"):
        assert mode(tmp_path / made) == 0o700
    assert mode(tmp_path) == 0o755
    make_private(tmp_path / "state")  # it is there already


def test_a_spool_and_what_is_above_it_is_private(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path / "a" / "b" / "stream")
    assert not spool.memory_only
    assert [mode(tmp_path / made) for made in ("a", "a/b", "a/b/stream")] == [0o700] * 3
    spool.close()


def test_an_older_spool_becomes_private_when_it_is_opened(tmp_path: Path) -> None:
    old = tmp_path / "stream"
    old.mkdir(mode=0o755)
    log = SegmentLog(old, segment_bytes=1000, fsync="never")
    assert mode(old) == 0o700
    log.close(delete=True)


def test_only_what_is_this_users_is_tightened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    tighten(tmp_path / "missing")
    with monkeypatch.context() as somebody_else:
        somebody_else.setattr(os, "geteuid", lambda: os.getuid() + 1)
        tighten(tmp_path)
        assert mode(tmp_path) == 0o755
    tighten(tmp_path)
    assert mode(tmp_path) == 0o700


def test_a_spool_that_somebody_else_put_there_is_left_alone(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path / "spools" / "one")
    spool.set_meta(b"who")
    spool.append(1, b"record")
    spool.close()
    elsewhere = Spool.open(tmp_path / "elsewhere" / "two")
    elsewhere.set_meta(b"who")
    elsewhere.append(1, b"record")
    elsewhere.close()
    (tmp_path / "spools" / "link").symlink_to(tmp_path / "elsewhere" / "two")
    assert [found.directory.name for found in discover(tmp_path / "spools")] == ["one"]
    assert not is_ours(tmp_path / "spools" / "link")
    if os.geteuid() == 0:  # else nothing can be given to somebody else
        os.chown(tmp_path / "spools" / "one", 12345, 12345)
        assert discover(tmp_path / "spools") == []
        os.chown(tmp_path / "spools", 12345, 12345)  # a disk that shows one owner for everything
        assert [found.directory.name for found in discover(tmp_path / "spools")] == ["one"]


def test_a_directory_of_all_users_that_somebody_else_took_first_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    usual = tmp_path / f"livetrain-{os.getuid()}"
    assert state_directory({}) == usual
    make_private(usual)
    assert state_directory({}) == usual
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    other = state_directory({})
    assert other not in (usual, tmp_path)
    assert mode(other) == 0o700


def test_what_lies_below_the_state_directory_is_this_users_alone(tmp_path: Path) -> None:
    old = tmp_path / "livetrain" / "spool"
    old.mkdir(mode=0o755, parents=True)
    old.parent.chmod(0o755)
    assert spool_directory(None, Environment(), {"XDG_STATE_HOME": str(tmp_path)}) == old
    assert [mode(old), mode(old.parent)] == [0o700, 0o700]
    given = tmp_path / "given"
    given.mkdir(mode=0o755)
    assert spool_directory(given, Environment(), {}) == given
    assert mode(given) == 0o755
