"""What is free is what the host, the container and the job leave, whichever is least."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from w2sd_video.memory import host

GIB = 2**30


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(host, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(host, "OWN", tmp_path / "own")
    free = psutil.virtual_memory()._replace(available=8 * GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    return tmp_path


def limited(group: Path, names: tuple[str, str], limit: str, used: int, cached: int = 0) -> None:
    group.mkdir(parents=True, exist_ok=True)
    (group / names[0]).write_text(f"{limit}\n")
    (group / names[1]).write_text(f"{used}\n")
    (group / "memory.stat").write_text(f"anon 7\ninactive_file {cached}\n")


def test_without_limits_it_is_the_host_s(groups: Path) -> None:
    assert host.available() == 8 * GIB  # no groups at all
    (groups / "own").write_text("0::/\n")
    assert host.available() == 8 * GIB
    limited(groups / "cgroup", host.FILES[2], "max", GIB)
    assert host.available() == 8 * GIB


@pytest.mark.parametrize(
    ("line", "root", "version"), [("0::", "", 2), ("4:memory:", "memory", 1), ("3:cpu:", "", 0)]
)
def test_a_limit_of_a_group_or_of_one_above(
    line: str, root: str, version: int, groups: Path
) -> None:
    (groups / "own").write_text(f"9:cpuset:/\n{line}/slurm/job/step\n")
    job = groups / "cgroup" / root / "slurm" / "job"
    names = host.FILES.get(version, host.FILES[2])
    limited(job / "step", names, str(6 * GIB), GIB, cached=GIB // 2)
    expected = 6 * GIB - GIB + GIB // 2
    assert host.available() == (expected if version else 8 * GIB)
    limited(job, names, str(4 * GIB), 3 * GIB)
    assert host.available() == (GIB if version else 8 * GIB)
    limited(job, names, str(4 * GIB), 5 * GIB)
    assert host.available() == (0 if version else 8 * GIB)


def test_here_it_is_something() -> None:
    assert 0 < host.available() <= psutil.virtual_memory().total
