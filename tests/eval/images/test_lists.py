"""Published prompt lists by their own files."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
import yaml
from w2sd_video.eval.images.lists import PromptList

from w2sd_video.render.errors import InputError

from ... import tiny
from ...conftest import Call

DRAWBENCH = """Prompts,Category
A red colored car.,Colors
"A bird, ""perched"" on
a wire.",DALL-E
{one|two} apples,Counting
"""
GENEVAL = """{"tag": "single_object", "include": [], "prompt": "a photo of a bench"}

{"tag": "position", "include": [{"class": "cow"}], "prompt": "a photo of a cow"}
"""
PICK = """{"prompt": "a cat", "user_id": 5, "label_0": 0.5}
{"prompt": "a dog, oil painting", "user_id": 6, "label_0": 1.0}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drawbench.csv").write_text(DRAWBENCH)
    (tmp_path / "evaluation_metadata.jsonl").write_text(GENEVAL)
    (tmp_path / "pick.jsonl").write_text(PICK)
    return tmp_path


def read(text: str) -> list[tuple[str, int | None]]:
    """Prompts and their lines; a row has nothing else."""
    rows = PromptList.read(text).rows()
    assert all({*row.data} == {"prompt"} for row in rows)
    return [(row.data["prompt"], row.line(())) for row in rows]


def test_prompts_and_nothing_else() -> None:
    assert read("drawbench:drawbench.csv") == [
        ("A red colored car.", 2),
        ('A bird, "perched" on\na wire.', 3),
        ("{one|two} apples", 5),
    ]
    assert read("geneval:evaluation_metadata.jsonl") == [
        ("a photo of a bench", 1),
        ("a photo of a cow", 3),
    ]
    assert read("pick-a-pic:pick.jsonl") == [("a cat", 1), ("a dog, oil painting", 2)]


def test_other_shapes_of_the_same(here: Path) -> None:
    (here / "a.csv").write_text("image_0_uid,caption\n1,a cat\n")
    assert read("pick-a-pic:a.csv") == [("a cat", 2)]
    (here / "a.json").write_text(json.dumps([{"prompts": "a", "category": "b"}, {"prompts": "c"}]))
    assert [prompt for prompt, _ in read("drawbench:a.json")] == ["a", "c"]
    (here / "b.json").write_text('["a", "b"]')
    assert [prompt for prompt, _ in read("geneval:b.json")] == ["a", "b"]
    (here / "bom.csv").write_text("\ufeffPrompts,Category\na,b\n")
    assert read("drawbench:bom.csv") == [("a", 2)]


@pytest.mark.parametrize(
    ("text", "content", "words"),
    [
        ("drawbench", None, "--suite: 'drawbench' is read from a file: drawbench:FILE"),
        ("drawbench:no.csv", None, "no.csv: prompt list not found"),
        ("drawbench:a.parquet", None, "a.parquet: --suite: must be a .csv, .json or .jsonl file"),
        (
            "drawbench:a.csv",
            "Text,Category\na,b\n",
            "a.csv:2: has no 'prompts' or 'prompt', but 'text', 'category'",
        ),
        (
            "drawbench:a.csv",
            "Prompts\tCategory\na\tb\n",
            "a.csv:2: has no 'prompts' or 'prompt', but 'prompts category'; columns must have"
            " commas between them",
        ),
        (
            "drawbench:a.tsv",
            "Prompts\tCategory\na\tb\n",
            "a.tsv: --suite: must be a .csv, .json or .jsonl file, and columns have commas between",
        ),
        (
            "geneval:a.jsonl",
            '{\n  "prompt": "a"\n}\n',
            "a.jsonl:1: broken JSON: Expecting property name enclosed in double quotes: line 1"
            " column 2 (char 1); there must be one object a line, or a list: [...]",
        ),
        ("drawbench:a.csv", "Prompts,Category\n", "a.csv: has no prompts"),
        ("drawbench:a.csv", "Prompts,Category\n ,b\n", "a.csv:2: the prompt is empty"),
        ("drawbench:a.csv", 'Prompts\n"a', "a.csv:2: broken CSV: unexpected end of data"),
        ("geneval:a.jsonl", '{"tag": "x"}\n', "a.jsonl:1: has no 'prompt', but 'tag'"),
        ("geneval:a.jsonl", '{"prompt": 5}\n', "a.jsonl:1: the prompt must be text, got 5"),
        ("geneval:a.jsonl", '{"prompt": "a"}\n{"x\n', "a.jsonl:2: broken JSON: Unterminated"),
        ("geneval:a.jsonl", "5\n", 'a.jsonl:1: must be objects such as {"prompt": "..."}'),
    ],
)
def test_bad_lists(here: Path, text: str, content: str | None, words: str) -> None:
    if content is not None:
        (here / text.partition(":")[2]).write_text(content)
    with pytest.raises(InputError) as stop:
        PromptList.read(text).rows()
    assert str(stop.value).startswith(words)


@pytest.fixture
def config(here: Path) -> str:
    family = tiny.FAMILIES["StableDiffusionPipeline"]
    family.make().save_pretrained(here / "tiny")
    settings = {"model": str(here / "tiny"), "height": 16, "width": 16, "num_inference_steps": 2}
    (here / "config.yaml").write_text(yaml.safe_dump(settings))
    return "config.yaml"


def test_rendered(call: Call, here: Path, config: str) -> None:
    done = call("render", "--suite", "pick-a-pic:pick.jsonl", "-c", config, "--seed", "3,5")
    assert done.code == 0, done.err
    folder = here / "renders" / "pick-a-pic"
    assert len([*(folder / "clips").glob("*.png")]) == 4
    with sqlite3.connect(folder / "ledger.sqlite") as ledger:
        found = {*ledger.execute("SELECT prompt, seed FROM jobs")}
    assert found == {(p, s) for p in ("a cat", "a dog, oil painting") for s in (3, 5)}
    given = yaml.safe_load((folder / "run.yaml").read_text())["given"]
    assert given["suite"] == "pick-a-pic:pick.jsonl"


def test_braces_stay(call: Call, config: str) -> None:
    told = call("render", "--suite", "drawbench:drawbench.csv", "-c", config, "--dry-run", "--json")
    assert told.code == 0, told.err
    assert json.loads(told.out.splitlines()[-1])["jobs"] == 3


def test_unknown_suites(call: Call) -> None:
    told = call("render", "--suite", "drawbnech:a.csv")
    assert (told.code, told.err) == (
        2,
        "error: --suite: unknown suite 'drawbnech', did you mean 'drawbench'? (vbench, w2sd-200,"
        " drawbench, pick-a-pic, geneval)\n",
    )
    assert call("render", "--suite", "geneval").code == 2
