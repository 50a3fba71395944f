"""Presets, config files and settings that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..conftest import Call
from .bad import PLAIN, Cases, check_refusal

BAD: Cases = {
    "missing config": ({}, "ok.txt -c my.yaml", "my.yaml: config file not found"),
    "unknown preset": (
        {},
        "ok.txt -c shape",
        "--config: unknown preset 'shape', did you mean 'shapes'?",
    ),
    "a part of an embedded model": (
        {},
        "ok.txt --set model.motion_adapter=o/m",
        "--set: model.motion_adapter: means nothing to 'shapes', which is whole as it is",
    ),
    "an embedded model in another pipeline": (
        {},
        "ok.txt --set model.pipeline=WanPipeline",
        "--set: model.pipeline: 'shapes' is of AnimateDiffPipeline, not of WanPipeline",
    ),
    "another preset": (
        {},
        "ok.txt -c nothing",
        "--config: unknown preset 'nothing'; see: w2sd-video configs ls",
    ),
    "unknown pipeline": (
        {},
        "ok.txt --set model.pipeline=WanPipelin",
        "--set: model.pipeline: 'WanPipelin' is no pipeline that can reflect,"
        " did you mean 'WanPipeline'?",
    ),
    "a missing image": (
        {"a.csv": b"prompt,image\na,cat.png\n"},
        "a.csv -c sd15-controlnet",
        "a.csv:2: image: no such file: HERE/cat.png",
    ),
    "a broken image": (
        {"a.csv": b"prompt,image\na,cat.png\n", "cat.png": b"no image"},
        "a.csv -c sd15-controlnet",
        "a.csv:2: image: can't be read as an image: HERE/cat.png (of no known format)",
    ),
    "a missing video": (
        {"c.yaml": b"model: {id: o/m, pipeline: WanVideoToVideoPipeline}\nvideo: v.mp4\n"},
        "ok.txt -c c.yaml",
        "c.yaml:2: video: no such file: HERE/v.mp4",
    ),
    "a broken video": (
        {"ok.mp4": b"no video"},
        "ok.txt --set video=ok.mp4",
        "--set: video: can't be read as a video or a folder of images: HERE/ok.mp4"
        " (Invalid data found when processing input)",
    ),
    "frames of an image": (
        {"a.jsonl": b'{"prompt": "a", "num_frames": 16}\n'},
        "a.jsonl -c sdxl-guidance",
        "a.jsonl:1: num_frames: means nothing to StableDiffusionXLPipeline, which makes images",
    ),
    "frame rate of an image": (
        {},
        "ok.txt -c sdxl-guidance --set fps=8",
        "--set: fps: means nothing to StableDiffusionXLPipeline, which makes images",
    ),
    "a class for a prompt": (
        {"a.csv": b"class_labels\n207\n"},
        "a.csv",
        "a.csv:2: class_labels: means nothing to AnimateDiffPipeline, which takes a prompt",
    ),
    "a prompt beside a class": (
        {"a.csv": b"prompt,class_labels\na,207\n"},
        "a.csv -c dit",
        "a.csv:2: prompt: means nothing to DiTPipeline, which takes class_labels",
    ),
    "strength out of range": (
        {},
        "ok.txt --set strength=1.5",
        "--set: strength: must be less than or equal to 1, got 1.5",
    ),
    "arguments no mapping": (
        {},
        "ok.txt --set arguments=3",
        "--set: arguments: must be a mapping of keys, got 3",
    ),
    "unknown dtype of a component": (
        {},
        "ok.txt --set model.dtype.vae=float23",
        "--set: model.dtype: unknown dtype 'float23', did you mean 'float32'?"
        " (one of float32, float16, bfloat16)",
    ),
    "a LoRA of a hub repository without its file": (
        {},
        "ok.txt --set model.adapters.x.path=o/m",
        "--set: model.adapters.x: 'o/m' is a hub repository; name the LoRA's file in it, for"
        " example weight_name: pytorch_lora_weights.safetensors",
    ),
    "a pickled LoRA by name": (
        {},
        "ok.txt --set model.adapters.x.path=o/m --set model.adapters.x.weight_name=x.pt",
        "--set: model.adapters.x.path: 'o/m' has pickled weights (x.pt), which can run code when"
        " they are loaded; if you trust them, set model.allow_pickle: true",
    ),
    "empty config": ({"c.yaml": b""}, "ok.txt -c c.yaml", "c.yaml: is empty"),
    "config is a list": (
        {"c.yaml": b"- a\n"},
        "ok.txt -c c.yaml",
        "c.yaml: must be a mapping of keys",
    ),
    "config broken": (
        {"c.yaml": b"model: shapes\nfps: [8\n"},
        "ok.txt -c c.yaml",
        "c.yaml:3: broken YAML: expected ',' or ']', but got '<stream end>'",
    ),
    "config binary": ({"c.yaml": b"\0"}, "ok.txt -c c.yaml", "c.yaml: is binary, not text"),
    "config without model": (
        {"c.yaml": b"fps: 8\n"},
        "ok.txt -c c.yaml",
        "c.yaml:1: model: is missing",
    ),
    "config unknown key": (
        {"c.yaml": b"model: shapes\nnum_frame: 8\n"},
        "ok.txt -c c.yaml",
        "c.yaml:2: num_frame: unknown key, did you mean 'num_frames'?",
    ),
    "config key in the wrong place": (
        {"c.yaml": b"model: shapes\ngap: 1\n"},
        "ok.txt -c c.yaml",
        "c.yaml:2: gap: unknown key, did you mean 'reflection.gap'?",
    ),
    "config null section": (
        {"c.yaml": b"model: shapes\noutput:\n  crf: good\n"},
        "ok.txt -c c.yaml",
        "c.yaml:3: output.crf: must be a whole number, got 'good'",
    ),
    "config scalar section": (
        {"c.yaml": b"model: shapes\nreflection: yes\n"},
        "ok.txt -c c.yaml",
        "c.yaml:2: reflection: must be a mapping of keys, got True",
    ),
    "config unknown scheduler": (
        {"c.yaml": b"model: shapes\nscheduler: DDIMSchedular\n"},
        "ok.txt -c c.yaml",
        "c.yaml:2: scheduler.name: unknown scheduler 'DDIMSchedular',"
        " did you mean 'DDIMScheduler'?",
    ),
    "config scheduler with a set": (
        {"c.yaml": b"model: shapes\nscheduler:\n  betas: !!set {a}\n"},
        "ok.txt -c c.yaml",
        f"c.yaml:3: scheduler.betas: {PLAIN}, got {{'a'}}",
    ),
    "config scheduler with half a character": (
        {"c.yaml": b'model: shapes\nscheduler: {kind: "\\ud800"}\n'},
        "ok.txt -c c.yaml",
        f"c.yaml:2: scheduler.kind: {PLAIN}, got '\\ud800'",
    ),
    "config scheduler with half a character for a key": (
        {"c.yaml": b'model: shapes\nscheduler: {"\\ud800": 1}\n'},
        "ok.txt -c c.yaml",
        "c.yaml:2: scheduler: must be text, unable to parse raw data as a unicode string,"
        " got '\\ud800'",
    ),
    "config tag that does not fit": (
        {"c.yaml": b"model: shapes\nfps: !!timestamp x\n"},
        "ok.txt -c c.yaml",
        "c.yaml: broken YAML: a tag does not fit its value",
    ),
    "config missing folder": (
        {"c.yaml": b"model: ./nowhere\n"},
        "ok.txt -c c.yaml",
        "c.yaml:1: model.id: no such folder: ./nowhere",
    ),
    "unknown embedded model": (
        {},
        "ok.txt --set reflection.weak.denoiser=shapes/weka",
        "--set: reflection.weak.denoiser.id: unknown model 'shapes/weka',"
        " did you mean 'shapes/weak'?",
    ),
    "unknown mode": (
        {},
        "ok.txt --set reflection.mode=cache",
        "--set: reflection.mode: unknown mode 'cache', did you mean 'cached'?"
        " (one of exact, official, implicit, cached, extrapolate)",
    ),
    "no frames": (
        {},
        "ok.txt --set num_frames=0",
        "--set: num_frames: must be greater than or equal to 1, got 0",
    ),
    "too many frames": (
        {},
        "ok.txt --set num_frames=17",
        "--set: num_frames: the model 'shapes' can do 1 to 16, got 17",
    ),
    "a size the model can't do": (
        {},
        "ok.txt --set height=128",
        "--set: height: the model 'shapes' can do 64, got 128",
    ),
    "a size no model can do": (
        {},
        "ok.txt --set width=63",
        "--set: width: must be a multiple of 8, got 63",
    ),
    "boolean for a number": (
        {},
        "ok.txt --set guidance_scale=yes",
        "--set: guidance_scale: must be a number, got True",
    ),
    "negative guidance": (
        {},
        "ok.txt --set guidance_scale=-1",
        "--set: guidance_scale: must be greater than or equal to 0, got -1",
    ),
    "not a finite number": (
        {},
        "ok.txt --set reflection.gap=.nan",
        "--set: reflection.gap: must be a finite number, got nan",
    ),
    "fraction above one": (
        {},
        "ok.txt --set reflection.steps=1.5",
        "--set: reflection.steps: must be a fraction from 0.0 to 1.0 or a whole number, got 1.5",
    ),
    "fps zero": ({}, "ok.txt --set fps=0", "--set: fps: must be greater than 0, got 0"),
    "unknown format": (
        {},
        "ok.txt --set output.formats=[mp4,avi]",
        "--set: output.formats: unknown value 'avi' (one of mp4, gif, webp, png)",
    ),
    "formats no list": (
        {},
        "ok.txt --set output.formats=gif",
        "--set: output.formats: must be a list, got 'gif'",
    ),
    "unknown dtype": (
        {},
        "ok.txt --set model.dtype=float61",
        "--set: model.dtype: unknown dtype 'float61', did you mean 'float16'?"
        " (one of float32, float16, bfloat16)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_are_told_where_they_stand(case: str, here: Path, call: Call) -> None:
    check_refusal(BAD[case], here, call)
