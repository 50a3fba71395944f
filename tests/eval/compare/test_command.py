"""``w2sd-video compare``: what it prints, what it leaves, and what it refuses."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from w2sd_video.eval.compare.comparison import gather
from w2sd_video.eval.compare.verdicts import main_column

from w2sd_video.render.jobs.job import Job

from ...conftest import Call
from .runs import BASE, REFLECTED, run


def score(job: Job) -> dict[str, float]:
    plus = 0.1 if job.kind == "reflected" else 0.0
    return {"aesthetic_quality": 0.5 + plus, "dynamic_degree": 1.0}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_baseline_folder_s_foremost_column_is_what_others_are_held_against(here: Path) -> None:
    """Not its plain one, beside which its own reflected one would be the summary's subject."""
    other = REFLECTED | {"reflection": REFLECTED["reflection"] | {"gap": 0.5}}
    old = run(here / "old", other, score=score, baseline=True)
    new = run(here / "new", score=score, baseline=True)
    found = gather([old, new], baseline=old)
    assert found.reference.reflected
    assert found.reference.folders == (old,)
    assert main_column(found).folders == (new,)
    assert main_column(found).reflected


def test_a_table_of_many_columns_keeps_its_digits(here: Path, call: Call) -> None:
    def folder(i: int) -> str:
        changed = REFLECTED | {"reflection": REFLECTED["reflection"] | {"gap": 0.1 * i}}
        return run(here / f"run{i}", changed, score=score, baseline=i == 1).name

    done = call("compare", *(folder(i) for i in range(1, 10)))
    assert done.code == 0, done.err
    assert not re.search(r"\d…", done.out)


