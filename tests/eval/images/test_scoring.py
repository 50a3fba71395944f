"""From images to scores: values, what is kept, and what is scored again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from w2sd_video.eval.compare.comparison import gather
from w2sd_video.eval.images import of_images, scoring, told
from w2sd_video.eval.images.outcome import Report
from w2sd_video.eval.images.pictures import Picture, find
from w2sd_video.eval.images.scores import KINDS
from w2sd_video.eval.results import Results, digest

from w2sd_video.render.errors import InputError

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
    pictures = find(folder).pictures
    of_name = {picture.path.name: found.get(picture.content, {}) for picture in pictures}
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
        pixels = by_hand.hps_pixels if name == "hps-v2" else by_hand.clip_pixels
        expected = []
        for prompt in PROMPTS:
            file = folder / f"{prompt}.png"
            image, text = by_hand.clip_vectors(place, file, prompt, pixels)
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
        patched.setattr(of_images.models, "loaded", None)  # would fail if it were loaded
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
        return measure(*given)

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


def test_the_comparison_takes_what_was_asked_for_last(tmp_path: Path, made: Path) -> None:
    folder = rendered(tmp_path / "run", PROMPTS)
    make_clip(tmp_path / "else" / "clip", seed=9)
    means = []
    for weights in (made, tmp_path / "else", made):
        [outcome] = evaluate(folder, weights, ["clip-t"]).outcomes
        comparison = gather([folder])
        means.append([comparison.mean(column, 0)[0] for column in range(2)])
        assert means[-1] == pytest.approx([outcome.values[s][0] for s in ("plain", "reflected")])
    assert outcome.scored == 0
    assert means[0] == means[2] != means[1]


def test_many_loose_images_are_looked_up_at_once(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = loose(tmp_path / "in", [f"a blue ring {i}" for i in range(6)])
    evaluate(folder, made, ["clip-t"])
    queries: list[str] = []
    opened = Results.__init__

    def traced(self: Results, *given: Any, **named: Any) -> None:
        opened(self, *given, **named)
        self._db.set_trace_callback(queries.append)

    monkeypatch.setattr(Results, "__init__", traced)
    assert evaluate(folder, made, ["clip-t"]).outcomes[0].kept == 6
    asked = [query for query in queries if query.startswith("SELECT") and "WHERE" in query]
    assert 0 < len(asked) <= 2


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
    [picture] = find(tmp_path / "copy").pictures
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
    [again] = evaluate(folder, made, ["clip-t"]).outcomes
    assert (again.scored, again.notes) == (0, outcome.notes)
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
    [picture] = find(tmp_path).pictures
    width, height = picture.rgb().size
    turned = Image.Exif()
    turned[0x0112] = 6  # lies on its side
    Image.open(path).save(path, exif=turned)
    assert picture.rgb().size == (height, width)
    Image.open(path).convert("P").save(tmp_path / "b.png")
    Image.open(path).convert("L").save(tmp_path / "c.webp")
    found = find(tmp_path).pictures
    assert [p.path.name for p in found] == ["a.jpg", "b.png", "c.webp"]
    assert {p.rgb().mode for p in found} == {"RGB"}


def test_gray_of_16_bits(tmp_path: Path) -> None:
    steep = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(steep).save(tmp_path / "a.png")
    [picture] = find(tmp_path).pictures
    assert Image.open(picture.path).mode.startswith("I")
    np.testing.assert_array_equal(np.asarray(picture.rgb())[..., 1], steep >> 8)


def test_folders_called_like_images(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "b.png").mkdir()
    found = find(tmp_path)
    assert [p.path.name for p in found.pictures] == ["a.png"]
    assert not found.unreadable


def test_broken_images_are_named_and_the_others_scored(tmp_path: Path, made: Path) -> None:
    folder = loose(tmp_path / "in", PROMPTS)
    expected = evaluate(folder, made, ["clip-t"]).outcomes[0].values
    for name in ("cut.png", "cut.jpg"):  # whose beginning says all that the list of files needs
        whole = draw(folder / name, 9, (200, 160))
        whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (folder / "no.png").write_text("no image")
    (folder / "gone.png").symlink_to(folder / "nowhere")
    said: list[str] = []
    request = scoring.Request(folder, [KINDS["clip-t"]], made)
    report = scoring.evaluate(request, said.append)
    assert report.code == 1
    [outcome] = report.outcomes
    assert (outcome.code, outcome.values, outcome.kept) == (0, expected, 3)
    names = ["cut.jpg", "cut.png", "gone.png", "no.png"]
    assert [line.partition(": ")[0] for line in report.left_out] == [
        line.partition(": ")[0] for line in said
    ]
    for name, line in zip(names, report.left_out, strict=True):
        assert line.startswith(f"{folder / name}: can't be read as an image: ")
    assert told.as_json(report)["left_out"] == report.left_out
    assert told.remarks(report) == ["left out, since they can't be read: 4 images"]


def test_a_failed_score_counts_for_more_than_a_broken_image(tmp_path: Path, made: Path) -> None:
    folder = loose(tmp_path / "in", PROMPTS)
    (folder / "no.png").write_text("no image")
    assert evaluate(folder, made, ["clip-t", "dino"]).code == 3


def test_rendered_images_that_are_gone(tmp_path: Path, made: Path) -> None:
    folder = rendered(tmp_path / "run", PROMPTS)
    lost = sorted((folder / "clips").glob("*.png"))[1]
    lost.unlink()
    report = evaluate(folder, made, ["aesthetic"])
    assert (report.code, len(report.pictures)) == (1, 5)
    [line] = report.left_out
    assert line == f"{lost}: can't be read as an image: No such file or directory"


def test_what_has_a_score_is_not_looked_at_again(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = loose(tmp_path / "in", PROMPTS)
    evaluate(folder, made, ["clip-t"])
    monkeypatch.setattr(Picture, "rgb", None)  # would fail if it were asked
    assert evaluate(folder, made, ["clip-t"]).code == 0


@pytest.mark.filterwarnings("ignore:Image size")
def test_images_too_large_to_be_meant(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = loose(tmp_path / "in", ["huge"])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 600)  # an error at twice that
    with pytest.raises(InputError, match=r"huge.png: can't be read as an image: Image size"):
        evaluate(folder, made, ["clip-t"])
    Image.new("RGB", (10, 8)).save(folder / "small.png")
    report = evaluate(folder, made, ["clip-t"])
    assert (report.code, len(report.left_out), len(report.pictures)) == (1, 1, 1)
    picture = report.pictures[0]
    draw(picture.path)  # has become larger since
    with pytest.raises(InputError, match=r"small.png: can't be read as an image: Image size"):
        picture.rgb()


def test_of_a_reference_of_both_sides_the_plain_ones(tmp_path: Path, made: Path) -> None:
    folder = loose(tmp_path / "in", PROMPTS)
    both = rendered(tmp_path / "both", ["x", "y"], seed=20)
    (tmp_path / "plain").mkdir()
    for picture in find(both).pictures:
        if picture.side == "plain":
            shutil.copy(picture.path, tmp_path / "plain")
    expected = evaluate(folder, made, ["clip-i"], tmp_path / "plain").outcomes[0]
    clip_t, clip_i = evaluate(folder, made, ["clip-t", "clip-i"], both).outcomes
    assert clip_i.values == expected.values
    assert clip_i.scored == 0  # they are the same images
    assert clip_i.notes == [
        "compared with the 2 plain images of --reference, not with reflected ones"
    ]
    assert clip_t.notes == expected.notes == []
    one = rendered(tmp_path / "one", ["x", "y"], baseline=False, seed=20)
    [outcome] = evaluate(folder, made, ["clip-i"], one).outcomes
    assert outcome.notes == []


def test_contents_are_digests(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.png")
    assert find(tmp_path).pictures[0].content == digest(path)
