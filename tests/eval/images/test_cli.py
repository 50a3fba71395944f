"""Scoring images on the command line: what is printed, and exit codes."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from ...conftest import Call
from ..noise import write_clip
from .conftest import draw, loose, rendered

PROMPTS = ["a blue ring", "a red circle"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def images(call: Call, *argv: str) -> tuple[int, str, str]:
    told = call("eval", *argv, "--suite", "images")
    return told.code, told.out, told.err


def test_all_of_them(call: Call, here: Path, made: Path) -> None:
    rendered(here / "run", PROMPTS)
    loose(here / "other", ["x"], 50)
    code, out, err = images(call, "run", "--weights", str(made), "--reference", "other")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["images", "2", "plain", "reflected", "images"]
    names = ["pickscore", "hps-v2", "aesthetic", "clip-t", "clip-i", "dino"]
    assert [line.split()[0] for line in lines[1:]] == names
    assert all(line.split()[-1] == "4" for line in lines[1:])
    assert "clip-t, clip-i: 4 images\n" in err
    code, out, err = images(
        call, "run", "--weights", str(made), "--scores", "clip_t,aesthetic,clip-t", "--json"
    )
    said = json.loads(out)
    assert (code, err, said["images"]) == (0, "", 4)
    assert [*said["scores"]] == ["clip-t", "aesthetic"]
    assert said["scores"]["clip-t"]["scored_now"] == 0
    assert said["scores"]["clip-t"]["images"] == {"plain": 2, "reflected": 2}


def test_what_is_missing_is_named_and_the_others_go_on(call: Call, here: Path, made: Path) -> None:
    loose(here / "in", PROMPTS)
    (here / "weights").mkdir()
    (here / "weights" / "aesthetic").symlink_to(made / "aesthetic")
    code, out, err = images(
        call, "in", "--weights", "weights", "--scores", "pickscore,aesthetic,dino"
    )
    assert code == 3
    rows = [line.split(maxsplit=1) for line in out.splitlines()[1:]]
    assert [name for name, _ in rows] == ["pickscore", "aesthetic", "dino"]
    assert rows[0][1].strip() == rows[2][1].strip() == "not available"
    float(rows[1][1].split()[0])
    assert err == (
        "dino: compares with other images; name them: --reference\n"
        "pickscore: missing: weights/pickscore, 3.94 GB; get it with: hf download"
        " yuvalkirstain/PickScore_v1 --local-dir weights/pickscore\n"
        "aesthetic: 2 images\n"
    )
    _, out, _ = images(call, "in", "--scores", "pickscore", "--json")
    assert json.loads(out)["scores"]["pickscore"]["values"] is None


def test_broken_weights(call: Call, here: Path) -> None:
    loose(here / "in", PROMPTS)
    place = here / "weights" / "dino"
    place.mkdir(parents=True)
    (place / "config.json").write_text('{"model_type": "dinov2"}')
    (place / "model.safetensors").write_bytes(b"not at all")
    draw(here / "other" / "x.png", 9)
    code, _, err = images(
        call, "in", "--weights", "weights", "--scores", "dino", "--reference", "other"
    )
    assert code == 5
    assert "dino: weights/dino can't be loaded: " in err


def test_broken_images_have_a_code_of_their_own(call: Call, here: Path, made: Path) -> None:
    loose(here / "in", PROMPTS)
    (here / "in" / "c.png").write_text("no image")
    code, out, err = images(call, "in", "--weights", str(made), "--scores", "aesthetic")
    assert code == 1
    assert out.split()[-1] == "2"
    first, *_, last = err.splitlines()
    assert first.startswith("in/c.png: can't be read as an image: cannot identify")
    assert first.endswith("; it is left out")
    assert last == "left out, since they can't be read: 1 images"


@pytest.mark.skipif(find_spec("torchmetrics") is None, reason="'images' is not installed")
def test_sets_that_are_too_small(call: Call, here: Path) -> None:
    loose(here / "in", PROMPTS)
    place = here / "weights" / "inception"
    place.mkdir(parents=True)
    (place / "a.safetensors").write_bytes(b"not looked at")
    code, out, err = images(call, "in", "--weights", "weights", "--scores", "is")
    assert (code, err) == (3, "is: needs 1000 images or more, and there are 2\n")
    assert out.split()[-3:] == ["is", "not", "available"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["in", "--scores", "clipt"], "--scores: unknown score 'clipt', did you mean 'clip-t'? ("),
        (
            ["in", "--scores", "mps"],
            "--scores: 'mps' can't be scored: no package has it, and its weights are a pickle",
        ),
        (["in", "--scores", "imagereward"], "--scores: 'imagereward' can't be scored: its package"),
        (["no"], "no: no such folder"),
        (["in", "--weights", "no"], "no: --weights: no such folder"),
        (["in", "--reference", "no"], "no: --reference: no such folder"),
        (["in", "--reference", "in"], "in: --reference: is the folder that is scored"),
        (["in", "--reference", "empty"], "empty: --reference: has no images to score"),
        (["in", "--dimensions", "color"], "--dimensions: means nothing to the suite images"),
        (
            ["clips"],
            "clips: has no images to score; clips are scored with --suite vbench",
        ),
        (["broken"], "broken/a.png: can't be read as an image: cannot identify"),
    ],
)
def test_bad_input(call: Call, here: Path, argv: list[str], words: str) -> None:
    loose(here / "in", PROMPTS)
    (here / "empty").mkdir()
    write_clip(here / "clips" / "a.mp4")
    (here / "broken").mkdir()
    (here / "broken" / "a.png").write_bytes(b"no image")
    code, out, err = images(call, *argv)
    assert (code, out) == (2, "")
    place = f"{here}/" if argv == ["broken"] and str(here) in err else ""
    assert err.startswith(f"error: {place}{words}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "option", [["--scores", "clip-t"], ["--reference", "in"], ["--allow-pickle"]]
)
@pytest.mark.parametrize("suite", ["vbench", "shapes"])
def test_options_of_images_only(call: Call, here: Path, suite: str, option: list[str]) -> None:
    told = call("eval", "in", "--suite", suite, *option)
    assert told.code == 2
    assert told.err == (
        f"error: {option[0]}: means nothing to the suite {suite}; use --suite images\n"
    )


def test_pictures_beside_a_clip_are_its_previews(call: Call, here: Path) -> None:
    rendered(here / "run", PROMPTS, baseline=False)
    first, second = sorted((here / "run" / "clips").glob("*.png"))
    write_clip(first.with_suffix(".mp4"))
    (here / "weights").mkdir()
    _, out, _ = images(call, "run", "--weights", "weights", "--json")
    assert json.loads(out)["images"] == 1
    second.unlink()
    code, _, err = images(call, "run")
    assert code == 2
    assert "can't be read as an image: No such file or directory" in err


def test_pickles_have_to_be_allowed(call: Call, here: Path) -> None:
    loose(here / "in", PROMPTS)
    place = here / "weights" / "inception"
    place.mkdir(parents=True)
    (place / "pt_inception.pth").write_bytes(b"a pickle")
    code, _, err = images(call, "in", "--weights", "weights", "--scores", "is")
    assert code == 3
    assert "pt_inception.pth, a pickle, which can run code" in err
    code, _, err = images(call, "in", "--weights", "weights", "--scores", "is", "--allow-pickle")
    assert code == 3
    assert "needs 1000 images" in err
