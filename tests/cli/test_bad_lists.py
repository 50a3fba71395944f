"""Prompt lists that are none, and rows that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..conftest import Call
from .bad import PLAIN, Cases, check_refusal

BAD: Cases = {
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
        "a.csv:2: scheduler: can't read the value '{x': broken YAML:"
        " expected ',' or '}', but got '<stream end>'",
    ),
    "csv alias": (
        {"a.csv": b'prompt,arguments\na,"{x: &b [y], z: *b}"\n'},
        "a.csv",
        "a.csv:2: arguments: can't read the value '{x: &b [y], z: *b}':"
        " YAML aliases (*name) are not supported",
    ),
    "csv value within itself": (
        {"a.csv": b"prompt,arguments.x\na,&b [*b]\n"},
        "a.csv",
        "a.csv:2: arguments.x: can't read the value '&b [*b]':"
        " YAML aliases (*name) are not supported",
    ),
    "csv value too deep": (
        {"a.csv": b"prompt,arguments.x\na," + b"[" * 1000},
        "a.csv",
        f"a.csv:2: arguments.x: can't read the value '{'[' * 1000}': broken YAML: nested too deep",
    ),
    "csv tag that does not fit": (
        {"a.csv": b"prompt,fps\na,!!bool x\n"},
        "a.csv",
        "a.csv:2: fps: can't read the value '!!bool x': broken YAML: a tag does not fit its value",
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
    "jsonl lone surrogate in an argument": (
        {"a.jsonl": b'{"prompt": "a", "arguments": {"x": ["\\ud800"]}}\n'},
        "a.jsonl",
        f"a.jsonl:1: arguments.x: {PLAIN}, got ['\\ud800']",
    ),
    "jsonl lone surrogate for an argument": (
        {"a.jsonl": b'{"prompt": "a", "arguments": {"\\ud800": 1}}\n'},
        "a.jsonl",
        "a.jsonl:1: arguments: must be valid Unicode without NUL, got '\\ud800'",
    ),
    "jsonl lone surrogate for a LoRA": (
        {"a.jsonl": b'{"prompt": "a", "model": {"adapters": {"\\ud800": {"path": "x"}}}}\n'},
        "a.jsonl",
        "a.jsonl:1: model.adapters: must be valid Unicode without NUL, got '\\ud800'",
    ),
    "jsonl lone surrogate for a LoRA of a side": (
        {"a.jsonl": b'{"prompt": "a", "reflection.weak.adapters": {"\\ud800": 1.0}}\n'},
        "a.jsonl",
        "a.jsonl:1: reflection.weak.adapters: must be valid Unicode without NUL, got '\\ud800'",
    ),
    "jsonl lone surrogate for a component": (
        {"a.jsonl": b'{"prompt": "a", "model": {"dtype": {"\\ud800": "float16"}}}\n'},
        "a.jsonl",
        "a.jsonl:1: model.dtype: must be valid Unicode without NUL, got '\\ud800'",
    ),
    "jsonl argument no number": (
        {"a.jsonl": b'{"prompt": "a", "arguments": {"x": NaN}}\n'},
        "a.jsonl",
        f"a.jsonl:1: arguments.x: {PLAIN}, got nan",
    ),
    "jsonl argument too deep": (
        {"a.jsonl": b'{"prompt": "a", "arguments": {"x": %s}}\n' % (b"[" * 300 + b"]" * 300)},
        "a.jsonl",
        f"a.jsonl:1: arguments.x: {PLAIN}, got {'[' * 300}{']' * 300}",
    ),
    "jsonl mappings too deep": (
        {"a.jsonl": b'{"prompt": "a", "arguments": %s}\n' % (b'{"x": ' * 300 + b"1" + b"}" * 300)},
        "a.jsonl",
        "a.jsonl:1: nested too deep",
    ),
    "yaml binary argument": (
        {"a.yaml": b"- prompt: a\n  arguments:\n    x: !!binary aGk=\n"},
        "a.yaml",
        f"a.yaml:3: arguments.x: {PLAIN}, got b'hi'",
    ),
    "yaml set for an argument": (
        {"a.yaml": b"- prompt: a\n  arguments: {x: [!!set {y}]}\n"},
        "a.yaml",
        f"a.yaml:2: arguments.x: {PLAIN}, got [{{'y'}}]",
    ),
    "yaml number for a key": (
        {"a.yaml": b"- prompt: a\n  arguments: {x: [{1: y}]}\n"},
        "a.yaml",
        f"a.yaml:2: arguments.x: {PLAIN}, got [{{1: 'y'}}]",
    ),
    "yaml control character": (
        {"a.yaml": b"- a\n- b\x07\n"},
        "a.yaml",
        "a.yaml: broken YAML: unacceptable character #x0007: special characters are not allowed"
        ' in "<unicode string>", position 7',
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
    "choice within a choice": (
        {"a.txt": b"fine\na {red|{dark|light} blue} ring"},
        "a.txt",
        "a.txt:2: prompt: {…|…} within {…|…} can't be expanded",
    ),
    "size in the row": (
        {"a.csv": b"prompt,width\na,64\nb,72\n"},
        "a.csv",
        "a.csv:3: width: the model 'shapes' can do 64, got 72",
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
    "reserved name in superscript": (
        {"a.csv": "prompt,name\na,COM¹.x\n".encode()},
        "a.csv",
        "a.csv:2: name: 'COM¹.x' is a reserved file name on Windows",
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
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_list_is_told_by_its_line(case: str, here: Path, call: Call) -> None:
    check_refusal(BAD[case], here, call)
