"""From images to scores: values, what is kept, and what is scored again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from w2sd_video.eval.compare.comparison import gather
from w2sd_video.eval.images import of_images, scoring
from w2sd_video.eval.images.outcome import Report
from w2sd_video.eval.images.pictures import find
from w2sd_video.eval.images.scores import KINDS
from w2sd_video.eval.results import Results, digest

from . import by_hand
from .conftest import draw, loose, make_clip, rendered

PROMPTS = ["a red circle moving left", "a blue ring", "a green square moving up"]
ALL = ("pickscore", "hps-v2", "aesthetic", "clip-t", "clip-i", "dino")


def evaluate(
    folder: Path, weights: Path, names: Sequence[str], reference: Path | None = None
) -> Report:
    kinds = [KINDS[name] for name in names]
    return scoring.evaluate(scoring.Request(folder, kinds, weights, reference), lambda line: None)


def values(folder: Path, name: str) -> dict[str, float]:
    """By file name."""
    with Results(folder, read_only=True) as results:
        found = results.latest()
    of_name = {picture.path.name: found.get(picture.content, {}) for picture in find(folder)}
    return {file: scores[name].value for file, scores in of_name.items() if name in scores}


def test_values(tmp_path: Path, made: Path) -> None:
    folder = loose(tmp_path / "in", PROMPTS)
    other = loose(tmp_path / "other", ["x", "y"], seed=20)
    draw(other / "z.jpg", 30, (64, 33))
    report = evaluate(folder, made, ALL, other)
    assert report.code == 0
    found = {name: values(folder, name) for name in ALL}
    for name in ("pickscore", "hps-v2", "clip-t"):
        place = made / KINDS[name].model
        expected = []
        for prompt in PROMPTS:
            image, text = by_hand.clip_vectors(place, folder / f"{prompt}.png", prompt)
            scale = float(np.exp(3.0)) if name == "pickscore" else 1.0
            expected.append(scale * by_hand.cosine(image, text))
        assert np.ptp(expected) > 0.01  # so that a mix-up would show
        got = [found[name][f"{prompt}.png"] for prompt in PROMPTS]
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    for name, vector in (
        ("clip-i", lambda path: by_hand.clip_vectors(made / "clip", path, "a")[0]),
        ("dino", lambda path: by_hand.dino_vector(made / "dino", path)),
    ):
        others = [vector(path) for path in sorted(other.iterdir()) if path.suffix != ".sqlite"]
        assert len(others) == 3
        for file, value in found[name].items():
            cosines = [by_hand.cosine(vector(folder / file), each) for each in others]
            assert value == pytest.approx(sum(cosines) / 3, abs=1e-5)
    for file, value in found["aesthetic"].items():
        assert value == pytest.approx(
            by_hand.aesthetic(made / "aesthetic", folder / file), rel=1e-4
        )
    means = {o.kind.name: o.values[""] for o in report.outcomes}
    assert means["dino"] == (pytest.approx(np.mean([*found["dino"].values()])), 3)


def test_what_has_a_score_keeps_it(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = loose(tmp_path / "in", PROMPTS)
    first = evaluate(folder, made, ["clip-t"])
    assert (first.outcomes[0].scored, first.outcomes[0].kept) == (3, 0)
    before = values(folder, "clip-t")
    with monkeypatch.context() as patched:
        patched.setitem(of_images.models.CLASSES, "clip", None)  # would fail if it were loaded
        again = evaluate(folder, made, ["clip-t"])
    assert (again.outcomes[0].scored, again.outcomes[0].kept) == (0, 3)
    assert again.outcomes[0].values == first.outcomes[0].values
    changed = draw(folder / f"{PROMPTS[1]}.png", 99)
    third = evaluate(folder, made, ["clip-t"])
    assert (third.outcomes[0].scored, third.outcomes[0].kept) == (1, 2)
    after = values(folder, "clip-t")
    assert {name for name in after if after[name] != before[name]} == {changed.name}


def test_an_interruption_loses_one_batch(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = loose(tmp_path / "in", [f"a blue ring {i}" for i in range(5)])
    monkeypatch.setattr(of_images, "BATCH", 2)
    calls = []

    def interrupted(*given: object) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return measure(*given)  # type: ignore[arg-type]

    measure = of_images.measure
    monkeypatch.setattr(of_images, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(folder, made, ["aesthetic"])
    assert len(values(folder, "aesthetic")) == 4
    again = evaluate(folder, made, ["aesthetic"])
    assert (again.outcomes[0].scored, again.outcomes[0].kept) == (1, 4)


def test_other_weights_and_other_references_are_other_sources(tmp_path: Path, made: Path) -> None:
    folder = loose(tmp_path / "in", PROMPTS[:1])
    a, b = loose(tmp_path / "a", ["x"], 50), loose(tmp_path / "b", ["x"], 60)
    assert evaluate(folder, made, ["clip-i"], a).outcomes[0].scored == 1
    assert evaluate(folder, made, ["clip-i"], b).outcomes[0].scored == 1
    assert evaluate(folder, made, ["clip-i"], a).outcomes[0].scored == 0
    shutil.copytree(tmp_path / "a", tmp_path / "renamed")  # the same images
    assert evaluate(folder, made, ["clip-i"], tmp_path / "renamed").outcomes[0].scored == 0
    shutil.copytree(made / "clip", tmp_path / "copy" / "clip")  # the same weights
    assert evaluate(folder, tmp_path / "copy", ["clip-i"], a).outcomes[0].scored == 0
    make_clip(tmp_path / "else" / "clip", seed=9)
    assert evaluate(folder, tmp_path / "else", ["clip-i"], a).outcomes[0].scored == 1


def test_another_prompt_of_the_same_file(tmp_path: Path, made: Path) -> None:
    folder = loose(tmp_path / "in", PROMPTS[:1])
    evaluate(folder, made, ["clip-t", "aesthetic"])
    before = values(folder, "clip-t")
    (folder / f"{PROMPTS[0]}.png").rename(folder / f"{PROMPTS[1]}.png")
    text, beauty = evaluate(folder, made, ["clip-t", "aesthetic"]).outcomes
    assert (text.scored, beauty.scored) == (1, 0)
    assert [*values(folder, "clip-t").values()] != [*before.values()]


def test_a_copy_of_a_rendered_image_has_its_prompt_in_it(tmp_path: Path, made: Path) -> None:
    folder = rendered(tmp_path / "run", PROMPTS[:1], baseline=False)
    evaluate(folder, made, ["clip-t"])
    [image] = (folder / "clips").glob("*.png")
    (tmp_path / "copy").mkdir()
    shutil.copy(image, tmp_path / "copy" / "anything.png")
    [picture] = find(tmp_path / "copy")
    assert picture.prompt == PROMPTS[0]
    evaluate(tmp_path / "copy", made, ["clip-t"])
    assert [*values(tmp_path / "copy", "clip-t").values()] == [*values(folder, "clip-t").values()]


def test_the_comparison_takes_them_up(tmp_path: Path, made: Path) -> None:
    folder = rendered(tmp_path / "run", PROMPTS)
    report = evaluate(folder, made, ALL[:4])
    assert report.sides == ["plain", "reflected"]
    comparison = gather([folder])
    assert [metric.name for metric in comparison.metrics] == [*ALL[:4]]
    assert comparison.scores.shape == (2, 3, 4)
    assert np.isfinite(comparison.scores).all()
    for column, side in enumerate(report.sides):
        for k, outcome in enumerate(report.outcomes):
            assert comparison.mean(column, k)[0] == pytest.approx(outcome.values[side][0])
    sources = {clip.sources["clip-t"] for clip in comparison.columns[0].clips.values()}
    assert len(sources) == 1  # whatever the prompt


def test_long_prompts_are_told_of(tmp_path: Path, made: Path) -> None:
    long = ["q" * 80 + end for end in "ab"]
    folder = loose(tmp_path / "in", [*long, *PROMPTS])
    [outcome] = evaluate(folder, made, ["clip-t"]).outcomes
    assert outcome.notes == ["2 of 5 prompts are longer than the 77 tokens that it reads"]
    a, b, short = of_images.models.Clip(made / "clip").texts([*long, PROMPTS[0]])
    assert torch.equal(a, b)  # they differ in what is not read
    assert not torch.equal(a, short)


def test_a_value_that_is_no_number_is_not_kept(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = loose(tmp_path / "in", PROMPTS)
    monkeypatch.setattr(
        of_images, "measure", lambda *given: torch.full((len(given[2]),), torch.nan)
    )
    failed, fine = evaluate(folder, made, ["clip-t", "aesthetic"]).outcomes
    assert failed.code == fine.code == 5
    [reason] = failed.reasons
    assert reason == f"{made / 'clip'} gives nan for {folder / 'a blue ring.png'}"
    assert not failed.values
    assert not values(folder, "clip-t")


def test_a_crash_of_one_model_leaves_the_others(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = loose(tmp_path / "in", PROMPTS)

    def full(*given: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(of_images.models.Clip, "images", full)
    failed, fine = evaluate(folder, made, ["clip-t", "aesthetic"]).outcomes
    assert (failed.code, failed.reasons) == (4, ["OutOfMemoryError: CUDA out of memory."])
    assert (fine.code, fine.values[""][1]) == (0, 3)


def test_images_upside_down_and_with_few_colours(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.jpg", 1)
    [picture] = find(tmp_path)
    width, height = picture.rgb().size
    turned = Image.Exif()
    turned[0x0112] = 6  # lies on its side
    Image.open(path).save(path, exif=turned)
    assert picture.rgb().size == (height, width)
    Image.open(path).convert("P").save(tmp_path / "b.png")
    Image.open(path).convert("L").save(tmp_path / "c.webp")
    assert [p.path.name for p in find(tmp_path)] == ["a.jpg", "b.png", "c.webp"]
    assert {p.rgb().mode for p in find(tmp_path)} == {"RGB"}


def test_contents_are_digests(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.png")
    assert find(tmp_path)[0].content == digest(path)
