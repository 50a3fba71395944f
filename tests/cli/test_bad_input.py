"""What is wrong is told in one line, and nothing is rendered or written."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Call

# file name -> content, the arguments after `render`, and the exact message.
BAD = {
    "missing list": ({}, "no.txt", "no.txt: prompt list not found"),
    "missing list of unknown type": ({}, "no.doc", "no.doc: prompt list not found"),
    "folder as list": ({}, ".", ".: unknown type of list; use .txt, .csv, .jsonl or .yaml"),
    "unknown type": (
        {"a.doc": b"x"},
        "a.doc",
        "a.doc: unknown type of list; use .txt, .csv, .jsonl or .yaml",
    ),
    "empty list": ({"a.txt": b""}, "a.txt", "a.txt: has no prompts"),
    "comments only": ({"a.txt": b"# one\n\n  \n"}, "a.txt", "a.txt: has no prompts"),
    "binary list": ({"a.txt": b"\x89PNG\0\0"}, "a.txt", "a.txt: is binary, not text"),
    "latin-1 list": ({"a.txt": b"one\ncaf\xe9\n"}, "a.txt", "a.txt:2: is not UTF-8"),
    "utf-16 list": ({"a.txt": "hi".encode("utf-16")}, "a.txt", "a.txt: is binary, not text"),
    "empty csv": ({"a.csv": b""}, "a.csv", "a.csv: has no prompts"),
    "csv header only": ({"a.csv": b"prompt,seed\n"}, "a.csv", "a.csv: has no prompts"),
    "csv without prompt": (
        {"a.csv": b"text,seed\nx,1\n"},
        "a.csv",
        "a.csv:1: the header has no 'prompt' column",
    ),
    "csv column twice": (
        {"a.csv": b"prompt,seed,seed\nx,1,2\n"},
        "a.csv",
        "a.csv:1: seed: given twice",
    ),
    "csv column without a name": (
        {"a.csv": b"prompt,,seed\nx,1,2\n"},
        "a.csv",
        "a.csv:1: column 2 has no name",
    ),
    "csv row too long": (
        {"a.csv": b"prompt,seed\na,1\na, b,2\n"},
        "a.csv",
        "a.csv:3: 3 cells, but the header names 2",
    ),
    "csv open quote": (
        {"a.csv": b'prompt\nfine\n"never closed\n'},
        "a.csv",
        "a.csv:3: broken CSV: unexpected end of data",
    ),
    "csv stray quote": (
        {"a.csv": b'prompt\n"a"b\n'},
        "a.csv",
        "a.csv:2: broken CSV: ',' expected after '\"'",
    ),
    "csv prompt missing": (
        {"a.csv": b"prompt,seed\na,1\n,2\n"},
        "a.csv",
        "a.csv:3: prompt: is missing",
    ),
    "csv after a multi-line cell": (
        {"a.csv": b'prompt,seed\n"a\nb",1\nc,x\n'},
        "a.csv",
        "a.csv:4: seed: must be a seed or a range such as 0-4,9, got 'x'",
    ),
    "csv unknown key": (
        {"a.csv": b"prompt,reflection.gpa\na,1\n"},
        "a.csv",
        "a.csv:2: reflection.gpa: unknown key, did you mean 'reflection.gap'?",
    ),
    "csv wrong type": (
        {"a.csv": b"prompt,num_frames\na,many\n"},
        "a.csv",
        "a.csv:2: num_frames: must be a whole number, got 'many'",
    ),
    "csv broken value": (
        {"a.csv": b'prompt,scheduler\na,"{x"\n'},
        "a.csv",
        "a.csv:2: scheduler: can't read the value '{x'",
    ),
    "jsonl broken": (
        {"a.jsonl": b'{"prompt": "a"}\n{"prompt": \n'},
        "a.jsonl",
        "a.jsonl:2: broken JSON: Expecting value at column 11",
    ),
    "jsonl no object": (
        {"a.jsonl": b'"a red circle"\n'},
        "a.jsonl",
        'a.jsonl:1: must be a JSON object such as {"prompt": "..."}',
    ),
    "jsonl key twice": (
        {"a.jsonl": b'{"prompt": "a", "seed": 1, "seed": 2}\n'},
        "a.jsonl",
        "a.jsonl:1: broken JSON: the key 'seed' is given twice",
    ),
    "jsonl without prompt": (
        {"a.jsonl": b'{"seed": 1}\n'},
        "a.jsonl",
        "a.jsonl:1: prompt: is missing",
    ),
    "jsonl blank prompt": (
        {"a.jsonl": b'{"prompt": "  "}\n'},
        "a.jsonl",
        "a.jsonl:1: prompt: is empty",
    ),
    "jsonl prompt of wrong type": (
        {"a.jsonl": b'{"prompt": 3}\n'},
        "a.jsonl",
        "a.jsonl:1: prompt: must be text, got 3",
    ),
    "jsonl nested and dotted": (
        {"a.jsonl": b'{"prompt": "a", "reflection": {"gap": 1}, "reflection.gap": 2}\n'},
        "a.jsonl",
        "a.jsonl:1: reflection.gap: given twice",
    ),
    "jsonl lone surrogate": (
        {"a.jsonl": b'{"prompt": "\\ud800"}\n'},
        "a.jsonl",
        "a.jsonl:1: prompt: must be valid Unicode without NUL, got '\\ud800'",
    ),
    "yaml broken": (
        {"a.yaml": b"- a\n- {prompt: b\n- c\n"},
        "a.yaml",
        "a.yaml:4: broken YAML: expected ',' or '}', but got '<stream end>'",
    ),
    "yaml no list": ({"a.yaml": b"prompt: a\n"}, "a.yaml", "a.yaml: must be a list of prompts"),
    "yaml empty": ({"a.yaml": b"# nothing\n"}, "a.yaml", "a.yaml: has no prompts"),
    "yaml odd item": (
        {"a.yaml": b"- a\n- 7\n"},
        "a.yaml",
        "a.yaml:2: must be a prompt or a mapping of keys, got 7",
    ),
    "yaml key twice": (
        {"a.yaml": b"- prompt: a\n  seed: 1\n  seed: 2\n"},
        "a.yaml",
        "a.yaml:3: seed: given twice",
    ),
    "yaml line of the key": (
        {"a.yaml": b"- a\n- prompt: b\n  reflection:\n    mode: exat\n"},
        "a.yaml",
        "a.yaml:4: reflection.mode: unknown mode 'exat', did you mean 'exact'?"
        " (one of exact, official, implicit, cached, extrapolate)",
    ),
    "yaml alias": (
        {"a.yaml": b"- &a x\n- *a\n"},
        "a.yaml",
        "a.yaml:1: YAML aliases (*name) are not supported",
    ),
    "yaml python tag": (
        {"a.yaml": b"- !!python/object:os.system x\n"},
        "a.yaml",
        "a.yaml:1: broken YAML: could not determine a constructor for the tag"
        " 'tag:yaml.org,2002:python/object:os.system'",
    ),
    "missing config": ({}, "ok.txt -c my.yaml", "my.yaml: config file not found"),
    "unknown preset": (
        {},
        "ok.txt -c shape",
        "--config: unknown preset 'shape', did you mean 'shapes'?",
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
    "sweep without values": ({}, "ok.txt --sweep fps", "--sweep: must be key=v1,v2, got 'fps'"),
    "sweep over an unknown key": (
        {},
        "ok.txt --sweep reflection.gpa=1,2",
        "--sweep: reflection.gpa: unknown key, did you mean 'reflection.gap'?",
    ),
    "choice within a choice": (
        {"a.txt": b"fine\na {red|{dark|light} blue} ring"},
        "a.txt",
        "a.txt:2: prompt: {…|…} within {…|…} can't be expanded",
    ),
    "a share that is none": (
        {},
        "ok.txt --shard 3/2",
        "--shard: must be I/N with I from 1 to N, got '3/2'",
    ),
    "set without value": ({}, "ok.txt --set fps", "--set: must be key=value, got 'fps'"),
    "set without key": ({}, "ok.txt --set =3", "--set: must be key=value, got '=3'"),
    "set unknown key": (
        {},
        "ok.txt --set guidance=2",
        "--set: guidance: unknown key, did you mean 'guidance_scale'?",
    ),
    "set unknown inner key": (
        {},
        "ok.txt --set reflection.weak.guidence_scale=2",
        "--set: reflection.weak.guidence_scale: unknown key,"
        " did you mean 'reflection.weak.guidance_scale'?",
    ),
    "set below a value": (
        {},
        "ok.txt --set fps.x=2",
        "--set: fps: must be a number, got {'x': 2}",
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
    "size in the row": (
        {"a.csv": b"prompt,width\na,64\nb,72\n"},
        "a.csv",
        "a.csv:3: width: the model 'shapes' can do 64, got 72",
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
    "seed no number": (
        {},
        "ok.txt --seed one",
        "--seed: seed: must be a seed or a range such as 0-4,9, got 'one'",
    ),
    "seed negative": (
        {},
        "ok.txt --seed=-3",
        "--seed: seed: must be a seed or a range such as 0-4,9, got '-3'",
    ),
    "seed range backwards": ({}, "ok.txt --seed 9-4", "--seed: seed: the range 9-4 runs backwards"),
    "too many seeds": ({}, "ok.txt --seed 0-999999999", "--seed: seed: more than 100000 seeds"),
    "seed too large": (
        {},
        "ok.txt --seed 9999999999999999999",
        "--seed: seed: seeds must be below 2**63, got 9999999999999999999",
    ),
    "samples no number": (
        {},
        "ok.txt --samples few",
        "--samples: samples: must be a whole number, got 'few'",
    ),
    "no samples": (
        {},
        "ok.txt --samples 0",
        "--samples: samples: must be greater than or equal to 1, got 0",
    ),
    "samples and several seeds": (
        {},
        "ok.txt --seed 0-4 --samples 2",
        "--samples: samples: counts up from one seed, but 'seed' already lists several (0-4)",
    ),
    "name with a slash": (
        {"a.jsonl": b'{"prompt": "a", "name": "../x"}\n'},
        "a.jsonl",
        "a.jsonl:1: name: '../x' can't be a file name;"
        " use at most 220 letters, digits, spaces and . , _ - ' ( )",
    ),
    "reserved name": (
        {"a.jsonl": b'{"prompt": "a", "name": "con"}\n'},
        "a.jsonl",
        "a.jsonl:1: name: 'con' is a reserved file name on Windows",
    ),
    "duplicate names": (
        {"a.csv": b"prompt,name\na,x\nb,X\n"},
        "a.csv",
        "a.csv:3: name: 'X' is the name of a.csv:2 already",
    ),
    "one clip under two names": (
        {"a.csv": b"prompt,name\na,x\na,y\n"},
        "a.csv",
        "a.csv:3: name: 'y' would repeat 'x' of a.csv:2",
    ),
    "output is a file": ({}, "ok.txt -o ok.txt", "ok.txt: can't be written to: Not a directory"),
    "output can't be made": (
        {},
        "ok.txt -o /proc/nowhere",
        "/proc/nowhere: can't be written to: No such file or directory",
    ),
    "unknown option": (
        {},
        "ok.txt --frames 3",
        "No such option: --frames (Possible options: --samples)",
    ),
    "no list": ({}, "", "Missing argument 'PROMPTS', or --suite."),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_renders_nothing(case: str, here: Path, call: Call) -> None:
    files, arguments, message = BAD[case]
    message = message.replace("HERE", str(here))
    for name, content in files.items():
        Path(name).write_bytes(content)
    before = sorted(here.rglob("*"))
    outcome = call("render", *arguments.split())
    assert outcome.err == f"error: {message}\n"
    assert outcome.code == 2
    assert outcome.out == ""
    assert sorted(here.rglob("*")) == before


def test_a_ledger_that_is_none(here: Path, call: Call) -> None:
    Path("out/clips").mkdir(parents=True)
    Path("out/ledger.sqlite").write_bytes(b"no database, but long enough to be read" * 40)
    outcome = call("render", "ok.txt", "-o", "out")
    message = (
        "out/ledger.sqlite: can't be used as a ledger: file is not a database; move it away, and"
        " clips that are whole are found again"
    )
    assert (outcome.code, outcome.err) == (2, f"error: {message}\n")


def test_gallery_of_no_run(here: Path, call: Call) -> None:
    message = "error: .: has no ledger.sqlite, so it is no folder of clips\n"
    assert call("gallery", ".").err == message
