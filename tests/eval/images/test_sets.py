"""IS and FID against plain formulas, and sets that are too small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from w2sd_video.eval.errors import NotThere
from w2sd_video.eval.images import of_sets, scoring, sets
from w2sd_video.eval.images.outcome import Report
from w2sd_video.eval.images.pictures import find
from w2sd_video.eval.images.scores import KINDS
from w2sd_video.eval.results import Results

from .conftest import draw, loose, rendered

needs_extra = pytest.mark.skipif(
    sets.find_spec("torchmetrics") is None, reason="the extra 'images' is not installed"
)
Array = NDArray[np.float64]


def root(matrix: Array) -> Array:
    """Of a symmetric matrix that has no negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    found: Array = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    return found


def frechet(a: Array, b: Array) -> float:
    """By the definition: |m - m'|² + tr(S + S' - 2 (S½ S' S½)½)."""
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    mixed = root(root(s) @ t @ root(s))
    gap = a.mean(0) - b.mean(0)
    return float(gap @ gap + np.trace(s) + np.trace(t) - 2 * np.trace(mixed))


@needs_extra
def test_fid() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6)) + 3
    b = rng.normal(size=(45, 6)) @ rng.normal(size=(6, 6))
    distance = sets.Frechet(6)
    for part in np.array_split(a, 4):
        distance.add(torch.from_numpy(part), reference=False)
    for part in np.array_split(b, 3):
        distance.add(torch.from_numpy(part), reference=True)
    assert distance.distance() == pytest.approx(frechet(a, b), rel=1e-6)