def test_files_and_table(here: Path, call: Call) -> None:
    run(here / "run", score=score, baseline=True)
    done = call("compare", "run")
    assert done.code == 0, done.err
    for text in ("aesthetic quality", "evaluations a clip", "seconds a clip", "50.0", "+0.1000"):
        assert text in done.out
    assert done.out.splitlines()[-1] == "run/compare/report.html"
    names = {"report.html", "comparison.json", "comparison.csv", "clips.csv"}
    assert {file.name for file in (here / "run/compare").iterdir()} == names

    said = json.loads((here / "run/compare/comparison.json").read_text())
    assert [c["label"] for c in said["columns"]] == ["strong", "reflected exact"]
    assert [c["evaluations"] for c in said["columns"]] == [20, 50]
    assert said["columns"][1]["settings"]["reflection.weak.guidance_scale"] == 1.0
    row = next(
        r for r in said["results"]
        if r["column"] == "reflected exact" and r["metric"] == "aesthetic_quality"
    )  # fmt: skip
    assert (row["pairs"], row["wins"], row["verdict"]) == (3, 3, "not told apart")
    assert row["difference"] == pytest.approx(0.1)
    assert row["p"] == 0.25  # 2 of the 2^3 ways to flip three signs
    assert len(said["pairs"]) == 3

    with (here / "run/compare/comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    cells = {(r["column"], r["metric"]): r for r in rows}
    assert cells["strong", "evaluations"]["mean"] == "20.0"
    assert float(cells["reflected exact", "aesthetic_quality"]["difference"]) == pytest.approx(0.1)
    with (here / "run/compare/clips.csv").open() as file:
        clips = list(csv.DictReader(file))
    assert [(c["prompt"], c["column"]) for c in clips[:2]] == [
        ("a", "strong"),
        ("a", "reflected exact"),
    ]


def test_json_and_nothing_else(here: Path, call: Call) -> None:
    run(here / "run", score=score, baseline=True)
    done = call("compare", "run", "--json", "-o", "out")
    assert done.code == 0
    assert done.out == (here / "out/comparison.json").read_text()
    assert json.loads(done.out)["reference"] == "strong"


def test_a_clip_that_ends_too_early_is_named_in_the_report(here: Path, call: Call) -> None:
    run(here / "run", score=score, baseline=True)
    clip = here / "run/clips/a-s0.mp4"
    for length in (700, 300, 40):
        clip.write_bytes(clip.read_bytes()[:length])
        done = call("compare", "run")
        assert done.code == 0, done.err
        assert "can&#39;t be read" in (here / "run/compare/report.html").read_text()


def test_what_can_not_be_drawn_leaves_what_stood_there(
    here: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(here / "run", score=score, baseline=True)
    assert call("compare", "run").code == 0
    stood = {file: file.stat().st_ino for file in (here / "run/compare").iterdir()}
    monkeypatch.setattr("w2sd_video.eval.compare.command.page", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call("compare", "run")
    assert {file: file.stat().st_ino for file in (here / "run/compare").iterdir()} == stood


def test_nothing_scored_still_shows_what_it_costs(here: Path, call: Call) -> None:
    run(here / "run", baseline=True)
    done = call("compare", "run")
    assert done.code == 0
    assert "Nothing has been scored" in done.out
    assert "evaluations a clip    20.0             50.0" in done.out
    assert "seconds a clip        2.00             5.00" in done.out
    said = json.loads((here / "run/compare/comparison.json").read_text())
    assert said["results"] == []


def test_scores_that_are_no_numbers_are_null(here: Path, call: Call) -> None:
    def odd(job: Job) -> dict[str, float]:
        reflected = job.kind == "reflected"
        return {"aesthetic_quality": math.inf if reflected else 0.5}

    run(here / "run", score=odd, baseline=True)
    done = call("compare", "run", "--json")
    assert done.code == 0
    row = json.loads(done.out)["results"][1]
    assert (row["mean"], row["difference"], row["pairs"]) == (None, None, 0)
    assert row["verdict"] == "not scored"


def test_labels_and_reference(here: Path, call: Call) -> None:
    run(here / "a", BASE, score=score)
    run(here / "b", score=score)
    done = call("compare", "a", "b/", "--label", "b=ours", "--against", "ours", "--json")
    assert done.code == 0, done.err
    assert [c["label"] for c in json.loads(done.out)["columns"]] == ["ours", "strong"]


def nothing(here: Path) -> None:
    (here / "empty").mkdir()


def failed(here: Path) -> None:
    run(here / "run", failed="abc")


def alone(here: Path) -> None:
    run(here / "run")


def apart(here: Path) -> None:
    run(here / "a", BASE, prompts=["a"])
    run(here / "b", REFLECTED, prompts=["b", "c"])


def good(here: Path) -> None:
    run(here / "run", prompts=["a"], baseline=True)


BAD: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "no folder": (nothing, "nowhere", "nowhere: no such folder"),
    "no ledger": (nothing, "empty", "empty: has no ledger.sqlite, so it is no folder of clips"),
    "nothing finished": (
        failed,
        "run",
        "run: has no finished clips to compare; render into it first",
    ),
    "one column only": (
        alone,
        "run",
        "run: all clips have one setting, so there is nothing to compare them with;"
        " render with --baseline, or name another folder",
    ),
    "no common pairs": (
        apart,
        "a b",
        "no prompt and seed is in all columns: strong (1), reflected exact (2);"
        " render the same list with the same seeds into each",
    ),
    "twice": (good, "run ./run", "run: is given twice"),
    "unknown reference": (
        good,
        "run --against strnog",
        "--against: no column is 'strnog', did you mean 'strong'?"
        " (columns: strong; reflected exact)",
    ),
    "a label without a name": (
        good,
        "run --label run",
        "--label: must be DIR=NAME, got 'run'",
    ),
    "a label of another folder": (
        good,
        "run --label other=x",
        "--label: 'other' is not among the folders: run",
    ),
    "two labels": (
        good,
        "run --label run=x --label run=y",
        "--label: 'run' has a name already: x",
    ),
    "output is a file": (
        good,
        "run -o run/ledger.sqlite",
        "run/ledger.sqlite: can't be written to: File exists",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case: str, here: Path, call: Call) -> None:
    make, arguments, message = BAD[case]
    make(here)
    done = call("compare", *arguments.split())
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: {message}\n"
