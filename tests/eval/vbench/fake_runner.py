"""Stands in for the runner: a real process, which does what ``FAKE`` in its environment says; after
a colon stands the one dimension in which it does.

Its values are made from the clips' bytes, so that other clips have others.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def main(request_file: str, result_file: str) -> None:
    request = json.loads(Path(request_file).read_text())
    fault, _, dimension = os.environ.get("FAKE", "").partition(":")
    if dimension and request.get("dimension") != dimension:
        fault = ""
    print(f"asked for {request.get('dimension', request['task'])}", flush=True)
    if calls := os.environ.get("FAKE_CALLS"):
        with open(calls, "a") as stream:
            names = [Path(clip["path"]).name for clip in request.get("clips", [])]
            variables = {name: os.environ.get(name) for name in ("VBENCH_CACHE_DIR", "HF_HOME")}
            task = request.get("dimension", request["task"])
            print(json.dumps([task, names, variables]), file=stream)
    if fault == "crash":
        raise RuntimeError("the model\nwould not load")
    if fault == "signal":
        os.kill(os.getpid(), 11)
    if fault == "hang":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        Path(os.environ["FAKE_CHILD"]).write_text(str(child.pid))
        time.sleep(60)
    if fault == "deaf":  # to being asked to end
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        Path(os.environ["FAKE_CHILD"]).write_text(str(os.getpid()))
        time.sleep(60)
    if fault == "alive":  # slow, but at work
        for _ in range(8):
            time.sleep(0.1)
            print("still at it", flush=True)
    result = answer(request, fault)
    text = json.dumps(result)
    if fault == "truncated":
        text = text[: len(text) // 2]
    if fault != "nothing":
        Path(result_file).write_text(text)


def answer(request: dict, fault: str) -> object:
    if fault == "list":
        return []
    if request["task"] == "check":
        lacks = "ModuleNotFoundError: No module named 'detectron2'"
        objects = ("object_class", "multiple_objects", "color", "spatial_relationship")
        return {name: lacks if name in objects else "" for name in request["dimensions"]}
    paths = [clip["path"] for clip in request["clips"]]
    if fault == "leave out":
        paths = [path for path in paths if "empty" not in Path(path).name]
    values = [{"path": path, "value": value(request, path)} for path in paths]
    mean = sum(v["value"] for v in values) / len(values) if values else None
    if fault == "nan":
        values[0]["value"] = float("nan")
    if fault == "nan aggregate":
        mean = float("nan")
    if fault == "text":
        values[0]["value"] = "good"
    if fault == "missing":
        values.pop()
    if fault == "empty":
        values = []
    if fault == "twice":
        values[-1] = values[0]
    if fault == "stranger":
        values[0]["path"] = "/somewhere/else.mp4"
    if fault == "no path":
        del values[0]["path"]
    if fault == "no list":
        return {"aggregate": mean}
    if fault == "other aggregate":
        mean += 0.1
    if request.get("dimension") == "imaging_quality":
        mean /= 100
    return {"aggregate": mean, "clips": values}


def value(request: dict, path: str) -> float | bool:
    number = hashlib.sha256(Path(path).read_bytes()).digest()[0] / 255
    if request["task"] == "static":
        return float(number < 0.5)
    scale = {"imaging_quality": 100.0}.get(request["dimension"], 1.0)
    return number > 0.5 if request["dimension"] == "dynamic_degree" else number * scale


if __name__ == "__main__":
    main(*sys.argv[1:])
