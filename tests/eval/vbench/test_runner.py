"""The runner's side of the talk, with a VBench that is a few lines long."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from w2sd_video.eval.vbench import process

from ..noise import write_clip
from .conftest import PROMPTS, is_there, wait_for

VBENCH = """
import json, os, subprocess
from pathlib import Path

CALLS = []


class VBench:
    def __init__(self, device, full_info_dir, output_path):
        self.output_path = output_path
        assert device.type == "cpu"  # as the official command passes it, and some dimensions ask

    def evaluate(self, videos_path, name, dimension_list, local):
        assert local
        [dimension] = dimension_list
        entries = json.load(open(self.build_full_info_json(videos_path, name, dimension_list)))
        for variable in ("HF_HUB_OFFLINE", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"):
            assert os.environ[variable] == "1"
        if dimension == "subject_consistency":
            weights = "hub/checkpoints/dino_vitbase16_pretrain.pth"
            assert Path(os.environ["TORCH_HOME"], weights).read_text() == "dino"
        if dimension == "color":
            1 / sum("empty" not in path for entry in entries for path in entry["video_list"])
        print(json.dumps(entries))
        # As VBench's own reader does:
        assert all(path.endswith(".mp4") for entry in entries for path in entry["video_list"])
        videos = [
            {"video_path": path, "video_results": Path(path).stat().st_size > 0}
            for entry in entries
            for path in entry["video_list"]
        ]
        result = {dimension: [1.0, videos]}
        Path(self.output_path, f"{name}_eval_results.json").write_text(json.dumps(result))
"""
STATIC_FILTER = """
import torch

DEVICE = "cuda"


class StaticFilter:
    def __init__(self, args, device):
        self.device, self.weights = device, torch.load(args.model)

    def infer(self, path):
        frames, weights = DEVICE, self.weights
        assert {frames, self.device, weights[1]} == {"cpu"}, (frames, self.device, weights)
        assert weights[0].endswith("/weights/raft_model/models/raft-things.pth")
        return "still" in path
"""
OFFICIAL = [
    *PROMPTS,
    {
        "prompt_en": "a dog runs, in oil",
        "dimension": ["appearance_style"],
        "auxiliary_info": {"appearance_style": {"appearance_style": "in oil"}},
    },
]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with modules named like VBench and what it needs."""
    folder = tmp_path / "library"
    package = folder / "vbench"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(VBENCH)
    (package / "utils.py").write_text("import os\nCACHE_DIR = os.environ['VBENCH_CACHE_DIR']\n")
    (package / "VBench_full_info.json").write_text(json.dumps(OFFICIAL))
    (package / "color.py").write_text("import detectron2\n")
    fetch = 'import subprocess\nassert subprocess.run(["wget", "http://x"]).returncode == 1\n'
    (package / "scene.py").write_text(fetch)
    (package / "slow.py").write_text("import time\nprint('asleep', flush=True)\ntime.sleep(60)\n")
    (package / "cli").mkdir()
    (package / "cli" / "static_filter.py").write_text(STATIC_FILTER)
    (folder / "easydict.py").write_text("from types import SimpleNamespace as EasyDict\n")
    (folder / "torch.py").write_text(
        "class cuda:\n    is_available = staticmethod(lambda: False)\n"
        "class device:\n    def __init__(self, type):\n        self.type = type\n"
        "def load(file, map_location='cuda'):\n    return file, map_location\n"
    )
    weights = tmp_path / "weights" / "dino_model" / "dino_vitbase16_pretrain.pth"
    weights.parent.mkdir(parents=True)
    weights.write_text("dino")
    return folder


def command(library: Path, tmp_path: Path, request: object) -> list[str]:
    """What runs the runner beside that library."""
    asked, result = tmp_path / "request.json", tmp_path / "result.json"
    asked.write_text(json.dumps(request))
    start = f"import sys, runpy; sys.path.insert(0, {str(library)!r}); del sys.argv[0]"
    code = f"{start}; runpy.run_path(sys.argv[0], run_name='__main__')"
    return [sys.executable, "-I", "-c", code, str(process.RUNNER), str(asked), str(result)]


def run(library: Path, tmp_path: Path, request: object) -> tuple[dict[str, object], str]:
    """The result and what was printed."""
    result = tmp_path / "result.json"
    done = subprocess.run(
        command(library, tmp_path, request),
        env={"VBENCH_CACHE_DIR": str(tmp_path / "weights"), "PATH": "/bin:/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(result.read_text()), done.stdout + done.stderr


def entries_of(printed: str) -> list[dict[str, object]]:
    return json.loads(next(line for line in printed.splitlines() if line.startswith("[")))


def test_exactly_the_clips_given_are_scored(library: Path, tmp_path: Path) -> None:
    paths = [str(write_clip(tmp_path / f"{n}.mp4")) for n in ("x", "y", "z")]
    prompts = ["a dog runs, in oil", "a dog runs, in oil", "something else"]
    clips = [{"path": p, "prompt": q} for p, q in zip(paths, prompts, strict=True)]
    request = {"task": "score", "dimension": "appearance_style", "clips": clips}
    result, printed = run(library, tmp_path, request)
    assert result == {"aggregate": 1.0, "clips": [{"path": p, "value": 1.0} for p in paths]}
    first, second = entries_of(printed)
    assert first["video_list"] == paths[:2]
    assert first["auxiliary_info"] == {"appearance_style": {"appearance_style": "in oil"}}
    assert "auxiliary_info" not in second


def test_a_name_in_capitals_is_a_clip_too(library: Path, tmp_path: Path) -> None:
    paths = [str(write_clip(tmp_path / name)) for name in ("a.mp4", "CLIP.MP4")]
    clips = [{"path": path, "prompt": "x"} for path in paths]
    request = {"task": "score", "dimension": "imaging_quality", "clips": clips}
    result, _ = run(library, tmp_path, request)
    assert result["clips"] == [{"path": path, "value": 1.0} for path in paths]


def test_the_static_filter_runs_without_cuda(library: Path, tmp_path: Path) -> None:
    clips = [{"path": "/x/still.mp4", "prompt": "x"}, {"path": "/x/moving.mp4", "prompt": "x"}]
    result, _ = run(library, tmp_path, {"task": "static", "clips": clips})
    values = [{"path": "/x/still.mp4", "value": 1.0}, {"path": "/x/moving.mp4", "value": 0.0}]
    assert result == {"aggregate": 0.5, "clips": values}


def test_a_mean_of_nothing_is_no_crash(library: Path, tmp_path: Path) -> None:
    path = str(write_clip(tmp_path / "empty.mp4"))
    clips = [{"path": path, "prompt": "x"}]
    result, _ = run(library, tmp_path, {"task": "score", "dimension": "color", "clips": clips})
    assert result == {"aggregate": None, "clips": []}


def test_dino_is_found_where_torch_looks(library: Path, tmp_path: Path) -> None:
    path = str(write_clip(tmp_path / "x.mp4"))
    clips = [{"path": path, "prompt": "x"}]
    run(library, tmp_path, {"task": "score", "dimension": "subject_consistency", "clips": clips})


def test_an_action_is_read_from_the_name(library: Path, tmp_path: Path) -> None:
    path = str(write_clip(tmp_path / "x.mp4"))
    clips = [{"path": path, "prompt": "A person is riding a bike"}]
    request = {"task": "score", "dimension": "human_action", "clips": clips}
    result, printed = run(library, tmp_path, request)
    assert result["clips"] == [{"path": path, "value": 1.0}]
    [entry] = entries_of(printed)
    assert Path(entry["video_list"][0]).name == "A person is riding a bike-0.mp4"


def test_what_can_be_imported_without_fetching(library: Path, tmp_path: Path) -> None:
    request = {"task": "check", "dimensions": ["color", "scene", "no_such"]}
    found, printed = run(library, tmp_path, request)
    assert found["scene"] == ""
    assert found["color"] == "ModuleNotFoundError: No module named 'detectron2'"
    assert str(found["no_such"]).startswith("ModuleNotFoundError")
    assert "wget is not run: http://x" in printed


def test_it_ends_with_a_caller_that_is_killed(library: Path, tmp_path: Path) -> None:
    words = command(library, tmp_path, {"task": "check", "dimensions": ["slow"]})
    log = tmp_path / "log"
    code = f"""
import subprocess, sys
with open({str(log)!r}, "wb") as stream:
    child = subprocess.Popen({words!r}, stdout=stream, start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""
    caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert caller.stdout
    runner = int(caller.stdout.readline())
    wait_for(lambda: log.exists() and log.read_text() == "asleep\n")
    caller.kill()
    caller.wait()
    wait_for(lambda: not is_there(runner))