@needs_extra
def test_inception_score(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = 2 * torch.from_numpy(np.random.default_rng(1).normal(size=(40, 7)))
    p = np.exp(logits.numpy())
    p /= p.sum(1, keepdims=True)
    expected = np.exp((p * (np.log(p) - np.log(p.mean(0)))).sum(1).mean())
    state = torch.random.get_rng_state()
    splits = sets.inception_score(logits)
    assert torch.equal(torch.random.get_rng_state(), state)  # nobody else's draws change
    torch.rand(1)  # whatever was drawn before, images are shuffled alike
    assert splits == sets.inception_score(logits)
    assert splits[1] > 0
    monkeypatch.setattr(sets, "SPLITS", 1)  # so that the order doesn't matter
    assert sets.inception_score(logits)[0] == pytest.approx(expected, rel=1e-9)
    assert sets.inception_score(torch.ones(40, 7))[0] == pytest.approx(1)


def test_numbers() -> None:
    sets.check_number("fid", 2049)
    sets.check_number("is", 1000)
    with pytest.raises(NotThere, match="needs 2049 images or more, and there are 2048"):
        sets.check_number("fid", 2048)
    with pytest.raises(NotThere, match="needs 1000 reference images or more, and there are 999"):
        sets.check_number("is", 999, "reference images")
    assert sets.caution("fid", 10_000) == ""
    assert sets.caution("fid", 5000) == (
        "of 5000 images, which makes it larger than of the usual 50000: compare it with values of"
        " as many images only"
    )
    assert "smaller" in sets.caution("is", 5000)


def test_a_set_is_known_by_its_images(tmp_path: Path) -> None:
    a = find(loose(tmp_path / "a", ["x", "y"])).pictures
    b = find(loose(tmp_path / "b", ["p", "q"])).pictures  # the same ones
    draw(tmp_path / "c" / "x.png", 7)
    assert sets.content(a) == sets.content(reversed(b))
    assert sets.content(a) != sets.content(a[:1])
    assert sets.content(a[:1]) != sets.content(find(tmp_path / "c").pictures)
    assert sets.content(a).startswith("set:")


def evaluate(folder: Path, weights: Path, reference: Path | None, *names: str) -> Report:
    kinds = [KINDS[name] for name in names]
    return scoring.evaluate(scoring.Request(folder, kinds, weights, reference), lambda line: None)


class Tiny(torch.nn.Module):
    """In place of Inception: means of quarters of an image are its features and its logits."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(12, 12)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        means = torch.nn.functional.adaptive_avg_pool2d(images.float() / 255, 2).flatten(1)
        return means, 9 * means


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that has weights by its looks, and sets of a few images are enough."""
    (tmp_path / "weights" / "inception").mkdir(parents=True)
    (tmp_path / "weights" / "inception" / "fid.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(of_sets, "_network", lambda task: Tiny().eval())
    monkeypatch.setattr(sets, "FID_LEAST", 20)
    monkeypatch.setattr(sets, "IS_LEAST", 20)
    return tmp_path / "weights"


def seen(folder: Path) -> Array:
    pictures = [np.asarray(picture.rgb()) for picture in find(folder).pictures]
    batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return Tiny()(batch)[0].double().numpy()


@needs_extra
def test_folders(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = loose(tmp_path / "in", [f"a {i}" for i in range(40)])
    other = loose(tmp_path / "other", [f"b {i}" for i in range(30)], seed=100)
    fid, score = evaluate(folder, tiny, other, "fid", "is").outcomes
    expected = frechet(seen(folder), seen(other))
    assert fid.values[""] == (pytest.approx(expected, rel=1e-4), 40)
    assert "of 30 images, which makes it larger" in fid.notes[0]  # the smaller set's number
    assert score.notes[0].endswith("over 10 splits")
    assert score.values[""][0] > 1
    monkeypatch.setattr(of_sets, "_network", None)  # would fail if it were loaded
    again = evaluate(folder, tiny, other, "fid", "is")
    assert [(o.scored, o.kept, o.values) for o in again.outcomes] == [
        (0, 1, fid.values),
        (0, 1, score.values),
    ]
    assert again.outcomes[1].notes == score.notes
    monkeypatch.setattr(of_sets, "_network", lambda task: Tiny().eval())
    draw(folder / "a 3.png", 999)
    assert [o.scored for o in evaluate(folder, tiny, other, "fid", "is").outcomes] == [1, 1]
    draw(other / "b 3.png", 998)
    assert [o.scored for o in evaluate(folder, tiny, other, "fid", "is").outcomes] == [1, 0]


@needs_extra
def test_sides_and_sizes(tmp_path: Path, tiny: Path) -> None:
    folder = rendered(tmp_path / "run", [f"a {i}" for i in range(20)])
    other = loose(tmp_path / "other", [f"b {i}" for i in range(25)], seed=100)
    draw(other / "b 4.png", 104, (64, 64))  # of another size
    report = evaluate(folder, tiny, other, "fid")
    [fid] = report.outcomes
    assert {*fid.values} == {"plain", "reflected"}
    assert fid.values["plain"][0] != fid.values["reflected"][0]
    assert [note.split(":")[0] for note in fid.notes] == ["plain", "reflected"]
    with Results(folder, read_only=True) as results:
        assert all(clip.startswith("set:") for clip in results.latest())


def test_too_few(tmp_path: Path, tiny: Path) -> None:
    folder = loose(tmp_path / "in", [f"a {i}" for i in range(20)])
    other = loose(tmp_path / "other", [f"b {i}" for i in range(19)], seed=100)
    [fid] = evaluate(folder, tiny, other, "fid").outcomes
    assert (fid.code, fid.reasons) == (
        3,
        ["needs 20 reference images or more, and there are 19"],
    )
    assert not fid.values
    (folder / "a 3.png").unlink()
    [score] = evaluate(folder, tiny, None, "is").outcomes
    assert (score.code, score.reasons) == (3, ["needs 20 images or more, and there are 19"])


def test_without_the_extra(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "find_spec", lambda name: None)
    folder = loose(tmp_path / "in", [f"a {i}" for i in range(20)])
    [score] = evaluate(folder, tiny, None, "is").outcomes
    assert (score.code, score.reasons) == (
        3,
        ["needs torchmetrics; install it with: pip install 'w2sd-video[images]'"],
    )
