"""One run at a time holds a folder, and lets go of it however it ends."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from threading import Timer

import pytest
from filelock import FileLock

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.shards import Shard
from w2sd_video.render.record.folder import GLANCE, PATIENCE, holders, open_folder

HOLD = """
import sys, time
from pathlib import Path
from w2sd_video.render.record.folder import open_folder
with open_folder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_run_is_told_of_the_first(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with pytest.raises(InputError) as error, open_folder(tmp_path):
                pass
            assert str(error.value) == (
                f"{tmp_path}: is rendered into by process {other.pid} on {socket.gethostname()};"
                " wait for it, or take another folder"
            )
        finally:
            other.send_signal(signal.SIGKILL)
    with open_folder(tmp_path) as ledger:  # a lock that outlived its process would be in the way
        assert not ledger.entries()


def test_a_shard_is_known_of_as_soon_as_others_may_look(tmp_path: Path) -> None:
    """It lets go of the folder's lock when its ledger is there, by which a whole run knows it."""
    seen: list[bool] = []
    release = FileLock.release

    def watched(lock: FileLock, force: bool = False) -> None:
        if Path(lock.lock_file) == tmp_path / ".lock":  # and not one that is collected now
            seen.append((tmp_path / "ledger-1-of-2.sqlite").exists())
        release(lock, force)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FileLock, "release", watched)
        with open_folder(tmp_path, Shard(1, 2)):
            assert set(seen) == {True}


def test_it_is_let_go_of(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyError), open_folder(tmp_path):
            raise KeyError
    assert not (tmp_path / ".holder.json").exists()


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_folder_that_can_not_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refused(lock: FileLock) -> None:
        raise OSError(code, os.strerror(code), lock.lock_file)

    monkeypatch.setattr(FileLock, "_acquire", refused)
    for shard in (None, Shard(1, 2)):
        with pytest.raises(InputError) as error, open_folder(tmp_path, shard):
            pass
        assert str(error.value) == f"{tmp_path}: can't be written to: {os.strerror(code)}"


def test_what_a_killed_run_has_left_is_in_nobodys_way(tmp_path: Path) -> None:
    stuck, loose = tmp_path / ".stuck.mp4.part", tmp_path / ".loose.mp4.part"
    stuck.mkdir()  # can't be unlinked, whoever tries
    loose.write_bytes(b"half")
    with open_folder(tmp_path):
        assert stuck.exists()
        assert not loose.exists()


def test_who_holds_it_is_told_without_being_in_the_way(tmp_path: Path) -> None:
    assert holders(tmp_path) == {}
    me = f"process {os.getpid()} on {socket.gethostname()}"
    with open_folder(tmp_path):
        assert holders(tmp_path) == {"ledger.sqlite": me}
    with open_folder(tmp_path, Shard(2, 3)):
        assert holders(tmp_path) == {"ledger-2-of-3.sqlite": me}
    assert holders(tmp_path) == {}
    with (tmp_path / ".lock").open("rb") as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        Timer(GLANCE / 3, fcntl.flock, (looked_at, fcntl.LOCK_UN)).start()
        with open_folder(tmp_path):
            pass


def test_a_share_is_patient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of hundreds that start together one has to wait for all others."""
    assert PATIENCE >= 120
    monkeypatch.setattr("w2sd_video.render.record.folder.QUIET", 0.1)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        Timer(0.5, other.kill).start()
        with open_folder(tmp_path, Shard(1, 2)) as ledger:
            assert not ledger.entries()
    assert caplog.messages == [
        f"{tmp_path}: is held by process {other.pid} on {socket.gethostname()}; waiting for it,"
        " 300 s at most"
    ]
