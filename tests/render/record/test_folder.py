"""One run at a time holds a folder, and lets go of it however it ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from w2sd_video.render.errors import InputError
from w2sd_video.render.record.folder import open_folder

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


def test_it_is_let_go_of(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyError), open_folder(tmp_path):
            raise KeyError
    assert not (tmp_path / ".holder.json").exists()
