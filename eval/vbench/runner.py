"""Runs in VBench's own environment: one task a call, a JSON request in, a JSON result out.

    python runner.py REQUEST RESULT

This file imports nothing of the package around it. Requests have a ``task``:

- ``check``: which of ``dimensions`` can be imported; gives ``{name: "" or why not}``.
- ``score``: one ``dimension`` of ``clips``, each ``{"path", "prompt"}``; gives
  ``{"aggregate", "clips": [{"path", "value"}, …]}`` as VBench says them; it may leave out clips,
  and of none there is no aggregate.
- ``static``: which clips the official filter of temporal_flickering takes as still; gives the same.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

# Before VBench is imported, which reads them then. Files are in place or the task fails: nothing
# is fetched behind the user's back. Checkpoints of that age are pickles.
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
}


def main(request_file: str, result_file: str) -> None:
    """Carry out a request; a result is written whole or not at all."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    os.environ.update(OFFLINE)
    request = json.loads(Path(request_file).read_text("utf-8"))
    with tempfile.TemporaryDirectory() as scratch:
        _block_downloads(Path(scratch, "bin"))
        result = TASKS[request["task"]](request, Path(scratch))
    part = Path(result_file + ".part")
    part.write_text(json.dumps(result), "utf-8")
    os.replace(part, result_file)


def _end_with(parent: int) -> None:
    """End when the caller has: one that was killed can't end this."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _block_downloads(folder: Path) -> None:
    """VBench starts these for what it misses, some of it as soon as it is imported."""
    folder.mkdir()
    for name in ("wget", "git"):
        stub = folder / name
        stub.write_text(f'#!/bin/sh\necho "{name} is not run: $@" >&2\nexit 1\n')
        stub.chmod(0o755)
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"


def check(request: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Try to import each dimension."""
    found = {}
    for name in request["dimensions"]:
        try:
            importlib.import_module(f"vbench.{name}")
            found[name] = ""
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found


def score(request: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Let VBench score one dimension, of exactly the clips given."""
    name = request["dimension"]
    if name == "subject_consistency":
        _place_dino(scratch)
    clips = request["clips"]
    if name == "human_action":
        clips = _named_by_prompt(clips, scratch)
    clips = [_in_lower_case(clip, scratch, number) for number, clip in enumerate(clips)]
    bench = _bench(name, clips, scratch)
    try:
        bench.evaluate(videos_path=str(scratch), name="run", dimension_list=[name], local=True)
    except ZeroDivisionError:
        if name != "color":
            raise
        return {"aggregate": None, "clips": []}  # it has left out all, and takes their mean
    result = json.loads((scratch / "run_eval_results.json").read_text("utf-8"))
    aggregate, videos = result[name]
    original = {clip["path"]: clip.get("original", clip["path"]) for clip in clips}
    values = [
        {"path": original[v["video_path"]], "value": float(v["video_results"])} for v in videos
    ]
    return {"aggregate": float(aggregate), "clips": values}


def static(request: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Ask the official static filter of each clip."""
    import vbench.cli.static_filter as official
    from easydict import EasyDict
    from vbench.utils import CACHE_DIR

    weights = f"{CACHE_DIR}/raft_model/models/raft-things.pth"
    options = {"small": False, "mixed_precision": False, "alternate_corr": False}
    # The filter is written for CUDA: frames go to its constant, weights to where they were saved.
    device = official.DEVICE = _device()
    official.torch.load = partial(official.torch.load, map_location=device)
    judge = official.StaticFilter(EasyDict(model=weights, **options), device=device)
    values = []
    for clip in request["clips"]:
        values.append({"path": clip["path"], "value": float(judge.infer(clip["path"]))})
        print(clip["path"], values[-1]["value"], flush=True)  # a sign of life
    return {"aggregate": sum(v["value"] for v in values) / len(values), "clips": values}


def _bench(name: str, clips: list[dict[str, str]], scratch: Path) -> Any:
    """The official evaluator, but for the search for files: it takes the clips that it is given,
    where the official one takes five of each prompt by name and says nothing of the rest."""
    import torch
    import vbench

    official = Path(vbench.__file__).parent / "VBench_full_info.json"
    known = {
        entry["prompt_en"]: entry["auxiliary_info"]
        for entry in json.loads(official.read_text("utf-8"))
        if name in entry["dimension"] and "auxiliary_info" in entry
    }

    def full_info(*_: Any, **__: Any) -> str:
        entries: dict[str, dict[str, Any]] = {}
        for clip in clips:
            prompt = clip["prompt"]
            entry: dict[str, Any] = {"prompt_en": prompt, "dimension": [name], "video_list": []}
            if prompt in known:
                entry["auxiliary_info"] = known[prompt]
            entries.setdefault(prompt, entry)["video_list"].append(clip["path"])
        path = scratch / "run_full_info.json"
        path.write_text(json.dumps(list(entries.values())), "utf-8")
        return str(path)

    # As the official command passes it: of a string some dimensions take another path or none.
    device = torch.device(_device())
    bench: Any = vbench.VBench(device, str(official), str(scratch))
    bench.build_full_info_json = full_info  # where the official one would search
    return bench


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _place_dino(scratch: Path) -> None:
    """torch.hub looks for the weights that VBench has, in another place: show it the same file."""
    from vbench.utils import CACHE_DIR

    checkpoints = scratch / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    weights = "dino_vitbase16_pretrain.pth"
    (checkpoints / weights).symlink_to(Path(CACHE_DIR, "dino_model", weights).absolute())
    os.environ["TORCH_HOME"] = str(scratch / "torch")


def _in_lower_case(clip: dict[str, str], scratch: Path, number: int) -> dict[str, str]:
    """VBench takes a file for a video by .mp4, and knows no .MP4."""
    if clip["path"].endswith(".mp4"):
        return clip
    place = scratch / "clips" / str(number) / Path(clip["path"]).with_suffix(".mp4").name
    place.parent.mkdir(parents=True)
    place.symlink_to(Path(clip["path"]).absolute())
    return {**clip, "path": str(place), "original": clip["path"]}


def _named_by_prompt(clips: list[dict[str, str]], scratch: Path) -> list[dict[str, str]]:
    """This dimension reads the action from the file's name."""
    named = []
    for number, clip in enumerate(clips):
        place = scratch / "clips" / str(number) / f"{clip['prompt']}-0.mp4"
        place.parent.mkdir(parents=True)
        place.symlink_to(Path(clip["path"]).absolute())
        named.append({**clip, "path": str(place), "original": clip["path"]})
    return named


TASKS = {"check": check, "score": score, "static": static}

if __name__ == "__main__":
    main(*sys.argv[1:])
