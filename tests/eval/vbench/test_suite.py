"""Suites as rows to render. The prompts are a made-up list in VBench's format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from w2sd_video.eval.vbench import environment
from w2sd_video.eval.vbench.suite import Suite, entries, rows, stems

from w2sd_video.render.errors import InputError


def names(text: str, samples: str | None = None, seed: str | None = None) -> list[str]:
    return [row.data["name"] for row in rows(Suite.read(text), samples, seed)]


def test_names_and_numbers(vbench: Path) -> None:
    assert names("vbench:subject_consistency") == [f"a dog runs-{i}" for i in range(5)]
    still = names("vbench:temporal_flickering")
    assert len(still) == 2 * 25
    assert still[24] == "a lamp, at rest-24"
    assert len(names("vbench:temporal_flickering", "1")) == 2 * 5
    assert len(names("vbench")) == 2 * 25 + 3 * 5
    assert len(names("vbench:subject_consistency,dynamic_degree,temporal_style")) == 5


def test_a_prompt_listed_twice_is_one(vbench: Path) -> None:
    [dog] = [entry for entry in entries(vbench) if entry.prompt == "a dog runs"]
    assert dog.dimensions == ("subject_consistency", "dynamic_degree", "temporal_style")


def test_names_that_differ_in_case_only(vbench: Path) -> None:
    found = names("vbench:aesthetic_quality", "1")
    assert found == ["A Quiet Town-0", "a quiet town.2-0"]
    assert stems(["b", "B", "b."]) == ["b", "B.2", "b."]


def test_seeds(vbench: Path) -> None:
    def seeds(samples: str | None, seed: str | None) -> list[int]:
        suite = Suite.read("vbench:subject_consistency")
        return [row.data["seed"] for row in rows(suite, samples, seed)]

    assert seeds("3", None) == [0, 1, 2]
    assert seeds("2", "7") == [7, 8]
    assert seeds("2", "4,9,11") == [4, 9]
    for samples, seed, words in [
        ("2", "a", "--seed: must be a seed"),
        ("3", "4-5", "--seed: lists 2 seeds for 3 clips"),
        ("2", str(2**63 - 1), "--seed: seeds must be below"),
        ("0", None, "--samples: must be a number"),
        ("x", None, "--samples: must be a number"),
    ]:
        with pytest.raises(InputError, match=words):
            seeds(samples, seed)


def test_a_fixed_sample(vbench: Path) -> None:
    many = [{"prompt_en": f"thing {i}", "dimension": ["imaging_quality"]} for i in range(251)]
    environment.full_info(vbench).write_text(json.dumps(many))
    found = names("w2sd-200")
    assert len({*found}) == 200
    assert found == names("w2sd-200")
    left_out = [f"thing {i}" for i in range(251) if f"thing {i}-0" not in found]
    assert left_out[:3] == ["thing 0", "thing 9", "thing 13"]  # the same on every machine
    assert len(names("w2sd-200", "2")) == 400


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vbnech", "--suite: unknown suite 'vbnech', did you mean 'vbench'"),
        ("vbench:scnee", "--suite: unknown dimension 'scnee', did you mean 'scene'"),
        ("vbench:", "--suite: unknown dimension ''"),
        ("w2sd-200:scene", "is for all of the paper's dimensions"),
    ],
)
def test_unknown_suites(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Suite.read(text)


def test_without_vbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("W2SD_VBENCH_ENV", str(tmp_path))
    with pytest.raises(InputError, match="run: w2sd-video vbench setup"):
        names("vbench")


def test_a_broken_list(vbench: Path) -> None:
    environment.full_info(vbench).write_text('[{"prompt": 1}]')
    with pytest.raises(InputError, match="can't be read as VBench's prompts"):
        names("vbench")
